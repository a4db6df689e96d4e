"""What every program has caused so far, in numbers and in a verdict."""

from __future__ import annotations

from typing import Final

import numpy as np

from spm_ml.coaching.effects.aipw import Estimate
from spm_ml.coaching.effects.checks import all_checks
from spm_ml.coaching.effects.event_study import as_points, event_study, fading
from spm_ml.coaching.effects.naive import naive_figures
from spm_ml.coaching.effects.panel import Panel
from spm_ml.coaching.effects.readings import Readings
from spm_ml.coaching.effects.words import interval, points, several
from spm_ml.coaching.programs import Program
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.predictions.coaching import EffectCheck, EffectVerdict, ProgramFinding
from spm_ml.progress import Progress, silent

TOO_WIDE: Final = 0.15
"""Half an interval, attainment share, from which an effect of any program's size could hide in it."""

WORTH_SEEING: Final = 0.05
"""Effect for which the number of starts is stated that would show it."""

_POWER: Final = 2.8
"""Standard errors that an effect must measure to be found four times in five at the 5 % level."""


def estimate_effects(periods: RepPeriods, *, seed: int = 0, progress: Progress = silent) -> tuple[ProgramFinding, ...]:
    """Estimates what every program has caused: the effect on those who took it, in the first full period after.

    It is the effect of being sent, whether or not the program was completed, and it holds what the training itself
    costs in that period: pipeline that was not created while the rep sat in class.

    Args:
        periods: Rep-periods and programs. Without quotas, bookings ÷ the rep's usual bookings take attainment's place.
        seed: Of folds and permutations.
        progress: Told after each program.

    Returns:
        One finding a program, in the order of their ids; one that cannot be judged says why. Starts of programs that
        are not on record make a rep ineligible, and nothing else.
    """
    panel = Panel.of(periods)
    readings = Readings(panel, seed)
    findings = []
    for number, program in enumerate(periods.programs):
        enrolled = int((periods.starts["program_id"] == program.program_id).sum())
        findings.append(_finding(readings, program, number, enrolled, seed))
        progress("program effects", number + 1, len(periods.programs))
    return tuple(findings)


def _finding(readings: Readings, program: Program, number: int, enrolled: int, seed: int) -> ProgramFinding:
    panel = readings.panel
    naive = naive_figures(panel, panel.starts[:, :, number])
    estimate = readings.attainment().effect(number) if enrolled else "nobody took it yet"
    told = estimate if isinstance(estimate, Estimate) else None
    study = event_study(readings, number) if told else {}
    checks = all_checks(readings, program, number, told, seed + number) if told else ()
    verdict, detail = _verdict(estimate, checks)
    return ProgramFinding(
        program_id=program.program_id,
        name=program.name,
        skills=program.skills,
        cost=program.cost,
        seats=program.seats,
        days=program.days,
        enrolled=enrolled,
        trained=told.treated if told else 0,
        controls=told.controls if told else 0,
        trimmed_share=told.trimmed_share if told else None,
        effect=told.value if told else None,
        effect_low=told.low if told else None,
        effect_high=told.high if told else None,
        naive_before_after=naive.before_after,
        naive_difference=naive.difference,
        naive_words=naive.words,
        event_study=as_points(study),
        fading=fading(study) if told else "There is no effect whose course could be followed.",
        checks=checks,
        verdict=verdict,
        detail=_sentence([detail, *_time_lost(study), *_several_at_once(readings, number), *_unit(panel)]),
    )


def _verdict(estimate: Estimate | str, checks: tuple[EffectCheck, ...]) -> tuple[EffectVerdict, str]:
    if isinstance(estimate, str):
        return "cannot tell", estimate
    said = (
        f"{points(estimate.value)}, 95 % interval {interval(estimate.low, estimate.high)}, {estimate.treated} trained"
    )
    failed = {check.slug for check in checks if check.passed is False}
    if "placebo" in failed:
        return "cannot tell", f"{said}; but the placebo shows an effect where there can be none, so the groups differ"
    if estimate.trimmed_share > 0.5:
        return (
            "cannot tell",
            f"{said}; but {estimate.trimmed_share:.0%} of the trained have no comparable untrained rep",
        )
    if not estimate.low <= 0 <= estimate.high and "permutation" in failed:
        return "cannot tell", f"{said}; but dealt out at random among comparable reps, the same is not rare"
    if estimate.low > 0:
        return "helps", said
    if estimate.high < 0:
        return "harmful", said
    if (estimate.high - estimate.low) / 2 > TOO_WIDE:
        needed = int(np.ceil(estimate.treated * (_POWER * estimate.error / WORTH_SEEING) ** 2))
        return "cannot tell", (
            f"{said}: too few to tell a useful effect from none; about {needed} starts would show "
            f"{100 * WORTH_SEEING:.0f} points"
        )
    return "no evidence", f"{said}; an effect below {100 * _POWER * estimate.error:.0f} points would mostly be missed"


def _time_lost(study: dict[int, Estimate]) -> list[str]:
    if 0 not in study:
        return []
    same = study[0]
    return [
        f"in the period of the program itself {points(same.value)} ({interval(same.low, same.high)}): the time it takes"
    ]


def _several_at_once(readings: Readings, number: int) -> list[str]:
    started = readings.panel.starts
    both = int((started[:, :, number] & (started.sum(axis=2) > 1)).sum())
    if not both:
        return []
    return [
        f"{several(both, 'start')} beside another program in the same period left out, as theirs cannot be told apart"
    ]


def _unit(panel: Panel) -> list[str]:
    return [] if panel.against_quota else ["without quotas, attainment is bookings ÷ the rep's own usual bookings"]


def _sentence(parts: list[str]) -> str:
    return "; ".join(parts)
