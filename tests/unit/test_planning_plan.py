"""The planner on cases whose answer is known."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from spm_ml.errors import SpmError
from spm_ml.planning import MIN_GAP, MIN_P_POSITIVE, Candidate, Limits, Plan, make_plan
from tests.planning_world import COVARIANCE, drawn


def sure(rep: str, program: str, effect: float, **changes: object) -> Candidate:
    row = Candidate(rep, program, "team", effect, p_positive=1.0, own_sd=0.0, cost=100)
    return replace(row, **changes)  # type: ignore[arg-type]


def offers(plan: Plan) -> set[tuple[str, str]]:
    return {(line.rep_id, line.program_id) for line in plan.offered}


def test_each_rep_takes_the_program_of_the_largest_net_gain() -> None:
    rows = [sure("a", "p", 0.05), sure("a", "q", 0.06, time_lost=0.02), sure("b", "p", 0.01), sure("b", "q", 0.03)]
    plan = make_plan(rows)
    assert offers(plan) == {("a", "p"), ("b", "q")}
    assert plan.gap == 0.0
    assert plan.values[0].value == pytest.approx(0.08)
    assert plan.spent == 200


def test_seats_send_a_rep_to_the_second_best_where_the_whole_gains_most() -> None:
    """Greedy would give the seat to a (.06) and leave b without; together 5 + 5 points are more."""
    rows = [sure("a", "p", 0.06), sure("a", "q", 0.05), sure("b", "p", 0.05)]
    assert offers(make_plan(rows, Limits(seats={"p": 1}))) == {("a", "q"), ("b", "p")}


def test_the_budget_is_filled_as_a_knapsack_and_never_overspent() -> None:
    rows = [sure("a", "dear", 0.06, cost=101), sure("b", "cheap", 0.04, cost=50), sure("c", "cheap", 0.04, cost=50)]
    plan = make_plan(rows, Limits(budget=100))
    assert offers(plan) == {("b", "cheap"), ("c", "cheap")}
    assert plan.spent == 100
    assert plan.unplanned == {"a": "limits"}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "limits",
    [
        Limits(people=3),
        Limits(budget=500_000),
        Limits(seats={"p0": 1, "p1": 0}),
        Limits(budget=700_000, people=4, seats={"p0": 2, "p2": 1}),
        Limits(people=3, min_share=0.5),
    ],
)
def test_it_is_the_best_of_all_assignments(seed: int, limits: Limits) -> None:
    rows = drawn(6, 3, seed=seed, team_size=2, p_positive=1.0)
    values = {(row.rep_id, row.program_id): (row.effect or 0) - row.time_lost for row in rows}
    by_rep = {row.rep_id: [None, *sorted({other.program_id for other in rows})] for row in rows}
    cost = {row.program_id: row.cost or 0 for row in rows}
    team = {row.rep_id: row.team for row in rows}
    able = {row.rep_id for row in rows if values[row.rep_id, row.program_id] > 0}
    best, fewest = -1.0, 99
    for choice in product(*by_rep.values()):
        taken = [(rep, program) for rep, program in zip(by_rep, choice, strict=True) if program is not None]
        used = [program for _, program in taken]
        if any(values[pair] <= 0 for pair in taken):
            continue
        if limits.people is not None and len(taken) > limits.people:
            continue
        if limits.budget is not None and sum(cost[program] for program in used) > limits.budget:
            continue
        if any(used.count(program) > seats for program, seats in limits.seats.items()):
            continue
        missed = sum(
            max(
                0,
                min(int(np.ceil(limits.min_share * 2)), sum(team[rep] == one for rep in able))
                - sum(team[rep] == one for rep, _ in taken),
            )
            for one in set(team.values())
        )
        total = sum(values[pair] for pair in taken)
        if missed < fewest or (missed == fewest and total > best):
            best, fewest = total, missed
    plan = make_plan(rows, limits, covariance=COVARIANCE)
    reached = sum(line.net or 0 for line in plan.lines if not line.held_out)
    assert reached == pytest.approx(best, rel=1e-4, abs=0.0026 * len(plan.lines))
    assert reached <= best + 1e-9


def test_nobody_is_trained_without_evidence() -> None:
    rows = [
        sure("a", "p", 0.05, p_positive=MIN_P_POSITIVE - 0.01),
        sure("b", "p", 0.02, time_lost=0.02),
        sure("c", "p", -0.01),
        sure("d", "p", 0.05, barred="the program does harm"),
    ]
    plan = make_plan(rows, Limits(people=3))
    assert plan.lines == ()
    assert plan.unplanned == {"a": "no_evidence", "b": "no_evidence", "c": "no_evidence", "d": "barred"}
    assert plan.values[0].value == 0.0
    assert "train nobody" in plan.values[0].text
    assert make_plan([sure("a", "p", 0.05, p_positive=MIN_P_POSITIVE)]).offered
    assert offers(make_plan(rows, Limits(min_p_positive=0.5))) == {("a", "p")}


def test_without_effects_the_largest_gaps_come_first_and_no_value_is_claimed() -> None:
    rows = [
        Candidate("a", "p", gap=0.9, cost=5),
        Candidate("a", "q", gap=1.2, cost=5),
        Candidate("b", "p", gap=2.0, cost=5),
        Candidate("c", "p", gap=MIN_GAP - 0.01, cost=5),
    ]
    plan = make_plan(rows, Limits(people=1))
    assert offers(plan) == {("b", "p")}
    assert plan.unplanned == {"a": "limits", "c": "no_gap"}
    assert plan.values[0].value is None
    assert "No effect is claimed" in plan.values[0].text
    assert offers(make_plan(rows)) == {("a", "q"), ("b", "p")}


def test_reps_without_a_claimed_effect_get_what_the_others_leave() -> None:
    rows = [sure("a", "p", 0.01), Candidate("b", "p", gap=3.0, cost=1), Candidate("c", "p", gap=2.0, cost=1)]
    plan = make_plan(rows, Limits(people=2))
    assert offers(plan) == {("a", "p"), ("b", "p")}
    assert "For 1 of them no effect is claimed" in plan.values[0].text


def test_a_minimum_share_is_kept_and_costs_value() -> None:
    rows = [sure(f"a{at}", "p", 0.09, team="A") for at in range(4)]
    rows += [sure(f"b{at}", "p", 0.01, team="B") for at in range(4)]
    assert all(rep.startswith("a") for rep, _ in offers(make_plan(rows, Limits(people=4))))
    plan = make_plan(rows, Limits(people=4, min_share=0.25))
    assert sorted(rep[0] for rep, _ in offers(plan)) == ["a", "a", "a", "b"]
    assert plan.messages == ()


def test_a_minimum_share_nobody_can_keep_is_relaxed_and_said() -> None:
    rows = [sure(f"a{at}", "p", 0.09, team="A") for at in range(4)]
    rows += [sure(f"b{at}", "p", 0.01, team="B") for at in range(4)]
    plan = make_plan(rows, Limits(people=2, min_share=0.5))
    assert len(plan.offered) == 2
    assert sum("fewer than its minimum" in message for message in plan.messages) >= 1
    without = [replace(row, p_positive=0.1) if row.team == "B" else row for row in rows]
    plan = make_plan(without, Limits(min_share=0.5))
    assert {rep[0] for rep, _ in offers(plan)} == {"a"}
    assert any(message.startswith("Team B gets less than 50%") for message in plan.messages)


def test_the_value_carries_what_is_shared_and_what_is_each_reps_own() -> None:
    rows = [sure(f"r{at}", "p", 0.05, own_sd=0.03, loadings=(1.0,)) for at in range(4)]
    value = make_plan(rows, covariance=((0.01**2,),)).values[0]
    sd = np.sqrt(4**2 * 0.01**2 + 4 * 0.03**2)
    assert value.low is not None
    assert value.high is not None
    assert value.high - value.low == pytest.approx(2 * 1.6448536 * sd)


def test_the_comparisons_train_as_many_under_the_same_limits() -> None:
    rows = drawn(40, 3, p_positive=1.0)
    plan = make_plan(rows, Limits(people=8, seats={"p0": 3, "p1": 3, "p2": 3}), covariance=COVARIANCE)
    values = {value.slug: value for value in plan.values}
    assert list(values) == ["plan", "worst_performers", "highest_risk", "everyone", "nobody"]
    assert {values[slug].people for slug in ("plan", "worst_performers", "highest_risk", "everyone")} == {8}
    best = values["plan"].value
    assert best is not None
    assert all(best >= (value.value or 0) for value in plan.values)
    assert values["nobody"].value == 0.0
    held = make_plan(rows, Limits(people=8, hold_out=0.5), covariance=COVARIANCE)
    assert held.values[1].people == len(held.offered) == 4


def test_a_ranking_nobody_knows_has_no_value() -> None:
    plan = make_plan(drawn(8, p_positive=1.0, attainment=None, p_hit=None), covariance=COVARIANCE)
    unknown = [value for value in plan.values if value.slug in ("worst_performers", "highest_risk")]
    assert [value.value for value in unknown] == [None, None]
    assert all("there is no ranking" in value.text for value in unknown)


def test_the_order_of_candidates_changes_nothing() -> None:
    rows = drawn(30, p_positive=1.0)
    limits = Limits(people=9, hold_out=0.3)
    assert make_plan(rows, limits, covariance=COVARIANCE, seed=3) == make_plan(
        rows[::-1], limits, covariance=COVARIANCE, seed=3
    )


def test_a_search_without_time_takes_options_in_order_of_value(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        x = None

    monkeypatch.setattr("spm_ml.planning.assignment.milp", lambda *_, **__: Nothing())
    rows = [sure("a", "p", 0.06), sure("a", "q", 0.05), sure("b", "p", 0.05)]
    plan = make_plan(rows, Limits(seats={"p": 1}, min_share=1.0))
    assert offers(plan) == {("a", "p")}
    assert plan.gap is None


def test_a_budget_of_zero_leaves_what_costs_nothing() -> None:
    rows = [sure("a", "p", 0.05), sure("b", "p", 0.05, cost=0)]
    plan = make_plan(rows, Limits(budget=0))
    assert offers(plan) == {("b", "p")}
    assert plan.unplanned == {"a": "limits"}


def test_an_unknown_cost_is_left_out_under_a_budget_and_said() -> None:
    rows = [sure("a", "p", 0.05, cost=None), sure("b", "q", 0.05)]
    plan = make_plan(rows, Limits(budget=1_000))
    assert offers(plan) == {("b", "q")}
    assert plan.unplanned == {"a": "cost_unknown"}
    assert plan.messages == ("Left out because the cost is unknown and there is a budget: p.",)
    free = make_plan(rows)
    assert len(free.offered) == 2
    assert free.values[0].cost is None


def test_nobody_nothing_and_one_rep() -> None:
    empty = make_plan([])
    assert empty.lines == ()
    assert empty.values[0].value == 0.0
    assert empty.messages == ("There is nobody to plan for, or no program to take.",)
    assert make_plan([], Limits(seats={"p": 3}, people=0, budget=0, min_share=1.0, hold_out=0.5)).lines == ()
    assert offers(make_plan([sure("a", "p", 0.05)], Limits(min_share=1.0))) == {("a", "p")}
    assert make_plan([sure("a", "p", 0.05)], Limits(people=0)).unplanned == {"a": "limits"}


def test_effects_that_are_no_numbers_claim_nothing() -> None:
    rows = [sure("a", "p", float("nan")), sure("b", "p", float("inf")), sure("c", "p", 0.05)]
    plan = make_plan(rows)
    assert offers(plan) == {("c", "p")}
    assert plan.messages == ("2 options have an effect that is not a number; no effect is claimed for them.",)


def test_more_seats_than_reps_are_named() -> None:
    plan = make_plan([sure("a", "p", 0.05)], Limits(seats={"p": 9}))
    assert plan.messages == ("p has 9 seats for 1 reps; some stay empty.",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budget": -1}, "budget of -1"),
        ({"people": -1}, "number of people of -1"),
        ({"seats": {"p": -2}}, "-2 seats"),
        ({"min_share": 1.5}, "minimum share of 1.5"),
        ({"min_share": float("nan")}, "minimum share of nan"),
        ({"hold_out": 1.0}, "hold-out of 1.0"),
        ({"min_p_positive": 2.0}, "probability of 2.0"),
        ({"outcome_sd": float("nan")}, "standard deviation of nan"),
    ],
)
def test_limits_that_are_none_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(SpmError, match=words):
        Limits(**change)  # type: ignore[arg-type]


def test_seats_of_an_unknown_program_are_refused_with_the_likely_one() -> None:
    with pytest.raises(SpmError, match=r"'discovry'.*did you mean 'discovery'"):
        make_plan([sure("a", "discovery", 0.05)], Limits(seats={"discovry": 3}))


@pytest.mark.parametrize(
    ("rows", "covariance", "words"),
    [
        ([sure("a", "p", 0.1), sure("a", "p", 0.2)], (), "given twice"),
        ([sure("a", "p", 0.1), sure("a", "q", 0.2, team="other")], (), "two teams"),
        ([sure("a", "p", 0.1, loadings=(1.0,))], (), "loadings"),
        ([sure("a", "p", 0.1, loadings=(float("nan"),))], ((1.0,),), "loadings"),
        ([sure("a", "p", 0.1, time_lost=float("nan"))], (), "time lost"),
        ([sure("a", "p", 0.1)], ((1.0, 2.0),), "not square"),
        ([sure("a", "p", 0.1)], ((float("nan"),),), "not finite"),
    ],
)
def test_contradictions_are_refused(rows: list[Candidate], covariance: object, words: str) -> None:
    with pytest.raises(SpmError, match=words):
        make_plan(rows, covariance=covariance)  # type: ignore[arg-type]


def test_a_priority_orders_gaps_that_are_large_enough() -> None:
    rows = [
        Candidate("a", "p", gap=1.0, priority=0.02),
        Candidate("b", "p", gap=2.0, priority=0.01),
        Candidate("c", "p", gap=0.1, priority=0.09),
        Candidate("d", "p", gap=1.0, priority=0.0),
    ]
    plan = make_plan(rows, Limits(people=1))
    assert [line.rep_id for line in plan.lines] == ["a"]
    assert plan.unplanned["c"] == plan.unplanned["d"] == "no_gap"
