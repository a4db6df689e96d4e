"""The rows of a scored batch: what scoring writes about reps and teams, and serving reads.

Money is an integer of minor units of the batch's currency. Every number is finite: what is unknown is `None` with a
reason beside it, never NaN and never a silent blank.
"""

import math
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

from spm_ml.hazards import Abstention
from spm_ml.settings import QUANTILE_LEVELS

RiskBand = Literal["high", "medium", "low"]


def _require_finite(owner: str, **numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{owner}: {name} is {number}; give None with a reason for what is unknown")


def _require_share(owner: str, **shares: float | None) -> None:
    _require_finite(owner, **shares)
    for name, share in shares.items():
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{owner}: {name} is {share}; a probability or share lies between 0 and 1")


@dataclass(frozen=True)
class Driver:
    """One reason for a forecast.

    Attributes:
        label: What moved it, in words.
        points: Attainment points it adds or takes, 0.05 = 5 points; None without a quota.
        amount: Bookings it adds or takes, minor units.
        text: One sentence for the person who reads it.
    """

    label: str
    points: float | None
    amount: int | None
    text: str

    def __post_init__(self) -> None:
        _require_finite(f"driver {self.label!r}", points=self.points)


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
        _require_finite(f"metric {self.slug!r}", value=self.value)
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
        drivers: Reasons, the strongest first.
        hazards: Codes of `spm_ml.hazards.HAZARDS`.
        abstention: Why there is no forecast, or no attainment.
        exposure: Share of the period's selling days employed × full-time equivalent.
        metrics: Baseline metrics of the same rep, period and day.
        history_reconstructed: The deals' history was rebuilt from their last state.

    Raises:
        ValueError: A number is not finite, quantiles are not 19 ascending numbers, or a share lies outside 0–1.
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
    drivers: tuple[Driver, ...]
    hazards: tuple[str, ...]
    abstention: Abstention | None
    exposure: float
    metrics: tuple[MetricValue, ...]
    history_reconstructed: bool

    def __post_init__(self) -> None:
        owner = f"prediction of rep {self.rep_id!r} as of {self.as_of}"
        _require_finite(owner, mean_bookings=self.mean_bookings, exposure=self.exposure)
        _require_share(owner, p_hit=self.p_hit)
        quantiles = self.bookings_quantiles
        if quantiles is None:
            return
        if len(quantiles) != len(QUANTILE_LEVELS):
            raise ValueError(f"{owner}: {len(quantiles)} quantiles; there must be {len(QUANTILE_LEVELS)}")
        if not all(map(math.isfinite, quantiles)):
            raise ValueError(f"{owner}: a quantile is not finite; give None and an abstention instead")
        if any(later < earlier for earlier, later in pairwise(quantiles)):
            raise ValueError(f"{owner}: quantiles decrease; sort them before storing")

    def quantile(self, level: float) -> float | None:
        """Bookings at one of `QUANTILE_LEVELS`, in minor units.

        Raises:
            ValueError: The level is not one of the 19.
        """
        return None if self.bookings_quantiles is None else self.bookings_quantiles[QUANTILE_LEVELS.index(level)]


@dataclass(frozen=True)
class TeamPrediction:
    """A manager's team at one as-of day.

    Attributes:
        quota: Sum of the quotas that are known; None if none is.
        booked: Revenue bookings of the period so far.
        metrics: Baseline metrics of the team: ratios of sums.
        reps_at_risk: Reps in the high band.
        reps: Reps in the team, the size that group rules look at.
    """

    manager_id: str
    manager_name: str
    period: str
    as_of: date
    quota: int | None
    booked: int
    metrics: tuple[MetricValue, ...]
    reps_at_risk: int
    reps: int


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

    def __post_init__(self) -> None:
        owner = f"recommendation for rep {self.rep_id!r}"
        _require_finite(owner, effect=self.effect, effect_low=self.effect_low, effect_high=self.effect_high)
        _require_share(owner, p_positive=self.p_positive)
