"""Derived tables of a workspace, kept beside its tables, so that no build derives what an earlier one did.

The ledger and what follows from it need windows over the whole history of every deal. They change with the tables,
the settings and the code alone, so they are written once, sorted by rep, under a name that holds the hash of each.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import ibis.expr.types as ir

from spm_ml.definition import definition_hash
from spm_ml.history.engines import DuckDBEngine
from spm_ml.history.store import quote_paths
from spm_ml.whole_file import write_whole

Derive = Callable[[], AbstractContextManager[ir.Table]]
"""Gives a table as an expression, and frees what it is computed from when it is left."""

_MADE_BY: Final = ("history", "fiscal.py", "tables.py")
"""Code that derives the tables: what other code wrote is never read."""

NAMES: Final = ("ledger", "bookings", "activity_days")
FACTS: Final = "facts.json"

_KEPT: Final = 2
"""Folders that stay: the newest, and the one that a running build may still read."""


@dataclass(frozen=True)
class DerivedTables:
    """Derived tables of one state of a workspace.

    Attributes:
        folder: Where those of every state are.
        data_hash: Names the state: the content of the tables and the settings they are read with.
    """

    folder: Path
    data_hash: str

    def table(self, engine: DuckDBEngine, name: str, derive: Derive, order: Sequence[str]) -> ir.Table:
        """The table of that name, derived and written unless it is there.

        Args:
            engine: Reads and writes it.
            name: Names the table.
            derive: Says what it is.
            order: Columns that its rows are sorted by, so that readers of some reps skip the rest.
        """
        if not self._file(name).exists():
            with derive() as rows:
                if not self._write(engine, rows.order_by(*order), self._file(name)):
                    return engine.keep(name, rows)
        return self.read(engine, name)

    def read(self, engine: DuckDBEngine, name: str) -> ir.Table:
        """The table of that name, which is there."""
        return engine.read(name, f"SELECT * FROM read_parquet({quote_paths([self._file(name)])})")  # noqa: S608

    @property
    def facts(self) -> dict[str, object] | None:
        """What was said of all tables; None = nothing."""
        try:
            said: dict[str, object] = json.loads((self._folder / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return said

    def state(self, facts: Mapping[str, object]) -> None:
        """Says something of all tables, which are derived after it; where the folder may only be read, nothing."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / FACTS, json.dumps(facts))

    @property
    def complete(self) -> bool:
        """Whether every table is there, and what is said of all."""
        return self.facts is not None and all(self._file(name).exists() for name in NAMES)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.parquet"

    @property
    def _folder(self) -> Path:
        return self.folder / f"{definition_hash(*_MADE_BY)[:16]}-{self.data_hash}"

    def _write(self, engine: DuckDBEngine, rows: ir.Table, file: Path) -> bool:
        """Writes a file whole or not at all; False where the workspace may only be read."""
        pending = file.with_name(f"{file.name}.{uuid4().hex}.pending")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            engine.write(rows, pending)
            os.replace(pending, file)
        except OSError:
            return False
        finally:
            with suppress(OSError):
                pending.unlink()
        folders = sorted(self.folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in folders[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        return True
