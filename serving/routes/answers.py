"""What every answer of the API has in common: where its numbers come from, and how values are written.

Amounts are JSON numbers in units of `currency` (major units: 412300.55), quantiles of attainment are ratios (1 = the
quota is reached), days are ISO 8601 and moments are UTC.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from spm_ml.hazards import Abstention
from spm_ml.predictions import Batch, MetricValue
from spm_ml.predictions.selection import BandChoice, Selection, Sort

MAX_ID: Final = 200
PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$"

_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _only_iso(value: Any) -> Any:
    """Lets pass what looks like a day; a bare number would be read as seconds since 1970."""
    if isinstance(value, str) and _ISO_DAY.fullmatch(value) is None:
        raise ValueError("a day is written like 2026-05-03")
    return value


Day = Annotated[date, BeforeValidator(_only_iso)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID, pattern=PRINTABLE)]
IdentifierInPath = Annotated[str, Path(min_length=1, max_length=MAX_ID, pattern=PRINTABLE)]


class Model(BaseModel):
    """Base of everything the API says or hears: unknown fields and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class ModelReference(Model):
    """The model that made the numbers."""

    name: str
    version: str
    forecaster: str


class RiskThresholds(Model):
    """Chances of reaching the quota below which a rep counts as at high or medium risk."""

    high_below: float
    medium_below: float


class Answer(Model):
    """Where the numbers come from."""

    organisation: str
    period: str = Field(description="Label of the period that is forecast.")
    as_of: date = Field(description="What was known at the end of this day was used.")
    watermark: date = Field(description="Latest recorded day in the data.")
    batch_id: str
    scored_at: datetime
    timezone: str = Field(description="IANA name in which days are cut off.")
    currency: str = Field(description="ISO 4217 code of every amount, in major units.")
    risk_thresholds: RiskThresholds
    model: ModelReference


class Paged(Answer):
    """A page of a longer list."""

    total: int = Field(description="Items on all pages together.")
    limit: int
    offset: int


class PeriodQuery(Model):
    """Which period's last published batch is read."""

    period: Identifier | None = Field(default=None, description="A label from /v1/periods; default: the published one.")


class DayQuery(PeriodQuery):
    """Which period's last published batch is read, and as of which of its days."""

    as_of: Day | None = Field(
        default=None,
        description="An earlier as-of day of the period: what the batch's model says of what was recorded by its end, "
        "not what was published then. Default: the batch's own day.",
    )


class PageQuery(PeriodQuery):
    """Which part of a list, in what order."""

    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class RepFilter(PeriodQuery):
    """Which reps, in what order."""

    manager_id: Identifier | None = Field(default=None, description="Only this manager's tree.")
    band: BandChoice | None = Field(default=None, description="Only this risk band; `none`: reps without one.")
    search: Annotated[str, StringConstraints(max_length=100, pattern=PRINTABLE)] | None = Field(
        default=None, description="Only reps whose name contains this."
    )
    sort: Sort = "risk"
    descending: bool = False

    def selection(self, limit: int, offset: int) -> Selection:
        """A part of the list, for the store."""
        return Selection(
            manager_id=self.manager_id,
            band=self.band,
            search=self.search,
            sort=self.sort,
            descending=self.descending,
            limit=limit,
            offset=offset,
        )


class RepQuery(RepFilter, PageQuery):
    """Which part of the list of which reps, in what order."""


class ForecastFilter(RepFilter, DayQuery):
    """Forecasts of which reps, as of which day, in what order."""


class ForecastQuery(RepQuery, ForecastFilter):
    """Which part of the list of which forecasts, in what order."""


class AbstentionOut(Model):
    """A named reason for giving no number."""

    status: Literal["abstained"] = "abstained"
    reason: str
    detail: str

    @classmethod
    def of(cls, abstention: Abstention | None) -> "AbstentionOut | None":
        """The same for the API."""
        return None if abstention is None else cls(reason=abstention.reason, detail=abstention.detail)


class MetricOut(Model):
    """A baseline metric; its formula is under `definitions`."""

    slug: str
    label: str
    unit: str
    value: float | None
    reason: str | None = Field(description="Why there is no value.")


def source(batch: Batch, as_of: date | None = None) -> dict[str, Any]:
    """The fields of `Answer`; `as_of` where the numbers are of an earlier day of the batch."""
    return {
        "organisation": batch.organisation_name,
        "period": batch.period,
        "as_of": as_of or batch.as_of,
        "watermark": batch.watermark,
        "batch_id": batch.batch_id,
        "scored_at": batch.created_at,
        "timezone": batch.timezone,
        "currency": batch.currency,
        "risk_thresholds": RiskThresholds(high_below=batch.risk_high_below, medium_below=batch.risk_medium_below),
        "model": ModelReference(name=batch.model_name, version=batch.model_version, forecaster=batch.forecaster),
    }


def major(minor: float, batch: Batch) -> float:
    """An amount in units of the currency, to the minor unit."""
    return round(minor / 10.0**batch.minor_digits, batch.minor_digits)


def major_or_none(minor: float | None, batch: Batch) -> float | None:
    """The same where the amount may be unknown."""
    return None if minor is None else major(minor, batch)


def metrics_out(metrics: Sequence[MetricValue], batch: Batch) -> tuple[MetricOut, ...]:
    """Metrics with amounts in units of the currency."""
    return tuple(
        MetricOut(
            slug=metric.slug,
            label=metric.label,
            unit=metric.unit,
            value=major_or_none(metric.value, batch) if metric.unit.startswith("money") else metric.value,
            reason=metric.reason,
        )
        for metric in metrics
    )
