"""Payouts against values worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest

from spm_ml.compensation import CompensationPlan, Credit, Payout, payout
from spm_ml.errors import DataError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import FiscalSettings

CALENDAR = FiscalCalendar(FiscalSettings(), "UTC")
Q1, Q2, Q3 = (CALENDAR.parse(f"2026Q{number}") for number in (1, 2, 3))
TIERS = (
    {"from": "0", "to": "0.5", "rate": "0"},
    {"from": "0.5", "to": "1", "rate": "0.08"},
    {"from": "1", "to": "1.25", "rate": "0.12"},
    {"from": "1.25", "to": "1.5", "rate": "0.15"},
)
FLAT = ({"from": "0", "rate": "0.10"},)
QUOTA = 250_000_00


def plan(**settings: object) -> CompensationPlan:
    return CompensationPlan.parse({"plan_id": "p", "tiers": TIERS} | settings, where="test")


def credit(deal: str, amount: int, day: date = date(2026, 2, 1), **more: object) -> Credit:
    return Credit(entry=f"{deal}/{day}/{amount}", opportunity_id=deal, booked_on=day, amount=amount, **more)


def pay(of: CompensationPlan, *entries: Credit, quota: int = QUOTA, period=Q1, earlier: tuple[Payout, ...] = ()):
    return payout(of, quota, entries, rep_id="r", period=period, earlier=earlier)


def assert_adds_up(result: Payout) -> None:
    by_kind = {kind: sum(line.amount for line in result.lines if line.kind == kind) for kind in ("commission", "spif")}
    assert by_kind == {"commission": result.commission, "spif": result.spif}
    assert sum(line.amount for line in result.lines) == result.earned
    assert sum(line.credit for line in result.lines if line.kind == "commission") == result.credited


def test_marginal_tiers_pay_each_rate_on_the_credit_inside_it() -> None:
    result = pay(plan(), credit("d", 325_000_00))
    assert [(line.tier, line.credit, line.amount) for line in result.lines] == [
        ("0–50 %", 125_000_00, 0),
        ("50–100 %", 125_000_00, 10_000_00),
        ("100–125 %", 62_500_00, 7_500_00),
        ("125–150 %", 12_500_00, 1_875_00),
    ]
    assert result.amount == 19_375_00
    assert result.attainment == Decimal("1.3")


def test_retroactive_tiers_pay_the_reached_rate_on_everything() -> None:
    result = pay(plan(mode="retroactive"), credit("a", 200_000_00), credit("b", 125_000_00))
    assert result.amount == 48_750_00
    assert {line.tier for line in result.lines} == {"125–150 %"}


def test_a_tier_holds_from_its_lower_bound_on() -> None:
    assert pay(plan(mode="retroactive"), credit("d", QUOTA)).amount == 30_000_00
    assert pay(plan(mode="retroactive"), credit("d", QUOTA - 1)).amount == 20_000_00


def test_credit_above_a_closed_last_tier_earns_nothing_and_says_so() -> None:
    for mode, expected in (("marginal", 10_000_00 + 7_500_00 + 9_375_00), ("retroactive", 56_250_00)):
        result = pay(plan(mode=mode), credit("d", 400_000_00))
        assert result.amount == expected
        assert result.lines[-1].tier == "above the last tier"
        assert result.lines[-1].credit == 25_000_00
        assert_adds_up(result)


def test_accelerators_multiply_the_base_rate() -> None:
    accelerated = plan(
        base_rate="0.06", tiers=({"from": 0, "to": 1, "multiplier": 1}, {"from": 1, "multiplier": "1.5"})
    )
    assert pay(accelerated, credit("d", 300_000_00)).amount == 15_000_00 + 4_500_00


def test_the_order_of_credits_does_not_change_the_total_and_lines_add_up_to_the_cent() -> None:
    third = plan(tiers=({"from": 0, "to": "0.5", "rate": "0.033333"}, {"from": "0.5", "rate": "0.066667"}))
    parts = [credit(f"d{number}", 33_333_33 + number, date(2026, 1, number)) for number in range(1, 8)]
    forward, backward = pay(third, *parts), pay(third, *reversed(parts))
    assert forward.amount == backward.amount
    assert_adds_up(forward)


def test_cap_limits_commission_and_not_spifs() -> None:
    capped = plan(cap="12000", spifs=[{"name": "new logo", "amount": "500", "kind": "new"}])
    result = pay(capped, credit("a", 300_000_00, deal_kind="new"), credit("b", 25_000_00, date(2026, 3, 1)))
    assert (result.commission, result.capped_off, result.spif) == (12_000_00, 7_375_00, 500_00)
    assert result.amount == 12_500_00
    assert_adds_up(result)


def test_a_refund_in_the_same_period_takes_back_what_its_tier_paid() -> None:
    result = pay(plan(), credit("d", 325_000_00), credit("d", -75_000_00, date(2026, 3, 1)))
    assert result.credited == 250_000_00
    assert result.amount == 10_000_00
    assert [line.amount for line in result.lines if line.credit < 0] == [-1_875_00, -7_500_00]
    assert_adds_up(result)


def test_a_ledger_entry_is_settled_once() -> None:
    with pytest.raises(DataError, match="given twice; each is settled once"):
        pay(plan(), credit("d", 10_00), credit("d", 10_00))


def test_clawback_inside_the_window_returns_what_was_paid_for_that_deal() -> None:
    clawing = plan(clawback_days=90)
    first = pay(clawing, credit("a", 200_000_00, date(2026, 3, 1)), credit("b", 125_000_00, date(2026, 3, 20)))
    paid_for_b = sum(line.amount for line in first.lines if line.opportunity_id == "b")
    second = pay(
        clawing,
        credit("c", 150_000_00, date(2026, 4, 2)),
        credit("b", -125_000_00, date(2026, 5, 1)),
        period=Q2,
        earlier=(first,),
    )
    assert paid_for_b == 13_375_00
    assert second.clawback == -paid_for_b
    assert second.credited == 150_000_00, "the refund is settled by the clawback, not again as negative credit"
    assert second.amount == 2_000_00 - paid_for_b
    assert_adds_up(second)


def test_a_clawback_returns_the_spif_too_and_partial_refunds_return_their_share_once() -> None:
    clawing = plan(tiers=FLAT, clawback_days=90, spifs=[{"name": "push", "rate": "0.01"}])
    first = pay(clawing, credit("a", 90_000_00, date(2026, 3, 1)))
    second = pay(
        clawing,
        credit("a", -30_000_00, date(2026, 4, 1)),
        credit("a", -60_000_00, date(2026, 4, 2)),
        period=Q2,
        earlier=(first,),
    )
    assert first.amount == 9_900_00
    assert [line.amount for line in second.lines] == [-3_300_00, -6_600_00]
    third = pay(clawing, credit("a", -1_00, date(2026, 7, 2)), period=Q3, earlier=(first, second))
    assert third.clawback == 0
    assert third.credited == -1_00, "nothing is left to claw back, so it is a negative credit"


def test_a_refund_after_the_window_returns_nothing() -> None:
    clawing = plan(tiers=FLAT, clawback_days=30)
    first = pay(clawing, credit("a", 90_000_00, date(2026, 3, 1)))
    second = pay(clawing, credit("a", -90_000_00, date(2026, 4, 1)), period=Q2, earlier=(first,))
    assert second.amount == 0
    assert [(line.kind, line.credit, line.amount) for line in second.lines] == [("kept", -90_000_00, 0)]


def test_without_a_clawback_window_a_late_refund_is_negative_credit() -> None:
    flat = plan(tiers=FLAT)
    first = pay(flat, credit("a", 90_000_00, date(2026, 3, 1)))
    second = pay(flat, credit("a", -90_000_00, date(2026, 4, 1)), period=Q2, earlier=(first,))
    assert second.amount == -9_000_00


def test_a_recoverable_draw_is_an_advance_on_later_commission() -> None:
    drawing = plan(tiers=FLAT, draw={"amount": "5000"})
    first = pay(drawing, credit("a", 20_000_00))
    assert (first.amount, first.draw_advance, first.draw_balance) == (5_000_00, 3_000_00, 3_000_00)
    second = pay(drawing, credit("b", 70_000_00, date(2026, 4, 1)), period=Q2, earlier=(first,))
    assert (second.amount, second.draw_repaid, second.draw_balance) == (5_000_00, 2_000_00, 1_000_00)
    third = pay(drawing, credit("c", 80_000_00, date(2026, 7, 1)), period=Q3, earlier=(first, second))
    assert (third.amount, third.draw_repaid, third.draw_balance) == (7_000_00, 1_000_00, 0)


def test_a_draw_that_is_not_recoverable_is_a_floor() -> None:
    floor = plan(tiers=FLAT, draw={"amount": "5000", "recoverable": False})
    result = pay(floor, credit("a", 20_000_00))
    assert (result.amount, result.draw_balance) == (5_000_00, 0)


def test_spifs_count_only_their_deals() -> None:
    spif = {
        "name": "s",
        "amount": 100,
        "product": "X",
        "minimum": 50,
        "first_day": "2026-02-01",
        "last_day": "2026-02-10",
    }
    bonus = plan(tiers=FLAT, spifs=[spif])
    counted = credit("a", 60_00, date(2026, 2, 5), product="X")
    others = (
        credit("b", 60_00, date(2026, 2, 5), product="Y"),
        credit("c", 40_00, date(2026, 2, 5), product="X"),
        credit("d", 60_00, date(2026, 2, 11), product="X"),
        credit("e", 60_00, date(2026, 2, 5), product="X"),
        credit("e", -60_00, date(2026, 2, 6), product="X"),
    )
    result = pay(bonus, counted, *others)
    assert [(line.opportunity_id, line.amount) for line in result.lines if line.kind == "spif"] == [("a", 100_00)]


def test_a_spif_on_credit_is_not_paid_again_for_credit_that_was_taken_back() -> None:
    def paid(*each: int, **terms: object) -> list[int]:
        bonus = plan(**{"tiers": FLAT, "spifs": [{"name": "push", "rate": "0.01"}]} | terms)
        done: list[Payout] = []
        for number, amount in enumerate(each, start=1):
            period = CALENDAR.parse(f"2026Q{number}")
            done.append(pay(bonus, credit("d", amount, period.start), period=period, earlier=done))
        return [one.spif for one in done]

    assert paid(10_000_00, -10_000_00, 10_000_00) == [100_00, 0, 0], "won anew"
    assert paid(10_000_00, -5_000_00, 8_000_00) == [100_00, 0, 30_00], "and with more than before"
    assert paid(10_000_00, 5_000_00, 5_000_00) == [100_00, 50_00, 50_00], "more credit is paid as it comes"
    assert paid(10_000_00, -10_000_00, 4_000_00, 9_000_00) == [100_00, 0, 0, 30_00], "in parts"
    later = {"name": "push", "rate": "0.01", "first_day": "2026-04-01"}
    assert paid(10_000_00, 10_000_00, -10_000_00, 10_000_00, spifs=[later]) == [0, 100_00, 0, 0], "none earned before"
    assert paid(10_000_00, -10_000_00, 10_000_00, spifs=[later]) == [0, 0, 100_00], "what was never paid is paid"
    assert paid(10_000_00, -10_000_00, 10_000_00, clawback_days=200) == [100_00, 0, 100_00], "a clawback returned it"
    assert paid(10_000_00, -10_000_00, 10_000_00, clawback_days=1) == [100_00, 0, 0], "a late refund kept it"


def test_a_fixed_spif_is_paid_once_for_a_deal_whatever_is_booked_of_it_later() -> None:
    spifs = [{"name": "push", "amount": 500}]
    won, more = credit("a", 10_000_00, date(2026, 3, 1)), credit("a", 2_000_00, date(2026, 4, 1))
    gone, again = credit("a", -10_000_00, date(2026, 4, 1)), credit("a", 10_000_00, date(2026, 7, 1))
    other = credit("b", 1_00, date(2026, 4, 1))
    for terms, second, third in (
        ({}, (more, other), 0),  # an upward correction
        ({}, (gone, other), 0),  # refunded, and the bonus kept: won again, it is not paid anew
        ({"clawback_days": 90}, (gone, other), 500_00),  # taken back with the deal
        ({"clawback_days": 5}, (gone, other), 0),  # refunded too late to be taken back
        ({"clawback_days": 90, "holdback": {"share": "0.2", "release_days": 200}}, (gone, other), 500_00),
    ):
        bonus = plan(tiers=FLAT, spifs=spifs, **terms)
        first = pay(bonus, won)
        later = pay(bonus, *second, period=Q2, earlier=(first,))
        assert (first.spif, later.spif) == (500_00, 500_00), "each deal has one"
        assert pay(bonus, again, period=Q3, earlier=(first, later)).spif == third, terms


@pytest.mark.parametrize("quota", [0, -1])
def test_a_quota_of_zero_is_refused(quota: int) -> None:
    with pytest.raises(DataError, match="quota above 0"):
        pay(plan(), credit("a", 1_00), quota=quota)


def test_a_credit_outside_the_period_is_refused() -> None:
    with pytest.raises(DataError, match="outside 2026Q1"):
        pay(plan(), credit("a", 1_00, date(2026, 4, 1)))


def test_earlier_payouts_must_be_the_reps_own_one_for_each_period() -> None:
    first = pay(plan(), credit("a", 1_00))
    with pytest.raises(DataError, match="another rep or later period"):
        pay(plan(), earlier=(first,))
    with pytest.raises(DataError, match="latest snapshot of each"):
        pay(plan(), period=Q2, earlier=(first, first))
