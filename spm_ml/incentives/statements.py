"""Statements: what the plans pay every rep for a period, part by part, and the trace behind it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import pandas as pd

from spm_ml.compensation import ClosedPeriod, CompensationPlan, Payout
from spm_ml.errors import DataError, did_you_mean
from spm_ml.history import SalesHistory
from spm_ml.metrics.credited import oversplit_deals
from spm_ml.metrics.inputs_pay import PeriodPay, pay_of_periods
from spm_ml.metrics.window import Window

PARTS: Final = (
    "commission",
    "spif",
    "clawback",
    "adjustment",
    "withheld",
    "released",
    "draw_advance",
    "draw_repaid",
    "amount",
)
"""Parts of a payout, minor units; all but `draw_repaid`, which is taken off, add up to `amount`."""

_LINE: Final = (
    "kind",
    "opportunity_id",
    "booked_on",
    "component",
    "owner",
    "credit",
    "tier",
    "rate",
    "amount",
    "withheld",
    "of_period",
)


@dataclass(frozen=True)
class Statements:
    """What the plans pay for a period, amounts in minor units.

    Attributes:
        table: A row a rep on a plan: rep, period, plan and its version, quota, credit, attainment, `PARTS` and
            `pending`; empty from `quota` to the parts where no quota is known, because tiers need one, unless somebody
            who has left is settled with: then quota is 0 and the attainment empty. A closed period stands as it was
            closed, and `pending` is what it would pay more or less by now.
        lines: The trace: `rep_id, period`, then kind, deal, day, component, owner, credit, tier, rate, amount,
            withheld and the closed period that an adjustment mends; the lines of a rep add up to the parts of the
            table before the draw.
        currency: ISO 4217 code.
        without_plan: People who are on no plan in any of the periods.
        oversplit: Deals whose revenue shares add up to more than 1: nothing is paid for them until that is corrected.
    """

    table: pd.DataFrame
    lines: pd.DataFrame
    currency: str
    without_plan: tuple[str, ...]
    oversplit: tuple[str, ...] = ()

    def of(self, rep_id: str) -> "Statements":
        """The statement of one rep.

        Raises:
            DataError: The rep is on no plan.
        """
        known = self.table["rep_id"].tolist()
        if rep_id not in known:
            raise DataError(f"rep {rep_id!r} is on no plan in this period{did_you_mean(rep_id, known)}")
        own = (frame[frame["rep_id"] == rep_id].reset_index(drop=True) for frame in (self.table, self.lines))
        table, lines = own
        return Statements(table, lines, self.currency, ())


def statements(
    history: SalesHistory,
    plans: Sequence[CompensationPlan],
    window: Window,
    closed: Sequence[ClosedPeriod] = (),
) -> Statements:
    """Works out what the plans pay for each period of a window, with what is known on its as-of day.

    Args:
        history: What is known.
        plans: The organisation's plans.
        window: The periods; earlier ones are worked out too, for clawbacks, holdbacks and draws.
        closed: Periods that are settled.

    Raises:
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    by_rep = pay_of_periods(history, plans, window, closed)
    inside = [
        (rep_id, pay) for rep_id, of_rep in by_rep.items() for pay in of_rep if pay.period in window.fiscal_periods
    ]
    table = pd.DataFrame([_row(rep_id, pay) for rep_id, pay in inside], columns=list(_COLUMNS))
    lines = [
        {"rep_id": rep_id, "period": pay.period.label, **{name: asdict(line)[name] for name in _LINE}}
        for rep_id, pay in inside
        if pay.payout is not None
        for line in pay.payout.lines
    ]
    on_plan = set(table["rep_id"])
    return Statements(
        table=table.sort_values(["period", "rep_id"], ignore_index=True),
        lines=pd.DataFrame(lines, columns=["rep_id", "period", *_LINE]),
        currency=history.organisation.currency,
        without_plan=tuple(sorted(rep_id for rep_id in by_rep if rep_id not in on_plan)),
        oversplit=oversplit_deals(history),
    )


_COLUMNS: Final = ("rep_id", "period", "plan_id", "plan_version", "quota", "credited", "attainment", *PARTS, "pending")


def _row(rep_id: str, pay: PeriodPay) -> dict[str, object]:
    paid: Payout | None = pay.payout
    head: dict[str, object] = {
        "rep_id": rep_id,
        "period": pay.period.label,
        "plan_id": pay.plan.plan_id,
        "plan_version": pay.plan.version,
        "pending": sum(line.amount for line in pay.pending),
    }
    if paid is None:
        return head
    figures = {name: getattr(paid, name) for name in ("quota", "credited", *PARTS)}
    return head | figures | {"attainment": None if paid.attainment is None else float(paid.attainment)}
