"""Groups: forecasts of the sum of their members' bookings, for teams, regions and the company."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import (
    Answer,
    DayQuery,
    IdentifierInPath,
    MetricOut,
    Model,
    major,
    major_or_none,
    metrics_out,
    source,
)
from serving.routes.explanations import ChangeOut, Distribution, PartOut
from serving.routes.metrics import Definition, definitions_of
from serving.routes.outcomes import GroupOutcomeOut
from spm_ml.predictions import LEVELS, Batch, BatchReader, Level, Principal, TeamPrediction

router = APIRouter(prefix="/v1/groups", tags=["groups"])

SeesGroups = Annotated[Principal, Depends(reaching("team"))]


class Group(Model):
    """A team, a region or the company as of the day."""

    level: Level
    key: str = Field(description="The manager's rep_id, the region's name, or `company`.")
    label: str
    manager_id: str | None = Field(description="Of a team; null for the others.")
    manager_name: str | None
    reps: int
    reps_at_risk: int
    quota: float | None = Field(description="Sum of the members' quotas.")
    own_quota: float | None = Field(description="The manager's own quota as set; null if there is none.")
    booked: float
    distribution: Distribution | None = Field(
        description="Of the members' bookings together, from one joint simulation; the means of groups add up."
    )
    independent_range: tuple[float, float] | None = Field(
        description="P10 and P90 of the bookings if no two members had anything in common: narrower than what "
        "`distribution` says, because good and bad periods come to many at once."
    )
    p_hit: float | None = Field(description="Probability that the bookings reach `quota`.")
    p_hit_own: float | None = Field(description="Probability that the bookings reach `own_quota`.")
    parts: tuple[PartOut, ...] = Field(description="What the mean is made of; they add up to it.")
    change: ChangeOut | None
    metrics: tuple[MetricOut, ...]
    outcome: GroupOutcomeOut | None = Field(
        description="What came of it; null while the period runs, or the result of any member is not known."
    )

    @classmethod
    def read(cls, row: TeamPrediction, reader: BatchReader) -> "Group":
        """The same for the API, with the result if it is known."""
        batch = reader.batch
        return cls(
            level=row.level,
            key=row.key,
            label=row.label,
            manager_id=row.manager_id or None,
            manager_name=row.manager_name or None,
            reps=row.reps,
            reps_at_risk=row.reps_at_risk,
            quota=major_or_none(row.quota, batch),
            own_quota=major_or_none(row.own_quota, batch),
            booked=major(row.booked, batch),
            distribution=Distribution.of(row.bookings_quantiles, row.mean_bookings, row.quota, batch),
            independent_range=_range(row.independent_range, batch),
            p_hit=row.p_hit,
            p_hit_own=row.p_hit_own,
            parts=tuple(PartOut.of(part, batch) for part in row.parts),
            change=ChangeOut.of(row.change, batch),
            metrics=metrics_out(row.metrics, batch),
            outcome=GroupOutcomeOut.of(reader.group_outcome(row), row, batch),
        )


def _range(ends: tuple[float, float] | None, batch: Batch) -> tuple[float, float] | None:
    return None if ends is None else (major(ends[0], batch), major(ends[1], batch))


class GroupQuery(DayQuery):
    """Which groups."""

    level: Level | None = Field(default=None, description="Only teams, regions or the company; default: all.")


class Groups(Answer):
    """Every group in scope."""

    items: tuple[Group, ...]
    definitions: dict[str, Definition]

    @classmethod
    def read(cls, batch: BatchReader, *levels: Level) -> "Groups":
        """The groups of some levels, as the reader of the batch may see them."""
        items = tuple(Group.read(row, batch) for level in levels for row in batch.groups(level))
        slugs = {metric.slug for group in items for metric in group.metrics}
        return cls(**source(batch.batch, batch.as_of), items=items, definitions=definitions_of(slugs))


class GroupAnswer(Answer):
    """One group."""

    group: Group
    definitions: dict[str, Definition]


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_groups(request: Request, principal: SeesGroups, query: Annotated[GroupQuery, Query()]) -> Groups:
    """List teams, regions and the company; the last two for those who see every rep, or analysts if large enough."""
    levels = LEVELS if query.level is None else (query.level,)

    def build(published: BatchReader) -> Groups:
        return Groups.read(published.on(query.as_of), *levels)

    return await on_batch(request, principal, build, period=query.period)


@router.get("/{level}/{key:path}", responses=documented(401, 403, 404, 422, 503))
async def get_group(
    request: Request, principal: SeesGroups, level: Level, key: IdentifierInPath, query: Annotated[DayQuery, Query()]
) -> GroupAnswer:
    """Get one team, one region or the company."""

    def build(published: BatchReader) -> GroupAnswer:
        batch = published.on(query.as_of)
        row = batch.group(level, key)
        if row is None:
            raise NotYoursError
        definitions = definitions_of({metric.slug for metric in row.metrics})
        return GroupAnswer(**source(batch.batch, batch.as_of), group=Group.read(row, batch), definitions=definitions)

    return await on_batch(request, principal, build, period=query.period)
