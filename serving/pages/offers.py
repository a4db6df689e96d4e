"""Words for offers: what is offered, what it is expected to gain, on what evidence, and what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving import formats
from serving.formats import Money
from serving.pages.effect_words import VERDICTS, VerdictWords, between
from spm_ml.predictions import BatchReader, Decision, EvidenceLevel, Offer, ProgramFinding, Recommendation

LEVELS: Final[dict[EvidenceLevel, str]] = {
    "individual": "This rep's own estimate",
    "program": "The average of this program",
    "pooled": "The average of all programs",
    "gap": "No effect evidence: the largest matched gap",
}
"""What readers call what an effect rests on."""


@dataclass(frozen=True)
class Proof:
    """What an offered program has done so far, to everybody who took it.

    Attributes:
        effect: The average effect with its interval and the numbers behind it.
        others: To how many others it is offered; empty where the reader sees none.
        href: The whole evidence.
    """

    verdict: VerdictWords
    effect: str
    others: str
    href: str


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
        proof: What the program has done so far; None where that is not shown or not known.
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
    proof: Proof | None


def offer_words(
    offer: Offer,
    money: Money,
    decisions: Sequence[Decision] = (),
    *,
    expired: bool = False,
    proof: Proof | None = None,
) -> OfferWords:
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
        proof=proof,
    )


def proof_of(row: Recommendation, findings: Sequence[ProgramFinding], batch: BatchReader) -> Proof | None:
    """What the offered program has done so far; None where nothing is offered or nothing is known."""
    for place, finding in enumerate(findings, start=1):
        if row.abstention is None and finding.program_id == row.program_id:
            others = batch.others_offered(row.program_id, row.rep_id)
            people = f"{others} other{'s' if others > 1 else ''}"
            return Proof(
                verdict=VERDICTS[finding.verdict],
                effect=_average(finding),
                others=f"Of those you see, it is offered to {people} too." if others else "",
                href=f"/programs#p{place}",
            )
    return None


def _average(finding: ProgramFinding) -> str:
    if finding.effect is None:
        return f"Its effect cannot be told yet: {formats.sentence(finding.detail)}"
    interval = between(finding.effect_low, finding.effect_high)
    sized = f"{formats.points(finding.effect)} points" + (f", 95% interval {interval}" if interval else "")
    return (
        f"On those who took it so far: {sized}, from {formats.whole(finding.trained)} periods after it beside "
        f"{formats.whole(finding.controls)} of people like them."
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
