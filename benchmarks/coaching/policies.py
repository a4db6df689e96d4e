"""Policies: each says who of those who could be sent is sent to which program.

A policy gives a matrix (m, programs) of chances; a row's sum is the chance that the rep is sent at all, and all of it
sums to the people who are trained. Chances, not draws, so that ties and random choices cost no noise.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from benchmarks.coaching.learners import Floats, Learner, Make, boosting, dr_learner, ridge, t_learner, x_learner
from benchmarks.coaching.setting import Setting
from spm_ml.coaching.uplift import Uplift

Policy: TypeAlias = Callable[[Setting, Uplift, int], Floats]
"""Takes the setting, what was learnt and the people to train."""


def best(scores: Floats, people: int) -> Floats:
    """The people with the largest score of any program, each to it; equally good programs share a rep.

    >>> best(np.array([[1.0, 2.0], [3.0, 3.0], [0.0, 1.0]]), 2)
    array([[0. , 1. ],
           [0.5, 0.5],
           [0. , 0. ]])
    """
    return _sent(scores.max(axis=1), _shared(scores), people)


def random(setting: Setting, _uplift: Uplift, people: int) -> Floats:
    """Anybody to anything."""
    shape = setting.truth.shape
    return np.full(shape, people / max(shape[0] * shape[1], 1))


def worst_with_managers_program(setting: Setting, _uplift: Uplift, people: int) -> Floats:
    """Lowest attainment last period, to a program as often as managers have picked it: what companies do."""
    return _sent(-_last_attainment(setting), np.broadcast_to(setting.shares, setting.truth.shape), people)


def worst_with_gaps_program(setting: Setting, _uplift: Uplift, people: int) -> Floats:
    """Lowest attainment last period, to the program of the largest gap."""
    return _sent(-_last_attainment(setting), _shared(setting.needs[setting.now]), people)


def riskiest(setting: Setting, _uplift: Uplift, people: int) -> Floats:
    """Lowest attainment as LightGBM predicts it, to a program as often as managers have picked it."""
    known = np.isfinite(setting.attainment)
    model = boosting()
    model.fit(setting.known[known], setting.attainment[known])
    predicted = model.predict(setting.known[setting.now])
    return _sent(-predicted, np.broadcast_to(setting.shares, setting.truth.shape), people)


def largest_gap(setting: Setting, _uplift: Uplift, people: int) -> Floats:
    """Who lacks most of what a program teaches; no outcome is looked at."""
    return best(setting.needs[setting.now], people)


def learnt(setting: Setting, _uplift: Uplift, people: int, *, learner: Learner, make: Make) -> Floats:
    """Largest effect by a generic learner."""
    return best(learner(setting, make), people)


def hierarchical(setting: Setting, uplift: Uplift, people: int) -> Floats:
    """Largest effect by `estimate_uplift`, or what it ranks by where it claims none."""
    return best(matrix(setting, uplift, "priority" if uplift.options["effect"].isna().any() else "effect"), people)


def ceiling(setting: Setting, _uplift: Uplift, people: int) -> Floats:
    """True strength of each program by need, tenure, trailing attainment and segment, from the truth of all periods."""
    newness = np.exp(-np.nan_to_num(_feature(setting, "tenure_days")) / 1000)
    trailing = np.clip(np.nan_to_num(_feature(setting, "attainment_mean"), nan=1.0), 0.25, 2.0)
    segment = pd.get_dummies(setting.measured.periods.frame["segment"].astype(str), dtype=float).to_numpy()
    scores = np.empty(setting.truth.shape)
    for program in range(setting.programs):
        need = setting.needs[:, program]
        shape = np.column_stack([np.ones(len(need)), trailing, need, need * trailing, newness, newness * trailing])
        design = (shape[:, :, None] * segment[:, None, :]).reshape(len(need), -1)
        true = setting.past_truth[:, program]
        fit = np.isfinite(true)
        scores[:, program] = design[setting.now] @ np.linalg.lstsq(design[fit], true[fit], rcond=None)[0]
    return best(scores, people)


def oracle(setting: Setting, _uplift: Uplift, people: int) -> Floats:
    """Knows every effect."""
    return best(setting.truth, people)


POLICIES: Final[dict[str, Policy]] = {
    "random": random,
    "worst performers, manager's program": worst_with_managers_program,
    "worst performers, largest gap's program": worst_with_gaps_program,
    "highest predicted risk, manager's program": riskiest,
    "largest matched gap": largest_gap,
    "T-learner, LightGBM": partial(learnt, learner=t_learner, make=boosting),
    "X-learner, LightGBM": partial(learnt, learner=x_learner, make=boosting),
    "DR-learner, LightGBM": partial(learnt, learner=dr_learner, make=boosting),
    "X-learner, ridge": partial(learnt, learner=x_learner, make=ridge),
    "hierarchical R-learner": hierarchical,
    "ceiling of what is observable": ceiling,
}


def matrix(setting: Setting, uplift: Uplift, column: str) -> Floats:
    """(m, programs) of a column of `Uplift.options`; NaN where an option is missing."""
    frame = setting.measured.periods.frame
    ids = [program.program_id for program in setting.measured.periods.programs]
    wide = uplift.options.pivot(index="rep_id", columns="program_id", values=column)
    return wide.reindex(index=frame["rep_id"].iloc[setting.now], columns=ids).to_numpy(dtype=np.float64)


def _sent(rank: Floats, programs: Floats, people: int) -> Floats:
    """The people with the highest rank, in the order of the rows where ranks tie; programs (m, programs) sum to 1."""
    chosen = np.zeros(len(rank))
    chosen[np.argsort(-np.nan_to_num(rank, nan=-np.inf), kind="stable")[:people]] = 1.0
    return chosen[:, None] * programs


def _shared(scores: Floats) -> Floats:
    """(m, programs) 1 for the best program of each row, shared where several are equally good."""
    top = np.isclose(scores, scores.max(axis=1, keepdims=True), rtol=0, atol=1e-12)
    return np.asarray(top / np.maximum(top.sum(axis=1, keepdims=True), 1))


def _last_attainment(setting: Setting) -> Floats:
    return np.nan_to_num(_feature(setting, "attainment_last_1")[setting.now], nan=1.0)


def _feature(setting: Setting, name: str) -> Floats:
    return setting.measured.periods.frame[name].to_numpy(dtype=np.float64)
