"""What a list shows of a rep's forecast: a part of the stored row, and the same rep a week before."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from spm_ml.hazards import Abstention
from spm_ml.predictions.outlook import News, Submission
from spm_ml.predictions.rows import RiskBand
from spm_ml.settings import QUANTILE_LEVELS


@dataclass(frozen=True)
class MovedPart:
    """Of a `ForecastPart` of a change what a list shows."""

    slug: str
    label: str
    amount: float
    text: str


@dataclass(frozen=True)
class Moved:
    """Of a `ForecastChange` what a list shows.

    Attributes:
        since: An earlier as-of day.
        before: Median of the rep's bookings then, minor units.
        parts: What moved it; empty where it is not stored.
    """

    since: date
    before: float
    parts: tuple[MovedPart, ...] = ()


@dataclass(frozen=True)
class Beside:
    """Of a `MetricValue` what a list shows."""

    slug: str
    value: float | None


@dataclass(frozen=True)
class BoardForecast:
    """Of a `Prediction` what a list shows; less than half of the work to read."""

    rep_id: str
    as_of: date
    name: str
    team: str
    quota: int | None
    booked: int
    bookings_quantiles: tuple[float, ...] | None
    p_hit: float | None
    risk_band: RiskBand | None
    main_reason: str
    hazards: tuple[str, ...]
    abstention: Abstention | None
    metrics: tuple[Beside, ...]
    change: Moved | None
    submissions: tuple[Submission, ...] = ()
    news: News | None = None

    def quantile(self, level: float) -> float | None:
        """Bookings at one of `QUANTILE_LEVELS`, in minor units."""
        return None if self.bookings_quantiles is None else self.bookings_quantiles[_PLACES[level]]

    def metric(self, slug: str) -> float | None:
        """A metric beside it; None where it is not stored or undefined."""
        return next((metric.value for metric in self.metrics if metric.slug == slug), None)


@dataclass(frozen=True)
class WithoutQuota:
    """Reps with a forecast and no quota.

    Attributes:
        reps: How many.
        forecast: Sum of their medians, minor units.
    """

    reps: int
    forecast: float


_PLACES: Final = {level: place for place, level in enumerate(QUANTILE_LEVELS)}
