"""Words for an audit of burden and benefit: rates and ratios of groups, and what they may and may not be read as."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from serving import formats
from spm_ml.predictions import Batch, FairnessAudit, FairnessFinding, FairnessRow

_FINDINGS: Final[dict[FairnessFinding, tuple[str, str]]] = {
    "reference": ("muted", "the largest group: the others stand beside it"),
    "clearly below four fifths": ("fail", "✗ worse off, below four fifths, beyond chance"),
    "reference clearly below four fifths": ("fail", "✗ the largest group is worse off, beyond chance"),
    "below four fifths, may be chance": ("muted", "? below four fifths, may be chance"),
    "reference below four fifths, may be chance": ("muted", "? the largest group below four fifths, may be chance"),
    "within four fifths": ("pass", "✓ within four fifths"),
    "nobody of either": ("muted", "nobody of either"),
    "withheld": ("muted", "withheld: it could tell somebody's group"),
    "too few in all": ("muted", "withheld: too few people in all"),
}


_LARGE: Final = 10.0
"""A ratio from which the end of its interval says no more than that there is none."""


@dataclass(frozen=True)
class GroupRow:
    """A group beside the largest one."""

    group: str
    people: str
    rate: str
    rate_interval: str
    ratio: str
    ratio_interval: str
    slug: str
    finding: str


@dataclass(frozen=True)
class MeasureTable:
    """One measure by one attribute, or by a pair."""

    title: str
    what: str
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True)
class FairnessWords:
    """An audit as a reader sees it.

    Attributes:
        lead: What it found, in a sentence.
        about: Which batch it is of.
        clear: Whether a group is beyond chance below four fifths.
        command: What to run where there is nothing to show; empty otherwise.
        tables: Of what is decided by, by one attribute.
        folded: By two, and of what only stands for comparison.
        notes: What was left out.
        minimum: Persons that a group needs.
    """

    lead: str
    about: str
    clear: bool
    command: str
    tables: tuple[MeasureTable, ...] = ()
    folded: tuple[MeasureTable, ...] = ()
    notes: tuple[str, ...] = ()
    minimum: int = 0


def fairness_words(audit: FairnessAudit | None, batch: Batch) -> FairnessWords:
    """The words of an audit of a batch, or what to do where there is none."""
    about = (
        f"Of batch {batch.batch_id[:8]}, {batch.period} as of {formats.day(batch.as_of)}, scored "
        f"{formats.age(batch.created_at)}, and the offers published with it."
    )
    if audit is None:
        lead = "Not audited: nobody has looked yet who carries the flags and who gets these offers, by group."
        return FairnessWords(lead, about, clear=False, command="spm fairness")
    if audit.abstention is not None:
        lead = f"Not audited. {audit.abstention.detail}"
        return FairnessWords(lead, about, clear=False, command="spm fairness", notes=audit.notes)
    by_cut = groupby(audit.rows, key=lambda row: (row.measure, row.attribute))
    cuts = [list(rows) for _, rows in by_cut]
    tables = [(" and " in rows[0].attribute or not rows[0].used, _table(rows)) for rows in cuts]
    clear = [row for row in audit.rows if row.used and _FINDINGS[row.finding][0] == "fail"]
    return FairnessWords(
        _lead(clear, audit),
        about,
        clear=bool(clear),
        command="",
        tables=tuple(table for folded, table in tables if not folded),
        folded=tuple(table for folded, table in tables if folded),
        notes=tuple(formats.sentence(note) for note in audit.notes),
        minimum=audit.minimum_group,
    )


def _lead(clear: Sequence[FairnessRow], audit: FairnessAudit) -> str:
    if clear:
        said = "; ".join(
            f"{row.label.lower()}: {row.attribute.replace('_', ' ')} {row.group} {formats.percent(row.rate)}, "
            f"{row.reference} {formats.percent(row.reference_rate)}"
            for row in clear
        )
        return f"A group is worse off than another, beyond what chance explains: {said}. Look into it before deciding."
    if any(row.ratio is not None for row in audit.rows):
        return (
            "No group is worse off by more than a fifth beyond what chance explains. That is no proof of fairness: "
            "wide intervals say how little is known."
        )
    return "Nothing can be compared: the groups are too small to be shown."


def _table(rows: Sequence[FairnessRow]) -> MeasureTable:
    first = rows[0]
    side = "a burden" if first.side == "burden" else "a benefit"
    compared = "" if first.used else "; only for comparison, nobody decides by it"
    by = f" by {first.attribute.replace('_', ' ')}" if first.attribute else ""
    return MeasureTable(f"{first.label}{by}", f"{side}{compared}", tuple(_row(row) for row in rows))


def _row(row: FairnessRow) -> GroupRow:
    slug, finding = _FINDINGS[row.finding]
    return GroupRow(
        row.group,
        formats.NOTHING if row.people is None else formats.whole(row.people),
        formats.percent(row.rate),
        _between(row.rate_low, row.rate_high, percent=True),
        formats.decimal(row.ratio, 2),
        _between(row.ratio_low, row.ratio_high, percent=False),
        slug,
        finding,
    )


def _between(low: float | None, high: float | None, *, percent: bool) -> str:
    if low is None:
        return ""
    if percent:
        return f"{formats.percent(low)} to {formats.percent(high)}"
    least = formats.decimal(low, 2)
    return f"{least} or more" if high is None or high >= _LARGE else f"{least} to {formats.decimal(high, 2)}"
