"""Previews of a plan: what would be offered to whom under other limits, computed from the published options.

The API and the planner's page ask for them; nothing is published or recorded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.exceptions import HTTPException

from serving.problem import NotYoursError
from spm_ml.predictions import (
    BatchReader,
    PlanRules,
    PlanSummary,
    PlanValue,
    ProgramFinding,
    ProgramOption,
    RepSummary,
    RiskBand,
    Selection,
)

if TYPE_CHECKING:
    from spm_ml.planning import Candidate, Limits, Plan

SECONDS: Final = 2.0
"""Time limit of one search; what it leaves open is the plan's `gap`."""

EVERYBODY: Final = Selection(sort="risk", limit=1_000_000)

_MIDDLE_OF: Final[dict[RiskBand, float]] = {"high": 1 / 6, "medium": 3 / 6, "low": 5 / 6}
"""Where in the order of risk a band lies, for planners who see bands alone."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Wishes:
    """Limits as they are asked for.

    Attributes:
        budget: Most to spend, in units of the currency; None: no limit.
        people: Most reps; None: no limit.
        seats: By program; one that is not named keeps the seats on record.
        min_share: Least share of each team's reps.
        hold_out: Share that is drawn by lot and not offered now.
        seed: Of the lots.
    """

    budget: float | None
    people: int | None
    seats: Mapping[str, int]
    min_share: float = 0.0
    hold_out: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Ground:
    """What is published and planned from, as one principal may see it.

    Attributes:
        options: Of the reps in scope.
        findings: By program.
        reps: By id, in the order of risk.
        published: The plan as published; None for readers of a part of the organisation.
        rules: What every plan keeps to.
    """

    options: tuple[ProgramOption, ...]
    findings: Mapping[str, ProgramFinding]
    reps: Mapping[str, RepSummary]
    published: PlanSummary | None
    rules: PlanRules

    @classmethod
    def of(cls, batch: BatchReader) -> "Ground":
        """Reads it."""
        reps = {rep.rep_id: rep for rep in batch.reps(EVERYBODY).items}
        options = tuple(option for option in batch.options() if option.rep_id in reps)
        findings = {finding.program_id: finding for finding in batch.findings()}
        return cls(options, findings, reps, batch.plan_summary(), batch.plan_rules())

    @cached_property
    def by_key(self) -> dict[tuple[str, str], ProgramOption]:
        """Options by rep and program."""
        return {(option.rep_id, option.program_id): option for option in self.options}

    @cached_property
    def programs(self) -> tuple[str, ...]:
        """Programs that have an option, in the order of the findings."""
        planned = {option.program_id for option in self.options}
        known = tuple(program for program in self.findings if program in planned)
        return (*known, *sorted(planned - set(known)))

    def name_of(self, program_id: str) -> str:
        """What a program is called."""
        finding = self.findings.get(program_id)
        return program_id if finding is None else finding.name

    def cost_of(self, program_id: str) -> int | None:
        """What a seat costs, in minor units."""
        finding = self.findings.get(program_id)
        return None if finding is None else finding.cost


@dataclass(frozen=True)
class Preview:
    """A plan under other limits and what it was made from."""

    ground: Ground
    limits: "Limits"
    plan: "Plan"

    def summary(self, period: str) -> PlanSummary:
        """The plan as one that is published would be summed up; what its hold-out sees is said elsewhere."""
        plan, limits = self.plan, self.limits
        return PlanSummary(
            period=period,
            budget=limits.budget,
            people_limit=limits.people,
            seats=dict(limits.seats),
            spent=plan.spent,
            people=len(plan.offered),
            values=tuple(PlanValue(**vars(value)) for value in plan.values),
            holdout=plan.design.held_out,
            holdout_words="",
            limits_words=" ".join(plan.messages),
            outcome_sd=limits.outcome_sd,
            min_share=limits.min_share,
            hold_out=limits.hold_out,
            min_p_positive=limits.min_p_positive,
        )


async def in_turn(request: Request, work: Callable[[], Made]) -> Made:
    """Does it in a thread, and never two searches beside each other: reads go on meanwhile.

    Raises:
        HTTPException: 408, whoever asked is gone, as after another move of a slider: nothing was searched.
    """
    state = request.app.state
    if not hasattr(state, "planning"):
        state.planning = CapacityLimiter(1)
    await request.body()  # until it is read a request does not say that its client is gone
    async with state.planning:
        if await request.is_disconnected():
            raise HTTPException(408)
        return await to_thread.run_sync(work)


def preview_of(batch: BatchReader, wishes: Wishes) -> Preview:
    """Plans for the reps in scope.

    Raises:
        NotYoursError: Seats name an unknown program.
    """
    from spm_ml.planning import make_plan

    ground = Ground.of(batch)
    limits = _limits(ground, wishes, batch.batch.minor_digits)
    plan = make_plan(
        _candidates(batch, ground), limits, covariance=batch.covariance(), seed=wishes.seed, seconds=SECONDS
    )
    return Preview(ground, limits, plan)


def _limits(ground: Ground, wishes: Wishes, digits: int) -> "Limits":
    """The limits in minor units; programs without an option have no seats to give."""
    from spm_ml.planning import MIN_P_POSITIVE, Limits

    planned, bar = set(ground.programs), ground.rules.min_p_positive
    if set(wishes.seats) - planned - set(ground.findings):
        raise NotYoursError
    on_record = {key: finding.seats for key, finding in ground.findings.items() if finding.seats is not None}
    return Limits(
        budget=None if wishes.budget is None else round(wishes.budget * 10**digits),
        people=wishes.people,
        seats={program: number for program, number in (on_record | dict(wishes.seats)).items() if program in planned},
        min_share=wishes.min_share,
        hold_out=wishes.hold_out,
        outcome_sd=ground.rules.outcome_sd,
        min_p_positive=MIN_P_POSITIVE if bar is None else bar,
    )


def _candidates(batch: BatchReader, ground: Ground) -> list["Candidate"]:
    """Who could take what. Without a view of figures, risk is known by its band and attainment not at all."""
    from spm_ml.planning import Candidate

    sees_figures, reps = batch.scope.reach("figures") != "none", ground.reps
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
            cost=ground.cost_of(option.program_id),
            attainment=attainment.get(option.rep_id),
            p_hit=risk.get(option.rep_id),
            barred=option.barred,
        )
        for option in ground.options
    ]
