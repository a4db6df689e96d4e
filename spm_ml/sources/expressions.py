# ruff: noqa: S608 — every name, text and path is quoted
"""Turns what a mapping declares about a file into one SELECT of contract columns, still as text."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from spm_ml.history.store import quote_name, quote_text
from spm_ml.sources.mapping import ColumnSource, Condition, Conditions, FileFormat, Lookup, TableSource
from spm_ml.sources.raw import RawFile
from spm_ml.tables import Column, Table

FindLookup = Callable[[Lookup], str | None]
"""Gives the relation (key, value) of a lookup; None if the export lacks the file or its columns."""

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass
class RecordSelect:
    """Builds the SELECT of one file for one table.

    Attributes:
        raw: The file.
        exact: Column names must match to the letter.
        form: How its numbers are written.
        find_lookup: Finds the relation of a lookup.
        used: Positions of the columns that were read.
    """

    raw: RawFile
    exact: bool
    form: FileFormat
    find_lookup: FindLookup
    used: set[int] = field(default_factory=set)
    _joins: list[str] = field(default_factory=list)

    def sql(self, table: Table, source: TableSource, number: int, first_reason: int) -> str:
        """The records as rows: `_source`, `_line`, `_aside`, a text of each column, and which cells are defaults.

        `_aside` is the number of the first reason for setting the record aside, or NULL.

        Args:
            table: Table of the contract.
            source: What the mapping declares for this file.
            number: `_source` of its rows.
            first_reason: Number of the source's first reason for setting records aside.
        """
        columns = [self._column(column, source.columns.get(column.name)) for column in table.columns]
        aside = " ".join(
            f"WHEN {self.condition(reason.when)} THEN {first_reason + index}"
            for index, reason in enumerate(source.set_aside)
        )
        where = self.condition(source.filter)
        distinct = [cell for name in source.distinct if (cell := self.cell(name)) is not None]
        once = (
            f"QUALIFY row_number() OVER (PARTITION BY {', '.join(distinct)} ORDER BY raw._line) = 1" if distinct else ""
        )
        reason = f"CASE {aside} END" if aside else "NULL"
        return (
            f"SELECT {number} AS _source, raw._line AS _line, {reason}::INTEGER AS _aside, {', '.join(columns)} "
            f"FROM {self.raw.relation} AS raw {' '.join(self._joins)} WHERE {where} {once}"
        )

    def _column(self, column: Column, source: ColumnSource | None) -> str:
        text = self.value(source, with_default=False) if source else "NULL"
        if source and column.type in {"number", "integer", "money"}:
            text = self._number(text, source)
        if source and source.date_formats and column.type in {"date", "timestamp"}:
            parsed = [f"try_strptime({text}, {quote_text(each)})" for each in source.date_formats]
            read = ", ".join(f"CASE WHEN year({each}) >= 1900 THEN {each}::VARCHAR END" for each in parsed)
            text = f"coalesce({read}, {text})"
        default = source.default if source and source.default is not None else None
        assumed = "false" if default is None else f"({text}) IS NULL"
        value = text if default is None else f"coalesce({text}, {quote_text(default)})"
        return f"({value})::VARCHAR AS {quote_name(column.name)}, {assumed} AS {quote_name('?' + column.name)}"

    def _number(self, text: str, source: ColumnSource) -> str:
        """Writes a number the contract's way; one that is not grouped as declared stays as it is and is refused."""
        decimal, thousands = re.escape(self.form.decimal), re.escape(self.form.thousands)
        if self.form.decimal != "." or self.form.thousands:
            grouped = rf"[+-]?\d{{1,3}}({thousands}\d{{3}})+({decimal}\d+)?|" if thousands else ""
            pattern = quote_text(rf"{grouped}[+-]?\d+({decimal}\d+)?")
            bare = f"replace({text}, {quote_text(self.form.thousands)}, '')" if thousands else text
            written = f"replace({bare}, {quote_text(self.form.decimal)}, '.')"
            # What is not written as declared must not be read as another number: 1.5 is not 15, nor 1.5.
            text = (
                f"CASE WHEN regexp_full_match({text}, {pattern}) THEN {written} ELSE {text} || ' (not as declared)' END"
            )
        if source.divide_by:
            text = f"coalesce((try_cast({text} AS DOUBLE) / {source.divide_by!r})::VARCHAR, {text})"
        return text

    def cell(self, name: str) -> str | None:
        """SQL of a cell; None if the file has no such column."""
        position = self.raw.position(name, exact=self.exact)
        if position is None:
            return None
        self.used.add(position)
        return self.raw.cell(position)

    def resolves(self, source: ColumnSource) -> bool:
        """Whether the file can give this column at all."""
        if source.default is not None or source.constant is not None:
            return True
        if source.template is not None:
            return all(self.raw.position(name, exact=self.exact) is not None for name in placeholders(source.template))
        if source.first_of:
            return any(self.resolves(each) for each in source.first_of)
        return any(self.raw.position(name, exact=self.exact) is not None for name in source.source)

    def value(self, source: ColumnSource, *, with_default: bool = True) -> str:
        """SQL of a column's text; NULL where it is empty."""
        text = self._origin(source)
        for lookup in source.lookup:
            text = self._looked_up(lookup, text)
        if source.starts_with is not None:
            text = f"CASE WHEN starts_with({text}, {quote_text(source.starts_with)}) THEN {text} END"
        if source.strip_prefix is not None:
            prefix = quote_text(source.strip_prefix)
            text = f"CASE WHEN starts_with({text}, {prefix}) THEN substr({text}, length({prefix}) + 1) ELSE {text} END"
        if source.length is not None:
            text = f"left({text}, {source.length})"
        if source.lower:
            text = f"lower({text})"
        if source.map:
            text = self._mapped(source, text)
        if source.when:
            text = f"CASE WHEN {self.condition(source.when)} THEN {text} END"
        if source.only_with is not None:
            text = f"CASE WHEN {self.value(source.only_with)} IS NOT NULL THEN {text} END"
        if with_default and source.default is not None:
            text = f"coalesce({text}, {quote_text(source.default)})"
        return text

    def _origin(self, source: ColumnSource) -> str:
        if source.constant is not None:
            return quote_text(source.constant)
        if source.template is not None:
            return self._templated(source.template)
        if source.first_of:
            choices = [self.value(each) for each in source.first_of if self.resolves(each)]
        else:
            choices = [cell for name in source.source if (cell := self.cell(name)) is not None]
        if not choices:
            return "NULL::VARCHAR"
        return choices[0] if len(choices) == 1 else f"coalesce({', '.join(choices)})"

    def _templated(self, template: str) -> str:
        pieces = _PLACEHOLDER.split(template)
        parts = [
            (self.cell(piece) or "NULL") if index % 2 else quote_text(piece)
            for index, piece in enumerate(pieces)
            if piece
        ]
        return f"({' || '.join(parts)})"

    def _mapped(self, source: ColumnSource, text: str) -> str:
        cases = " ".join(
            f"WHEN {quote_text(found.lower())} THEN nullif({quote_text(given)}, '')"
            for found, given in source.map.items()
        )
        other = text if source.other is None else f"nullif({quote_text(source.other)}, '')"
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE CASE lower({text}) {cases} ELSE {other} END END"

    def _looked_up(self, lookup: Lookup, text: str) -> str:
        relation = self.find_lookup(lookup)
        if relation is None:
            return "NULL::VARCHAR"
        alias = f"lookup_{len(self._joins)}"
        self._joins.append(f"LEFT JOIN {relation} AS {alias} ON {alias}.key = {text}")
        return f"{alias}.value"

    def condition(self, conditions: Conditions) -> str:
        """SQL that tells whether a record passes all tests; never NULL."""
        tests = [
            self._test(
                next((cell for each in name.split("|") if (cell := self.cell(each.strip()))), "NULL::VARCHAR"), test
            )
            for name, test in conditions.items()
        ]
        return " AND ".join(f"coalesce({test}, false)" for test in tests) or "true"

    def _test(self, cell: str, test: Condition) -> str:
        parts = []
        if test.any_of:
            parts.append(f"lower({cell}) IN ({', '.join(quote_text(each.lower()) for each in test.any_of)})")
        if test.none_of:
            listed = ", ".join(quote_text(each.lower()) for each in test.none_of)
            parts.append(f"({cell} IS NULL OR lower({cell}) NOT IN ({listed}))")
        if test.starts_with is not None:
            parts.append(f"starts_with({cell}, {quote_text(test.starts_with)})")
        if test.present is not None:
            parts.append(f"{cell} IS {'NOT NULL' if test.present else 'NULL'}")
        return " AND ".join(parts) or "true"


def placeholders(template: str) -> list[str]:
    """The columns that a template names."""
    return _PLACEHOLDER.findall(template)
