"""Words for what rows hold: bands, hazards, offers. The same on every page."""

from dataclasses import dataclass
from typing import Final

from serving import formats
from serving.formats import Money
from spm_ml.hazards import HAZARD_BY_CODE
from spm_ml.predictions import Offer, RiskBand
from spm_ml.predictions.reading import BandChoice


@dataclass(frozen=True)
class BandWords:
    """A risk band: word and shape say what the colour says."""

    slug: BandChoice
    label: str
    shape: str


BANDS: Final[dict[BandChoice, BandWords]] = {
    "high": BandWords("high", "High", "▲"),
    "medium": BandWords("medium", "Medium", "◆"),
    "low": BandWords("low", "Low", "●"),
    "none": BandWords("none", "Not rated", "○"),
}


@dataclass(frozen=True)
class HazardWords:
    """A hazard and what was done about it."""

    code: str
    label: str
    rule: str


@dataclass(frozen=True)
class OfferWords:
    """A recommendation as a reader sees it.

    Attributes:
        program: Its name; None if nothing is offered.
        program_id: For the decision.
        skill: What it teaches.
        effect: Expected effect, with its interval.
        cost: Of the seat.
        evidence: What the effect rests on.
        reason: Why this one, or why none.
        expires: Last day of the offer.
        decision: What was decided; None if nothing yet.
    """

    program: str | None
    program_id: str
    skill: str
    effect: str
    cost: str
    evidence: str
    reason: str
    expires: str
    decision: str | None


def band_words(band: RiskBand | None) -> BandWords:
    """The words of a band, also for reps without one."""
    return BANDS[band or "none"]


def hazard_words(code: str) -> HazardWords:
    """The words of a hazard; a code of a later version stands for itself."""
    hazard = HAZARD_BY_CODE.get(code)
    return HazardWords(code, hazard.label, hazard.rule) if hazard else HazardWords(code, code, "")


def offer_words(offer: Offer, money: Money) -> OfferWords:
    """The words of a recommendation."""
    row = offer.recommendation
    decision = None
    if (decided := offer.decision) is not None:
        because = f": {decided.reason}" if decided.reason else ""
        on = formats.day(decided.decided_at.date())
        decision = f"{decided.verdict.capitalize()} by {decided.decided_by} on {on}{because}"
    effect = "none claimed"
    if row.effect is not None:
        effect = f"{formats.points(row.effect)} points"
        if row.effect_low is not None and row.effect_high is not None:
            effect += f" ({formats.points(row.effect_low)} to {formats.points(row.effect_high)})"
    return OfferWords(
        program=row.program_name or None,
        program_id=row.program_id,
        skill=row.skill.replace("_", " "),
        effect=effect,
        cost=money.full(row.cost),
        evidence=row.evidence,
        reason=row.reason or (row.abstention.detail if row.abstention else ""),
        expires=formats.day(row.expires_on),
        decision=decision,
    )
