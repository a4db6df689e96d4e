"""Words for offers: what is offered, what it is expected to gain, on what evidence, and what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving import formats
from serving.formats import Money
from serving.pages.effect_words import between
from spm_ml.predictions import Decision, EvidenceLevel, Offer, Recommendation

LEVELS: Final[dict[EvidenceLevel, str]] = {
    "individual": "This rep's own estimate",
    "program": "The average of this program",
    "pooled": "The average of all programs",
    "gap": "No effect evidence: the largest matched gap",
}
"""What readers call what an effect rests on."""


@dataclass(frozen=True)
class OfferWords:
    """A recommendation as a reader sees it.

    Attributes:
        program: Its name; None if nothing is offered.
        program_id: For the decision.
        skill: What it teaches.
        effect: Expected effect, with its interval.
        chance: That it helps at all; empty where no effect is claimed.
        cost: Of the seat.
        per_point: Cost of each expected point; empty where none is claimed.
        level: Whose enrolments the effect rests on.
        evidence: The same in the words of the analysis; empty where no effect is claimed.
        reason: Why this one, or why none.
        expires: Last day of the offer.
        lot: What a draw by lot had to do with it; empty without one.
        decision: What was decided; None if nothing yet.
        history: Every decision, the latest first.
        state: Verdict of the decision that counts, or that the offer has expired; empty if nothing is decided.
    """

    program: str | None
    program_id: str
    skill: str
    effect: str
    chance: str
    cost: str
    per_point: str
    level: str
    evidence: str
    reason: str
    expires: str
    lot: str
    decision: str | None
    history: tuple[str, ...]
    state: str


def offer_words(offer: Offer, money: Money, decisions: Sequence[Decision] = (), *, expired: bool = False) -> OfferWords:
    """The words of a recommendation; `decisions` are those about the rep's offers, oldest first."""
    row, decided = offer.recommendation, offer.decision
    claimed = row.effect is not None
    return OfferWords(
        program=row.program_name or None,
        program_id=row.program_id,
        skill=row.skill.replace("_", " "),
        effect=_effect(row),
        chance=formats.chance(row.p_positive) if claimed and row.p_positive is not None else "",
        cost="unknown" if row.cost is None else money.full(row.cost),
        per_point="" if row.cost_per_point is None else money.full(row.cost_per_point),
        level=LEVELS[row.evidence_level],
        evidence="" if row.evidence_level == "gap" else formats.stored(row.evidence),
        reason=formats.stored(row.reason or (row.abstention.detail if row.abstention else "")),
        expires=formats.day(row.expires_on),
        lot=_lot(row),
        decision=_lapsed(row) if expired else None if decided is None else decision_words(decided),
        history=tuple(decision_words(one) for one in reversed(decisions) if one.program_id == row.program_id),
        state="expired" if expired else "" if decided is None else decided.verdict,
    )


def _lapsed(row: Recommendation) -> str:
    return f"Expired: nobody decided by {formats.day(row.expires_on)}"


def decision_words(decision: Decision) -> str:
    """A decision in a sentence."""
    because = f": {decision.reason}" if decision.reason else ""
    on = formats.day(decision.decided_at.date())
    return f"{decision.verdict.capitalize()} by {decision.decided_by} on {on}{because}"


def _effect(row: Recommendation) -> str:
    if row.effect is None:
        return "none claimed"
    interval = between(row.effect_low, row.effect_high)
    return f"{formats.points(row.effect)} points" + (f" ({interval})" if interval else "")


def _lot(row: Recommendation) -> str:
    if row.held_out:
        return "Drawn by lot to wait, so that the effect can be measured."
    if row.propensity is None or row.propensity >= 1:
        return ""
    return f"Drawn by lot with a chance of {formats.chance(row.propensity)} among near ties."
