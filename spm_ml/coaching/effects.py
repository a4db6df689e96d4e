"""What a program has caused so far, beside what a naive reading would say.

The effect on the trained (ATT) is estimated by augmented inverse probability weighting on target trials, cross-fitted
by rep and trimmed to the region of overlap. Sources: Robins, Rotnitzky & Zhao (1994) for AIPW; Chernozhukov et al.
(2018) for cross-fitting; Crump et al. (2009) for trimming.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold

from spm_ml.coaching.trials import Trials, build_trials, rep_periods, starts_by_period
from spm_ml.dataset import RepPeriodDataset
from spm_ml.history import SalesHistory
from spm_ml.progress import Progress, silent

Verdict = Literal["helps", "no evidence", "harmful", "cannot tell"]

MIN_TREATED = 8
TRIM = (0.02, 0.98)
FOLDS = 5
PLACEBO_PERIODS = 6
"""Far enough before the decision that the decision was not taken on it."""


@dataclass(frozen=True)
class Estimate:
    """An effect with its 95 % interval, in attainment points (5.2 = attainment rises by .052)."""

    value: float
    low: float
    high: float
    trained: int
    trimmed_share: float


@dataclass(frozen=True)
class ProgramEffect:
    """What one program did to the attainment of the period after it, in attainment points.

    Attributes:
        program_id: The program.
        n_enrolled: Enrolments on record.
        att: Effect on those who took it; None when it cannot be told.
        placebo: The same estimate on a period long before the decision; its interval should hold 0.
        naive_before_after: Mean change of the trained: regression to the mean counts as an effect here.
        naive_difference: Trained minus untrained: selection of the weak counts as an effect here.
        verdict: In words.
        detail: Why, in one sentence.
    """

    program_id: str
    n_enrolled: int
    att: Estimate | None
    placebo: Estimate | None
    naive_before_after: float | None
    naive_difference: float | None
    verdict: Verdict
    detail: str


def estimate_effects(
    history: SalesHistory, dataset: RepPeriodDataset, *, progress: Progress = silent
) -> tuple[ProgramEffect, ...]:
    """Estimates the effect of every program on the attainment of the period after its start.

    Args:
        history: For programs and enrolments.
        dataset: Rep-period rows on the weekly grid, with quotas.
        progress: Told after each program.

    Returns:
        One effect a program, in the order of their ids; a program that nobody took says so.
    """
    programs = history.table("programs").execute()
    enrolments = history.table("enrolments").execute()
    rows = rep_periods(dataset)
    starts = starts_by_period(rows, enrolments)
    effects = []
    for place, program_id in enumerate(sorted(programs["program_id"])):
        enrolled = int((enrolments["program_id"] == program_id).sum())
        effects.append(_effect(rows, starts, program_id, enrolled))
        progress("program effects", place + 1, len(programs))
    return tuple(effects)


def _effect(rows: pd.DataFrame, starts: pd.DataFrame, program_id: str, enrolled: int) -> ProgramEffect:
    trials = build_trials(rows, starts, program_id)
    before_after, difference = naive_figures(rows, starts, program_id)
    att, why_not = att_by_aipw(trials)
    far = build_trials(rows, starts, program_id, outcome_shift=-PLACEBO_PERIODS, covariate_shift=-PLACEBO_PERIODS)
    placebo, _ = att_by_aipw(far)
    verdict, detail = _verdict(att, placebo, why_not)
    return ProgramEffect(program_id, enrolled, att, placebo, before_after, difference, verdict, detail)


def _verdict(att: Estimate | None, placebo: Estimate | None, why_not: str) -> tuple[Verdict, str]:
    if att is None:
        return "cannot tell", why_not
    if placebo is not None and not placebo.low <= 0 <= placebo.high:
        return "cannot tell", "the placebo long before the decision shows an effect too, so the groups differ"
    interval = f"{att.value:+.1f} points, 95 % interval {att.low:+.1f} to {att.high:+.1f}, {att.trained} trained"
    if att.low > 0:
        return "helps", interval
    if att.high < 0:
        return "harmful", interval
    return "no evidence", interval


def naive_figures(rows: pd.DataFrame, starts: pd.DataFrame, program_id: str) -> tuple[float | None, float | None]:
    """Mean change of the trained, and trained minus untrained a period later; in attainment points."""
    own = starts[starts["program_id"] == program_id][["rep_id", "t"]].drop_duplicates()
    results = rows[["rep_id", "t", "attainment"]].dropna()
    after = own.merge(results.assign(t=results["t"] - 1), on=["rep_id", "t"])
    before = own.merge(results.assign(t=results["t"] + 1), on=["rep_id", "t"])
    both = after.merge(before, on=["rep_id", "t"], suffixes=("_after", "_before"))
    change = 100 * float((both["attainment_after"] - both["attainment_before"]).mean()) if len(both) else None
    trained = own["rep_id"].unique()
    untrained = results[~results["rep_id"].isin(trained)]["attainment"]
    gap = 100 * float(after["attainment"].mean() - untrained.mean()) if len(after) and len(untrained) else None
    return change, gap


def att_by_aipw(trials: Trials) -> tuple[Estimate | None, str]:
    """Doubly robust effect on the trained with a 95 % interval clustered by rep.

    Returns:
        The estimate in attainment points, or None and the reason why there is none.
    """
    reps = np.unique(trials.rep_id)
    trained = int(trials.treated.sum())
    if trained < MIN_TREATED:
        return None, f"{trained} usable starts; fewer than {MIN_TREATED} tell nothing"
    if int((~trials.treated).sum()) < MIN_TREATED or len(reps) < FOLDS:
        return None, "nobody comparable was left untrained"
    propensity, expected = _nuisances(trials)
    kept = (propensity >= TRIM[0]) & (propensity <= TRIM[1])
    treated = trials.treated & kept
    trimmed_share = 1 - int(treated.sum()) / trained
    if int(treated.sum()) < MIN_TREATED:
        return None, f"no overlap: {trimmed_share:.0%} of the trained have no comparable untrained rep"
    weight = np.where(trials.treated, 0.0, propensity / (1 - propensity)) * kept
    residual = trials.outcome - expected
    control_part = float(weight @ residual) / float(weight.sum())
    att = float(residual[treated].mean()) - control_part
    influence = np.where(treated, residual - control_part - att, 0.0) / treated.sum()
    influence -= weight * (residual - control_part) / weight.sum()
    by_rep = pd.Series(influence).groupby(trials.rep_id).sum().to_numpy()
    error = float(np.sqrt((by_rep**2).sum() * len(by_rep) / max(len(by_rep) - 1, 1)))
    half = float(stats.t.ppf(0.975, max(len(np.unique(trials.rep_id[treated])) - 1, 1))) * error
    return Estimate(100 * att, 100 * (att - half), 100 * (att + half), int(treated.sum()), trimmed_share), ""


def _nuisances(trials: Trials) -> tuple[np.ndarray, np.ndarray]:
    """Chance of treatment and expected untreated outcome of each row, from models that never saw its rep."""
    propensity = np.full(len(trials.outcome), trials.treated.mean())
    expected = np.full(len(trials.outcome), trials.outcome[~trials.treated].mean())
    for fit, use in GroupKFold(FOLDS).split(trials.covariates, groups=trials.rep_id):
        untreated = fit[~trials.treated[fit]]
        if len(np.unique(trials.treated[fit])) == 2:
            model = LogisticRegression(C=0.1, max_iter=500).fit(trials.covariates[fit], trials.treated[fit])
            propensity[use] = model.predict_proba(trials.covariates[use])[:, 1]
        if len(untreated):
            ridge = RidgeCV(alphas=np.logspace(-1, 4, 11)).fit(trials.covariates[untreated], trials.outcome[untreated])
            expected[use] = ridge.predict(trials.covariates[use])
    return propensity, expected
