"""Why a rep's results are what they are: conditions and behaviours that add up to the gap, as attainment shares."""

import math
from dataclasses import dataclass
from typing import Final, Literal

from spm_ml.hazards import Abstention
from spm_ml.predictions.checks import require_finite

DiagnosisVerdict = Literal["on_plan", "hard_quota", "conditions", "bad_luck", "behaviour", "cannot_tell"]

_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class DiagnosisPart:
    """One part of the gap between a rep's attainment and 1; the parts add up to it.

    Attributes:
        kind: A condition the rep works under, or what the rep does.
        slug: Which, for example `quota_difficulty`.
        label: What a reader sees.
        points: Attainment share, negative = takes away.
        text: One sentence with its evidence.
    """

    kind: Literal["condition", "behaviour"]
    slug: str
    label: str
    points: float
    text: str

    def __post_init__(self) -> None:
        require_finite(f"diagnosis part {self.slug!r}", points=self.points)


@dataclass(frozen=True)
class SkillRating:
    """A skill beside that of peers.

    Attributes:
        gap: Standard deviations of peers, positive = below them.
        sd: Standard error of the gap, in the same unit.
        source: Assessed, or read from the KPI that stands for the skill.
        text: One sentence with its evidence.
    """

    skill: str
    gap: float
    sd: float
    source: Literal["assessment", "kpi"]
    text: str

    def __post_init__(self) -> None:
        require_finite(f"skill {self.skill!r}", gap=self.gap, sd=self.sd)


@dataclass(frozen=True)
class Diagnosis:
    """Why a rep's attainment of the newest finished periods is what it is, beside fair peers.

    Attributes:
        period: Label of the diagnosed span, for example `2025Q4 to 2026Q3`.
        attainment: Of the span; None if it abstains.
        gap: `attainment` − 1.
        parts: Add up to the gap.
        skills: Skills beside those of peers.
        verdict: Only `behaviour` may flag a rep.
        headline: The verdict in words.
        evidence: What it rests on.
        peers: Whom the rep is compared with.
        abstention: Why there is no diagnosis.

    Raises:
        ValueError: A number is not finite, the gap is not attainment − 1, or the parts add up to something else.
    """

    rep_id: str
    period: str
    attainment: float | None
    gap: float | None
    parts: tuple[DiagnosisPart, ...]
    skills: tuple[SkillRating, ...]
    verdict: DiagnosisVerdict
    headline: str
    evidence: str
    peers: str
    abstention: Abstention | None

    def __post_init__(self) -> None:
        owner = f"diagnosis of rep {self.rep_id!r}"
        require_finite(owner, attainment=self.attainment, gap=self.gap)
        if (self.gap is None) != (self.attainment is None) or (
            self.gap is not None and self.attainment is not None and not _near(self.gap, self.attainment - 1)
        ):
            raise ValueError(f"{owner}: the gap is {self.gap}, attainment {self.attainment}; the gap is attainment − 1")
        if not self.parts:
            return
        slugs = [part.slug for part in self.parts]
        if len(set(slugs)) < len(slugs):
            raise ValueError(f"{owner}: the parts {slugs} name one cause twice; add them together")
        found = math.fsum(part.points for part in self.parts)
        if self.gap is None or not _near(found, self.gap):
            raise ValueError(f"{owner}: the parts add up to {found}, the gap is {self.gap}; give every part")


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _ROUNDING * max(1.0, abs(one), abs(other))
