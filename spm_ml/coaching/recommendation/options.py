"""What each program would do for each rep as it can be planned: effect, time lost, and what stands against it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, cast

import pandas as pd

from spm_ml.coaching.programs import Program
from spm_ml.coaching.recommendation.words import evidence_words, gap_words
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.coaching.skills import SkillGaps
from spm_ml.coaching.uplift import Uplift
from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.planning import Candidate
from spm_ml.predictions.coaching import Diagnosis, ProgramFinding, ProgramOption
from spm_ml.predictions.rows import EvidenceLevel

REPEAT_AFTER_DAYS: Final = 364
"""A program is not planned again for a rep who started it in this many days before."""


@dataclass(frozen=True)
class Moment:
    """When it is decided, and for which period.

    Attributes:
        day: What is known at its end decides.
        period: In which programs are started; a program must end before it does.
        selling_days: Of the period.
        selling_days_left: After the day.
    """

    day: date
    period: Period
    selling_days: int
    selling_days_left: int

    @classmethod
    def of(cls, calendar: FiscalCalendar, day: date, period: Period) -> Moment:
        """Counts the selling days."""
        first = max(day + timedelta(days=1), period.start)
        left = calendar.selling_days(first, period.end) if first <= period.end else 0
        return cls(day, period, calendar.selling_days(period.start, period.end), left)


def program_options(
    uplift: Uplift,
    periods: RepPeriods,
    gaps: SkillGaps,
    findings: Sequence[ProgramFinding],
    moment: Moment,
    reps: Collection[str],
) -> tuple[ProgramOption, ...]:
    """Gives one option for each of the reps and each program.

    Args:
        uplift: Effects of programs started in the period.
        periods: For programs and enrolments.
        gaps: For the evidence of a gap.
        findings: A program that was found harmful is barred.
        moment: For time lost, and what still ends in time.
        reps: Who is there.
    """
    programs = {program.program_id: program for program in periods.programs}
    harmful = {finding.program_id for finding in findings if finding.verdict == "harmful"}
    started = _started(periods, moment)
    texts = _texts(gaps)
    options = []
    for at, row in enumerate(uplift.options.to_dict("records")):
        rep, program = str(row["rep_id"]), programs.get(str(row["program_id"]))
        if rep not in reps or program is None:
            continue
        claimed = _number(row["effect"]) is not None
        skill = str(row["skill"]) if pd.notna(row["skill"]) else ""
        gap = _number(row["matched_gap"])
        options.append(
            ProgramOption(
                rep_id=rep,
                program_id=program.program_id,
                skill=skill,
                effect=_number(row["effect"]),
                low=_number(row["low"]),
                high=_number(row["high"]),
                p_positive=_number(row["p_positive"]),
                own_sd=_number(row["own_sd"]) if claimed else None,
                loadings=tuple(float(value) for value in uplift.loadings[at]) if claimed else (),
                priority=_number(row["priority"]) or 0.0,
                evidence=evidence_words(str(row["level"]), uplift.episodes, program.program_id),
                reason=gap_words(texts.get((rep, skill), ""), skill),
                time_lost=_time_lost(program, moment, _number(row["baseline"])),
                barred=_barred(program, rep, harmful, started, moment),
                gap=gap,
                level=cast(EvidenceLevel, str(row["level"])),
            )
        )
    return tuple(options)


def candidates(
    options: Sequence[ProgramOption],
    programs: Sequence[Program],
    teams: Mapping[str, str],
    diagnoses: Sequence[Diagnosis],
    risk: Mapping[str, float],
) -> list[Candidate]:
    """The options as the planner takes them."""
    cost = {program.program_id: program.cost for program in programs}
    attainment = {diagnosis.rep_id: diagnosis.attainment for diagnosis in diagnoses}
    return [
        Candidate(
            rep_id=option.rep_id,
            program_id=option.program_id,
            team=teams.get(option.rep_id, ""),
            effect=option.effect,
            p_positive=option.p_positive,
            own_sd=option.own_sd,
            loadings=option.loadings,
            gap=option.gap or 0.0,
            priority=option.priority,
            time_lost=option.time_lost,
            cost=cost[option.program_id],
            attainment=attainment.get(option.rep_id),
            p_hit=risk.get(option.rep_id),
            barred=option.barred,
        )
        for option in options
    ]


def _number(value: object) -> float | None:
    """A finite number or nothing."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _texts(gaps: SkillGaps) -> dict[tuple[str, str], str]:
    rows = gaps.frame[gaps.frame["text"] != ""]
    return {(str(row["rep_id"]), str(row["skill"])): str(row["text"]) for row in rows.to_dict("records")}


def _time_lost(program: Program, moment: Moment, expected: float | None) -> float:
    """Days ÷ selling days of the period × expected attainment; nothing where the days are unknown."""
    if program.days is None or not moment.selling_days:
        return 0.0
    return min(program.days / moment.selling_days, 1.0) * max(1.0 if expected is None else expected, 0.0)


def _started(periods: RepPeriods, moment: Moment) -> dict[str, list[tuple[str, date]]]:
    """Programs that each rep started in the year before, or in the period."""
    since = pd.Timestamp(moment.day - timedelta(days=REPEAT_AFTER_DAYS))
    recent = periods.starts[periods.starts["started_on"] > since]
    found: dict[str, list[tuple[str, date]]] = {}
    for row in recent.to_dict("records"):
        found.setdefault(str(row["rep_id"]), []).append((str(row["program_id"]), row["started_on"].date()))
    return found


def _barred(
    program: Program,
    rep: str,
    harmful: Collection[str],
    started: Mapping[str, Sequence[tuple[str, date]]],
    moment: Moment,
) -> str:
    """Why the rep cannot start the program now; empty if nothing stands against it."""
    if program.program_id in harmful:
        return f"{program.name} has lowered attainment so far"
    if program.days is not None and program.days > moment.selling_days_left:
        return (
            f"{program.name} takes {program.days:g} selling days and {moment.selling_days_left} are left in "
            f"{moment.period.label}"
        )
    for taken, on in started.get(rep, ()):
        if taken == program.program_id:
            return f"{program.name} was started on {on}; it is not offered twice in {REPEAT_AFTER_DAYS} days"
        if moment.period.start <= on <= moment.period.end:
            return f"another program was started on {on}; one in {moment.period.label} is enough"
    return ""
