"""Rows from the declared sources: pull."""

from __future__ import annotations

import click

from spm_ml.cli.console import Console, on_workspace
from spm_ml.cli.data import derive
from spm_ml.errors import DataError


@click.command()
@click.argument("names", nargs=-1, metavar="[SOURCE]…")
@click.option("--full", is_flag=True, help="Read everything anew, and remove rows that a source no longer holds.")
@on_workspace
def pull(console: Console, names: tuple[str, ...], full: bool) -> None:
    """Read what is new in the folders and databases of `sources.yaml`; without a SOURCE, in all of them."""
    from spm_ml.sources import pull as run

    with console.step("pull"):
        pulled = run(console.workspace, names, full=full, progress=console.progress)
    if any(one.versions for one in pulled):
        with console.step("derive"):
            derive(console)
    for one in pulled:
        console.say(one.text())
    if not pulled:
        console.say(f"nothing to read: {console.workspace.root / 'sources.yaml'} declares no source")
    console.answer([one.to_json() for one in pulled])
    failed = [f"{one.source}: {one.problem}" for one in pulled if one.problem is not None]
    if failed:
        raise DataError(f"not every source could be read: {'; '.join(failed)}")
