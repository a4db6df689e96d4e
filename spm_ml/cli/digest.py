"""The weekly mail: digest."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, needs_application, on_workspace
from spm_ml.cli.data import as_day, day_option
from spm_ml.errors import RemoteError

if TYPE_CHECKING:
    from spm_ml.predictions.digests import Way


@click.command()
@click.option("--to", "way", type=click.Choice(["smtp", "webhook", "folder"]), default="smtp", show_default=True)
@click.option("--day", type=day_option, help="A day of the week that it is for; default: today.")
@on_workspace
def digest(console: Console, way: Way, day: datetime | None) -> None:
    """Send everybody with an email address what is new, once a week: run it each Monday, and again after a failure.

    A manager gets the team, a rep the own week, HR the programs, in the words of their pages and under the same rules.
    """
    with needs_application("serving"):
        from serving.digest.run import send_digests

    with console.step("digest"):
        report = send_digests(console.workspace, way, day=as_day(day), progress=console.progress)
    console.say(report.text())
    console.answer(report.to_json())
    if report.failed:
        raise RemoteError(
            f"{len(report.failed)} were refused; mend what it says and run it again: the others got theirs"
        )
