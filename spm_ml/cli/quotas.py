"""Quota setting: quotas."""

from __future__ import annotations

import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from spm_ml.cli.console import Console, on_workspace, out_option, write_table
from spm_ml.cli.data import as_day, day_option
from spm_ml.cli.people import amount_option_value

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.option("--goal", callback=amount_option_value, help="What the quotas add up to; default: --share alone decides.")
@click.option("--share", type=float, default=0.6, show_default=True, help="Share of reps expected at quota.")
@click.option("--most-change", type=float, help="Most change against a rep's quota before, such as 0.25.")
@click.option(
    "--step", callback=amount_option_value, default="1000", show_default=True, help="Quotas are rounded to it."
)
@click.option(
    "--as-of", type=day_option, help="Day to plan on; a period's last day plans the next. Default: the newest."
)
@click.option(
    "--show",
    type=click.Choice(["reps", "fairness", "scenarios", "sensitivity"]),
    default="reps",
    show_default=True,
    help="Which table the screen shows.",
)
@click.option("--accept", is_flag=True, help="Take the proposal over as quotas set on the day; data keep the old ones.")
@out_option
@on_workspace
def quotas(
    console: Console,
    goal: Decimal | None,
    share: float,
    most_change: float | None,
    step: Decimal,
    as_of: datetime | None,
    show: Literal["reps", "fairness", "scenarios", "sensitivity"],
    accept: bool,
    out: Path | None,
) -> None:
    """Propose quotas that are equally hard for everybody by the champion's forecast, and add up to a goal.

    --out writes the table `quotas` of the data contract.
    """
    from spm_ml.history import SalesHistory
    from spm_ml.registry import Registry
    from spm_ml.scoring import QuotaLimits, ScoringModel, propose_quotas
    from spm_ml.tables import minor_digits

    units = 10 ** minor_digits(console.workspace.organisation().currency)
    limits = QuotaLimits(
        goal=None if goal is None else int(goal * units), share=share, most_change=most_change, step=int(step * units)
    )
    forecaster = ScoringModel.champion(Registry(console.workspace)).forecaster
    with SalesHistory.open(console.workspace) as history, console.step("quotas"):
        found = propose_quotas(history, forecaster, limits, as_of=as_day(as_of), progress=console.progress)
    if found.unforecast:
        others = f"{len(found.unforecast)} people, such as {found.unforecast[0]}"
        console.log(f"note: nothing is forecast for {others}: their quotas are set by hand and not part of the sum")
    total = int(found.rows["quota"].sum())
    console.log(
        f"{found.period}, as known on {found.as_of}: {len(found.rows)} quotas of {total / units:,.0f} "
        f"{found.currency} in all; {found.share:.0%} of the reps are expected to reach theirs, and all together book "
        f"that much with a chance of {found.company_chance:.0%}"
    )
    if out is not None:
        write_table(found.as_table(), out)
        console.log(f"{len(found.rows)} quotas written to {out}")
    tables = {
        "reps": found.rows,
        "fairness": found.fairness(),
        "scenarios": found.scenarios,
        "sensitivity": found.sensitivity,
    }
    shown = tables[show]
    money = [name for name in ("before", "quota", "p50", "total") if name in shown]
    console.table(shown.assign(**{name: shown[name] / units for name in money}), out=None, most=500)
    if accept:
        _take_over(console, found.as_table())


def _take_over(console: Console, table: pd.DataFrame) -> None:
    """A proposal becomes data as any other table does: a new version beside the old one."""
    from spm_ml.sources import ingest

    with tempfile.TemporaryDirectory() as folder, console.step("accept"):
        table.to_csv(Path(folder, "quotas.csv"), index=False)
        report = ingest(console.workspace, Path(folder), progress=console.progress)
    console.log(report.text())
