"""Plans: what would be offered to whom under other limits. A preview; nothing is published or recorded."""

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator, ConfigDict, Field

from serving.access import reaching, store_of
from serving.previews import Preview, Wishes, in_turn, preview_of
from serving.problem import documented
from serving.routes.answers import Answer, Identifier, Model, major_or_none, source
from spm_ml.predictions import BatchReader, Principal

if TYPE_CHECKING:
    from spm_ml.planning import PlanLine, PolicyValue

router = APIRouter(prefix="/v1/plans", tags=["recommendations"])

Plans = Annotated[Principal, Depends(reaching("decision"))]


def _whole(value: object) -> object:
    """JSON has one kind of number: 3.0 is 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(_whole)]
Amount = Annotated[float, Field(ge=0, le=1e12)]


class SeatsIn(Model):
    """Seats of one program."""

    model_config = ConfigDict(strict=True)

    program_id: Identifier
    seats: Count


class PlanIn(Model):
    """The limits of a plan."""

    model_config = ConfigDict(strict=True)

    budget: Amount | None = Field(default=None, description="Most to spend, in units of the currency. Null: no limit.")
    people: Count | None = Field(default=None, description="Most reps. Null: no limit.")
    seats: list[SeatsIn] = Field(
        default=[],
        max_length=1_000,
        description="A program that is not named keeps the seats on record; of one named twice the fewest count.",
    )
    min_share: float = Field(default=0.0, ge=0, le=1, description="Least share of each team's reps.")
    hold_out: float = Field(default=0.0, ge=0, lt=1, description="Share that is drawn by lot and not offered now.")
    seed: Count = Field(default=0, description="Of the lots; the same seed draws the same.")


class PlanLineOut(Model):
    """A rep and the program that the plan has for the rep."""

    rep_id: str
    name: str
    team: str
    program_id: str
    program_name: str
    skill: str | None
    effect: float | None = Field(description="Expected gain in attainment; 0.03 = 3 points. Null: none is claimed.")
    effect_low: float | None
    effect_high: float | None
    p_positive: float | None
    net: float | None = Field(description="The gain with the time lost to the program taken off.")
    cost: float | None
    evidence: str
    reason: str
    propensity: float = Field(description="Chance with which this offer is made; 1 = nothing is left to chance.")
    held_out: bool = Field(description="The lot decided against the offer.")


class UnplannedOut(Model):
    """A rep whom the plan leaves out."""

    rep_id: str
    name: str
    why: Literal["barred", "no_evidence", "no_gap", "cost_unknown", "limits"]


class PlanValueOut(Model):
    """What the plan, or something it is compared with, is worth."""

    slug: str
    label: str
    people: int
    cost: float | None
    value: float | None = Field(description="Net gain of attainment summed over people; 0.12 = 12 points in all.")
    low: float | None = Field(description="Lower end of its 90 % interval.")
    high: float | None
    text: str


class PlanAnswer(Answer):
    """A plan under these limits, for the reps in scope."""

    people: int
    spent: float
    held_out: int
    hold_out_words: str = Field(description="What the hold-out can detect.")
    lines: tuple[PlanLineOut, ...] = Field(description="Offers first, the largest gain first.")
    unplanned: tuple[UnplannedOut, ...]
    values: tuple[PlanValueOut, ...] = Field(description="The plan, then what it is compared with.")
    messages: tuple[str, ...] = Field(description="What was left out or could not be kept.")
    gap: float | None = Field(description="What a better plan could still add, as a share; 0 = proven optimal.")


@router.post("", responses=documented(400, 401, 403, 404, 408, 413, 422, 503))
async def preview(request: Request, principal: Plans, body: PlanIn) -> PlanAnswer:
    """Plan for the reps in scope under other limits, from the published options. Nothing is published."""
    store = store_of(request)

    def work() -> PlanAnswer:
        with store.read(principal.scope) as batch:
            return _planned(batch, body)

    return await in_turn(request, work)


def _planned(batch: BatchReader, body: PlanIn) -> PlanAnswer:
    seats: dict[str, int] = {}
    for one in body.seats:
        seats[one.program_id] = min(one.seats, seats.get(one.program_id, one.seats))
    wishes = Wishes(body.budget, body.people, seats, body.min_share, body.hold_out, body.seed)
    return _answer(batch, preview_of(batch, wishes))


def _answer(batch: BatchReader, preview: Preview) -> PlanAnswer:
    plan, ground, reps = preview.plan, preview.ground, preview.ground.reps

    def line_out(line: "PlanLine") -> PlanLineOut:
        option, rep = ground.by_key[line.rep_id, line.program_id], reps[line.rep_id]
        return PlanLineOut(
            rep_id=line.rep_id,
            name=rep.name,
            team=rep.team,
            program_id=line.program_id,
            program_name=ground.name_of(line.program_id),
            skill=option.skill or None,
            effect=option.effect,
            effect_low=option.low,
            effect_high=option.high,
            p_positive=option.p_positive,
            net=line.net,
            cost=major_or_none(line.cost, batch.batch),
            evidence=option.evidence,
            reason=option.reason,
            propensity=line.propensity,
            held_out=line.held_out,
        )

    def value_out(value: "PolicyValue") -> PlanValueOut:
        return PlanValueOut(
            slug=value.slug,
            label=value.label,
            people=value.people,
            cost=major_or_none(value.cost, batch.batch),
            value=value.value,
            low=value.low,
            high=value.high,
            text=value.text,
        )

    return PlanAnswer(
        **source(batch.batch),
        people=len(plan.offered),
        spent=major_or_none(plan.spent, batch.batch) or 0.0,
        held_out=plan.design.held_out,
        hold_out_words=plan.design.words(),
        lines=tuple(line_out(line) for line in plan.lines),
        unplanned=tuple(
            UnplannedOut(rep_id=rep, name=reps[rep].name, why=why) for rep, why in sorted(plan.unplanned.items())
        ),
        values=tuple(value_out(value) for value in plan.values),
        messages=plan.messages,
        gap=plan.gap,
    )
