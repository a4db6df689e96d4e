"""What incentive plans pay, and closing a pay period: payouts."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option
from spm_ml.cli.data import as_day, day_option
from spm_ml.cli.plans import in_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spm_ml.compensation import ClosedPeriod, CompensationPlan
    from spm_ml.history import SalesHistory
    from spm_ml.incentives import Statements


@click.command()
@click.option("--period", help="A period or a range of them; default: the running one.")
@click.option("--as-of", type=day_option, help="With what was known at the end of this day; default: the watermark.")
@click.option("--rep", help="The trace of this rep: deal, credit, component and tier, amount.")
@click.option("--close", "closing", help="Settle this period for good; what is known later is paid with the next.")
@click.option(
    "--settle", multiple=True, help="With --close: settle what is open with this person, who has no quota any more."
)
@out_option
@on_workspace
def payouts(
    console: Console,
    period: str | None,
    as_of: datetime | None,
    rep: str | None,
    closing: str | None,
    settle: tuple[str, ...],
    out: Path | None,
) -> None:
    """Print what the plans pay, part by part; with --rep the trace that adds up to it; with --close settle a period."""
    from spm_ml.compensation import plans_of
    from spm_ml.errors import NotReadyError
    from spm_ml.history import SalesHistory
    from spm_ml.incentives import PARTS, closed_periods, statements
    from spm_ml.metrics.window import Window

    if closing is not None and period is not None:
        raise click.UsageError("--close names its period itself: leave out --period")
    if settle and closing is None:
        raise click.UsageError("--settle is a part of closing a period: say which with --close")
    in_force = plans_of(console.workspace)
    if not in_force:
        raise NotReadyError("there is no plan: put comp_plans.yaml beside the tables and run 'spm ingest'")
    with SalesHistory.open(console.workspace) as whole:
        day = as_day(as_of) or whole.watermark
        if closing is not None:
            _close(console, whole, in_force, closing, as_day(as_of), settle)
        history = whole.as_of(day)
        window = Window.of(history.calendar, history.periods(), day, closing or period)
        settled = closed_periods(console.workspace, known_on=day)
        found = statements(history, in_force, window, settled)
    inside = [one for one in settled if one.period in {shown.label for shown in window.fiscal_periods}]
    _notes(console, found, inside, in_force)
    if rep is not None:
        own = found.of(rep)
        console.table(
            in_units(own.lines, own.currency, money=("credit", "amount", "withheld")),
            out=out,
            most=200,
            title=f"{rep}, {window.period.label}, {own.currency}",
        )
        return
    table = in_units(found.table, found.currency, money=("quota", "credited", *PARTS, "pending"))
    known = "as closed" if inside and len(inside) == len(window.fiscal_periods) else f"as known on {day}"
    console.table(table, out=out, title=f"{window.period.label} {known}, {found.currency}")


def _close(
    console: Console,
    history: SalesHistory,
    plans: Sequence[CompensationPlan],
    label: str,
    as_of: date | None,
    settle: Sequence[str],
) -> None:
    from spm_ml.incentives import close_period
    from spm_ml.predictions import ClosedAlreadyError

    with console.step("close"):
        try:
            closing, unsettled = close_period(console.workspace, history, plans, label, as_of=as_of, settle=settle)
        except ClosedAlreadyError as error:
            console.log(f"note: {error}")
            return
    units = 10**closing.minor_digits
    console.log(
        f"{closing.period} is closed on data version {closing.data_version} as known on {closing.as_of}: "
        f"{closing.statements} statements, {closing.amount / units:,.2f} {closing.currency}"
    )
    for one in unsettled:
        console.log(
            f"note: {one.rep_id} is owed {one.amount / units:,.2f} {closing.currency} for {one.period}, and is paid "
            f"nothing for {closing.period}: it stays pending until a period pays them, as long as they are employed; "
            f"if none will, close the next one with --settle {one.rep_id}"
        )


def _notes(
    console: Console, found: Statements, closed: Sequence[ClosedPeriod], plans: Sequence[CompensationPlan]
) -> None:
    """What a reader of the table should know."""
    from spm_ml.incentives import changed_plans
    from spm_ml.tables import minor_digits

    units = 10 ** minor_digits(found.currency)
    if found.without_plan:
        console.log(f"note: {len(found.without_plan)} people are on no plan, such as {found.without_plan[0]}")
    if found.oversplit:
        listed = ", ".join(found.oversplit[:5])
        console.log(
            f"note: the revenue shares of {len(found.oversplit)} deals add up to more than 1 ({listed}): nothing is "
            "paid for them until the table credits is corrected"
        )
    for one in closed:
        console.log(
            f"{one.period} was closed on {one.closed_at:%Y-%m-%d %H:%M} UTC, on data version {one.data_version} as "
            f"known on {one.as_of}: this is what was closed"
        )
        for plan_id in changed_plans(one, plans):
            console.log(f"note: plan {plan_id!r} has other terms now; {one.period} keeps those it was closed with")
        waiting = found.table[(found.table["period"] == one.period) & (found.table["pending"] != 0)]
        if len(waiting):
            console.log(
                f"note: by what is known now {one.period} would pay {waiting['pending'].sum() / units:+,.2f} "
                f"{found.currency} in all to {len(waiting)} people: it is paid with the next period (column pending)"
            )
