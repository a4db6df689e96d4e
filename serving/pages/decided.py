"""Everything that was decided about a rep's offers: who, when, what and why, and whether it still counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving import formats
from spm_ml.predictions import BatchReader, ProgramFinding

SHOWN: Final = 20
"""Decisions on the page; the API gives the others."""

_STATES: Final = {"standing": "counts", "superseded": "replaced by a later one", "reversed": "taken back"}


@dataclass(frozen=True)
class DecidedRow:
    """One decision."""

    when: str
    what: str
    program: str
    by: str
    reason: str
    state: str


@dataclass(frozen=True)
class Decided:
    """The decisions, the latest first.

    Attributes:
        more: How many earlier ones are not shown.
    """

    rows: tuple[DecidedRow, ...]
    more: int


def decided_about(batch: BatchReader, rep_id: str, findings: Sequence[ProgramFinding]) -> Decided:
    """The decisions of every period that the reader may see."""
    names = {finding.program_id: finding.name for finding in findings}
    found = batch.decision_history(rep_id=rep_id, limit=SHOWN)
    rows = tuple(
        DecidedRow(
            when=formats.day(record.decision.decided_at.date()),
            what=record.decision.verdict.capitalize(),
            program=f"{names.get(record.decision.program_id, record.decision.program_id)}, {record.period}",
            by=f"{record.decision.decided_by} ({record.role})",
            reason=record.decision.reason,
            state=_STATES[record.status],
        )
        for record in found.items
    )
    return Decided(rows, found.total - len(rows))
