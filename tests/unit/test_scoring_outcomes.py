"""What came of finished periods, worked out by hand from a few deals."""

from dataclasses import replace
from datetime import date
from typing import Any

from spm_ml.history import SalesHistory
from spm_ml.predictions import Outcome
from spm_ml.scoring.outcomes import finished_days, outcomes_of
from tests.metric_world import deal, history_of, rep, together
from tests.prediction_world import make_world

Q1, LAST_DAY = "2026Q1", date(2026, 3, 22)


def won(name: str, rep_id: str, amount: int, day: date, **more: Any) -> Any:
    opened = (date(2026, 1, 5), {"rep_id": rep_id, "amount": amount, "expected_close_on": day})
    return deal(name, opened, (day, {"outcome": "won"}), rep_id=rep_id, **more)


def world() -> SalesHistory:
    """Ann is overtaken by a quota that was changed, bob left, cyd has no quota, and eve is credited beside ann."""
    reps = [rep("ann", "m"), rep("bob", "m", left_on="2026-03-01"), rep("cyd", "m"), rep("eve", "m"), rep("m")]
    quotas = [
        {"rep_id": "ann", "period": Q1, "amount": 1_000, "set_on": date(2025, 12, 20)},
        {"rep_id": "ann", "period": Q1, "amount": 2_000, "set_on": date(2026, 3, 25)},
        {"rep_id": "bob", "period": Q1, "amount": 500, "set_on": date(2025, 12, 20)},
        {"rep_id": "eve", "period": Q1, "amount": 800, "set_on": date(2025, 12, 20)},
    ]
    shares = [
        {"opportunity_id": "a1", "rep_id": "ann", "share": 1.0, "kind": "revenue"},
        {"opportunity_id": "a1", "rep_id": "eve", "share": 1.0, "kind": "overlay"},
    ]
    deals = [
        won("a1", "ann", 600, date(2026, 2, 2)),
        won("a2", "ann", 900, date(2026, 3, 30)),
        won("b1", "bob", 100, date(2026, 2, 2)),
        won("c1", "cyd", 300, date(2026, 3, 31)),
        won("late", "cyd", 50, date(2026, 4, 20), closed_on=date(2026, 3, 30)),
        won("next", "cyd", 999, date(2026, 4, 2)),
    ]
    return history_of(together({"reps": reps, "quotas": quotas, "credits": shares}, *deals))


def by_rep(history: SalesHistory) -> dict[str, Outcome]:
    return {one.rep_id: one for one in outcomes_of(history, {Q1: LAST_DAY})}


def test_what_was_booked_and_the_quota_of_the_end() -> None:
    found = by_rep(world().as_of(date(2026, 4, 5)))
    assert found == {
        "ann": Outcome("ann", Q1, 1_500_00, 1_500_00, 2_000_00, censored=False),
        "bob": Outcome("bob", Q1, 100_00, 100_00, 500_00, censored=True),
        "cyd": Outcome("cyd", Q1, 300_00, 300_00, None, censored=False),
        "eve": Outcome("eve", Q1, 600_00, 0, 800_00, censored=False),
    }
    assert found["ann"].attainment == 0.75


def test_a_booking_that_came_late_restates_it() -> None:
    before, after = by_rep(world().as_of(date(2026, 4, 5))), by_rep(world().as_of(date(2026, 4, 25)))
    assert after.pop("cyd").bookings == before.pop("cyd").bookings + 50_00
    assert after == before


def test_a_period_that_runs_has_no_result() -> None:
    assert by_rep(world().as_of(date(2026, 3, 28))) == {}
    assert outcomes_of(world(), {}) == ()


def test_only_periods_that_are_over_and_that_the_calendar_knows() -> None:
    calendar = world().calendar
    batches = [
        replace(make_world(weeks=1).batch, period=period, as_of=LAST_DAY) for period in (Q1, "2026Q2", "2026-03")
    ]
    assert finished_days(calendar, date(2026, 4, 5), batches) == {Q1: LAST_DAY}
    assert finished_days(calendar, date(2026, 3, 30), batches) == {}
