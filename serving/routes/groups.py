"""Groups: forecasts of the sum of their members' bookings, for teams, segments, regions and the company."""

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
from spm_ml.metrics import METRIC_BY_SLUG
from spm_ml.predictions import LEVELS, Batch, BatchReader, Growth, Level, Principal, TeamPrediction

router = APIRouter(prefix="/v1/groups", tags=["groups"])

SeesGroups = Annotated[Principal, Depends(reaching("team"))]


class CourseOut(Model):
    """A baseline metric in the finished periods before; its formula is under `definitions`."""

    slug: str
    values: tuple[float | None, ...]
    reasons: tuple[str | None, ...] = Field(description="Why a value is null.")


class GrowthOut(Model):
    """How the metrics of growth went, as known on the batch's day; a group is whoever belonged to it in each period."""

    periods: tuple[str, ...] = Field(description="Finished ones, oldest first: one value of each course.")
    courses: tuple[CourseOut, ...]

    @classmethod
    def of(cls, growth: Growth | None, batch: Batch) -> "GrowthOut | None":
        """The same for the API."""
        return None if growth is None else cls(periods=growth.periods, courses=_courses(growth, batch))


def _courses(growth: Growth, batch: Batch) -> tuple[CourseOut, ...]:
    return tuple(
        CourseOut(
            slug=course.slug,
            values=tuple(major_or_none(value, batch) for value in course.values)
            if METRIC_BY_SLUG[course.slug].unit.startswith("money")
            else course.values,
            reasons=course.reasons,
        )
        for course in growth.courses
    )


class Group(Model):
    """A team, a segment, a region or the company as of the day."""

    level: Level
    key: str = Field(description="The manager's rep_id, the name of the segment or region, or `company`.")
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
    growth: GrowthOut | None = Field(description="On the batch's own day; null where no finished period is known.")
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
            growth=GrowthOut.of(row.growth, batch),
            outcome=GroupOutcomeOut.of(reader.group_outcome(row), row, batch),
        )


def slugs_of(group: Group) -> set[str]:
    """The metrics that it tells of."""
    courses = group.growth.courses if group.growth else ()
    return {metric.slug for metric in group.metrics} | {course.slug for course in courses}


def _range(ends: tuple[float, float] | None, batch: Batch) -> tuple[float, float] | None:
    return None if ends is None else (major(ends[0], batch), major(ends[1], batch))


class GroupQuery(DayQuery):
    """Which groups."""

    level: Level | None = Field(default=None, description="Only teams, segments, regions or the company; default: all.")


class Groups(Answer):
    """Every group in scope."""

    items: tuple[Group, ...]
    definitions: dict[str, Definition]

    @classmethod
    def read(cls, batch: BatchReader, *levels: Level) -> "Groups":
        """The groups of some levels, as the reader of the batch may see them."""
        items = tuple(Group.read(row, batch) for level in levels for row in batch.groups(level))
        slugs = {slug for group in items for slug in slugs_of(group)}
        return cls(**source(batch.batch, batch.as_of), items=items, definitions=definitions_of(slugs))


class GroupAnswer(Answer):
    """One group."""

    group: Group
    definitions: dict[str, Definition]


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_groups(request: Request, principal: SeesGroups, query: Annotated[GroupQuery, Query()]) -> Groups:
    """List teams, and for those who see every rep, or analysts if large enough, segments, regions and the company."""
    levels = LEVELS if query.level is None else (query.level,)

    def build(published: BatchReader) -> Groups:
        return Groups.read(published.on(query.as_of), *levels)

    return await on_batch(request, principal, build, period=query.period)


@router.get("/{level}/{key:path}", responses=documented(401, 403, 404, 422, 503))
async def get_group(
    request: Request, principal: SeesGroups, level: Level, key: IdentifierInPath, query: Annotated[DayQuery, Query()]
) -> GroupAnswer:
    """Get one team, segment or region, or the company."""

    def build(published: BatchReader) -> GroupAnswer:
        batch = published.on(query.as_of)
        row = batch.group(level, key)
        if row is None:
            raise NotYoursError
        group = Group.read(row, batch)
        return GroupAnswer(**source(batch.batch, batch.as_of), group=group, definitions=definitions_of(slugs_of(group)))

    return await on_batch(request, principal, build, period=query.period)
