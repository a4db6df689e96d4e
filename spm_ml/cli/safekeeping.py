"""Keeping the store safe: backup, restore."""

from __future__ import annotations

from pathlib import Path

import click

from spm_ml.cli.console import Console, on_workspace


@click.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The zip file to write; a new one."
)
@click.option("--with-data", is_flag=True, help="Also settings, tables, quarantine and models of the workspace.")
@on_workspace
def backup(console: Console, out: Path, with_data: bool) -> None:
    """Write one file with every row of the store as it is now; the service goes on meanwhile.

    The file holds personal data and is readable by you alone. Note the hash and the audit's head that are printed.
    """
    from spm_ml.backup import backup as run

    with console.step("backup"):
        made = run(console.workspace, out, with_data=with_data, progress=console.progress)
    console.say(made.text())
    console.answer({"file": str(made.file), "sha256": made.sha256, "manifest": made.manifest.model_dump(mode="json")})


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--database", metavar="URL", help="Path or URL of the store; default: the workspace's.")
@click.option("--replace", is_flag=True, help="Lose what the store and the workspace hold now.")
@click.option("--other-tenant", is_flag=True, help="Also a backup of another tenant than the workspace's.")
@on_workspace
def restore(console: Console, file: Path, database: str | None, replace: bool, other_tenant: bool) -> None:
    """Put a backup in place, on SQLite or PostgreSQL, once every hash and the audit agree.

    Stop the service first. Without --replace nothing that is there is touched.
    """
    from spm_ml.backup import restore as run

    with console.step("restore"):
        restored = run(
            file,
            console.workspace,
            database=database,
            replace=replace,
            other_tenant=other_tenant,
            progress=console.progress,
        )
    console.say(restored.text())
    console.answer({"store": restored.store, "manifest": restored.manifest.model_dump(mode="json")})
