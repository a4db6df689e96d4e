"""Lots: seeded, inside the limits, and with the chances that are logged."""

from collections import Counter

import numpy as np
import pytest

from spm_ml.planning import Candidate, Limits, make_plan
from tests.planning_world import COVARIANCE, drawn


def alike(reps: int, **changes: object) -> list[Candidate]:
    """Reps between whom nothing decides."""
    return [
        Candidate(f"r{at:02d}", "p", f"t{at % 2}", 0.05 + 1e-5 * at, 1.0, 0.01, cost=100, **changes)  # type: ignore[arg-type]
        for at in range(reps)
    ]


def test_the_last_seats_go_by_lot_among_near_ties() -> None:
    plans = [make_plan(alike(6), Limits(seats={"p": 2}), seed=seed) for seed in range(120)]
    for plan in plans:
        assert len(plan.offered) == 2
        assert {line.propensity for line in plan.lines} <= {1.0, 0.25, 1 / 3, 0.5}
        assert all(line.near_tie for line in plan.lines if line.held_out)
    got = Counter(line.rep_id for plan in plans for line in plan.offered)
    for rep in ("r00", "r01", "r02", "r03", "r04", "r05"):
        logged = np.mean([next((one.propensity for one in plan.lines if one.rep_id == rep), 0.0) for plan in plans])
        assert got[rep] / len(plans) == pytest.approx(logged, abs=0.15)
    assert make_plan(alike(6), Limits(seats={"p": 2}), seed=5) == plans[5]


def test_a_clear_order_leaves_nothing_to_the_lot() -> None:
    rows = [Candidate(f"r{at}", "p", "t", 0.02 + 0.01 * at, 1.0, 0.0) for at in range(5)]
    plan = make_plan(rows, Limits(people=2))
    assert {line.rep_id for line in plan.offered} == {"r4", "r3"}
    assert {line.propensity for line in plan.lines} == {1.0}


def test_lots_keep_the_limits() -> None:
    limits = Limits(budget=1_500_000, people=10, seats={"p0": 4, "p1": 3}, min_share=0.1)
    for seed in range(20):
        rows = drawn(60, 3, seed=seed, p_positive=1.0, centre=0.05)
        plan = make_plan(rows, limits, covariance=COVARIANCE, seed=seed)
        assert plan.spent <= 1_500_000
        assert len(plan.offered) <= 10
        assert len({line.rep_id for line in plan.lines}) == len(plan.lines)
        counts = Counter(line.program_id for line in plan.offered)
        assert counts["p0"] <= 4
        assert counts["p1"] <= 3


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_the_hold_out_is_drawn_with_its_chance_in_every_program(share: float) -> None:
    rows = drawn(40, 3, p_positive=1.0, centre=0.1)
    held: Counter[str] = Counter()
    plans = [make_plan(rows, Limits(hold_out=share), covariance=COVARIANCE, seed=seed) for seed in range(80)]
    for plan in plans:
        assert {line.propensity for line in plan.lines} == {1 - share}
        kept = [line for line in plan.lines if line.held_out]
        assert abs(len(kept) - share * len(plan.lines)) < 1
        for program, people in Counter(line.program_id for line in plan.lines).items():
            assert abs(sum(line.program_id == program for line in kept) - share * people) < 2
        held.update(line.rep_id for line in kept)
    shares = np.array([held[line.rep_id] / len(plans) for line in plans[0].lines])
    assert np.abs(shares - share).max() < 5 * np.sqrt(share * (1 - share) / len(plans))


def test_held_out_reps_cost_nothing_and_gain_nothing_now() -> None:
    rows = drawn(40, 1, p_positive=1.0, centre=0.1)
    plan = make_plan(rows, Limits(hold_out=0.25), covariance=COVARIANCE)
    assert plan.spent == 180_000 * len(plan.offered)
    assert plan.values[0].value == pytest.approx(sum(line.net or 0 for line in plan.offered))
    assert plan.design.held_out == len(plan.lines) - len(plan.offered)
    assert plan.unplanned == {}


def test_gaps_are_drawn_among_near_ties_too() -> None:
    rows = [Candidate(f"r{at}", "p", "t", gap=1.0 + 0.3 * (at > 1) + 0.001 * at) for at in range(4)]
    plan = make_plan(rows, Limits(people=1))
    assert len(plan.offered) == 1
    assert {line.rep_id for line in plan.lines} == {"r2", "r3"}
    assert any(line.held_out for line in plan.lines)
