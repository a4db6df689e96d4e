"""Components, thresholds, holdbacks, overrides and adjustments against values worked out by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from spm_ml.compensation import (
    CompensationPlan,
    Credit,
    Payout,
    payout,
    payout_at,
    payout_at_quota,
    payout_of_text,
    payout_text,
    plan_for,
    plans_json,
    plans_of_json,
    plans_text,
    read_plans,
)
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import FiscalSettings

CALENDAR = FiscalCalendar(FiscalSettings(), "UTC")
Q1, Q2, Q3 = (CALENDAR.parse(f"2026Q{number}") for number in (1, 2, 3))
QUOTA = 100_000_00
FLAT = [{"from": 0, "rate": "0.10"}]
IN_Q1, IN_Q2, IN_Q3 = date(2026, 2, 1), date(2026, 5, 1), date(2026, 8, 1)


def plan(**settings: object) -> CompensationPlan:
    return CompensationPlan.parse({"plan_id": "p"} | settings, where="test")


def credit(deal: str, amount: int, day: date = IN_Q1, **more: object) -> Credit:
    return Credit(entry=f"{deal}/{day}/{amount}/{more}", opportunity_id=deal, booked_on=day, amount=amount, **more)


def pay(of: CompensationPlan, *entries: Credit, period=Q1, earlier=(), restated=()) -> Payout:
    result = payout(of, QUOTA, entries, rep_id="r", period=period, earlier=earlier, restated=restated)
    assert sum(line.amount for line in result.lines) == result.payable
    return result


def test_each_component_pays_what_it_measures_by_its_own_quota() -> None:
    two = plan(
        components=[
            {"name": "new", "measure": {"kinds": ["new"]}, "quota_share": "0.6", "tiers": FLAT},
            {
                "name": "upsell",
                "measure": {"kinds": ["upsell"], "products": ["gold"], "credit": "revenue"},
                "quota_share": "0.4",
                "tiers": [{"from": 0, "to": 1, "rate": "0.05"}, {"from": 1, "rate": "0.20"}],
            },
        ]
    )
    result = pay(
        two,
        credit("a", 30_000_00, deal_kind="new"),
        credit("b", 50_000_00, deal_kind="upsell", product="gold"),
        credit("c", 70_000_00, deal_kind="upsell", product="tin"),
        credit("b", 10_000_00, deal_kind="upsell", product="gold", kind="overlay"),
    )
    assert [(part.name, part.quota, part.credited, part.commission) for part in result.components] == [
        ("new", 60_000_00, 30_000_00, 3_000_00),
        ("upsell", 40_000_00, 50_000_00, 2_000_00 + 2_000_00),
    ]
    assert (result.commission, result.credited) == (7_000_00, 80_000_00)
    assert payout_at_quota(two, result) == 6_000_00 + 2_000_00
    assert payout_at(two, result, 0) == result.amount
    # What is still to come is like what came: three eighths new business, five eighths upsell.
    assert payout_at(two, result, 8_000_00) == result.amount + 300_00 + 1_000_00


def test_caps_of_components_and_of_the_plan() -> None:
    capped = plan(
        components=[{"name": "a", "tiers": FLAT, "cap": 3_000}, {"name": "b", "tiers": FLAT}],
        cap=10_000,
    )
    result = pay(capped, credit("d", 90_000_00))
    assert [part.commission for part in result.components] == [3_000_00, 7_000_00]
    assert (result.commission, result.capped_off) == (10_000_00, 8_000_00)


def test_nothing_is_paid_below_a_threshold_and_everything_from_it_on() -> None:
    cliff = plan(tiers=FLAT, threshold="0.5")
    below = pay(cliff, credit("d", 49_999_99))
    assert below.amount == 0
    assert {line.tier for line in below.lines} == {"below the threshold of 50 %"}
    assert pay(cliff, credit("d", 50_000_00)).amount == 5_000_00


def test_decelerators_pay_less_above_and_never_on_everything() -> None:
    tiers = [{"from": 0, "to": 1, "multiplier": 1}, {"from": 1, "multiplier": "0.5"}]
    assert pay(plan(tiers=tiers, base_rate="0.1"), credit("d", 120_000_00)).amount == 11_000_00
    with pytest.raises(ConfigurationError, match="a deal won there would lower pay"):
        plan(tiers=tiers, base_rate="0.1", mode="retroactive")


HELD = {"tiers": FLAT, "holdback": {"share": "0.2", "release_days": 90}, "clawback_days": 180}


def test_a_holdback_is_paid_when_its_days_are_over() -> None:
    first = pay(plan(**HELD), credit("d", 10_000_00))
    assert (first.earned, first.withheld, first.amount) == (1_000_00, -200_00, 800_00)
    second = pay(plan(**HELD), period=Q2, earlier=[first])
    assert (second.released, second.amount) == (200_00, 200_00)
    assert pay(plan(**HELD), period=Q3, earlier=[first, second]).amount == 0
    long = plan(**HELD | {"holdback": {"share": "0.2", "release_days": 200}})
    early = pay(long, credit("d", 10_000_00))
    assert pay(long, period=Q2, earlier=[early]).amount == 0
    assert pay(plan(tiers=FLAT), period=Q2, earlier=[early]).amount == 200_00, "a plan without holdbacks withholds none"


def test_a_refund_without_clawback_first_reduces_what_the_period_withholds() -> None:
    held = plan(tiers=FLAT, holdback={"share": "0.2", "release_days": 90})
    first = pay(held, credit("gone", -1_000_00), credit("d", 10_000_00), credit("e", 2_000_00))
    assert first.commission == -100_00 + 1_000_00 + 200_00
    assert first.amount == 1_100_00 - 220_00, "four fifths of what is earned"
    parts = {line.opportunity_id: line.amount for line in first.lines if line.kind == "holdback"}
    assert parts == {"d": -180_00, "e": -40_00}
    assert payout_at(held, first, -20_000_00) == -900_00, "nothing is withheld of what is owed"
    assert pay(held, period=Q2, earlier=[first]).released == 220_00
    owed = pay(held, credit("gone", -3_000_00), credit("d", 1_000_00))
    assert (owed.withheld, owed.amount) == (0, -200_00)
    assert payout_at(held, owed, 3_000_00) == 100_00 - 20_00, "and of what comes on top as of all"


def test_a_refund_forfeits_its_share_of_what_is_withheld() -> None:
    first = pay(plan(**HELD), credit("d", 10_000_00, date(2026, 3, 20)))
    second = pay(plan(**HELD), credit("d", -2_500_00, IN_Q2), period=Q2, earlier=[first])
    assert (second.clawback, second.released) == (-200_00, 150_00)
    third = pay(plan(**HELD), credit("d", -7_500_00, IN_Q3), period=Q3, earlier=[first, second])
    assert (third.clawback, third.released) == (-750_00, 0)
    assert first.amount + second.amount + third.amount == 0, "of a deal that was refunded nothing is kept"


def test_managers_are_paid_for_what_their_team_books_beside_their_own() -> None:
    lead = plan(
        components=[
            {"name": "own", "tiers": FLAT, "quota_share": "0.2"},
            {"name": "team", "measure": {"of": "team", "credit": "revenue"}, "tiers": [{"from": 0, "rate": "0.01"}]},
        ],
        clawback_days=90,
    )
    entries = [
        credit("a", 10_000_00),
        credit("b", 50_000_00, owner="r1"),
        credit("b", 50_000_00, owner="r2", kind="overlay"),
        credit("a", 10_000_00, owner="r2"),
    ]
    result = pay(lead, *entries)
    assert [part.commission for part in result.components] == [1_000_00, 600_00]
    assert payout_at(lead, result, 5_000_00) == result.amount + 500_00, "what is to come is the manager's own"
    refund = pay(lead, credit("b", -50_000_00, IN_Q2, owner="r1"), period=Q2, earlier=[result])
    assert refund.clawback == -500_00
    named = plan(components=[{"measure": {"of": ["r1"]}, "tiers": FLAT}])
    assert pay(named, *entries).amount == 5_000_00


def test_people_are_not_paid_for_each_other(tmp_path: Path) -> None:
    def override(plan_id: str, rep: str, of: str) -> CompensationPlan:
        return plan(plan_id=plan_id, rep_ids=[rep], components=[{"measure": {"of": [of]}, "tiers": FLAT}])

    straight = [override("1", "a", "b"), override("2", "b", "c")]
    circle = [*straight, override("3", "c", "a")]
    file = tmp_path / "plans.yaml"
    file.write_text(plans_text(straight), encoding="utf-8")
    assert read_plans(file) == tuple(straight)
    file.write_text(plans_text(circle), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="yaml: overrides run in a circle: 'a' counts the credit of 'b'"):
        read_plans(file)
    with pytest.raises(ConfigurationError, match="different others"):
        plan(
            components=[
                {"name": "1", "measure": {"of": "team"}, "tiers": FLAT},
                {"name": "2", "measure": {"of": ["a"]}, "tiers": FLAT},
            ]
        )


def test_what_comes_to_light_later_is_paid_once_with_the_next_period() -> None:
    tiered = plan(tiers=[{"from": 0, "to": 1, "rate": "0.1"}, {"from": 1, "rate": "0.2"}], clawback_days=90)
    closed = pay(tiered, credit("a", 90_000_00))
    # Entered in April: a deal of March, that lifts the period above its quota; and "a" was worth less.
    restated = pay(tiered, credit("a", 80_000_00), credit("late", 30_000_00, date(2026, 3, 30)))
    second = pay(tiered, credit("b", 10_000_00, IN_Q2), period=Q2, earlier=[closed], restated=[restated])
    assert second.adjustment == restated.amount - closed.amount == 3_000_00
    assert {(line.opportunity_id, line.credit, line.amount) for line in second.lines if line.of_period} == {
        ("a", -10_000_00, -1_000_00),
        ("late", 30_000_00, 4_000_00),
    }
    assert [line.tier for line in second.lines if line.of_period] == ["adjustment of 2026Q1"] * 2
    third = pay(tiered, period=Q3, earlier=[closed, second], restated=[restated])
    assert third.adjustment == 0
    refund = credit("late", -30_000_00, date(2026, 6, 20))
    again = pay(tiered, refund, period=Q2, earlier=[closed], restated=[restated])
    assert again.clawback == -4_000_00, "what the adjustment pays for the deal goes back with it"
    undone = pay(tiered, period=Q3, earlier=[closed, second], restated=[closed])
    assert undone.adjustment == -second.adjustment
    missed = pay(tiered, period=Q2, restated=[closed])
    assert missed.adjustment == closed.amount, "a closed period without a payout paid nothing"
    with pytest.raises(DataError, match="include another rep or later period"):
        pay(tiered, period=Q3, earlier=[closed], restated=[replace(closed, rep_id="s")])


def test_versions_of_a_plan_follow_each_other(tmp_path: Path) -> None:
    old, new = plan(tiers=FLAT, valid_to="2026-03-31"), plan(tiers=FLAT, cap=9, valid_from="2026-04-01")
    (tmp_path / "plans.yaml").write_text(plans_text([new, old]), encoding="utf-8")
    plans = read_plans(tmp_path)
    assert plans == (old, new)
    chosen = [plan_for(plans, rep_id="r", role=None, day=day) for day in (Q1.end, Q2.start)]
    assert chosen == [old, new]
    assert pay(old).plan_version == old.version != new.version
    with pytest.raises(ConfigurationError, match="before it starts"):
        plan(tiers=FLAT, valid_from="2026-04-01", valid_to="2026-03-31")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plan_id: a\ntiers:\n- {from: 0, to: 1, rate: 0.1}\n- {from: 1, rate: many}\n", r"line 4, tiers\.1\.rate"),
        ("plan_id: a\ntiers:\n- {from: 0, rate: 0.1}\ncolour: red\n", "line 4, colour: Extra inputs"),
        ("plan_id: a\ncomponents:\n- tiers:\n  - {from: 0.5, rate: 0}\n", r"line 3, components\.0: .*starts at 0.5"),
        ("plan_id: a\ntiers:\n- {from: 0, to: 0.5, rate: 0}\n- {from: 0.6, rate: 0}\n", "line 1, plan: .*gap from"),
        ("plan_id: a\ncap: 1\ntiers: []\ncap: 2\n", "line 4: 'cap' is named a second time"),
        (
            "plan_id: a\ntiers:\n- {from: 0, rate: 0.1}\nholdback: {share: 2, release_days: 3}\n",
            "line 4, holdback",
        ),
        ("- 1\n", "line 1, plan: Input should be"),
    ],
)
def test_errors_say_on_which_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "plans.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read_plans(tmp_path)


def test_the_plans_of_the_page_are_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "incentives.md").read_text(encoding="utf-8")
    (tmp_path / "plans.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    plans = read_plans(tmp_path)
    assert [each.plan_id for each in plans] == ["ae-2026", "lead-2026", "everyone-else"]
    assert [component.name for component in plans[0].components] == ["new business", "upsell"]
    assert (tmp_path / "again.yaml").write_text(plans_text(plans), encoding="utf-8")
    assert set(read_plans(tmp_path / "again.yaml")) == set(plans)


def test_what_is_merged_in_may_be_overridden(tmp_path: Path) -> None:
    text = "plan_id: a\ntiers:\n- &first {from: 0, to: 1, rate: 0.1}\n- {<<: *first, from: 1, to: 2}\n"
    (tmp_path / "plans.yaml").write_text(text, encoding="utf-8")
    (read,) = read_plans(tmp_path)
    assert [(tier.lower, tier.upper, tier.rate) for tier in read.components[0].tiers] == [
        (0, 1, Decimal("0.1")),
        (1, 2, Decimal("0.1")),
    ]


def test_texts_keep_every_line_and_every_term() -> None:
    of = plan(**HELD)
    first = pay(of, credit("d", 10_000_00), credit("e", 1, owner="x"))
    assert payout_of_text(payout_text(first)) == first
    assert first.lines[0].rate == Decimal("0.10")
    assert plans_of_json(plans_json([of])) == (of,)
    assert [one.version for one in plans_of_json(plans_json([of]))] == [of.version]
    with pytest.raises(DataError, match="a stored statement cannot be read"):
        payout_of_text("{}")
