"""What speaks for and against the model behind a batch, published with it: sections of plain numbers, about nobody.

Everything here is about at least `SMALLEST_GROUP` reps together, names no person, no deal and no value of a record, and
may be read by everybody. A section that was not published is None: the page says which command makes it.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from spm_ml.predictions.checks import require_share
from spm_ml.predictions.data_evidence import DataQuality, LeakageResult, Lineage
from spm_ml.predictions.rivals import Rivals
from spm_ml.predictions.scope import SMALLEST_GROUP
from spm_ml.predictions.voice_evidence import VoicesValue

DriftKind = Literal["feature", "forecast", "calibration"]
DriftVerdict = Literal["drift", "seen_before", "none", "untested"]

FEWER: Final = SMALLEST_GROUP - 1
"""What is published in place of a smaller number of people above 0: at most so many."""


PERIOD_LUCK: Final = 0.05
"""Chance of a column to be further off than earlier periods by the luck that all reps of a period share."""


@dataclass(frozen=True)
class MeasuredShare:
    """A share and its 95 % interval.

    Attributes:
        share: 0–1.
        low: Lower end.
        high: Upper end.
        rows: Rows it is of.
    """

    share: float
    low: float
    high: float
    rows: int

    def __post_init__(self) -> None:
        require_share("a measured share", share=self.share, low=self.low, high=self.high)


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows with about the same chance of reaching the quota.

    Attributes:
        part: `all`, or `early`, `middle` or `late` weeks of the period.
        first_week: First week of the part.
        last_week: Its last.
        said: Mean chance that was forecast.
        seen: How often the quota was reached.
    """

    part: Literal["all", "early", "middle", "late"]
    first_week: int
    last_week: int
    said: float
    seen: MeasuredShare


@dataclass(frozen=True)
class WeekReliability:
    """Chances of one week beside what came of them.

    Attributes:
        said: Mean chance that was forecast.
        seen: How often the quota was reached.
        brier: Mean squared difference of the two.
    """

    week: int
    said: float
    seen: MeasuredShare
    brier: float


@dataclass(frozen=True)
class Coverage:
    """How many outcomes lay in a central interval.

    Attributes:
        level: `rep`, `team`, `region` or `company`.
        week: Week of the period; None: all of them.
        period: Label of a tested period; None: all of them.
        nominal: Share that the interval should hold.
        held: Share that it held.
    """

    level: Literal["rep", "team", "region", "company"]
    week: int | None
    period: str | None
    nominal: float
    held: MeasuredShare


@dataclass(frozen=True)
class PitBin:
    """Outcomes that fell between two levels of their forecast distribution."""

    low: float
    high: float
    fell: MeasuredShare


@dataclass(frozen=True)
class Calibration:
    """Whether the model's chances and intervals mean what they say, in its backtest.

    Attributes:
        periods: Labels of the tested periods, oldest first.
        reps: Reps tested.
        reliability: Bins in the order of part and chance.
        by_week: One entry a week.
        coverage: For each level: all weeks together, each week and, for reps, each period.
        pit: The histogram of the probability integral transform.
    """

    periods: tuple[str, ...]
    reps: int
    reliability: tuple[ReliabilityBin, ...]
    by_week: tuple[WeekReliability, ...]
    coverage: tuple[Coverage, ...]
    pit: tuple[PitBin, ...]


@dataclass(frozen=True)
class DriftTest:
    """One column of the rows forecast now against the rows that the model learnt from.

    Attributes:
        column: Its name.
        kind: Whether the model reads it, says it, or it measures how right the model was.
        meaning: One line.
        verdict: `drift`: beyond chance and beyond how earlier periods differ; `seen_before`: beyond chance, but no more
            than periods differ from each other; `none`: chance explains it; `untested`.
        statistic: Distance, 0–1; None where it was not tested, as the next three.
        threshold: Distance that chance alone exceeds in 5 % of cases.
        p_value: Chance of such a distance without drift.
        adjusted_p: The same, corrected for the number of tests.
        usual_before: How far earlier periods are from each other, up to: one period more exceeds it with a chance of
            `PERIOD_LUCK` in each column; None: none can be compared.
        rows: Rows of now.
        past_rows: Rows of before.
        untested: Why it was not tested; None otherwise.
        missing_now: Share of rows without a value now.
        missing_before: Likewise before.
    """

    column: str
    kind: DriftKind
    meaning: str
    verdict: DriftVerdict
    statistic: float | None
    threshold: float | None
    p_value: float | None
    adjusted_p: float | None
    usual_before: float | None
    rows: int
    past_rows: int
    untested: str | None
    missing_now: float
    missing_before: float


@dataclass(frozen=True)
class Drift:
    """Whether the rows forecast now are unlike those the model learnt from.

    Attributes:
        as_of: Day of the rows.
        week: Week of the period that is compared.
        level: Chance of any alarm where nothing has drifted.
        reps: Reps forecast.
        new_reps: Of whom the model learnt nothing, up to `FEWER` when they are few; they are in no test.
        tests: Every column, those that drifted first.
        abstention: Why nothing was tested; None otherwise.
    """

    as_of: date
    week: int
    level: float
    reps: int
    new_reps: int
    tests: tuple[DriftTest, ...]
    abstention: str | None = None


@dataclass(frozen=True)
class ModelEvidence:
    """Every section; those that are None are not published."""

    calibration: Calibration | None = None
    rivals: Rivals | None = None
    drift: Drift | None = None
    data_quality: DataQuality | None = None
    leakage: LeakageResult | None = None
    lineage: Lineage | None = None
    voices: VoicesValue | None = None
