# ruff: noqa: S608 — every name and text is quoted
"""Assembles the records of each table from the files that a mapping names, and collects what makes it impossible."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import duckdb

from spm_ml.errors import DataError, did_you_mean
from spm_ml.history.store import quote_name
from spm_ml.sources.expressions import RecordSelect
from spm_ml.sources.findings import FindingLog
from spm_ml.sources.folder import SourceFolder
from spm_ml.sources.mapping import ColumnSource, FileFormat, Lookup, Mapping, TableSource
from spm_ml.sources.raw import RawFile, RawReader
from spm_ml.sources.report import Assumption
from spm_ml.sources.validation import TableInput
from spm_ml.tables import Table


@dataclass
class Assembled:
    """The records of one table.

    Attributes:
        given: What validation reads.
        records: Records of its files, before the mapping's filters.
        files: The files that were read.
        absent: The export has no such table.
        usable: Nothing required is missing.
    """

    given: TableInput
    records: int = 0
    files: list[RawFile] = field(default_factory=list)
    absent: bool = False
    usable: bool = True


class Assembler:
    """Reads what a mapping declares.

    Args:
        connection: DuckDB database that receives the records.
        reader: Reads each file once.
        folder: The source.
        mapping: What the files mean.
        log: Receives the records that cannot be split into cells.

    Attributes:
        problems: What makes the ingest impossible; each names file, column and remedy.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        reader: RawReader,
        folder: SourceFolder,
        mapping: Mapping,
        log: FindingLog,
    ) -> None:
        self.problems: list[str] = []
        self._connection = connection
        self._reader = reader
        self._folder = folder
        self._mapping = mapping
        self._log = log
        self._used: dict[str, set[int]] = defaultdict(set)
        self._lookups: dict[Lookup, str | None] = {}

    def assemble(self, table: Table, *, loaded: bool) -> Assembled | None:
        """The records of a table; None if the source does not hold it.

        Args:
            table: Table of the contract.
            loaded: The workspace holds the table already.
        """
        sources = [
            (source, path)
            for source in self._mapping.tables.get(table.name, ())
            for path in self._folder.matching(source.file)
        ]
        if not sources:
            return self._missing(table, loaded=loaded)
        before = len(self.problems)
        if self._mapping.exact:
            self._refuse_two_kinds(table)
        selects: list[str] = []
        asides: list[tuple[str, str]] = []
        assembled = Assembled(TableInput(table, f"given_{table.name}"))
        rejected, counted = 0, set[str]()
        for source, path in sources:
            form = source.format or self._mapping.format
            try:
                raw = self._reader.read(path, form, self._expected(source))
            except DataError as error:
                self.problems.append(str(error))
                continue
            number = self._log.register(raw)
            if raw.name not in counted:
                rejected += self._log.add_rejects(table.name, number, raw)
                counted.add(raw.name)
                assembled.files.append(raw)
            select = RecordSelect(raw, self._mapping.exact, form, self._find_lookup)
            self._require_columns(table, source, select)
            selects.append(select.sql(table, source, number, len(asides)))
            asides += [(reason.reason, reason.remedy) for reason in source.set_aside]
            self._used[raw.name] |= select.used
            assembled.records += raw.records
        if not selects:
            return None
        self._connection.execute(f"CREATE VIEW given_{table.name} AS {' UNION ALL '.join(selects)}")
        assembled.given = TableInput(table, f"given_{table.name}", rejected, tuple(asides))
        assembled.usable = len(self.problems) == before
        return assembled

    def assumptions(self, table: Table) -> tuple[Assumption, ...]:
        """Counts the cells that the mapping filled by a default."""
        made = []
        for column in table.columns:
            declared = [
                origin
                for source in self._mapping.tables.get(table.name, ())
                if (origin := source.columns.get(column.name)) is not None and origin.default is not None
            ]
            if declared:
                row = self._connection.execute(
                    f"SELECT count(*) FROM given_{table.name} WHERE {quote_name('?' + column.name)}"
                ).fetchone()
                if row and row[0]:
                    values = ", ".join(sorted({str(origin.default) for origin in declared}))
                    notes = "; ".join(dict.fromkeys(origin.note for origin in declared))
                    made.append(Assumption(column.name, values, int(row[0]), notes))
        return tuple(made)

    def unknown_columns(self, files: Collection[RawFile], table: Table) -> tuple[str, ...]:
        """Columns of the files that no table uses."""
        names = [column.name for column in table.columns]
        return tuple(
            f"{raw.name}: {name or f'column {position + 1}'}{did_you_mean(name, names) if self._mapping.exact else ''}"
            for raw in files
            for position, name in enumerate(raw.header)
            if position not in self._used[raw.name]
        )

    def _missing(self, table: Table, *, loaded: bool) -> Assembled | None:
        if not table.required or loaded:
            return None
        if table.name not in self._mapping.may_be_absent:
            patterns = [pattern for source in self._mapping.tables.get(table.name, ()) for pattern in source.file]
            names = [path.relative_to(self._folder.root).as_posix() for path in self._folder.paths]
            self.problems.append(
                f"no file for the required table {table.name}: expected {' or '.join(patterns[:3])}"
                f"{did_you_mean(f'{table.name}.csv', names)}"
            )
            return None
        columns = ", ".join(f"NULL::VARCHAR AS {column.name}" for column in table.columns)
        self._connection.execute(
            f"CREATE VIEW given_{table.name} AS "
            f"SELECT 0 AS _source, 0::BIGINT AS _line, NULL::INTEGER AS _aside, {columns} WHERE false"
        )
        return Assembled(TableInput(table, f"given_{table.name}"), absent=True)

    def _refuse_two_kinds(self, table: Table) -> None:
        patterns = self._mapping.tables[table.name][0].file
        kinds = [
            found[0].relative_to(self._folder.root).as_posix()
            for each in patterns
            if (found := self._folder.matching([each]))
        ]
        if len(kinds) > 1:
            self.problems.append(f"{table.name} is there more than once: {' and '.join(kinds)}; keep one of them")

    def _expected(self, source: TableSource) -> frozenset[str]:
        return frozenset(
            name.lower()
            for column in source.columns.values()
            for name in (*column.source, *_nested_names(column.first_of))
        )

    def _require_columns(self, table: Table, source: TableSource, select: RecordSelect) -> None:
        """A foreign export may lack a column of an optional table; then its rows are quarantined."""
        if not (table.required or self._mapping.exact):
            return
        header = [name for name in select.raw.header if name]
        for column in table.required_columns:
            origin = source.columns.get(column)
            if origin is None or not select.resolves(origin):
                hint = "; is the separator right?" if len(header) == 1 else ""
                self.problems.append(
                    f"{select.raw.name} lacks the required column {column}{did_you_mean(column, header)}: "
                    f"it has {', '.join(header[:30])}{hint}"
                )

    def _find_lookup(self, lookup: Lookup) -> str | None:
        if lookup not in self._lookups:
            self._lookups[lookup] = self._load_lookup(lookup, f"values_{len(self._lookups)}")
        return self._lookups[lookup]

    def _load_lookup(self, lookup: Lookup, relation: str) -> str | None:
        form = self._mapping.format
        for path in self._folder.matching(lookup.file):
            try:
                raw = self._reader.read(path, form, frozenset(name.lower() for name in (*lookup.key, *lookup.value)))
            except DataError as error:
                self.problems.append(str(error))
                continue
            select = RecordSelect(raw, self._mapping.exact, FileFormat(), lambda nested: None)  # noqa: ARG005
            key = next((cell for name in lookup.key if (cell := select.cell(name))), None)
            value = next((cell for name in lookup.value if (cell := select.cell(name))), None)
            if key is None or value is None:
                continue
            self._used[raw.name] |= select.used
            taken = {
                "first": f"arg_min({value}, raw._line)",
                "last": f"arg_max({value}, raw._line)",
                "min": f"min({value})",
                "max": f"max({value})",
            }[lookup.take]
            self._connection.execute(
                f"CREATE TABLE {relation} AS SELECT {key} AS key, {taken} AS value FROM {raw.relation} AS raw "
                f"WHERE {key} IS NOT NULL AND {value} IS NOT NULL GROUP BY ALL"
            )
            return relation
        return None


def _nested_names(sources: Collection[ColumnSource]) -> list[str]:
    return [name for source in sources for name in (*source.source, *_nested_names(source.first_of))]
