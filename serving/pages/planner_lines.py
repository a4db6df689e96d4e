"""The lines of a plan: who is offered what and why, what was decided, and what changes against the published plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from serving.pages.planner_query import Show
from serving.previews import Ground, Preview
from spm_ml.predictions import Batch, EvidenceLevel, Offer, ProgramOption, RepSummary
from spm_ml.predictions.reading import OfferStatus

Kind = Literal["offered", "waiting", "none"]

_UNPLANNED: Final = {
    "barred": "Something stands against every program now.",
    "no_evidence": "No program helps for certain enough.",
    "no_gap": "No effect is known, and no gap is large enough.",
    "cost_unknown": "The cost is unknown, and there is a budget.",
    "limits": "Seats, people or budget go to others who gain more.",
}


@dataclass(frozen=True)
class Line:
    """A rep and what a plan has for the rep. Effects are shares of attainment, costs minor units.

    Attributes:
        kind: Offered, waiting by lot, or nothing.
        program_id: Of the offer, or of the one that the lot decided against; empty: nothing.
        net: The effect with the time lost taken off; None: no effect is claimed, or the option is not on record.
        change: Against the published plan: "added", "dropped", "other" (another program) or "same"; empty: neither
            plan has anything for the rep, or this is the published plan.
        was: The program in the published plan, where that is another one.
        offer: The published offer; None in a preview.
        status: Of the published offer to the rep, if there is one.
    """

    rep: RepSummary
    kind: Kind
    program_id: str
    program: str
    skill: str
    effect: float | None
    low: float | None
    high: float | None
    p_positive: float | None
    net: float | None
    cost: int | None
    level: EvidenceLevel | None
    evidence: str
    reason: str
    propensity: float | None
    change: Show | None = None
    was: str = ""
    offer: Offer | None = None
    status: OfferStatus | None = None

    def is_shown(self, show: Show, search: str) -> bool:
        """Whether a filter keeps it."""
        return search in self.rep.name.casefold() and (show == "all" or show in self._kinds())

    def _kinds(self) -> tuple[str | None, ...]:
        if self.offer is None:
            return self.kind, self.change
        return self.kind, "decided" if self.status in ("accepted", "overridden", "declined") else self.status


def published_lines(ground: Ground, offers: Iterable[Offer], batch: Batch, today: date | None) -> tuple[Line, ...]:
    """The published plan, in the order of its offers."""
    return tuple(_published(ground, offer, offer.status(batch, today)) for offer in offers)


def _published(ground: Ground, offer: Offer, status: OfferStatus | None) -> Line:
    row = offer.recommendation
    option = ground.by_key.get((row.rep_id, row.program_id))
    return Line(
        rep=offer.rep,
        kind="waiting" if row.held_out else "none" if row.abstention else "offered",
        program_id=row.program_id,
        program=row.program_name,
        skill=row.skill,
        effect=row.effect,
        low=row.effect_low,
        high=row.effect_high,
        p_positive=row.p_positive,
        net=None if option is None or row.effect is None else row.effect - option.time_lost,
        cost=row.cost,
        level=row.evidence_level if row.program_id else None,
        evidence=row.evidence,
        reason=row.reason or (row.abstention.detail if row.abstention else ""),
        propensity=row.propensity,
        offer=offer,
        status=status,
    )


def preview_lines(preview: Preview, published: Sequence[Line]) -> tuple[Line, ...]:
    """Offers first, the largest gain first, then who waits, then what the published plan has and this one has not."""
    before = {line.rep.rep_id: line for line in published if line.kind == "offered"}
    ground, plan = preview.ground, preview.plan
    lines = [
        _previewed(
            ground.reps[one.rep_id],
            ground.by_key[one.rep_id, one.program_id],
            ground,
            "waiting" if one.held_out else "offered",
            one.propensity,
            before,
        )
        for one in plan.lines
    ]
    rest = ((rep_id, _UNPLANNED[why]) for rep_id, why in plan.unplanned.items())
    nothing = [_nothing(ground.reps[rep_id], why, before.get(rep_id)) for rep_id, why in rest]
    nothing.sort(key=lambda line: (line.change is None, line.rep.name.casefold(), line.rep.rep_id))
    planned = {line.rep.rep_id for line in (*lines, *nothing)}
    unknown = [_nothing(rep, "Nothing is known about this rep.", None) for rep in ground.reps.values()]
    return (*lines, *nothing, *(line for line in unknown if line.rep.rep_id not in planned))


def _previewed(
    rep: RepSummary,
    option: ProgramOption,
    ground: Ground,
    kind: Kind,
    propensity: float,
    before: Mapping[str, Line],
) -> Line:
    earlier = before.get(rep.rep_id)
    change: Show | None
    if kind == "waiting":
        change = None if earlier is None else "dropped"
    elif earlier is None:
        change = "added"
    else:
        change = "same" if earlier.program_id == option.program_id else "other"
    return Line(
        rep=rep,
        kind=kind,
        program_id=option.program_id,
        program=ground.name_of(option.program_id),
        skill=option.skill,
        effect=option.effect,
        low=option.low,
        high=option.high,
        p_positive=option.p_positive,
        net=None if option.effect is None else option.effect - option.time_lost,
        cost=ground.cost_of(option.program_id),
        level=option.level,
        evidence=option.evidence,
        reason=option.reason,
        propensity=propensity,
        change=change,
        was=earlier.program if earlier is not None and change in ("other", "dropped") else "",
        status=None if earlier is None else earlier.status,
    )


def _nothing(rep: RepSummary, why: str, earlier: Line | None) -> Line:
    return Line(
        rep=rep,
        kind="none",
        program_id="",
        program="",
        skill="",
        effect=None,
        low=None,
        high=None,
        p_positive=None,
        net=None,
        cost=None,
        level=None,
        evidence="",
        reason=why,
        propensity=None,
        change=None if earlier is None else "dropped",
        was="" if earlier is None else earlier.program,
        status=None if earlier is None else earlier.status,
    )
