"""Bias and coverage of what programs have caused, beside what naive analyses say."""

from typing import Final

import numpy as np
import pandas as pd

from benchmarks.coaching.worlds import Measured
from spm_ml.coaching.effects import estimate_effects

LEAST_TRAINED: Final = 2
"""Enrolments with a known truth from which a program is judged."""


def true_effects(measured: Measured) -> pd.DataFrame:
    """Mean effect of having been sent, of the enrolments whose next period is finished and had a quota.

    Returns:
        By `program_id`: `gain` (what the skills brought in the first period), `true` (the same less what the days in
        class cost in that period, which whoever compares the sent with others sees as well), `known` (enrolments).
    """
    frame = measured.periods.frame
    finished = frame.loc[np.isfinite(frame["attainment"]), ["rep_id", "period"]]
    rows = measured.enrolment_effects.dropna(subset=["first_period"]).merge(finished, on=["rep_id", "period"])
    rows = rows.assign(true=rows["first_period"] + rows["time_lost"])
    return rows.groupby("program_id").agg(gain=("first_period", "mean"), true=("true", "mean"), known=("true", "size"))


def measure_effects(measured: Measured) -> pd.DataFrame:
    """One row a program, and all of them once more as `all`: truth, estimate and naive figures in points.

    Returns:
        `program, known` (enrolments), `true, gain, estimate, error` (its mean over worlds is the bias), `distance` (the
        absolute error), `covered` (by the 95 % interval), `width, before/after error, difference error, helps, no
        evidence, harmful, cannot tell` (verdicts, 0 or 1); NaN where nothing is claimed.
    """
    truth = true_effects(measured).T.to_dict()
    lines = []
    for finding in estimate_effects(measured.periods):
        known = truth.get(finding.program_id, {"known": 0.0})
        if known["known"] < LEAST_TRAINED:
            continue
        true = float(known["true"])
        effect, low, high = (
            np.nan if value is None else value for value in (finding.effect, finding.effect_low, finding.effect_high)
        )
        naive = {"before/after error": finding.naive_before_after, "difference error": finding.naive_difference}
        lines.append(
            {
                "program": finding.program_id,
                "known": float(known["known"]),
                "true": 100 * true,
                "gain": 100 * float(known["gain"]),
                "estimate": 100 * effect,
                "error": 100 * (effect - true),
                "distance": 100 * abs(effect - true),
                "covered": float(low <= true <= high) if np.isfinite(low) else np.nan,
                "width": 100 * (high - low),
                **{name: np.nan if value is None else 100 * (value - true) for name, value in naive.items()},
                **{word: float(finding.verdict == word) for word in ("helps", "no evidence", "harmful", "cannot tell")},
            }
        )
    table = pd.DataFrame(lines)
    return pd.concat([table, table.assign(program="all")], ignore_index=True)
