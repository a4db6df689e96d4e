"""Which tables know something else about a day now than when it was forecast: late, corrected and withdrawn rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import ibis.expr.types as ir

from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace
from spm_ml.tables import PROTECTED_TABLES, TABLE_BY_NAME

_OF_DEALS: Final = (
    "opportunity_id",
    "recorded_on",
    "event_on",
    "rep_id",
    "stage",
    "outcome",
    "amount",
    "expected_close_on",
    "created_on",
)
"""Columns of the ledger by which a deal is compared. Its row in `opportunities` is overwritten by every export."""


@dataclass(frozen=True)
class LateRows:
    """How one table differs as known on a day.

    A deal counts under `opportunities` once, however many of its changes differ.

    Attributes:
        table: The table.
        gained: Rows, recorded by that day, that were not there then.
        changed: Rows with the same key and another content.
        withdrawn: Rows that are gone.
    """

    table: str
    gained: int
    changed: int
    withdrawn: int

    def text(self) -> str:
        """The counts that are not zero, in words."""
        counts = ((self.gained, "came in late"), (self.changed, "corrected"), (self.withdrawn, "withdrawn"))
        return f"{self.table}: {', '.join(f'{count:,} {what}' for count, what in counts if count)}"


def tables_since(workspace: Workspace, version: int) -> tuple[str, ...]:
    """Names the tables that a later ingest than `version` brought anything for.

    With any of them go the deals: a deal without a recorded day counts as recorded on the day of the export.
    """
    later = {name for entry in TableStore(workspace).versions() if entry.version > version for name in entry.parts}
    later -= PROTECTED_TABLES
    return tuple(name for name in TABLE_BY_NAME if later and name in later | {"opportunities"})


def keep_rows(known: SalesHistory, tables: Sequence[str], folder: Path, *, progress: Progress = silent) -> None:
    """Writes the rows of the tables that a history shows, one Parquet file a table, for `late_rows`."""
    for done, name in enumerate(tables, start=1):
        _content(known, name).to_parquet(_file(folder, name))
        progress("keep rows", done, len(tables))


def late_rows(
    known: SalesHistory, tables: Sequence[str], folder: Path, *, progress: Progress = silent
) -> tuple[LateRows, ...]:
    """Compares what a history shows with what `keep_rows` wrote of an earlier version of it, as of the same day.

    Returns:
        One entry a table that differs.
    """
    found = []
    for done, name in enumerate(tables, start=1):
        then, now = known.engine.backend.read_parquet(_file(folder, name)), _content(known, name)
        keys = ["opportunity_id"] if name == "opportunities" else list(TABLE_BY_NAME[name].key)
        with then.cast(now.schema()).cache() as before, now.cache() as after:
            rows = _compared(name, before, after, keys)
        if rows.gained or rows.changed or rows.withdrawn:
            found.append(rows)
        progress("late rows", done, len(tables))
    return tuple(found)


def _content(known: SalesHistory, name: str) -> ir.Table:
    return known.ledger.select(*_OF_DEALS) if name == "opportunities" else known.table(name)


def _compared(name: str, before: ir.Table, after: ir.Table, keys: Sequence[str]) -> LateRows:
    came, went = after.difference(before, distinct=False), before.difference(after, distinct=False)
    touched = came.select(*keys).union(went.select(*keys), distinct=True)
    was, new = _known(touched, before, keys, known=True), _known(touched, before, keys, known=False)
    withdrawn = _known(was, after, keys, known=False).count().execute()
    return LateRows(name, int(new.count().execute()), int(was.count().execute() - withdrawn), int(withdrawn))


def _known(touched: ir.Table, rows: ir.Table, keys: Sequence[str], *, known: bool) -> ir.Table:
    """Keys that some of the rows have, or none has."""
    own = rows.select(*keys).distinct()
    same = [touched[key].identical_to(own[key]) for key in keys]
    return touched.semi_join(own, same) if known else touched.anti_join(own, same)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"
