"""Policy value: what the reps who are sent truly gain, as a share of what the oracle's choice would gain."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.coaching.learners import Floats
from benchmarks.coaching.policies import POLICIES, Policy, best, matrix
from benchmarks.coaching.setting import Setting, setting_of
from benchmarks.coaching.worlds import Measured
from spm_ml.coaching.uplift import Uplift, estimate_uplift
from spm_ml.planning import MIN_P_POSITIVE
from spm_ml.progress import Progress, silent

TRAINED_SHARE: Final = 0.20
"""Of the reps who could be sent."""


def measure_policies(
    measured: Measured, policies: Mapping[str, Policy] = POLICIES, progress: Progress = silent
) -> pd.DataFrame:
    """One row a policy.

    Returns:
        `policy`; `value` and `value steady` (share of the oracle's; NaN where the oracle gains nothing); `points` (mean
        gain in the first period of those who are sent, attainment points), `oracle points`; `sent`, `episodes`.
    """
    setting = setting_of(measured)
    uplift = estimate_uplift(measured.periods, setting.gaps)
    people = max(1, round(TRAINED_SHARE * len(setting.now)))
    most = {name: (best(true, people) * true).sum() for name, true in _truths(setting)}
    lines = []
    for number, (name, policy) in enumerate(policies.items()):
        sent = policy(setting, uplift, people)
        gained = {which: float((sent * true).sum()) for which, true in _truths(setting)}
        lines.append(
            {
                "policy": name,
                "value": _ratio(gained["first"], most["first"]),
                "value steady": _ratio(gained["steady"], most["steady"]),
                "points": 100 * gained["first"] / people,
                "oracle points": 100 * most["first"] / people,
                "sent": float(people),
                "episodes": float(setting.trained),
            }
        )
        progress(measured.case.label, number + 1, len(policies))
    return pd.DataFrame(lines)


def measure_intervals(measured: Measured) -> pd.DataFrame:
    """One row: how well `estimate_uplift` knows what it does not know, over reps and programs of the running period.

    Returns:
        `coverage` of the 90 % intervals by the truth of the first period, `coverage steady`, mean `width` and `error`
        (root mean square) in points, `correlation` with the truth, `claimed` (share of options with an effect),
        `recommended` (share of reps with an option that is likely enough positive to be planned), `right` (share of
        these whose best option truly gains).
    """
    setting = setting_of(measured)
    return pd.DataFrame([_intervals(setting, estimate_uplift(measured.periods, setting.gaps))])


def _intervals(setting: Setting, uplift: Uplift) -> dict[str, float]:
    effect, low, high, likely = (matrix(setting, uplift, name) for name in ("effect", "low", "high", "p_positive"))
    claimed = np.isfinite(effect)
    line = {"claimed": float(claimed.mean()), "episodes": float(setting.trained)}
    for name, true in (("coverage", setting.truth), ("coverage steady", setting.steady)):
        line[name] = _mean(((low <= true) & (true <= high))[claimed])
    line["width"] = 100 * _mean((high - low)[claimed])
    line["error"] = 100 * np.sqrt(_mean(((effect - setting.truth) ** 2)[claimed]))
    line["bias"] = 100 * _mean((effect - setting.truth)[claimed])
    spread = claimed.sum() > 2 and setting.truth[claimed].std() > 0 and effect[claimed].std() > 0
    line["correlation"] = float(np.corrcoef(effect[claimed], setting.truth[claimed])[0, 1]) if spread else np.nan
    plannable = claimed & (np.nan_to_num(likely) >= MIN_P_POSITIVE) & (np.nan_to_num(effect) > 0)
    line["recommended"] = float(plannable.any(axis=1).mean())
    chosen = np.where(plannable, effect, -np.inf)
    first = chosen.argmax(axis=1)[plannable.any(axis=1)]
    line["right"] = _mean(setting.truth[np.flatnonzero(plannable.any(axis=1)), first] > 0)
    return line


def _truths(setting: Setting) -> tuple[tuple[str, Floats], tuple[str, Floats]]:
    return (("first", setting.truth), ("steady", setting.steady))


def _ratio(gained: float, most: float) -> float:
    return gained / most if most > 0 else float("nan")


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
