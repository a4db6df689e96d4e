"""What each part of the hierarchical R-learner is worth: policy value with the part taken away."""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.coaching.policies import best
from benchmarks.coaching.policy import TRAINED_SHARE
from benchmarks.coaching.setting import Floats, setting_of
from benchmarks.coaching.worlds import Measured
from spm_ml.coaching.funnel import USUAL_PASS_THROUGH
from spm_ml.coaching.uplift.episodes import Episodes, episodes_of
from spm_ml.coaching.uplift.pathways import REST, learn_pathways, loadings_of

ATTAINMENT_SPREAD: Final = np.array([0.03, 0.01, 0.03, 0.01])
"""What attainment may show where no behaviour is looked at: as much as a behaviour may otherwise."""


def measure_ablation(measured: Measured) -> pd.DataFrame:
    """One row a variant: `value` (share of the oracle's, truth of the first period) and `error` in points.

    `whole`; `attainment alone` (no behaviour is looked at); `no funnel` (every behaviour passes through alike);
    `need alone` (tenure and trailing attainment change nothing); `prior alone` (no outcome is looked at).
    """
    setting = setting_of(measured)
    episodes = episodes_of(measured.periods, setting.gaps)
    blind = replace(episodes, behaviour=np.full_like(episodes.behaviour, np.nan))
    alike = float(np.mean(list(USUAL_PASS_THROUGH.values())))
    variants: dict[str, tuple[Episodes, Floats]] = {
        "whole": (episodes, REST),
        "attainment alone": (blind, ATTAINMENT_SPREAD),
        "no funnel": (replace(episodes, pass_through=np.full_like(episodes.pass_through, alike)), REST),
        "need alone": (replace(episodes, modifiers=np.zeros_like(episodes.modifiers)), REST),
        "prior alone": (blind, np.full_like(REST, 1e-6)),
    }
    people = max(1, round(TRAINED_SHARE * len(setting.now)))
    most = float((best(setting.truth, people) * setting.truth).sum())
    lines = []
    for name, (seen, rest) in variants.items():
        learnt = learn_pathways(seen, measured.periods.programs, rest=rest)
        effect = (loadings_of(seen, learnt.baseline, setting.now) @ learnt.mean).reshape(setting.truth.shape)
        gained = float((best(effect, people) * setting.truth).sum())
        error = 100 * float(np.sqrt(np.mean((effect - setting.truth) ** 2)))
        lines.append({"variant": name, "value": gained / most if most > 0 else np.nan, "error": error})
    return pd.DataFrame(lines)
