"""What incentive plans would pay: plans check, plans backtest, plans cost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from spm_ml.cli.console import Console, on_workspace, out_option
from spm_ml.cli.data import as_day, day_option

if TYPE_CHECKING:
    import pandas as pd

_MONEY = frozenset({"quota", "credited", "paid_now", "paid_draft", "difference"})

file_argument = click.argument("file", type=click.Path(exists=True, path_type=Path))


@click.group()
def plans() -> None:
    """Incentive plans: check a file, or pay last year's deals by a draft."""


@plans.command()
@file_argument
@on_workspace
def check(console: Console, file: Path) -> None:
    """Read plans from FILE (or a folder of files) and say what they hold, or what is wrong and on which line."""
    import pandas as pd

    from spm_ml.compensation import read_plans

    found = read_plans(file)
    columns = ["plan_id", "version", "valid_from", "valid_to", "for", "components"]
    rows = [
        (
            plan.plan_id,
            plan.version,
            plan.valid_from,
            plan.valid_to,
            ", ".join((*plan.roles, *plan.rep_ids)) or "everyone else",
            ", ".join(component.name for component in plan.components),
        )
        for plan in found
    ]
    console.table(pd.DataFrame(rows, columns=columns).astype(object), out=None)


@plans.command()
@file_argument
@click.option("--period", help="Finished periods, such as 2025Q1..2025Q4; default: those of the last year.")
@click.option(
    "--by",
    type=click.Choice(["period", "band", "role", "rep"]),
    default="period",
    show_default=True,
    help="What the table on the screen sums over; --out writes every rep and period.",
)
@out_option
@on_workspace
def backtest(
    console: Console, file: Path, period: str | None, by: Literal["period", "band", "role", "rep"], out: Path | None
) -> None:
    """Pay finished periods by the draft in FILE: who gains, who loses, and what it costs beside the plans in force."""
    from spm_ml.cli.console import write_table
    from spm_ml.compensation import plans_of, read_plans
    from spm_ml.history import SalesHistory
    from spm_ml.incentives import backtest_plans, last_year
    from spm_ml.metrics.window import Window

    draft = read_plans(file)
    with SalesHistory.open(console.workspace) as history, console.step("plans backtest"):
        known, day = history.periods(), history.as_of_day or history.watermark
        window = Window.of(history.calendar, known, day, period or last_year(history))
        result = backtest_plans(history, plans_of(console.workspace), draft, window)
    for left in result.unpaid.to_dict("records"):
        only = f"the draft's {left['plan_draft']!r}" if left["plan_now"] is None else f"{left['plan_now']!r}, in force,"
        console.log(f"note: {left['rep_id']} in {left['period']} is paid by {only} alone and is left out")
    if out is not None:
        write_table(in_units(result.rows, result.currency), out)
        console.log(f"{len(result.rows)} rows written to {out}")
    table = {"period": result.by_period, "band": result.by_band, "role": result.by_role, "rep": result.by_rep}[by]()
    console.table(
        in_units(table, result.currency),
        out=None,
        most=200,
        title=f"{window.period.label}, {result.currency}: the plans in force beside the draft, for the same deals",
    )


@plans.command()
@click.option("--draft", type=click.Path(exists=True, path_type=Path), help="Plans to pay by; default: those in force.")
@click.option("--as-of", type=day_option, help="Day to forecast from; default: the newest record's.")
@out_option
@on_workspace
def cost(console: Console, draft: Path | None, as_of: datetime | None, out: Path | None) -> None:
    """What the running period's incentives will cost, by team and in all: the champion's forecast through the plans."""
    from spm_ml.compensation import plans_of, read_plans
    from spm_ml.history import SalesHistory
    from spm_ml.registry import Registry
    from spm_ml.scoring import ScoringModel, incentive_cost

    paid_by = plans_of(console.workspace) if draft is None else read_plans(draft)
    forecaster = ScoringModel.champion(Registry(console.workspace)).forecaster
    with SalesHistory.open(console.workspace) as history, console.step("plans cost"):
        found = incentive_cost(history, forecaster, paid_by, as_of=as_day(as_of), progress=console.progress)
    if left := int(found.table["not_foreseen"].iloc[0]):
        console.log(f"note: {left} people are in with what is paid so far: nothing is forecast for them")
    money = ("so_far", "p10", "p50", "p90", "mean", "of_mean_bookings")
    console.table(
        in_units(found.table, found.currency, money=money),
        out=out,
        title=f"{found.period} as known on {found.as_of}, {found.currency}; four of five outcomes from p10 to p90",
    )


def in_units(frame: pd.DataFrame, currency: str, money: tuple[str, ...] = tuple(_MONEY)) -> pd.DataFrame:
    """Amounts in units of the currency."""
    from spm_ml.tables import minor_digits

    units = 10 ** minor_digits(currency)
    return frame.assign(**{name: frame[name] / units for name in money if name in frame})
