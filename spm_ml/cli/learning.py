"""What came of earlier plans: assignments and plan-value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option

if TYPE_CHECKING:
    from spm_ml.coaching.rep_periods import RepPeriods
    from spm_ml.history import SalesHistory
    from spm_ml.predictions import PredictionStore


@contextmanager
def _evidence(console: Console) -> Iterator[tuple[PredictionStore, SalesHistory, RepPeriods]]:
    """The store with its log brought up to the newest data, the history and its rep-periods."""
    from spm_ml.coaching.evidence import sync_log
    from spm_ml.coaching.rep_periods import opening_rows, rep_periods
    from spm_ml.dataset import read_current
    from spm_ml.history import SalesHistory
    from spm_ml.predictions import PredictionStore

    dataset = read_current(console.workspace, opening_rows, progress=console.progress)
    with (
        SalesHistory.open(console.workspace) as history,
        PredictionStore.of(console.workspace) as store,
    ):
        periods = rep_periods(history, dataset)
        console.log(f"{sync_log(store, periods):,} lines added to the assignment log")
        yield store, history, periods


@click.command()
@out_option
@on_workspace
def assignments(console: Console, out: Path | None) -> None:
    """Who was offered, held out from or enrolled in what, who decided, why, and what came of it."""
    from spm_ml.coaching.evidence import assignment_table

    with console.step("assignments"), _evidence(console) as (store, _, periods):
        table = assignment_table(store.assignments.lines(), store.decisions(), periods)
    counts = table.groupby("source").size()
    found = ", ".join(f"{count:,} from {source}" for source, count in counts.items())
    shown = ["happened_on", "rep_id", "program_id", "event", "actor", "reason"]
    console.table(table, out=out, shown=table[shown][::-1], title=f"Assignments, newest first: {found or 'none'}")


@click.command("plan-value")
@out_option
@on_workspace
def plan_value(console: Console, out: Path | None) -> None:
    """What past plans have brought against training nobody, in points of attainment, beside the lot alone."""
    from spm_ml.coaching.evidence import plan_value_table, value_of_past_plans
    from spm_ml.coaching.skills import skill_gaps

    with console.step("plan-value"), _evidence(console) as (store, history, periods):
        plans = value_of_past_plans(periods, skill_gaps(history, periods), store.assignments.lines())
    table = plan_value_table(plans)
    shown = ["plan", "offered", "held_out", "enrolled", "known", "gain", "gain_low", "gain_high", "randomised"]
    console.table(table, out=out, shown=table[shown], title="Gain of an offer against nobody, in points of attainment")
    for plan in plans:
        console.say(f"{plan.period}: {plan.words}")
