"""Growth as a file: the metrics of growth of the groups in scope, a line for each group, metric and period."""

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from serving.access import on_batch
from serving.problem import documented
from serving.routes.answers import PeriodQuery, major_or_none
from serving.routes.exports import FILE, Row, csv_of, file_of
from serving.routes.groups import SeesGroups
from spm_ml.metrics import METRIC_BY_SLUG
from spm_ml.predictions import GROWTH_SLUGS, LEVELS, Batch, BatchReader, Principal, TeamPrediction

files = APIRouter(prefix="/v1/exports", tags=["exports"])

_COLUMNS: Final = (
    *("level", "key", "label", "period", "finished", "as_of"),
    *("slug", "metric", "unit", "currency", "value", "why_empty"),
)


@files.get("/growth.csv", response_class=Response, responses=FILE | documented(401, 403, 404, 422, 503))
async def export_growth(request: Request, principal: SeesGroups, query: Annotated[PeriodQuery, Query()]) -> Response:
    """Export the metrics of growth of groups: of finished periods as known now, of the running one up to the day."""
    return await growth_file(request, principal, query.period)


async def growth_file(request: Request, principal: Principal, period: str | None) -> Response:
    """The metrics of growth of every group in scope, of the batch of a period."""

    def build(batch: BatchReader) -> bytes:
        groups = (group for level in reversed(LEVELS) for group in batch.groups(level))
        return csv_of(_COLUMNS, (row for group in groups for row in _rows(group, batch.batch)))

    return file_of("growth", await on_batch(request, principal, build, period=period))


def _rows(group: TeamPrediction, batch: Batch) -> Iterator[Row]:
    if group.growth is not None:
        for course in group.growth.courses:
            for period, value, reason in zip(group.growth.periods, course.values, course.reasons, strict=True):
                yield _row(group, batch, period, course.slug, value, reason, finished=True)
    for metric in group.metrics:
        if metric.slug in GROWTH_SLUGS:
            yield _row(group, batch, group.period, metric.slug, metric.value, metric.reason, finished=False)


def _row(
    group: TeamPrediction,
    batch: Batch,
    period: str,
    slug: str,
    value: float | None,
    reason: str | None,
    *,
    finished: bool,
) -> Row:
    known = METRIC_BY_SLUG[slug]
    money = known.unit.startswith("money")
    return [
        *(group.level, group.key, group.label, period, finished, None if finished else group.as_of),
        *(slug, known.label, known.unit, batch.currency if money else None),
        *(major_or_none(value, batch) if money else value, reason),
    ]
