"""Programs in short: what each has caused, at a glance, and where its evidence opens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from serving import formats
from serving.formats import Money
from serving.pages.effect_words import VERDICTS, VerdictWords, between
from serving.pages.planner_query import PlannerQuery
from spm_ml.predictions import ProgramFinding


@dataclass(frozen=True)
class ProgramRow:
    """A program in a line.

    Attributes:
        href: Opens its evidence.
        is_open: Whether it is.
        note: Why it cannot be judged; empty if it can.
    """

    key: str
    name: str
    skills: str
    href: str
    is_open: bool
    verdict: VerdictWords
    effect: str
    interval: str
    cost: str
    seats: str
    days: str
    note: str


def program_rows(
    findings: Sequence[ProgramFinding], money: Money, query: PlannerQuery, path: str
) -> tuple[ProgramRow, ...]:
    """Every program in a line."""
    return tuple(
        ProgramRow(
            key=f"p{place}",
            name=row.name,
            skills=", ".join(skill.replace("_", " ") for skill in row.skills),
            href=query.href(path, about=row.program_id, page=query.page),
            is_open=row.program_id == query.about,
            verdict=VERDICTS[row.verdict],
            effect="not known" if row.effect is None else formats.points(row.effect),
            interval=between(row.effect_low, row.effect_high),
            cost="unknown" if row.cost is None else money.amount(row.cost),
            seats="no limit" if row.seats is None else formats.whole(row.seats),
            days="unknown" if row.days is None else f"{row.days:.3g}",
            note=formats.sentence(row.detail) if row.verdict == "cannot tell" else "",
        )
        for place, row in enumerate(findings)
    )


def lead_of(findings: Sequence[ProgramFinding]) -> str:
    """What the findings say together, in a sentence."""
    counts = Counter(finding.verdict for finding in findings)
    if not counts["helps"] and not counts["harmful"]:
        return "No program has been shown to change results so far."
    said = (
        (counts["helps"], "helped"),
        (counts["harmful"], "did harm"),
        (counts["no evidence"], "gave no evidence of an effect"),
        (counts["cannot tell"], "cannot be judged"),
    )
    of = f"Of {len(findings)} programs" if len(findings) > 1 else "Of one program"
    return f"{of}, {', '.join(f'{count} {words}' for count, words in said if count)}."
