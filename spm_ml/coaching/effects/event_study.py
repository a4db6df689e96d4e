"""A program's trained, period by period, against what was expected of them before.

No period serves as the base. Each point after the start is read against what was known on the eve of the start, each
point before it against what was known on the eve of its own period. Had the last period before the start been the base,
as is usual, the recovery from the bad period that led to the program would count as its effect (Ashenfelter 1978).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import stats

from spm_ml.coaching.effects.aipw import Estimate, Floats
from spm_ml.coaching.effects.readings import FIRST_FULL_PERIOD, Readings
from spm_ml.coaching.effects.words import interval, points
from spm_ml.predictions.coaching import EffectPoint

PLACEBO_PERIODS: Final = 6
"""Far enough before the decision that the decision was not taken on it."""

LAGS: Final = (-PLACEBO_PERIODS, *range(-4, 5))


def event_study(readings: Readings, program: int) -> dict[int, Estimate]:
    """Estimates by period around the start; those without enough trained are left out."""
    found = {lag: readings.attainment(lag).effect(program) for lag in LAGS}
    return {lag: estimate for lag, estimate in found.items() if isinstance(estimate, Estimate)}


def as_points(study: dict[int, Estimate]) -> tuple[EffectPoint, ...]:
    """For the page."""
    return tuple(
        EffectPoint(lag, estimate.value, estimate.low, estimate.high, estimate.treated)
        for lag, estimate in sorted(study.items())
    )


def fading(study: dict[int, Estimate]) -> str:
    """Whether the effect of the first full period lasts, with the interval of the change."""
    said = []
    before = study.get(-1)
    if before is not None:
        word = "below" if before.value < 0 else "above"
        said.append(
            f"In the period before the start the trained ended {points(abs(before.value)).lstrip('+')} {word} what was "
            "expected of them: the decision was taken on that period, so it is no effect and no base."
        )
    first, later = (
        study.get(FIRST_FULL_PERIOD),
        [study[lag] for lag in LAGS if lag > FIRST_FULL_PERIOD and lag in study],
    )
    if first is None or not later:
        return " ".join([*said, "Too few periods after the program are over to tell whether its effect lasts."])
    mean = float(np.mean([estimate.value for estimate in later]))
    size = max(len(estimate.influence) for estimate in (first, *later))
    influence = sum((_padded(estimate.influence, size) for estimate in later), np.zeros(size)) / len(later)
    error = float(np.sqrt(((influence - _padded(first.influence, size)) ** 2).sum()))
    half = float(stats.t.ppf(0.975, max(min(estimate.freedom for estimate in (first, *later)), 1.0))) * error
    change = mean - first.value
    if change + half < 0:
        verdict = "it fades" if mean >= 0 or first.value > 0 else "it gets worse"
    elif change - half > 0:
        verdict = "it is still growing then"
    else:
        verdict = "no change that could be told from chance"
    said.append(
        f"{points(first.value)} in the first full period and {points(mean)} on average in those after (up to the "
        f"fourth): a change of {points(change)}, 95 % interval {interval(change - half, change + half)}: {verdict}. "
        "Later points are weaker evidence, as those compared with may have been trained meanwhile."
    )
    return " ".join(said)


def _padded(values: Floats, size: int) -> Floats:
    return np.pad(values, (0, size - len(values)))
