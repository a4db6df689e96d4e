"""The rows of a scored batch: what scoring writes about reps and teams, and serving reads.

Money is an integer of minor units of the batch's currency. Every number is finite: what is unknown is `None` with a
reason beside it, never NaN and never a silent blank.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from spm_ml.hazards import Abstention
from spm_ml.predictions.chances import FINE_LEVELS
from spm_ml.predictions.checks import require_finite, require_quantiles, require_range, require_share
from spm_ml.predictions.growth import Growth
from spm_ml.predictions.outlook import DealOutlook, News, Submission, WithoutLargest
from spm_ml.predictions.parts import ForecastChange, ForecastPart, require_parts
from spm_ml.predictions.pay import PayOutlook
from spm_ml.settings import QUANTILE_LEVELS

RiskBand = Literal["high", "medium", "low"]
Level = Literal["team", "segment", "region", "company"]
EvidenceLevel = Literal["individual", "program", "pooled", "gap"]

LEVELS: Final[tuple[Level, ...]] = ("team", "segment", "region", "company")
"""What reps are added up to, from below."""

COMPANY: Final = "company"
"""Key of the row that is about everybody."""

NO_REGION: Final = "No region"
"""Key of those whose region is not known, where others' are: so the regions add up to the company."""

NO_SEGMENT: Final = "No segment"
"""The same of segments."""

MOST_DEALS: Final = 5
"""Open deals kept beside a forecast."""


@dataclass(frozen=True)
class MetricValue:
    """A baseline metric beside a forecast.

    Attributes:
        slug: As in `spm_ml.metrics.METRICS`.
        label: What a reader sees.
        unit: `ratio`, `money`, `money_per_day`, `days`, `months`, `count_per_day` or `count`.
        value: In that unit, money in minor units; None if undefined.
        reason: Why the value is None.
    """

    slug: str
    label: str
    unit: str
    value: float | None
    reason: str | None = None

    def __post_init__(self) -> None:
        require_finite(f"metric {self.slug!r}", value=self.value)
        if self.value is None and not self.reason:
            raise ValueError(f"metric {self.slug!r} has no value and no reason; say why it is undefined")


@dataclass(frozen=True)
class Prediction:
    """A rep's forecast for a period as known at the end of one as-of day.

    Attributes:
        week: Weeks of the period seen by `as_of`; 0 = nothing yet.
        quota: Quota in force as of the day; None if missing.
        booked: Credited bookings of the period so far.
        bookings_quantiles: 19 quantiles of bookings at the period's end, at `QUANTILE_LEVELS`; None if it abstains.
        mean_bookings: Their mean.
        p_hit: Probability that attainment reaches 1; None without a quota or if it abstains.
        risk_band: Band of `p_hit` by the organisation's thresholds.
        main_reason: One phrase for the board.
        parts: What the median is made of: they add up to it. Given on the board's day.
        hazards: Codes of `spm_ml.hazards.HAZARDS`.
        abstention: Why there is no forecast, or no attainment.
        exposure: Share of the period's selling days employed × full-time equivalent.
        metrics: Baseline metrics of the same rep, period and day.
        history_reconstructed: The deals' history was rebuilt from their last state.
        change: What changed since an earlier as-of day; None where there is none.
        deals: Open deals that matter, the one that matters most first; at most five.
        without_largest: The forecast without the largest open deal, where one deal decides the period (H18).
        submissions: What people said about the same period.
        pay: What the rep's compensation plan pays; None without a plan or a quota. Given on the board's day.
        news: What was recorded since the batch before; None where nothing was.

    Raises:
        ValueError: A number is not finite, quantiles are not 19 ascending numbers, a share lies outside 0–1, or parts
            do not add up.
    """

    rep_id: str
    period: str
    period_start: date
    period_end: date
    as_of: date
    week: int
    name: str
    role: str
    manager_id: str | None
    team: str
    region: str
    segment: str
    quota: int | None
    booked: int
    bookings_quantiles: tuple[float, ...] | None
    mean_bookings: float | None
    p_hit: float | None
    risk_band: RiskBand | None
    main_reason: str
    parts: tuple[ForecastPart, ...]
    hazards: tuple[str, ...]
    abstention: Abstention | None
    exposure: float
    metrics: tuple[MetricValue, ...]
    history_reconstructed: bool
    change: ForecastChange | None = None
    deals: tuple[DealOutlook, ...] = ()
    without_largest: WithoutLargest | None = None
    submissions: tuple[Submission, ...] = ()
    pay: PayOutlook | None = None
    news: News | None = None

    def __post_init__(self) -> None:
        owner = f"prediction of rep {self.rep_id!r} as of {self.as_of}"
        require_finite(owner, mean_bookings=self.mean_bookings, exposure=self.exposure)
        require_share(owner, p_hit=self.p_hit)
        require_quantiles(owner, self.bookings_quantiles)
        require_parts(owner, "median", self.quantile(0.5), self.parts, self.change)
        if self.without_largest is not None and self.bookings_quantiles is None:
            raise ValueError(f"{owner}: a forecast without the largest deal stands beside none with it; give neither")
        if len(self.deals) > MOST_DEALS:
            raise ValueError(f"{owner}: {len(self.deals)} deals; keep the {MOST_DEALS} that matter most")

    def quantile(self, level: float) -> float | None:
        """Bookings at one of `QUANTILE_LEVELS`, in minor units.

        Raises:
            ValueError: The level is not one of the 19.
        """
        return _quantile(self.bookings_quantiles, level)


