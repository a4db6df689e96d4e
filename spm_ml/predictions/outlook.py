"""What stands beside a forecast: the deals that matter, the result without the largest, and what people said."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from spm_ml.predictions.checks import require_finite, require_share

SubmissionKind = Literal["commit", "best_case", "manager_override"]


@dataclass(frozen=True)
class DealOutlook:
    """An open deal that matters.

    Attributes:
        amount: What the rep would be credited, minor units.
        p_win: Probability that it is won before the period ends.
        expected_close_on: As the source system says; None if it says nothing.
        likely_week: Week of the period, from 1, in which it is most likely won, if it is; None if unknown.
    """

    opportunity_id: str
    stage: str
    amount: int
    p_win: float
    expected_close_on: date | None
    likely_week: int | None

    def __post_init__(self) -> None:
        require_share(f"deal {self.opportunity_id!r}", p_win=self.p_win)
        if self.likely_week is not None and self.likely_week < 1:
            raise ValueError(f"deal {self.opportunity_id!r}: week {self.likely_week}; weeks of a period count from 1")


@dataclass(frozen=True)
class WithoutLargest:
    """The forecast without the largest open deal (H18).

    Attributes:
        amount: Of that deal, minor units.
        median: Median of the bookings at the period's end without it, minor units.
        p_hit: Probability that attainment reaches 1 without it; None without a quota.
    """

    opportunity_id: str
    amount: int
    median: float
    p_hit: float | None

    def __post_init__(self) -> None:
        owner = f"without deal {self.opportunity_id!r}"
        require_finite(owner, median=self.median)
        require_share(owner, p_hit=self.p_hit)


@dataclass(frozen=True)
class Submission:
    """A human number beside the model's.

    Attributes:
        amount: Bookings at the period's end, minor units.
        submitted_on: Day on which it was said.
        submitted_by: Who said it.
        typical_bias: Σ (said − booked) ÷ Σ booked over the rep's earlier periods, on the same day of the period:
            0.2 = 20 % too much; None without a past.
        model_closer: In how many of the `compared` periods the model's median of the same day was closer.
        compared: Earlier periods in which both had said something.
    """

    kind: SubmissionKind
    amount: int
    submitted_on: date
    submitted_by: str
    typical_bias: float | None
    model_closer: int
    compared: int

    def __post_init__(self) -> None:
        require_finite(f"submission {self.kind!r}", typical_bias=self.typical_bias)
        if not 0 <= self.model_closer <= self.compared:
            raise ValueError(
                f"submission {self.kind!r}: the model was closer in {self.model_closer} of {self.compared} periods"
            )


@dataclass(frozen=True)
class News:
    """What was recorded about a rep since the batch before, and what it did to the forecast.

    Attributes:
        since: When that batch was made (UTC).
        text: What happened, in words.
        median_before: Median of the final bookings then, minor units; None where there was none.
        median: The same now.
    """

    since: datetime
    text: str
    median_before: float | None
    median: float | None
