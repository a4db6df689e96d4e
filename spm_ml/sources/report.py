"""What an ingest did, for people and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

SHOWN_FINDINGS = 1000
"""Findings that a report carries; the quarantine file holds all."""


@dataclass(frozen=True)
class Finding:
    """One thing that was wrong with one record.

    Attributes:
        kind: `row`: the record was quarantined; `cell`: the record was accepted without this cell.
        table: Table of the contract.
        file: File, relative to the source.
        line: Line on which the record starts; in a Parquet file, the number of the record.
        column: Column of the contract, empty if it concerns the whole record.
        value: What was found.
        rule: What is expected.
        remedy: What to do about it.
    """

    kind: Literal["row", "cell"]
    table: str
    file: str
    line: int
    column: str
    value: str | None
    rule: str
    remedy: str

    def text(self) -> str:
        """One line for people."""
        found = f" {self.value!r}" if self.column and self.value is not None else ""
        return f"{self.file}, line {self.line}: {self.column}{found} {self.rule}; {self.remedy}".replace(":  ", ": ")


@dataclass(frozen=True)
class BrokenRule:
    """How often one rule was broken.

    Attributes:
        rows: Records or cells.
        first: The first of them.
    """

    rows: int
    first: Finding


@dataclass(frozen=True)
class Assumption:
    """Empty cells that the mapping filled.

    Attributes:
        column: Column of the contract.
        value: What they were filled with.
        rows: How many.
        note: Why that is honest.
    """

    column: str
    value: str
    rows: int
    note: str


@dataclass(frozen=True)
class TableReport:
    """What happened to one table: `rows_in` = `accepted` + `quarantined`.

    Attributes:
        table: Table of the contract.
        rows_in: Records of the files that are rows of this table.
        accepted: Rows that meet every rule.
        quarantined: Rows set aside with their reasons.
        new: Accepted rows whose key was unknown.
        changed: Accepted rows that differ from the row in force.
        unchanged: Accepted rows equal to the row in force.
        removed: Rows in force that the files no longer hold.
        filtered: Records that the mapping says are no rows of this table.
        absent: The export has no such table, which its mapping allows.
        files: Files read, relative to the source.
        unknown_columns: `file: column` left out because the contract or the mapping does not know it.
        assumptions: Empty cells that the mapping filled.
    """

    table: str
    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    filtered: int = 0
    absent: bool = False
    files: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        version: Number of the new version; None if nothing changed.
        source: Folder or file that was read.
        mapping: Mapping by which it was read.
        tables: Every table that was read or is absent, in the contract's order.
        findings: The first findings, quarantined rows before cells.
        broken_rules: Every rule that was broken, with its first finding.
        findings_total: How many there are.
        quarantine_file: CSV of all findings with the records as they were; beside it the same as Parquet.
        unread_files: Files of the folder that are no table.
        notes: What was assumed or decided on the way.
    """

    version: int | None
    source: str
    mapping: str
    tables: tuple[TableReport, ...]
    findings: tuple[Finding, ...] = ()
    broken_rules: tuple[BrokenRule, ...] = ()
    findings_total: int = 0
    quarantine_file: Path | None = None
    unread_files: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def table(self, name: str) -> TableReport:
        """What happened to a table.

        Raises:
            KeyError: It was neither read nor absent.
        """
        return {each.table: each for each in self.tables}[name]

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            **asdict(self),
            "quarantine_file": None if self.quarantine_file is None else str(self.quarantine_file),
        }

    def text(self) -> str:
        """The report for people: a line a table, what was assumed, and the first findings."""
        lines = [self._headline(), *(_table_line(each) for each in self.tables)]
        lines += [
            f"  {each.table}.{made.column}: {made.rows:,} empty cells taken as {made.value}: {made.note}"
            for each in self.tables
            for made in each.assumptions
        ]
        lines += [f"  {note}" for note in self.notes]
        lines += _listed("files not read", self.unread_files)
        lines += _listed("columns left out", [column for each in self.tables for column in each.unknown_columns])
        if self.findings_total:
            lines.append(
                f"{self.findings_total:,} findings, all of them in {self.quarantine_file}; the first of each rule:"
            )
            lines += [f"  {each.rows:,} × {each.first.table}: {each.first.text()}" for each in self.broken_rules]
        return "\n".join(lines)

    def _headline(self) -> str:
        if self.version is None:
            return f"nothing changed: {self.source} holds nothing that the workspace does not hold already"
        return f"version {self.version} ingested from {self.source} (mapping {self.mapping})"


def _table_line(each: TableReport) -> str:
    if each.absent:
        return f"  {each.table}: absent"
    parts = [f"{each.rows_in:,} in = {each.accepted:,} accepted + {each.quarantined:,} quarantined"]
    changes = {"new": each.new, "changed": each.changed, "unchanged": each.unchanged, "removed": each.removed}
    parts.append(", ".join(f"{count:,} {name}" for name, count in changes.items() if count) or "no rows")
    if each.filtered:
        parts.append(f"{each.filtered:,} more records give no row of it")
    return f"  {each.table}: {'; '.join(parts)}"


def _listed(title: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return [f"  {title}: {', '.join(names[:12])}{more}"]