@dataclass(frozen=True)
class CountedForecast:
    """Of a `Prediction` what it counts in sums of groups by; a fraction of the work to read."""

    rep_id: str
    as_of: date
    name: str
    role: str
    manager_id: str | None
    region: str
    segment: str
    quota: int | None
    bookings_quantiles: tuple[float, ...] | None
    risk_band: RiskBand | None
    abstention: Abstention | None

    def quantile(self, level: float) -> float | None:
        """Bookings at one of `QUANTILE_LEVELS`, in minor units."""
        return _quantile(self.bookings_quantiles, level)


Counted = Prediction | CountedForecast
"""A row that is added up."""


@dataclass(frozen=True)
class WeekForecast:
    """What was forecast on one as-of day of the period: of a `Prediction` what readers compare from week to week."""

    as_of: date
    week: int
    quota: int | None
    booked: int
    bookings_quantiles: tuple[float, ...] | None
    mean_bookings: float | None
    p_hit: float | None

    def quantile(self, level: float) -> float | None:
        """Bookings at one of `QUANTILE_LEVELS`, in minor units."""
        return _quantile(self.bookings_quantiles, level)


def _quantile(quantiles: Sequence[float] | None, level: float) -> float | None:
    return None if quantiles is None else quantiles[QUANTILE_LEVELS.index(level)]


