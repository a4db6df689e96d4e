"""Why a rep's results are what they are, as a reader sees it: the verdict, the way from plan to attainment, skills."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.gap import GapEnd, GapPart, gap_chart
from spm_ml.predictions import Diagnosis, DiagnosisPart, DiagnosisVerdict, SkillRating


@dataclass(frozen=True)
class VerdictWords:
    """A verdict: word and shape say what the colour says.

    Attributes:
        slug: For the stylesheet.
        flag: Whether a person must decide about something.
        meaning: What follows from it.
    """

    slug: str
    label: str
    shape: str
    flag: bool
    meaning: str


VERDICTS: Final[dict[DiagnosisVerdict, VerdictWords]] = {
    "on_plan": VerdictWords("low", "On plan", "●", False, "Results are on plan. This is no flag."),
    "hard_quota": VerdictWords(
        "none",
        "Hard quota",
        "▬",
        False,
        "The quota is harder than that of peers. This is no flag: look at the quota, not at the rep.",
    ),
    "conditions": VerdictWords(
        "none",
        "Conditions",
        "▭",
        False,
        "Conditions that the rep does not control explain the gap. This is no flag.",
    ),
    "bad_luck": VerdictWords(
        "none",
        "Bad luck",
        "◇",
        False,
        "A gap of this size comes by chance alone. This is no flag: nothing is to be mended.",
    ),
    "behaviour": VerdictWords(
        "medium",
        "A need",
        "▶",
        True,
        "What the rep does explains part of the gap. This is a flag: a person decides whether help is offered.",
    ),
    "cannot_tell": VerdictWords(
        "none", "Cannot tell", "○", False, "No cause is clear enough to act on. This is no flag."
    ),
}

KINDS: Final = {"condition": "▭ Condition", "behaviour": "▶ Behaviour"}
"""What readers call a kind of part, with the shape of the chart."""

_SOURCES: Final = {"assessment": "assessed", "kpi": "read from results"}


@dataclass(frozen=True)
class PartRow:
    """A part of the gap in points."""

    label: str
    kind: str
    text: str
    points: str


@dataclass(frozen=True)
class SkillRow:
    """A skill beside that of peers."""

    label: str
    text: str
    size: str
    source: str


@dataclass(frozen=True)
class DiagnosisWords:
    """A diagnosis as a reader sees it.

    Attributes:
        abstention: Why there is none; empty if there is one.
        ends: Plan and attainment, in percent.
        total: The whole gap in points.
    """

    verdict: VerdictWords
    period: str
    headline: str
    evidence: str
    peers: str
    abstention: str
    chart: Markup | None
    rows: tuple[PartRow, ...]
    ends: tuple[str, str]
    total: str
    skills: tuple[SkillRow, ...]


def diagnosis_words(diagnosis: Diagnosis, name: str) -> DiagnosisWords:
    """The words and the picture of a diagnosis."""
    sizes = _sizes(diagnosis.parts, diagnosis.gap)
    rows = tuple(
        PartRow(part.label, KINDS[part.kind], formats.stored(part.text), size)
        for part, size in zip(diagnosis.parts, sizes, strict=True)
    )
    reached = formats.percent(diagnosis.attainment, digits=1)
    return DiagnosisWords(
        verdict=VERDICTS[diagnosis.verdict],
        period=diagnosis.period,
        headline=formats.stored(diagnosis.headline),
        evidence=formats.stored(diagnosis.evidence),
        peers=diagnosis.peers,
        abstention=formats.stored(diagnosis.abstention.detail) if diagnosis.abstention else "",
        chart=_chart(diagnosis, sizes, name),
        rows=rows,
        ends=(formats.percent(1.0, digits=1), reached),
        total=formats.points(diagnosis.gap),
        skills=tuple(_skill(skill) for skill in sorted(diagnosis.skills, key=lambda skill: -skill.gap)),
    )


def _sizes(parts: Sequence[DiagnosisPart], gap: float | None) -> list[str]:
    if gap is None:
        return [formats.points(part.points) for part in parts]
    shown = formats.rounded([100 * part.points for part in parts], 100 * gap, 1)
    return [formats.points(size / 100) for size in shown]


def _chart(diagnosis: Diagnosis, sizes: Sequence[str], name: str) -> Markup | None:
    if not diagnosis.parts or diagnosis.attainment is None:
        return None
    plan, reached = (formats.percent(share, digits=1) for share in (1.0, diagnosis.attainment))
    listed = "; ".join(
        f"{part.label} ({part.kind}) {size} points" for part, size in zip(diagnosis.parts, sizes, strict=True)
    )
    return gap_chart(
        [
            GapPart(part.kind, part.label, part.points, f"{size} points")
            for part, size in zip(diagnosis.parts, sizes, strict=True)
        ],
        plan=GapEnd("Plan", 1.0, plan),
        result=GapEnd("Attainment", diagnosis.attainment, reached),
        title=f"From plan to the attainment of {name}, {diagnosis.period}",
        description=f"From {plan} to {reached}: {listed}.",
        key="gap",
    )


def _skill(skill: SkillRating) -> SkillRow:
    return SkillRow(
        label=skill.skill.replace("_", " ").capitalize(),
        text=formats.sentence(skill.text),
        size=beside_peers(skill),
        source=_SOURCES[skill.source],
    )


def beside_peers(skill: SkillRating) -> str:
    """A skill in standard deviations of peers, with the standard error."""
    size = formats.decimal(abs(skill.gap), 1)
    where = "like peers" if round(skill.gap, 1) == 0 else f"{size} {'below' if skill.gap > 0 else 'above'}"
    return f"{where} ± {formats.decimal(skill.sd, 1)}"
