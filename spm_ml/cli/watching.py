"""Fresh data as it comes: watch."""

from __future__ import annotations

import time

import click

from spm_ml.cli.console import Console, on_workspace
from spm_ml.errors import BusyError


@click.command()
@click.option("--every", type=click.FloatRange(min=1), default=10.0, show_default=True, help="Seconds between rounds.")
@click.option("--once", is_flag=True, help="One round, for schedulers.")
@on_workspace
def watch(console: Console, every: float, once: bool) -> None:
    """Take in events and what declared sources hold that is new, and score whom it concerns, round after round.

    A round publishes whole or not at all, so it may be killed at any moment. Everybody is scored where a day, the model
    or the settings are new. While `spm refresh` is at work, or the store is away, rounds are left out.
    """
    from spm_ml.intake import freshen
    from spm_ml.predictions import StoreUnavailableError

    before: tuple[object, ...] = ()
    while True:
        begun = time.monotonic()
        try:
            done = freshen(console.workspace, progress=console.progress)
        except (BusyError, StoreUnavailableError) as error:
            if once:
                raise
            console.log(f"left out: {error}")
        else:
            settled = done.events.settled
            if done.said or (settled and settled != before):  # those that wait as before are said once
                console.say(f"{done.events.text()}. {done.said}".strip())
            before = settled
            for problem in done.problems:
                console.log(problem)
            if once:
                console.answer(done.to_json())
                return
        time.sleep(max(0.0, every - (time.monotonic() - begun)))
