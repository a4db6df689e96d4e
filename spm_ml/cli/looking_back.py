"""Looking back at what was served: replay."""

from __future__ import annotations

from datetime import datetime

import click

from spm_ml.cli.console import Console, on_workspace
from spm_ml.cli.data import as_day, day_option
from spm_ml.errors import DataError


@click.command()
@click.option("--as-of", type=day_option, help="As-of day of the board to rebuild; default: the one published now.")
@click.option("--rep", "rep_id", metavar="ID", help="Rebuild and compare this rep alone.")
@on_workspace
def replay(console: Console, as_of: datetime | None, rep_id: str | None) -> None:
    """Rebuild served numbers from the ledger with their own model version, and say what was restated since.

    Exits with 1 when a number comes out otherwise although the data and settings are those of then.
    """
    from spm_ml.replay import replay as run
    from spm_ml.replay import report

    with console.step("replay"):
        found = run(console.workspace, as_of=as_day(as_of), rep_id=rep_id, progress=console.progress)
    console.say(report(found))
    console.answer(found.to_json())
    if found.broken and found.identity is not None:
        count = len(found.identity.differences)
        raise DataError(f"{count:,} values of {found.served.as_of} came out otherwise than they were served")
