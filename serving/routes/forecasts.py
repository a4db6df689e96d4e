"""Forecasts: a distribution, its reasons and its hazards, beside the baseline metrics."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import (
    AbstentionOut,
    Answer,
    DayQuery,
    ForecastQuery,
    IdentifierInPath,
    MetricOut,
    Model,
    Paged,
    major,
    major_or_none,
    metrics_out,
    source,
)
from serving.routes.explanations import (
    ChangeOut,
    DealOut,
    Distribution,
    PartOut,
    PayOut,
    SubmissionOut,
    WithoutLargestOut,
)
from serving.routes.metrics import Definition, definitions_of
from serving.routes.outcomes import OutcomeOut, versions_out
from spm_ml.hazards import HAZARD_BY_CODE
from spm_ml.predictions import Batch, BatchReader, OutcomeVersion, Prediction, Principal, RiskBand

router = APIRouter(prefix="/v1/forecasts", tags=["forecasts"])

SeesFigures = Annotated[Principal, Depends(reaching("figures"))]


class HazardOut(Model):
    """A way in which the data could mislead, and what was done about it."""

    code: str
    slug: str
    label: str
    rule: str


class Forecast(Model):
    """A rep's forecast as known at the end of the day."""

    rep_id: str
    name: str
    role: str
    manager_id: str | None
    team: str
    region: str
    segment: str
    as_of: date
    week: int = Field(description="Weeks of the period seen by the day.")
    quota: float | None
    booked: float
    exposure: float = Field(description="Share of the period's selling days employed × full-time equivalent.")
    distribution: Distribution | None
    p_hit: float | None = Field(description="Probability that attainment reaches 1.")
    risk_band: RiskBand | None
    main_reason: str
    parts: tuple[PartOut, ...] = Field(description="What the median is made of; they add up to it.")
    change: ChangeOut | None = Field(description="What changed the median since an earlier as-of day.")
    deals: tuple[DealOut, ...] = Field(description="Open deals that matter, the one that matters most first.")
    without_largest: WithoutLargestOut | None
    submissions: tuple[SubmissionOut, ...] = Field(description="What people said about the same period.")
    pay: PayOut | None = Field(description="Payout so far and expected; null without a plan or a quota.")
    hazards: tuple[HazardOut, ...]
    abstention: AbstentionOut | None
    history_reconstructed: bool = Field(description="The deals' history was rebuilt from their last state.")
    metrics: tuple[MetricOut, ...]
    outcome: OutcomeOut | None = Field(description="What came of it; null while the period runs.")

    @classmethod
    def of(cls, row: Prediction, batch: Batch, outcome: OutcomeVersion | None = None) -> "Forecast":
        """The same for the API, with the result if it is known."""
        return cls(
            rep_id=row.rep_id,
            name=row.name,
            role=row.role,
            manager_id=row.manager_id,
            team=row.team,
            region=row.region,
            segment=row.segment,
            as_of=row.as_of,
            week=row.week,
            quota=major_or_none(row.quota, batch),
            booked=major(row.booked, batch),
            exposure=row.exposure,
            distribution=Distribution.of(row.bookings_quantiles, row.mean_bookings, row.quota, batch),
            p_hit=row.p_hit,
            risk_band=row.risk_band,
            main_reason=row.main_reason,
            parts=tuple(PartOut.of(part, batch) for part in row.parts),
            change=ChangeOut.of(row.change, batch),
            deals=tuple(DealOut.of(deal, batch) for deal in row.deals),
            without_largest=WithoutLargestOut.of(row.without_largest, batch),
            submissions=tuple(SubmissionOut.of(said, batch) for said in row.submissions),
            pay=PayOut.of(row.pay, batch),
            hazards=tuple(hazard_of(code) for code in row.hazards),
            abstention=AbstentionOut.of(row.abstention),
            history_reconstructed=row.history_reconstructed,
            metrics=metrics_out(row.metrics, batch),
            outcome=OutcomeOut.of(outcome, row, batch),
        )


class WeekForecast(Model):
    """What was forecast on an earlier day of the period."""

    as_of: date
    week: int
    booked: float
    distribution: Distribution | None
    p_hit: float | None


class Forecasts(Paged):
    """A page of forecasts."""

    items: tuple[Forecast, ...]
    definitions: dict[str, Definition]


class ForecastAnswer(Answer):
    """One rep's forecast, and how it came to be over the period."""

    period_start: date
    period_end: date
    forecast: Forecast
    history: tuple[WeekForecast, ...]
    outcome_versions: tuple[OutcomeOut, ...] = Field(
        description="Everything that was said of the result, oldest first: late or corrected records restate it. The "
        "last is `forecast.outcome`."
    )
    definitions: dict[str, Definition]


def hazard_of(code: str) -> HazardOut:
    """The hazard in words; a code of a later version stands for itself."""
    hazard = HAZARD_BY_CODE.get(code)
    if hazard is None:
        return HazardOut(code=code, slug=code.lower(), label=code, rule="")
    return HazardOut(code=hazard.code, slug=hazard.slug, label=hazard.label, rule=hazard.rule)


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_forecasts(
    request: Request, principal: SeesFigures, query: Annotated[ForecastQuery, Query()]
) -> Forecasts:
    """List forecasts, those at the highest risk first."""

    def build(published: BatchReader) -> Forecasts:
        batch = published.on(query.as_of)
        found = batch.predictions(query.selection(query.limit, query.offset))
        results = batch.outcomes([row.rep_id for row in found.items])
        items = tuple(Forecast.of(row, batch.batch, results.get(row.rep_id)) for row in found.items)
        slugs = {metric.slug for item in items for metric in item.metrics}
        return Forecasts(
            **source(batch.batch, batch.as_of),
            total=found.total,
            limit=query.limit,
            offset=query.offset,
            items=items,
            definitions=definitions_of(slugs),
        )

    return await on_batch(request, principal, build, period=query.period)


@router.get("/{rep_id:path}", responses=documented(401, 403, 404, 422, 503))
async def get_forecast(
    request: Request, principal: SeesFigures, rep_id: IdentifierInPath, query: Annotated[DayQuery, Query()]
) -> ForecastAnswer:
    """Get one rep's forecast, with what was forecast in each week of the period."""

    def build(published: BatchReader) -> ForecastAnswer:
        batch = published.on(query.as_of)
        row = batch.prediction(rep_id)
        if row is None:
            raise NotYoursError
        versions = batch.outcome_versions(rep_id)
        return ForecastAnswer(
            **source(batch.batch, batch.as_of),
            period_start=row.period_start,
            period_end=row.period_end,
            forecast=Forecast.of(row, batch.batch, versions[-1] if versions else None),
            history=tuple(
                WeekForecast(
                    as_of=week.as_of,
                    week=week.week,
                    booked=major(week.booked, batch.batch),
                    distribution=Distribution.of(week.bookings_quantiles, week.mean_bookings, week.quota, batch.batch),
                    p_hit=week.p_hit,
                )
                for week in batch.weeks(rep_id)
            ),
            outcome_versions=versions_out(versions, row, batch.batch),
            definitions=definitions_of({metric.slug for metric in row.metrics}),
        )

    return await on_batch(request, principal, build, period=query.period)
