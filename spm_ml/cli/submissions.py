"""What people entered for the period, as a table of the data contract: submissions."""

from __future__ import annotations

from pathlib import Path

import click

from spm_ml.cli.console import Console, on_workspace, out_option
from spm_ml.errors import NotReadyError


@click.command()
@out_option
@on_workspace
def submissions(console: Console, out: Path | None) -> None:
    """Commits, best cases and overrides that people entered, for the next ingest to read.

    Write them into the folder that is ingested, as submissions/entered.csv: beside the source's own
    submissions/*.csv, or alone.
    """
    import pandas as pd

    from spm_ml.predictions import PredictionStore
    from spm_ml.tables import TABLE_BY_NAME

    if not console.workspace.has_predictions:
        raise NotReadyError(f"{console.workspace.root} holds no predictions, so nobody has entered a number yet")
    with PredictionStore.of(console.workspace) as store:
        entered = store.submissions.every()
    currency = console.workspace.organisation().currency
    kept = [one for one in entered if one.currency == currency]
    if len(kept) < len(entered):
        console.log(f"{len(entered) - len(kept)} left out: they are not in {currency}, the organisation's currency")
    rows = [
        {
            "rep_id": one.rep_id,
            "period": one.period,
            "submitted_at": one.submitted_at,
            "kind": one.kind,
            "amount": one.major,
            "submitted_by": one.submitter_id or one.submitted_by,
        }
        for one in kept
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in TABLE_BY_NAME["submissions"].columns])
    console.table(frame, out=out, shown=frame[::-1], title=f"{len(frame)} numbers entered, newest first")
