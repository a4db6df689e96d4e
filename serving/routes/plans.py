"""Plans: what would be offered to whom under other limits. A preview; nothing is published or recorded."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator, ConfigDict, Field

from serving.access import reaching, store_of
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, major_or_none, source
from spm_ml.predictions import BatchReader, Principal, ProgramFinding, ProgramOption, RepSummary, RiskBand, Selection

if TYPE_CHECKING:
    from spm_ml.planning import Candidate, Limits, Plan, PlanLine, PolicyValue

router = APIRouter(prefix="/v1/plans", tags=["recommendations"])

Plans = Annotated[Principal, Depends(reaching("decision"))]

SECONDS: Final = 2.0
"""Time limit of one search; what it leaves open is the answer's `gap`."""

_MIDDLE_OF: Final[dict[RiskBand, float]] = {"high": 1 / 6, "medium": 3 / 6, "low": 5 / 6}
"""Where in the order of risk a band lies, for planners who see bands alone."""

_EVERYBODY: Final = Selection(sort="risk", limit=1_000_000)


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

    return await _one_at_a_time(request, work)


async def _one_at_a_time(request: Request, work: Callable[[], PlanAnswer]) -> PlanAnswer:
    """In a thread, and never two searches beside each other: reads go on meanwhile."""
    state = request.app.state
    if not hasattr(state, "planning"):
        state.planning = CapacityLimiter(1)
    return await to_thread.run_sync(work, limiter=state.planning)


def _planned(batch: BatchReader, body: PlanIn) -> PlanAnswer:
    from spm_ml.planning import make_plan

    options, findings = batch.options(), {finding.program_id: finding for finding in batch.findings()}
    reps = {rep.rep_id: rep for rep in batch.reps(_EVERYBODY).items}
    options = tuple(option for option in options if option.rep_id in reps)
    summary = batch.plan_summary()
    limits = _limits(body, options, findings, batch.batch.minor_digits, None if summary is None else summary.outcome_sd)
    plan = make_plan(
        _candidates(batch, options, findings, reps),
        limits,
        covariance=batch.covariance(),
        seed=body.seed,
        seconds=SECONDS,
    )
    return _answer(batch, plan, options, findings, reps)


def _limits(
    body: PlanIn,
    options: tuple[ProgramOption, ...],
    findings: dict[str, ProgramFinding],
    digits: int,
    outcome_sd: float | None,
) -> "Limits":
    """The limits in minor units; programs without an option have no seats to give.

    Raises:
        NotYoursError: Seats name an unknown program.
    """
    from spm_ml.planning import Limits

    planned = {option.program_id for option in options}
    given: dict[str, int] = {}
    for one in body.seats:
        given[one.program_id] = min(one.seats, given.get(one.program_id, one.seats))
    if set(given) - planned - set(findings):
        raise NotYoursError
    seats = {key: finding.seats for key, finding in findings.items() if finding.seats is not None} | given
    return Limits(
        budget=None if body.budget is None else round(body.budget * 10**digits),
        people=body.people,
        seats={program: number for program, number in seats.items() if program in planned},
        min_share=body.min_share,
        hold_out=body.hold_out,
        outcome_sd=outcome_sd,
    )


def _candidates(
    batch: BatchReader,
    options: tuple[ProgramOption, ...],
    findings: dict[str, ProgramFinding],
    reps: dict[str, RepSummary],
) -> list["Candidate"]:
    """Who could take what. Without a view of figures, risk is known by its band and attainment not at all."""
    from spm_ml.planning import Candidate

    sees_figures = batch.scope.reach("figures") != "none"
    risk = {
        rep_id: place / len(reps) if sees_figures else _MIDDLE_OF[rep.risk_band]
        for place, (rep_id, rep) in enumerate(reps.items())
        if rep.risk_band
    }
    attainment = {diagnosis.rep_id: diagnosis.attainment for diagnosis in batch.diagnoses()}
    return [
        Candidate(
            rep_id=option.rep_id,
            program_id=option.program_id,
            team=reps[option.rep_id].team,
            effect=option.effect,
            p_positive=option.p_positive,
            own_sd=option.own_sd,
            loadings=option.loadings,
            gap=option.gap or 0.0,
            priority=option.priority,
            time_lost=option.time_lost,
            cost=findings[option.program_id].cost if option.program_id in findings else None,
            attainment=attainment.get(option.rep_id),
            p_hit=risk.get(option.rep_id),
            barred=option.barred,
        )
        for option in options
    ]


def _answer(
    batch: BatchReader,
    plan: "Plan",
    options: tuple[ProgramOption, ...],
    findings: dict[str, ProgramFinding],
    reps: dict[str, RepSummary],
) -> PlanAnswer:
    by_key = {(option.rep_id, option.program_id): option for option in options}
    names = {program: finding.name for program, finding in findings.items()}

    def line_out(line: "PlanLine") -> PlanLineOut:
        option, rep = by_key[line.rep_id, line.program_id], reps[line.rep_id]
        return PlanLineOut(
            rep_id=line.rep_id,
            name=rep.name,
            team=rep.team,
            program_id=line.program_id,
            program_name=names.get(line.program_id, line.program_id),
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
