"""Pay of the prediction world: a plan for reps, one for their head, and statements of a running and a closed period."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from spm_ml.compensation import CompensationPlan, Credit, Payout, payout, payout_text, plans_json, settlement
from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.predictions import (
    Leaver,
    NewClosing,
    PayClosing,
    PayCost,
    PayStatement,
    Prediction,
    PredictionStore,
    PublishedPay,
)
from spm_ml.settings import FiscalSettings

PLAN: Final = CompensationPlan.parse(
    {
        "plan_id": "ae",
        "name": "Account executives",
        "currency": "EUR",
        "tiers": [{"from": 0, "to": 1, "rate": "0.08"}, {"from": 1, "rate": "0.12"}],
        "cap": 90_000,
        "draw": {"amount": 3_000},
        "holdback": {"share": "0.1", "release_days": 60},
        "clawback_days": 90,
        "spifs": [{"name": "Gold rush", "product": "Gold", "amount": 500}],
    },
    where="test",
)
LEAD: Final = CompensationPlan.parse(
    {
        "plan_id": "lead",
        "name": "Heads of sales",
        "currency": "EUR",
        "components": [
            {"name": "team", "measure": {"of": "team"}, "tiers": [{"from": 0, "rate": "0.01"}]},
        ],
    },
    where="test",
)
CLOSED: Final = "2026Q1"

_CALENDAR: Final = FiscalCalendar(FiscalSettings(), "Europe/Berlin")


_COST: Final = (1.1, 1.4, 1.9, 1.45, 1.3)
"""P10, P50, P90, mean, and what the average bookings would be paid, of what is paid so far."""


def statement(of: Payout) -> PayStatement:
    """A payout as the store keeps it."""
    return PayStatement(of.rep_id, of.plan_id, of.plan_version, of.amount, payout_text(of))


def paid(row: Prediction, period: Period, booked: int) -> Payout:
    """Two deals that add up to what is booked."""
    day = min(period.start.replace(day=20), period.end)
    deals = [("1", booked // 3, "Tin"), ("2", booked - booked // 3, "Gold")]
    credits_ = [Credit(f"{row.rep_id}/{at}", f"W-{row.rep_id}-{at}", day, part, product=of) for at, part, of in deals]
    return payout(PLAN, row.quota or 1, credits_, rep_id=row.rep_id, period=period)


def make_pay(rows: Iterable[Prediction], head: str, label: str) -> PublishedPay:
    """Statements of everybody with a quota, and of the head who is paid on all of them."""
    period = _CALENDAR.parse(label)
    own = [paid(row, period, row.booked) for row in rows if row.quota]
    if not own:
        return PublishedPay()
    over = [Credit(f"{one.rep_id}", f"W-{one.rep_id}", period.start, one.credited, owner=one.rep_id) for one in own]
    lead = payout(LEAD, sum(one.quota for one in own), over, rep_id=head, period=period)
    total = sum(one.amount for one in (*own, lead))
    everybody = PayCost("", len(own) + 1, total, *(total * share for share in _COST), 1)
    return PublishedPay(
        plans=plans_json([PLAN, LEAD]),
        statements=tuple(statement(one) for one in (*own, lead)),
        costs=(
            replace(everybody, p25=1.2 * total, p75=1.6 * total),
            replace(everybody, manager_id=head, reps=len(own), not_foreseen=0, p25=1.2 * total, p75=1.6 * total),
        ),
    )


def close_quarter(store: PredictionStore, rows: Iterable[Prediction], leavers: Iterable[Leaver] = ()) -> PayClosing:
    """Closes the quarter before, in which everybody booked half of the quota, and those settle who have left."""
    period = _CALENDAR.parse(CLOSED)
    new = NewClosing(
        period=CLOSED,
        period_start=period.start,
        period_end=period.end,
        as_of=date(2026, 4, 10),
        data_version=2,
        data_hash="5f2c",
        currency="EUR",
        minor_digits=2,
        plans=plans_json([PLAN]),
    )
    own = [paid(row, period, row.quota // 2) for row in rows if row.quota]
    left, before = tuple(leavers), _CALENDAR.parse("2025Q4")
    for one in left:
        sold = Credit("1", f"W-{one.rep_id}", before.end, 10_000_000)
        earlier = payout(PLAN, 10_000_000, [sold], rep_id=one.rep_id, period=before)
        own.append(settlement(PLAN, [], rep_id=one.rep_id, period=period, earlier=[earlier]))
    return store.closings.close(new, [statement(one) for one in own], actor="operator", leavers=left)
