"""Derived tables of a workspace, kept beside its tables, so that no build derives what an earlier one did.

The ledger and what follows from it need windows over the whole history of every deal. They change with the tables,
the settings and the code alone, so they are written once, sorted by rep, under a name that holds the hash of each.

Where little has changed since an earlier state, a table is that state's file, linked, less the rows that no longer
count, and a small file of those that came (`Levels`). Once the small file is no longer small, both become one.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq

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

MERGED_FROM: Final = 0.1
"""Share of the rows from which on those that came are no longer kept apart."""

LEVEL, ROW = "_level", "_row"
"""Where a row is: in the large file (0) or the small one (1), and its number in it."""

_KEPT: Final = 2
"""Folders that stay: the newest, and the one that a running build may still read."""


@dataclass(frozen=True)
class Levels:
    """The files of a table.

    Attributes:
        base: Most of its rows.
        newer: Rows that came since; None = none.
        gone: Numbers of the rows of `base` that no longer count; None = all count.
        differing: What differs between versions of the tables, since `known_from`; None = nothing.
        known_from: The version after which differences are on record.
    """

    base: str
    newer: str | None = None
    gone: str | None = None
    differing: str | None = None
    known_from: int = 0


@dataclass(frozen=True)
class Changes:
    """What makes a table of an earlier state one of this.

    Attributes:
        gone: `LEVEL` and `ROW` of the rows that no longer count.
        come: Rows that came.
        differing: Of whom rows differ, and since when: columns of `spm_ml.history.earlier.DIFFERING`.
    """

    gone: ir.Table
    come: ir.Table
    differing: ir.Table


@dataclass(frozen=True)
class DerivedTables:
    """Derived tables of one state of a workspace.

    Attributes:
        folder: Where those of every state are.
        data_hash: Names the state: the content of the tables and the settings they are read with.
        version: Its version of the tables.
    """

    folder: Path
    data_hash: str
    version: int

    def table(self, engine: DuckDBEngine, name: str, derive: Derive, order: Sequence[str]) -> ir.Table:
        """The table of that name, derived and written unless it is there.

        Args:
            engine: Reads and writes it.
            name: Names the table.
            derive: Says what it is.
            order: Columns that its rows are sorted by, so that readers of some reps skip the rest.
        """
        if self._levels(name) is None:
            with derive() as rows:
                try:
                    self._publish(name, Levels(self._write(engine, name, rows, order), known_from=self.version))
                except OSError:  # the workspace may only be read
                    return engine.keep(name, rows)
        return self.read(engine, name)

    def changed(
        self, engine: DuckDBEngine, name: str, before: "DerivedTables", changes: Changes, order: Sequence[str]
    ) -> ir.Table | None:
        """The table of that name, made of an earlier state's; None where that cannot be written.

        Args:
            engine: Reads and writes it.
            name: Names the table.
            before: The tables of the earlier state.
            changes: What makes it one of this state.
            order: As for `table`.
        """
        try:
            levels = self._layered(engine, name, before, changes, order)
            if _count(self._folder / str(levels.newer)) > MERGED_FROM * _count(self._folder / levels.base):
                together = self._write(engine, name, self._read(engine, name, levels), order)
                levels = Levels(together, differing=levels.differing, known_from=levels.known_from)
            self._publish(name, levels)
        except OSError:
            return None
        return self.read(engine, name)

    def read(self, engine: DuckDBEngine, name: str) -> ir.Table:
        """The table of that name, which is there."""
        levels = self._levels(name)
        assert levels is not None, name  # noqa: S101 — callers have looked
        return self._read(engine, name, levels)

    def placed(self, engine: DuckDBEngine, name: str) -> ir.Table:
        """The same with the place of each row: `LEVEL` and `ROW`."""
        levels = self._levels(name)
        assert levels is not None, name  # noqa: S101 — callers have looked
        parts = [self._base(engine, name, levels).mutate(**{LEVEL: ibis.literal(0, "int64")})]
        if levels.newer is not None:
            newer = self._numbered(engine, f"{name}_newer", levels.newer)
            parts.append(newer.mutate(**{LEVEL: ibis.literal(1, "int64")}))
        return ibis.union(*parts) if len(parts) > 1 else parts[0]

    def differing(self, engine: DuckDBEngine, name: str, since: int) -> ir.Table | None:
        """What differs in a table since a version; None = it is not on record.

        Returns:
            Columns of `spm_ml.history.earlier.DIFFERING`.
        """
        levels = self._levels(name)
        if levels is None or levels.known_from > since or levels.differing is None:
            return None
        rows = self._file(engine, f"{name}_differing", levels.differing)
        return rows.filter(rows.version > since)

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
        return self.facts is not None and all(self._levels(name) is not None for name in NAMES)

    def _levels(self, name: str) -> Levels | None:
        try:
            return Levels(**json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def _folder(self) -> Path:
        return self.folder / f"{definition_hash(*_MADE_BY)[:16]}-{self.data_hash}"

    def _layered(
        self, engine: DuckDBEngine, name: str, before: "DerivedTables", changes: Changes, order: Sequence[str]
    ) -> Levels:
        """Writes what came and what went beside a link to the earlier state's file."""
        then = before._levels(name)
        if then is None:
            raise FileNotFoundError(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.link(before._folder / then.base, self._folder / then.base)
        come, differing = changes.come, changes.differing
        gone = changes.gone.filter(changes.gone[LEVEL] == 0).select(ROW)
        if then.newer is not None:
            went = changes.gone.filter(changes.gone[LEVEL] == 1).select(ROW)
            newer = before._numbered(engine, f"{name}_newer", then.newer)
            come = newer.anti_join(went, ROW).drop(ROW).select(*come.columns).union(come)
        if then.gone is not None:
            gone = before._file(engine, f"{name}_gone", then.gone).union(gone)
        if then.differing is not None:
            differing = before._file(engine, f"{name}_differing", then.differing).union(differing)
        return Levels(
            then.base,
            newer=self._write(engine, f"{name}-newer", come, order),
            gone=self._write(engine, f"{name}-gone", gone, [ROW]),
            differing=self._write(engine, f"{name}-differing", differing, ["version", "rep_id"]),
            known_from=then.known_from,
        )

    def _write(self, engine: DuckDBEngine, name: str, rows: ir.Table, order: Sequence[str]) -> str:
        """Writes a file, sorted, which counts once it is named by the table's levels; its name.

        Raises:
            OSError: The workspace may only be read.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{name}-{uuid4().hex[:8]}.parquet"
        try:
            engine.write(rows.order_by(*order), file)
        except BaseException:
            with suppress(OSError):
                file.unlink()
            raise
        return file.name

    def _publish(self, name: str, levels: Levels) -> None:
        """Says which files a table is, and forgets older states."""
        write_whole(self._folder / f"{name}.json", json.dumps(asdict(levels)))
        folders = sorted(self.folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in folders[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)

    def _read(self, engine: DuckDBEngine, name: str, levels: Levels) -> ir.Table:
        if levels.gone is None:
            rows = self._file(engine, name, levels.base)
        else:
            rows = self._base(engine, name, levels).drop(ROW)
        if levels.newer is None:
            return rows
        return rows.union(self._file(engine, f"{name}_newer", levels.newer).select(*rows.columns))

    def _base(self, engine: DuckDBEngine, name: str, levels: Levels) -> ir.Table:
        """The rows of the large file that count, with their numbers."""
        rows = self._numbered(engine, name, levels.base)
        if levels.gone is None:
            return rows
        return rows.anti_join(self._file(engine, f"{name}_gone", levels.gone), ROW)

    def _numbered(self, engine: DuckDBEngine, name: str, file: str) -> ir.Table:
        paths = quote_paths([self._folder / file])
        sql = f"SELECT * RENAME (file_row_number AS {ROW}) FROM read_parquet({paths}, file_row_number = true)"  # noqa: S608
        return engine.read(name, sql)

    def _file(self, engine: DuckDBEngine, name: str, file: str) -> ir.Table:
        return engine.read(name, f"SELECT * FROM read_parquet({quote_paths([self._folder / file])})")  # noqa: S608


def _count(file: Path) -> int:
    return int(pq.read_metadata(file).num_rows)
