"""Tests of whether an effect can be believed, each with what it found and what it cannot find."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import stats

from spm_ml.coaching.effects.aipw import Estimate
from spm_ml.coaching.effects.confounding import partial_r2, robustness_value
from spm_ml.coaching.effects.event_study import PLACEBO_PERIODS
from spm_ml.coaching.effects.permutation import permutation_p, strata
from spm_ml.coaching.effects.readings import Reading, Readings
from spm_ml.coaching.effects.words import interval, points
from spm_ml.coaching.programs import KPIS, Program, kpi_of
from spm_ml.predictions.coaching import EffectCheck

_NEGATIVE_CONTROLS: Final = ("created", "deal_size", "cycle", "win_rate")
"""In the order of how little the other skills reach into them."""

_STRICT: Final = 0.99
"""Level of intervals that should hold 0: at .95 one program in twenty would fail by chance."""

_MOST_TRIMMED: Final = 0.2
_LEAST_CONTROLS: Final = 2.0
"""Effective controls for each trained rep-period."""


def all_checks(
    readings: Readings, program: Program, number: int, estimate: Estimate, seed: int
) -> tuple[EffectCheck, ...]:
    """The six checks of a program's effect.

    Args:
        readings: Of all programs.
        program: Which.
        number: Its place.
        estimate: Its effect in the first full period.
        seed: Of the permutations.
    """
    return (
        placebo(readings, number),
        permutation(readings.attainment(), number, estimate, seed),
        negative_control(readings, program, number),
        own_kpi(readings, program, number),
        confounding(readings.attainment(), number, estimate),
        overlap(estimate),
    )


def placebo(readings: Readings, number: int) -> EffectCheck:
    """The same estimate on a period long before anybody decided."""
    label = f"Placebo, {PLACEBO_PERIODS} periods before"
    why = (
        "Nearer periods cannot serve: managers decide on the last one or two, so the trained differ in them by "
        "construction."
    )
    found = readings.attainment(-PLACEBO_PERIODS).effect(number)
    if isinstance(found, str):
        return EffectCheck("placebo", label, None, None, f"Not possible: {found} that long before. {why}")
    passed = _holds_zero(found)
    says = "as it should be, nothing" if passed else "an effect where there can be none, so the groups differ"
    text = f"{points(found.value)}, 95 % interval {interval(found.low, found.high)}: {says}. {why}"
    return EffectCheck("placebo", label, passed, found.value, text)


def permutation(reading: Reading, number: int, estimate: Estimate, seed: int) -> EffectCheck:
    """Treatment dealt out anew among those with a like chance of it in the same period."""
    trials = reading.trials
    rows = trials.compared(number, reading.outcome)
    rows &= (trials.assignment.sent >= trials.bounds[0]) & (trials.assignment.sent <= trials.bounds[1])
    codes = strata(trials.t[rows], trials.assignment.odds(number)[rows])
    residual = (reading.outcome - reading.expected)[rows]
    p = permutation_p(residual, trials.program[rows] == number, codes, seed)
    label = "Permutation test"
    if p is None:
        return EffectCheck("permutation", label, None, None, "Not possible: nobody comparable in the same periods.")
    claimed = not estimate.low <= 0 <= estimate.high
    agrees = claimed == (p < 0.05)
    says = "chance alone seldom does that" if p < 0.05 else "chance alone does that often"
    text = (
        f"p = {p:.3f}: dealt out at random among reps with a like chance in the same period, {says}; this "
        f"{'agrees' if agrees else 'does not agree'} with the interval."
    )
    return EffectCheck("permutation", label, agrees, p, text)


def negative_control(readings: Readings, program: Program, number: int) -> EffectCheck:
    """Behaviour that the program does not teach should not move."""
    taught = {kpi.slug for kpi in map(kpi_of, program.skills) if kpi is not None}
    slug = next((slug for slug in _NEGATIVE_CONTROLS if slug not in taught), None)
    if not taught or slug is None:
        reason = "it is not known which behaviour the program teaches" if not taught else "it teaches all behaviours"
        return EffectCheck("negative_control", "Negative control", None, None, f"Not possible: {reason}.")
    label = f"Negative control: {_label(slug)}"
    found = readings.behaviour(slug).effect(number)
    if isinstance(found, str):
        return EffectCheck("negative_control", label, None, None, f"Not possible: {found}.")
    passed = _holds_zero(found)
    says = "as it should" if passed else "so the trained differ in more than the program"
    text = (
        f"{_deviations(found)}. The program does not teach this; it {'did not move' if passed else 'moved'} beyond "
        f"chance, {says}."
    )
    return EffectCheck("negative_control", label, passed, found.value, text)


def own_kpi(readings: Readings, program: Program, number: int) -> EffectCheck:
    """Behaviour that the program teaches should move."""
    kpi = next((kpi for kpi in map(kpi_of, program.skills) if kpi is not None), None)
    if kpi is None:
        return EffectCheck(
            "own_kpi", "What it teaches", None, None, "Not possible: no measured behaviour stands for its skills."
        )
    label = f"What it teaches: {kpi.label}"
    found = readings.behaviour(kpi.slug).effect(number)
    if isinstance(found, str):
        return EffectCheck("own_kpi", label, None, None, f"Not possible: {found}.")
    if found.low <= 0 <= found.high:
        return EffectCheck("own_kpi", label, None, found.value, f"{_deviations(found)}: no move beyond chance.")
    says = "it moved the way it should" if found.value > 0 else "it moved the wrong way"
    return EffectCheck("own_kpi", label, found.value > 0, found.value, f"{_deviations(found)}: {says}.")


def confounding(reading: Reading, number: int, estimate: Estimate) -> EffectCheck:
    """How strong a hidden cause would have to be, beside the strongest known one."""
    label, trials = "Hidden confounding", reading.trials
    rows = trials.compared(number, reading.outcome)
    block, rest = trials.design[rows, :2], trials.design[rows, 2:]
    value = robustness_value(estimate.value / estimate.error, int(rows.sum()) - trials.design.shape[1] - 2)
    treated, outcome = (trials.program[rows] == number).astype(np.float64), reading.outcome[rows]
    known = [partial_r2(target, block, rest) for target in (treated, outcome)]
    claimed = not estimate.low <= 0 <= estimate.high
    passed = value > max(known) if claimed else None
    text = (
        f"A hidden cause that explains {100 * value:.1f} % of what is left both of who was sent and of attainment "
        f"would bring the estimate to zero; the last period's attainment, on which managers decide, explains "
        f"{100 * known[0]:.1f} % and {100 * known[1]:.1f} %. None of these checks sees a hidden confounder."
    )
    return EffectCheck("confounding", label, passed, value, text)


def overlap(estimate: Estimate) -> EffectCheck:
    """Whether there are untrained reps who might as well have been sent."""
    enough = estimate.effective_controls >= _LEAST_CONTROLS * estimate.treated
    passed = enough and estimate.trimmed_share <= _MOST_TRIMMED
    low, high = (100 * bound for bound in estimate.bounds)
    text = (
        f"{100 * estimate.trimmed_share:.0f} % of the trained had a chance of being sent below {low:.1f} % or above "
        f"{high:.0f} % and were left out; the {estimate.controls} untrained rep-periods tell as much as "
        f"{estimate.effective_controls:.0f} like the {estimate.treated} trained."
    )
    return EffectCheck("overlap", "Overlap", passed, estimate.trimmed_share, text)


def _holds_zero(estimate: Estimate) -> bool:
    critical = float(stats.t.ppf(0.5 + _STRICT / 2, max(estimate.freedom, 1.0)))
    return abs(estimate.value) <= critical * estimate.error


def _deviations(estimate: Estimate) -> str:
    return (
        f"{estimate.value:+.2f} standard deviations of peers, 95 % interval {estimate.low:+.2f} to {estimate.high:+.2f}"
    )


def _label(slug: str) -> str:
    return next(kpi.label for kpi in KPIS if kpi.slug == slug)
