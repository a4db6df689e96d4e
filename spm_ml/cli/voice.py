"""What people said in the product, as data again: assessments, pulses, notes, agreements and contests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option

if TYPE_CHECKING:
    from spm_ml.predictions import PredictionStore

ASSESSMENT_COLUMNS = ["rep_id", "skill", "assessed_on", "score", "assessor"]
"""Of the data contract's table."""

PULSE_COLUMNS = ["rep_id", "period", "answered_on"]
NOTE_COLUMNS = ["about_on", "topic", "text", "written_by"]
AGREEMENT_COLUMNS = [
    *("rep_id", "period", "behaviour", "source", "program_id", "doer", "proposed_by_side", "proposed_on", "due_on"),
    *("first_due_on", "status", "agreed_on", "done_on", "dropped_on", "in_time"),
]
CONTEST_COLUMNS = [
    *("case_id", "rep_id", "period", "kind", "about", "program_id", "opened_on", "status", "closed_on", "answered_by"),
]


@click.command()
@out_option
@on_workspace
def assessments(console: Console, out: Path | None) -> None:
    """Skill ratings that reps and managers gave in the product, as the data contract's table `assessments`.

    Write them into assessments.csv and give that file to 'spm ingest': the next offers are made with them. Who was not
    sure gave no rating; of several ratings of a skill in a period the last one counts.
    """
    with _store(console) as store:
        rows = store.assessment_rows()
    _table(console, rows, ASSESSMENT_COLUMNS, "skill ratings", out)


@click.command()
@out_option
@on_workspace
def pulses(console: Console, out: Path | None) -> None:
    """The answers that reps gave about the period and have not withdrawn: the last ones of each rep and period.

    They are read from the store when they are needed and are no table of the data contract: what is ingested stays in
    earlier versions, and an answer goes when the rep takes it back. Delete an exported file when it has served.
    """
    from spm_ml.predictions.pulses import QUESTIONS

    timezone = console.workspace.organisation().timezone
    with _store(console) as store:
        found = store.pulses.standing_rows(timezone)
    rows = ({"rep_id": one.rep_id, "period": one.period, "answered_on": one.answered_on} | one.answers for one in found)
    _table(console, rows, [*PULSE_COLUMNS, *QUESTIONS], "pulses", out)


@click.command()
@click.argument("rep_id")
@out_option
@on_workspace
def notes(console: Console, rep_id: str, out: Path | None) -> None:
    """Everything that managers noted about one person, to be given to that person."""
    from spm_ml.predictions.audit_export import plain_cell

    with _store(console) as store:
        found = store.notes.about(rep_id)
    rows = (vars(one) | {"text": plain_cell(one.text), "written_by": plain_cell(one.written_by)} for one in found[::-1])
    _table(console, rows, NOTE_COLUMNS, f"notes about {rep_id}", out)


@click.command()
@out_option
@on_workspace
def agreements(console: Console, out: Path | None) -> None:
    """What reps and managers agreed on and what became of it, without words: whether coaching was done, and in time."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(console.workspace.organisation().timezone)
    with _store(console) as store:
        found = store.agreements.every()
    rows = []
    for one in found:
        on = {step: moment and moment.astimezone(zone).date() for step, moment in one.moments().items()}
        done = on["done"] if one.status == "done" else None
        rows.append(
            vars(one)
            | {"proposed_by_side": one.side, "proposed_on": one.at.astimezone(zone).date(), "status": one.status}
            | {"agreed_on": on["agreed"], "done_on": done, "dropped_on": on["dropped"]}
            | {"in_time": None if done is None else done <= one.due_on}
        )
    _table(console, rows, AGREEMENT_COLUMNS, "agreements", out)


@click.command()
@out_option
@on_workspace
def contests(console: Console, out: Path | None) -> None:
    """What became of contests and corrections, without words: of what, when, and how it ended."""
    timezone = console.workspace.organisation().timezone
    with _store(console) as store:
        found = store.contest_outcomes(timezone)
    _table(console, map(vars, found), CONTEST_COLUMNS, "contests and corrections", out)


def _store(console: Console) -> PredictionStore:
    """The store of the workspace.

    Raises:
        NotReadyError: There is none yet.
    """
    from spm_ml.errors import NotReadyError
    from spm_ml.predictions import PredictionStore

    if not console.workspace.has_predictions:
        raise NotReadyError(f"{console.workspace.root} holds no predictions, so nobody has said anything yet")
    return PredictionStore.of(console.workspace)


def _table(
    console: Console, rows: Iterable[dict[str, object]], columns: list[str], noun: str, out: Path | None
) -> None:
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=columns)
    console.table(table, out=out, shown=table[::-1], title=f"{len(table):,} {noun}, newest first")
