"""Seconds and peak memory of diagnosis, effects, uplift and plan, each in a process of its own."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final, TypeAlias

import pandas as pd

from benchmarks.coaching.worlds import Case, Measured, opened
from spm_ml.coaching.diagnosis import diagnose
from spm_ml.coaching.effects import estimate_effects
from spm_ml.coaching.skills import skill_gaps
from spm_ml.coaching.uplift import Uplift, estimate_uplift
from spm_ml.planning import Candidate, Limits, make_plan
from spm_ml.progress import Progress

Work: TypeAlias = Callable[[], object]

_SEATS: Final = 0.08
"""Of a program, as a share of the reps."""


def read(measured: Measured) -> Work:
    """Reading rep-periods and skill gaps, on which all the others build."""
    return lambda: skill_gaps(measured.history, measured.periods)


def diagnosis(measured: Measured) -> Work:
    """Every rep's gap to plan in parts."""
    gaps = skill_gaps(measured.history, measured.periods)
    return lambda: diagnose(measured.periods, gaps)


def effects(measured: Measured) -> Work:
    """What the programs have caused."""
    return lambda: estimate_effects(measured.periods)


def uplift(measured: Measured) -> Work:
    """What each program would do for each rep."""
    gaps = skill_gaps(measured.history, measured.periods)
    return lambda: estimate_uplift(measured.periods, gaps)


def plan(measured: Measured) -> Work:
    """Seats, people and a hold-out."""
    learnt = estimate_uplift(measured.periods, skill_gaps(measured.history, measured.periods))
    candidates, reps = candidates_of(learnt), measured.case.reps
    seats = {program.program_id: max(1, round(_SEATS * reps)) for program in measured.periods.programs}
    limits = Limits(people=max(1, reps // 5), seats=seats, hold_out=0.2, outcome_sd=0.5)
    return lambda: make_plan(candidates, limits, covariance=learnt.covariance)


STEPS: Final[dict[str, Callable[[Measured], Work]]] = {
    "read skill gaps": read,
    "diagnosis": diagnosis,
    "effects": effects,
    "uplift": uplift,
    "plan": plan,
}


def candidates_of(learnt: Uplift) -> list[Candidate]:
    """The options as the planner takes them, without teams and costs."""
    return [
        Candidate(
            rep_id=str(row["rep_id"]),
            program_id=str(row["program_id"]),
            effect=float(row["effect"]),
            p_positive=float(row["p_positive"]),
            own_sd=float(row["own_sd"]),
            loadings=tuple(map(float, loadings)),
            gap=float(row["matched_gap"]),
            priority=float(row["priority"]),
        )
        for row, loadings in zip(learnt.options.to_dict("records"), learnt.loadings, strict=True)
    ]


def measure_speed(case: Case, progress: Progress) -> pd.DataFrame:
    """One row a step, and their sum: `step, s, peak GiB`; the process's peak, what it had to read included."""
    lines: list[dict[str, object]] = []
    for number, step in enumerate(STEPS):
        progress(f"{case.label}: {step}", number, len(STEPS))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            seconds, peak = pool.submit(_cost, case, step).result()
        lines.append({"step": step, "s": seconds, "peak GiB": peak})
    progress(case.label, len(STEPS), len(STEPS))
    table = pd.DataFrame(lines)
    whole = {"step": "all", "s": table["s"].sum(), "peak GiB": table["peak GiB"].max()}
    return pd.concat([table, pd.DataFrame([whole])], ignore_index=True)


def _cost(case: Case, step: str) -> tuple[float, float]:
    with opened(case) as measured:
        work = STEPS[step](measured)
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
