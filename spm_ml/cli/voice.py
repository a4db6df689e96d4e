"""What people said in the product, as data again: assessments."""

from __future__ import annotations

from pathlib import Path

import click

from spm_ml.cli.console import Console, on_workspace, out_option

ASSESSMENT_COLUMNS = ["rep_id", "skill", "assessed_on", "score", "assessor"]
"""Of the data contract's table."""


@click.command()
@out_option
@on_workspace
def assessments(console: Console, out: Path | None) -> None:
    """Skill ratings that reps and managers gave in the product, as the data contract's table `assessments`.

    Write them into assessments.csv and give that file to 'spm ingest': the next offers are made with them. Who was not
    sure gave no rating; of several ratings of a skill in a period the last one counts.
    """
    import pandas as pd

    from spm_ml.predictions import PredictionStore

    with PredictionStore.of(console.workspace) as store:
        table = pd.DataFrame(store.assessment_rows(), columns=ASSESSMENT_COLUMNS)
    console.table(table, out=out, shown=table[::-1], title=f"{len(table):,} skill ratings, newest first")
