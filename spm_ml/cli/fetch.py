"""From Salesforce and HubSpot to export files: fetch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace

if TYPE_CHECKING:
    from spm_ml.connectors import System

SYSTEMS = click.Choice(["salesforce", "hubspot"])


@click.command()
@click.argument("system", type=SYSTEMS)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the export files; the same one each time.",
)
@click.option("--mapping", help="What will read them: a YAML file; default: the built-in mapping of the system.")
@click.option("--full", is_flag=True, help="Fetch everything anew, not only what has changed.")
@on_workspace
def fetch(console: Console, system: System, folder: Path, mapping: str | None, full: bool) -> None:
    """Fetch what has changed in a CRM and write export files for `spm ingest DIR --mapping SYSTEM --replace`.

    How it is reached stands in `connectors.yaml` in the workspace. After a kill or a limit, run it again: it goes on.
    """
    from spm_ml.connectors import fetch as run

    with console.step(f"fetch {system}"):
        report = run(system, console.workspace, folder, mapping=mapping, full=full, progress=console.progress)
    console.say(report.text())
    console.answer(report.to_json())