@dataclass(frozen=True)
class TeamPrediction:
    """A team, a segment, a region or the company at one as-of day: the forecast of the sum of its members' bookings.

    Attributes:
        level: What it is.
        key: The manager's `rep_id`, the name of the region or segment, or `COMPANY`.
        label: What a reader sees.
        manager_id: Of a team; empty for the others, as is `manager_name`.
        quota: Sum of the members' quotas that are known; None if none is.
        booked: Revenue bookings of the period so far.
        metrics: Baseline metrics of the team: ratios of sums.
        reps_at_risk: Reps in the high band.
        reps: Reps in the team, the size that group rules look at.
        bookings_quantiles: 19 quantiles of the members' bookings together, at `QUANTILE_LEVELS`; None if unknown.
        mean_bookings: Their mean: the means of a level's groups add up to the company's.
        p_hit: Probability that the bookings reach `quota`.
        own_quota: The manager's own quota as set, beside the sum; None if there is none.
        p_hit_own: Probability that the bookings reach `own_quota`.
        fine_quantiles: 199 quantiles of the same at `FINE_LEVELS`; of the company, whose goal is not its quotas' sum.
        independent_range: P10 and P90 if no two members had anything in common, minor units: what adding up alone would
            say, beside `bookings_quantiles`, which know what they share; None if unknown.
        parts: What the mean is made of: they add up to it.
        change: What changed the mean since an earlier as-of day; None where there is none.
        growth: The periods before; given on the board's day.

    Raises:
        ValueError: The key does not fit the level, a number is not finite, quantiles are not 19 ascending numbers, a
            share lies outside 0–1, or parts do not add up.
    """

    level: Level
    key: str
    label: str
    manager_id: str
    manager_name: str
    period: str
    as_of: date
    quota: int | None
    booked: int
    metrics: tuple[MetricValue, ...]
    reps_at_risk: int
    reps: int
    bookings_quantiles: tuple[float, ...] | None = None
    mean_bookings: float | None = None
    p_hit: float | None = None
    own_quota: int | None = None
    p_hit_own: float | None = None
    fine_quantiles: tuple[float, ...] | None = None
    independent_range: tuple[float, float] | None = None
    parts: tuple[ForecastPart, ...] = ()
    change: ForecastChange | None = None
    growth: Growth | None = None

    def __post_init__(self) -> None:
        owner = f"{self.level} {self.key!r} as of {self.as_of}"
        if self.manager_id != (self.key if self.level == "team" else ""):
            raise ValueError(f"{owner}: manager_id is {self.manager_id!r}; a team's is its key, others have none")
        if self.level == "company" and self.key != COMPANY:
            raise ValueError(f"{owner}: the company's key is {COMPANY!r}")
        require_finite(owner, mean_bookings=self.mean_bookings)
        require_share(owner, p_hit=self.p_hit, p_hit_own=self.p_hit_own)
        require_quantiles(owner, self.bookings_quantiles)
        require_quantiles(owner, self.fine_quantiles, FINE_LEVELS)
        require_range(owner, "independent_range", self.independent_range)
        require_parts(owner, "mean", self.mean_bookings, self.parts, self.change)

    def quantile(self, level: float) -> float | None:
        """Bookings at one of `QUANTILE_LEVELS`, in minor units.

        Raises:
            ValueError: The level is not one of the 19.
        """
        return _quantile(self.bookings_quantiles, level)


def sums_alone(group: TeamPrediction) -> TeamPrediction:
    """The same sums without the words, which may name deals and people, and without what a few people are behind."""

    def silent(parts: tuple[ForecastPart, ...]) -> tuple[ForecastPart, ...]:
        return tuple(replace(part, text="", drivers=()) for part in parts)

    change = None if group.change is None else replace(group.change, parts=silent(group.change.parts))
    growth = None if group.growth is None else group.growth.of_many()
    return replace(group, parts=silent(group.parts), change=change, own_quota=None, p_hit_own=None, growth=growth)


@dataclass(frozen=True)
class Recommendation:
    """A program offered to a rep, or the reason why none is. HR reads it: its words carry no deal figures.

    Attributes:
        skill: The skill it teaches that the rep lacks.
        effect: Expected gain in attainment points, 0.03 = 3 points; None if no effect is claimed.
        effect_low: Lower end of its interval.
        effect_high: Upper end of its interval.
        p_positive: Probability that the effect is above zero.
        cost: Cost of the seat, minor units.
        evidence: What the effect rests on, for example `no effect evidence: largest matched gap`.
        reason: Why this program for this rep.
        expires_on: Last day on which the offer holds.
        abstention: Why nothing is recommended; then the program's fields are empty.
        cost_per_point: Cost of the seat for each expected point (0.01) of attainment, minor units.
        evidence_level: Whose enrolments the effect rests on; `gap`: no effect is claimed.
        propensity: Chance with which the rep got this offer, 1 = no lottery; None = unknown.
        held_out: The rep was drawn into the hold-out and is offered nothing for now.
    """

    rep_id: str
    period: str
    program_id: str
    program_name: str
    skill: str
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    p_positive: float | None
    cost: int | None
    evidence: str
    reason: str
    expires_on: date
    abstention: Abstention | None
    cost_per_point: int | None = None
    evidence_level: EvidenceLevel = "gap"
    propensity: float | None = None
    held_out: bool = False

    def __post_init__(self) -> None:
        owner = f"recommendation for rep {self.rep_id!r}"
        require_finite(owner, effect=self.effect, effect_low=self.effect_low, effect_high=self.effect_high)
        require_share(owner, p_positive=self.p_positive, propensity=self.propensity)
