"""Objectives: what the company, its teams and its reps are to book, and how far they are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from serving.access import on_batch, reaching
from serving.objectives import Objective, ObjectiveLevel, Objectives, objectives_of
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, PeriodQuery, major, major_or_none, source
from spm_ml.predictions import Batch, BatchReader, Principal

router = APIRouter(prefix="/v1/objectives", tags=["objectives"])

SeesObjectives = Annotated[Principal, Depends(reaching("objective"))]


class ForecastRange(Model):
    """Of the bookings at the period's end."""

    p10: float
    p50: float
    p90: float


class ObjectiveOut(Model):
    """What is to be booked in the period, and what is."""

    level: ObjectiveLevel
    key: str = Field(description="The manager's or rep's rep_id, or `company`.")
    label: str
    reps: int
    objective: float | None = Field(
        description="The company's goal, or else the sum of the reps' quotas in force; a rep's quota. Null: none."
    )
    quotas: float | None = Field(description="Sum of the reps' quotas in force.")
    own_quota: float | None = Field(description="The manager's own quota as set.")
    booked: float
    share: float | None = Field(description="Booked ÷ objective.")
    expected: float | None = Field(description="What would usually be booked by now: usual share × objective.")
    distribution: ForecastRange | None
    p_hit: float | None = Field(
        description="Probability that the bookings reach the objective; for a goal other than the sum of quotas it is "
        "read off the stored quantiles, so it lies between .05 and .95."
    )

    @classmethod
    def of(cls, row: Objective, usual_share: float | None, batch: Batch) -> "ObjectiveOut":
        """The same for the API."""
        known = usual_share is not None and row.amount is not None
        return cls(
            level=row.level,
            key=row.key,
            label=row.label,
            reps=row.reps,
            objective=major_or_none(row.amount, batch),
            quotas=major_or_none(row.quotas, batch),
            own_quota=major_or_none(row.own_quota, batch),
            booked=major(row.booked, batch),
            share=row.share,
            expected=major((usual_share or 0.0) * (row.amount or 0), batch) if known else None,
            distribution=None
            if row.range is None
            else ForecastRange(
                p10=major(row.range[0], batch), p50=major(row.range[1], batch), p90=major(row.range[2], batch)
            ),
            p_hit=row.chance,
        )


class GoalOut(Model):
    """The company's goal on record."""

    amount: float
    reason: str
    proposal_id: int | None = Field(description="The quota proposal that was accepted with it.")


class ObjectivesAnswer(Answer):
    """What the reader sees of the objectives."""

    goal: GoalOut | None = Field(description="Null: none was set; the sum of quotas stands in its place.")
    over_assigned: float | None = Field(description="Sum of the quotas in force ÷ goal − 1.")
    usual_share: float | None = Field(description="Share of a period's bookings that is usually booked by now.")
    above: tuple[ObjectiveOut, ...] = Field(
        description="The company and the teams that the reader is in, as far as they are about enough people."
    )
    chosen: ObjectiveOut | None = Field(description="The manager whose people are listed.")
    teams: tuple[ObjectiveOut, ...]
    reps: tuple[ObjectiveOut, ...]

    @classmethod
    def read(cls, seen: Objectives, batch: Batch) -> "ObjectivesAnswer":
        """The same for the API."""

        def out(row: Objective) -> ObjectiveOut:
            return ObjectiveOut.of(row, seen.usual_share, batch)

        goal = None if seen.goal is None else seen.goal.goal
        return cls(
            **source(batch),
            goal=None
            if goal is None
            else GoalOut(amount=major(goal.amount, batch), reason=goal.reason, proposal_id=goal.proposal_id),
            over_assigned=seen.over_assigned,
            usual_share=seen.usual_share,
            above=tuple(map(out, seen.above)),
            chosen=None if seen.chosen is None else out(seen.chosen),
            teams=tuple(map(out, seen.teams)),
            reps=tuple(map(out, seen.reps)),
        )


class ObjectivesQuery(PeriodQuery):
    """Of which period, and whose people."""

    manager_id: Identifier | None = Field(default=None, description="Who reports to this manager; default: to you.")


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_objectives(
    request: Request, principal: SeesObjectives, query: Annotated[ObjectivesQuery, Query()]
) -> ObjectivesAnswer:
    """List the objectives in scope: those above as sums over enough people, and who reports to one manager."""

    def build(batch: BatchReader) -> ObjectivesAnswer:
        seen = objectives_of(batch, query.manager_id)
        if seen is None:
            raise NotYoursError
        return ObjectivesAnswer.read(seen, batch.batch)

    return await on_batch(request, principal, build, period=query.period)
