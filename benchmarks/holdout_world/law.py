"""The law of the hold-out world: every distribution that something is drawn from. Times are selling days."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import lognorm, norm, weibull_min

from benchmarks.holdout_world.days import Days
from spm_ml.simulation.world import Bools, Floats, Ints

STAGES: Final = ("discovery", "fit", "solution", "offer", "contract")
LONGEST: Final = 260
"""Days by which every round is decided."""
READ_OUT_STAGE: Final = 3
"""Position in `STAGES` on whose entry the rep restates the close date from what the buyer says."""

FIRST_DEALS, LATER_DEALS = 0.20, 0.004
"""Deals of a round beyond the first: expected on its first day, and on each day after it."""
READ_OUT_SPREAD, LONGEST_READ_OUT = 0.45, 200
AMOUNT_SPREAD, TAIL_SHARE, TAIL_INDEX, TAIL_MOST = 0.45, 0.06, 2.1, 30.0
_WIN_LOGIT, _WIN_BY_SIZE = 2.2, 0.5
_IDLE_SCALE, _IDLE_SHAPE = 0.95, 1.25
# Shares of the time left that a stage takes, by Kumaraswamy (1980), J. Hydrology 46: 1 − (1 − x^a)^b, for each stage
# that can be left; and the chance that it is never left. First idle rounds, then serious ones.
_STAGE_A: Final = np.array([[1.1] * 4, [1.3] * 4])
_STAGE_B: Final = np.array([[1.5, 1.5, 1.6, 1.7], [5.0, 3.6, 2.5, 1.6]])
_STALL: Final = np.array([0.30, 0.02])


@dataclass(frozen=True)
class Segment:
    """A market segment.

    Attributes:
        name: As in the tables.
        team_share: Share of the teams.
        opened: Rounds that a settled rep opens a day.
        serious: Chance that a round ends with a purchase, at average skill.
        decision_days: Median of a serious round.
        decision_spread: Standard deviation of its log.
        median_amount: Minor units.
    """

    name: str
    team_share: float
    opened: float
    serious: float
    decision_days: float
    decision_spread: float
    median_amount: float


SEGMENTS: Final = (
    Segment("Commercial", 0.45, 0.46, 0.34, 26, 0.55, 900_000),
    Segment("Corporate", 0.35, 0.32, 0.32, 42, 0.50, 3_200_000),
    Segment("Strategic", 0.20, 0.24, 0.30, 62, 0.45, 9_500_000),
)

OPENED_BY_MONTH: Final = np.array([1.10, 1.05, 1.0, 1.0, 0.95, 0.95, 0.80, 0.70, 1.15, 1.20, 1.10, 0.75])
DECIDED_BY_MONTH: Final = np.array([0.75, 0.90, 1.15, 0.90, 0.95, 1.20, 0.80, 0.65, 1.15, 1.0, 1.05, 1.40])
_MONTH_END, _MONTH_END_WEIGHT, _PERIOD_END_WEIGHT = 3, 2.0, 2.2


@dataclass(frozen=True)
class Break:
    """What changes for rounds opened from the break on.

    Attributes:
        opened: Factor on the rounds opened.
        serious: Added to the logit that a round is serious.
        decision_days: Factor on the time to a decision.
        amount: Factor on amounts.
    """

    opened: float = 0.92
    serious: float = -0.22
    decision_days: float = 1.15
    amount: float = 1.12


BREAK: Final = Break()


class DecisionDays:
    """Distribution of the day on which a round is decided, given the day on which it was opened.

    The lognormal (serious) or Weibull (idle) chance of each day is multiplied by the weight of that day in the
    calendar and normalised.

    Attributes:
        cumulative: (D, segments, 2, `LONGEST`): chance that a round opened on a day is decided within 1 … `LONGEST`
            days; third axis 0 = idle, 1 = serious. The last value is 1.
    """

    def __init__(self, days: Days) -> None:
        weight = np.append(_calendar_weight(days), np.ones(LONGEST))
        ahead = np.arange(days.count)[:, None] + np.arange(1, LONGEST + 1)[None, :]
        steps = np.arange(LONGEST + 1)
        slower = np.where(days.broken, BREAK.decision_days, 1.0)
        self.cumulative: Floats = np.empty((days.count, len(SEGMENTS), 2, LONGEST))
        for place, segment in enumerate(SEGMENTS):
            for factor in np.unique(slower):
                opened = slower == factor
                typical = segment.decision_days * factor
                idle = weibull_min.cdf(steps, _IDLE_SHAPE, scale=_IDLE_SCALE * typical)
                serious = lognorm.cdf(steps, segment.decision_spread, scale=typical)
                for kind, chance in enumerate((idle, serious)):
                    tilted = np.diff(chance) * weight[ahead[opened]]
                    summed = np.cumsum(tilted, axis=1)
                    self.cumulative[opened, place, kind] = summed / summed[:, -1:]
        self._flat = self.cumulative.reshape(-1, LONGEST)
        self._ladder = (self._flat + np.arange(len(self._flat))[:, None]).ravel()

    def draw(self, opened: Ints, segment: Ints, serious: Bools, level: Floats) -> Ints:
        """The day of the decision at a level in 0–1 of its distribution."""
        row = self._row(opened, segment, serious.astype(np.int64))
        step = np.searchsorted(self._ladder, row + level, side="right") - row * LONGEST
        return np.asarray(opened + 1 + np.clip(step, 0, LONGEST - 1))

    def within(self, opened: Ints, segment: Ints, last: int) -> Floats:
        """Chance that a serious round opened on a day is decided by the last day."""
        ahead = last - opened
        row = self._row(opened, segment, np.ones_like(opened))
        return np.where(ahead > 0, self._flat[row, np.clip(ahead, 1, LONGEST) - 1], 0.0)

    def chances(self, opened: Ints, segment: Ints, today: int) -> Floats:
        """(n, 2, `LONGEST`) chance of each of the days after today, idle and serious; not conditioned on survival."""
        ahead = today + 1 - opened[:, None] + np.arange(LONGEST)[None, :]
        step = np.diff(self.cumulative[opened, segment], axis=2, prepend=0.0)
        chosen = np.take_along_axis(step, np.minimum(ahead - 1, LONGEST - 1)[:, None, :], axis=2)
        return np.asarray(np.where((ahead <= LONGEST)[:, None, :], chosen, 0.0))

    def _row(self, opened: Ints, segment: Ints, kind: Ints) -> Ints:
        return (opened * len(SEGMENTS) + segment) * 2 + kind


def _calendar_weight(days: Days) -> Floats:
    weight = DECIDED_BY_MONTH[days.month_of_year]
    weight = weight * np.where(days.left_in_month < _MONTH_END, _MONTH_END_WEIGHT, 1.0)
    return np.asarray(weight * np.where(days.left_in_period < 2 * _MONTH_END, _PERIOD_END_WEIGHT, 1.0))


def stage_time(left: Ints, stage: int, serious: Bools, rng: np.random.Generator) -> Ints:
    """Days until a deal leaves a stage of which `left` days remain to the decision; ≥ `left`: it never does."""
    kind = serious.astype(np.int64)
    a, b = _STAGE_A[kind, stage], _STAGE_B[kind, stage]
    share = (1 - (1 - rng.random(len(left))) ** (1 / b)) ** (1 / a)
    stalls = rng.random(len(left)) < _STALL[kind]
    return np.where(stalls, left, np.ceil(share * left).astype(np.int64))


def left_stage_by(passed: Ints, left: Ints, stage: int, kind: int) -> Floats:
    """Chance that a deal has left a stage within `passed` days, of `left` days to the decision."""
    share = np.clip(passed / left, 0.0, 1.0)
    return np.asarray((1 - _STALL[kind]) * (1 - (1 - share ** _STAGE_A[kind, stage]) ** _STAGE_B[kind, stage]))


def read_out(left: Ints, rng: np.random.Generator) -> Ints:
    """Days to the decision as the rep reads them: lognormal noise, at least one, at most `LONGEST_READ_OUT`."""
    noisy = left * np.exp(READ_OUT_SPREAD * rng.normal(size=len(left)))
    return np.clip(np.ceil(noisy), 1, LONGEST_READ_OUT).astype(np.int64)


def read_out_chance(said: Ints, left: Ints) -> Floats:
    """Chance that `left` days to the decision are read as `said`."""
    with np.errstate(divide="ignore"):
        below = norm.cdf(np.log((said - 1) / left) / READ_OUT_SPREAD)
        upto = norm.cdf(np.log(said / left) / READ_OUT_SPREAD)
    return np.asarray(np.where(said >= LONGEST_READ_OUT, 1.0, upto) - np.where(said <= 1, 0.0, below))


def relative_amounts(count: int, rng: np.random.Generator) -> Floats:
    """Amounts ÷ the rep's typical one: lognormal, some of them multiplied by a Pareto draw, so that tails are heavy."""
    body = np.exp(AMOUNT_SPREAD * rng.normal(size=count))
    tail = np.minimum((1 - rng.random(count)) ** (-1 / TAIL_INDEX), TAIL_MOST)
    return np.asarray(body * np.where(rng.random(count) < TAIL_SHARE, 1.5 * tail, 1.0))


def won_if_serious(relative: Floats) -> Floats:
    """Chance that a deal of a serious round is won, by its amount ÷ the rep's typical one."""
    return np.asarray(1 / (1 + np.exp(_WIN_BY_SIZE * np.log(relative) - _WIN_LOGIT)))
