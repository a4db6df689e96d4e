"""The audit: verify, export and prune it."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace
from spm_ml.errors import NotReadyError, SpmError

if TYPE_CHECKING:
    from spm_ml.predictions import AuditHead, PredictionStore


@click.group()
def audit() -> None:
    """Who did what: verify the chain, export it, remove what is older than it is kept."""


def _head(context: click.Context, parameter: click.Parameter, value: str | None) -> AuditHead | None:
    from spm_ml.predictions import AuditHead

    if value is None:
        return None
    if not re.fullmatch(r"[0-9a-f]{64}@\d{1,18}", value):
        raise click.BadParameter("it is not HASH@SEQUENCE, as verify prints it", ctx=context, param=parameter)
    digits, _, sequence = value.partition("@")
    return AuditHead(int(sequence), digits)


def _store(console: Console) -> PredictionStore:
    from spm_ml.predictions import PredictionStore

    if not console.workspace.has_predictions:
        raise NotReadyError(f"{console.workspace.root} holds no predictions, so nothing was audited yet")
    return PredictionStore.of(console.workspace)


@audit.command()
@click.option("--head", callback=_head, metavar="HASH@SEQ", help="An earlier head; it must still be in the trail.")
@on_workspace
def verify(console: Console, head: AuditHead | None) -> None:
    """Check that no line was changed, removed, added or moved, and that decisions and cases are as recorded."""
    with _store(console) as store:
        check = store.audit.check(remembered=head)
    console.answer(asdict(check) | {"intact": check.intact})
    if check.checkpoint.checkpoint_id:
        console.say(f"Retention removed the lines up to {check.checkpoint.through_sequence}.")
    for problem in check.problems:
        console.say(str(problem))
    if not check.intact:
        raise SpmError(f"the audit is not as it was written: {check.problems[0]}")
    console.say(f"{check.lines:,} lines verify. Remember the head: {check.head}")


@audit.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A .jsonl file, or .csv to look at."
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Only lines from this day (UTC) on.")
@on_workspace
def export(console: Console, out: Path, since: datetime | None) -> None:
    """Write the lines to a file, with their hashes."""
    from spm_ml.predictions.audit_export import export_audit

    with _store(console) as store:
        entries = store.audit.entries(since=None if since is None else since.replace(tzinfo=UTC))
        count = export_audit(entries, out)
    console.log(f"{count:,} lines written to {out}")
    console.answer({"lines": count, "out": str(out)})


@audit.command()
@click.option("--dry-run/--yes", default=None, help="Say what would go, or remove it.")
@on_workspace
def prune(console: Console, dry_run: bool | None) -> None:
    """Remove what is older than the organisation's `retention` keeps it; the audit records that."""
    retention = console.workspace.organisation().retention
    if dry_run is None:
        raise click.UsageError("say --dry-run to see what would go, or --yes to remove it")
    with _store(console) as store:
        found = store.audit.prune(retention, actor="operator", dry_run=dry_run)
    console.answer(asdict(found) | {"dry_run": dry_run})
    words = ", ".join(f"{count:,} {name}" for name, count in asdict(found).items() if count) or "nothing"
    console.say(f"{'Would remove' if dry_run else 'Removed'}: {words}")
