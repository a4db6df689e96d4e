# ruff: noqa: S608 — every name, text and path is quoted
"""The log of everything that was wrong, kept in DuckDB, and the quarantine files written from it."""

from pathlib import Path
from typing import Any, Final

import duckdb

from spm_ml.history.store import quote_paths, quote_text
from spm_ml.sources.raw import RawFile
from spm_ml.sources.report import SHOWN_FINDINGS, BrokenRule, Finding
from spm_ml.sources.rules import Hint, Rule
from spm_ml.tables import PROTECTED_TABLES, TABLES, Table

_HINTED_VALUES: Final = 200
_PROTECTED: Final = ", ".join(quote_text(table) for table in sorted(PROTECTED_TABLES))


class FindingLog:
    """Collects findings without holding them in memory.

    Args:
        connection: DuckDB database that receives them.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._inputs: list[tuple[int, RawFile]] = []
        connection.execute(
            "CREATE TABLE findings (kind VARCHAR, table_name VARCHAR, source INTEGER, line BIGINT, "
            "column_name VARCHAR, value VARCHAR, rule VARCHAR, remedy VARCHAR)"
        )
        connection.execute("CREATE TABLE inputs (source INTEGER, file VARCHAR)")
        connection.execute("CREATE TABLE records (source INTEGER, line BIGINT, record VARCHAR)")

    def register(self, raw: RawFile) -> int:
        """Gives the number by which findings name this reading of a file."""
        number = len(self._inputs)
        self._inputs.append((number, raw))
        self._connection.execute("INSERT INTO inputs VALUES (?, ?)", [number, raw.name])
        return number

    def add_rejects(self, table: str, source: int, raw: RawFile) -> int:
        """Takes note of the records that could not be split into cells, and tells how many there are."""
        if raw.rejected:
            remedy = "quote cells that hold the separator, a quote or a line break, and give every column a cell"
            self._connection.execute(
                f"INSERT INTO findings SELECT 'row', ?, ?, line, '', record, problem, ? FROM {raw.rejects}",
                [table, source, remedy],
            )
            self._connection.execute(f"INSERT INTO records SELECT ?, line, record FROM {raw.rejects}", [source])
        return raw.rejected

    def add(self, table: str, rule: Rule, relation: str, *, kind: str = "row", value: str | None = None) -> int:
        """Takes note of the rows of a relation that break a rule, and tells how many there are.

        Args:
            table: Table of the contract.
            rule: What they break.
            relation: Has `_source`, `_line` and the columns that the rule names.
            kind: `row` or `cell`.
            value: SQL of the value found; the text of the rule's column if None.
        """
        found = value or (f"t_{rule.column}" if rule.column else "NULL")
        added = self._connection.execute(
            f"INSERT INTO findings SELECT ?, ?, _source, _line, ?, {found}, ?, ? FROM {relation} WHERE {rule.failing}",
            [kind, table, rule.column, rule.name, rule.remedy],
        ).fetchone()
        count = int(added[0]) if added else 0
        if count and rule.hint:
            self._add_hints(table, rule, rule.hint)
        return count

    def add_repeats(self, table: Table, relation: str) -> None:
        """Takes note of the rows whose key occurred before (`first_source`, `first_line`)."""
        rule = "must occur once" + (f" with its {' and '.join(table.key[1:])}" if len(table.key) > 1 else "")
        self._connection.execute(
            f"INSERT INTO findings SELECT 'row', ?, _source, _line, ?, found, ?, "
            f"'keep one of the rows: ' || file || ', line ' || first_line || ' holds it already' "
            f"FROM {relation} JOIN inputs ON inputs.source = first_source",
            [table.name, table.key[0], rule],
        )

    def _add_hints(self, table: str, rule: Rule, hint: Hint) -> None:
        where = "table_name = ? AND column_name = ? AND rule = ?"
        key = [table, rule.column, rule.name]
        values = self._connection.execute(
            f"SELECT DISTINCT value FROM findings WHERE {where} ORDER BY value LIMIT {_HINTED_VALUES}", key
        ).fetchall()
        for (value,) in values:
            if text := hint(value):
                self._connection.execute(
                    f"UPDATE findings SET remedy = remedy || ? WHERE {where} AND value = ?", [text, *key, value]
                )

    def example(self, table: str, column: str, rule: str) -> Finding:
        """The first finding of a rule."""
        return self._read("WHERE table_name = ? AND column_name = ? AND rule = ?", [table, column, rule], 1)[0]

    def broken_rules(self) -> tuple[BrokenRule, ...]:
        """Every rule that was broken, in the contract's order."""
        groups = self._connection.execute(
            "SELECT table_name, column_name, rule, rows FROM (SELECT table_name, column_name, rule, count(*) AS rows, "
            f"min(kind) AS kind, '' AS file, 0 AS line FROM findings GROUP BY ALL) {_order()}"
        ).fetchall()
        return tuple(BrokenRule(rows, self.example(table, column, rule)) for table, column, rule, rows in groups)

    def total(self) -> int:
        """How many findings there are."""
        row = self._connection.execute("SELECT count(*) FROM findings").fetchone()
        return int(row[0]) if row else 0

    def first(self) -> tuple[Finding, ...]:
        """The findings that a report shows; values of protected tables are not among them."""
        return self._read("", [], SHOWN_FINDINGS)

    def _read(self, where: str, parameters: list[Any], count: int) -> tuple[Finding, ...]:
        rows = self._connection.execute(
            "SELECT kind, table_name, file, line, column_name, "
            f"CASE WHEN table_name IN ({_PROTECTED}) AND column_name <> 'rep_id' THEN '(protected)' ELSE value END, "
            f"rule, remedy FROM findings JOIN inputs USING (source) {where} {_order()} LIMIT {count}",
            parameters,
        ).fetchall()
        return tuple(Finding(*row) for row in rows)

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that the same findings always give."""
        row = self._connection.execute(
            "SELECT bit_xor(hash(kind, table_name, file, line, column_name, value, rule)) "
            "FROM findings JOIN inputs USING (source)"
        ).fetchone()
        return f"{int(row[0]) if row and row[0] is not None else 0:016x}"[:8]

    def write(self, folder: Path, *, protected: bool) -> tuple[Path, Path] | None:
        """Writes the findings with their records as Parquet and CSV; None if there are none.

        Args:
            folder: Existing folder for `findings.parquet` and `findings.csv`.
            protected: Those of protected tables, which are kept apart (H23), or those of all others.
        """
        self._collect_records()
        membership = "IN" if protected else "NOT IN"
        query = (
            'SELECT kind, table_name AS "table", file, line, column_name AS "column", value, rule, remedy, record '
            "FROM findings JOIN inputs USING (source) LEFT JOIN records USING (source, line) "
            f"WHERE table_name {membership} ({_PROTECTED}) {_order()}"
        )
        row = self._connection.execute(
            f"SELECT count(*) FROM findings WHERE table_name {membership} ({_PROTECTED})"
        ).fetchone()
        if not row or not row[0]:
            return None
        parquet, text = folder / "findings.parquet", folder / "findings.csv"
        self._connection.execute(f"COPY ({query}) TO {quote_text(str(parquet))} (FORMAT parquet, COMPRESSION zstd)")
        written = f"SELECT * FROM read_parquet({quote_paths([parquet])})"
        self._connection.execute(f"COPY ({written}) TO {quote_text(str(text))} (FORMAT csv, HEADER)")
        return parquet, text

    def _collect_records(self) -> None:
        """Keeps each record as JSON, by the file's own column names, once."""
        self._connection.execute(
            "CREATE TEMP TABLE wanted AS "
            "SELECT DISTINCT source, line FROM findings ANTI JOIN records USING (source, line)"
        )
        for number, raw in self._inputs:
            names = [name or f"column {position + 1}" for position, name in enumerate(raw.header)]
            cells = ", ".join(f"{quote_text(name)}, raw.c{position}" for position, name in enumerate(names))
            self._connection.execute(
                f"INSERT INTO records SELECT {number}, raw._line, json_object({cells}) FROM {raw.relation} AS raw "
                f"SEMI JOIN (SELECT line FROM wanted WHERE source = {number}) AS wanted ON wanted.line = raw._line"
            )
        self._connection.execute("DROP TABLE wanted")


def _order() -> str:
    tables = "[" + ", ".join(quote_text(table.name) for table in TABLES) + "]"
    return f"ORDER BY kind DESC, list_position({tables}, table_name), file, line, column_name, rule"
