"""Who carries the burden and who gets the benefit: fairness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option

if TYPE_CHECKING:
    from spm_ml.fairness import Audit

SHOWN = ["measure", "attribute", "group", "people", "rate", "ratio", "ratio_low", "ratio_high", "finding"]


def warn_of_groups(console: Console) -> None:
    """Audits what was just published, if the settings let it, and warns of who is clear of chance beyond four fifths.

    The audit is stored beside the batch.
    """
    from spm_ml.errors import NotReadyError
    from spm_ml.fairness import audit_published

    try:
        if not console.workspace.organisation().fairness.audit_published:
            return
        found = audit_published(console.workspace)
    except NotReadyError:
        return
    _warn(console, found.audit)


def _warn(console: Console, found: Audit) -> None:
    for warning in found.warnings():
        console.log(f"clearly beyond four fifths: {warning}")


@click.command()
@click.option(
    "--rows",
    "rows_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write who is behind the table, .csv or .parquet; refused in aggregation-only mode.",
)
@out_option
@on_workspace
def fairness(console: Console, rows_file: Path | None, out: Path | None) -> None:
    """Burden (flags) and benefit (offers) of the published batch by protected group, with exact intervals.

    What readers of the planner may know of it is stored beside the batch.
    """
    from spm_ml.cli.console import write_table
    from spm_ml.errors import ConfigurationError
    from spm_ml.fairness import audit_published

    settings = console.workspace.organisation().fairness
    if rows_file is not None and settings.aggregation_only:
        raise ConfigurationError(
            "rows about single persons stay where they are in aggregation-only mode: leave --rows out, or set "
            f"fairness.aggregation_only to false in {console.workspace.organisation_file} if you may"
        )
    with console.step("fairness"):
        found = audit_published(console.workspace).audit
    for note in found.notes:
        console.log(f"note: {note}")
    if found.abstention is not None:
        console.log(found.abstention.detail)
    _warn(console, found)
    if rows_file is not None:
        write_table(found.rows, rows_file)
        console.log(f"{len(found.rows)} rows written to {rows_file}")
    console.table(
        found.table,
        out=out,
        shown=found.table[SHOWN],
        most=200,
        title="Burden and benefit by protected group; a ratio below 1 is to the group's disadvantage",
    )
