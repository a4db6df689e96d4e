"""The effect of every program on every rep who could take it now, with what is not known about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.coaching.skills import SkillGaps
from spm_ml.coaching.uplift.episodes import Episodes, episodes_of
from spm_ml.coaching.uplift.hierarchy import FEATURES
from spm_ml.coaching.uplift.pathways import Pathways, learn_pathways, loadings_of

Floats = npt.NDArray[np.float64]

MIN_EPISODES: Final = 30
"""Trained episodes with a known outcome below which no effect is claimed: the gap rule orders, and says so."""

MIN_PROGRAM_EPISODES: Final = 8
"""Episodes of a program below which only what all programs share is known about it."""

OWN_SHARE: Final = 0.3
"""Coefficient of variation of what the same program gives to equal reps: a prior, as no outcome can show it."""

INTERVAL: Final = 0.90

MOST_COMPONENTS: Final = 12
"""Independent components that what is not known about the programs is brought down to."""

_COLUMNS: Final = (
    "rep_id",
    "program_id",
    "skill",
    "matched_gap",
    "need",
    "baseline",
    "effect",
    "sd",
    "low",
    "high",
    "p_positive",
    "own_sd",
    "priority",
    "level",
)


@dataclass(frozen=True, eq=False)
class Uplift:
    """Effects on the attainment of the first full period after a program.

    Attributes:
        options: One row a rep and program: `rep_id, program_id, skill, matched_gap` (standard deviations), `need,
            baseline` (expected attainment anyway), `effect` (attainment share), `sd, low, high` (90 %), `p_positive`
            (that the program helps reps like this one), `own_sd` (what is this rep's own), `priority` (what orders
            options where no effect is claimed), `level` (`individual`, `pooled` or `gap`). At level `gap` effect and
            interval are NaN.
        loadings: (options, k) dependence of each effect on k shared components.
        covariance: (k, k) of these; sd² = own_sd² + l'·C·l, but for what the last components would add.
        learnt: How the effects come about; None without programs or reps.
        episodes: Trained episodes with a known outcome, by program.
    """

    options: pd.DataFrame
    loadings: Floats
    covariance: Floats
    learnt: Pathways | None
    episodes: dict[str, int]

    @property
    def trained(self) -> int:
        """Trained episodes with a known outcome."""
        return sum(self.episodes.values())


def estimate_uplift(periods: RepPeriods, gaps: SkillGaps, *, t: int | None = None) -> Uplift:
    """Learns from every finished episode what the programs did, and says it for everybody who could take one now.

    Args:
        periods: Rep-periods and enrolments.
        gaps: What the programs could give.
        t: Place of the period in which programs would be started; default: the newest.
    """
    episodes = episodes_of(periods, gaps)
    now = episodes.t == (periods.last if t is None else t)
    if not episodes.programs or not now.any():
        return Uplift(pd.DataFrame(columns=list(_COLUMNS)), np.zeros((0, 0)), np.zeros((0, 0)), None, {})
    learnt = learn_pathways(episodes, periods.programs)
    counts = episodes.started[episodes.known].sum(axis=0).astype(int)
    trained = dict(zip(episodes.programs, (int(count) for count in counts), strict=True))
    return _options(periods, gaps, episodes, learnt, np.flatnonzero(now), trained)


def _options(
    periods: RepPeriods,
    gaps: SkillGaps,
    episodes: Episodes,
    learnt: Pathways,
    rows: npt.NDArray[np.int64],
    counts: dict[str, int],
) -> Uplift:
    programs = len(episodes.programs)
    baseline = learnt.baseline[rows]
    loadings = loadings_of(episodes, learnt.baseline, rows)
    effect = (loadings @ learnt.mean).reshape(len(rows), programs)
    shared, components = _components(loadings, learnt.covariance)
    # The first feature of a program in each behaviour is its need, so this is what one standard deviation of it brings.
    per_need = (loadings @ _needs_only(learnt.mean)).reshape(len(rows), programs) / np.maximum(
        episodes.need[rows], 1e-9
    )
    own = (
        (per_need * episodes.need_sd[rows]) ** 2 + (OWN_SHARE * effect) ** 2 + (learnt.persistent * effect) ** 2
    ).ravel()
    sd = np.sqrt(shared + own)
    half = float(norm.ppf(0.5 + INTERVAL / 2)) * sd
    trained = sum(counts.values())
    table = pd.DataFrame(
        {
            "rep_id": np.repeat(episodes.rep_id[rows], programs),
            "program_id": np.tile(np.array(episodes.programs, dtype=object), len(rows)),
            "need": episodes.need[rows].ravel(),
            "baseline": np.repeat(baseline, programs),
            "effect": effect.ravel(),
            "sd": sd,
            "low": effect.ravel() - half,
            "high": effect.ravel() + half,
            "p_positive": norm.cdf(effect.ravel() / np.sqrt(np.maximum(shared, 1e-18))),
            "own_sd": np.sqrt(own),
            "priority": loadings @ learnt.before,
        }
    )
    few = np.array([counts[program] < MIN_PROGRAM_EPISODES for program in episodes.programs])
    level = np.where(trained < MIN_EPISODES, "gap", np.where(few, "pooled", "individual"))
    table["level"] = np.tile(level, len(rows))
    matched = [
        gaps.matched(program).assign(program_id=program.program_id)[["rep_id", "t", "program_id", "gap", "skill"]]
        for program in periods.programs
    ]
    found = pd.concat(matched, ignore_index=True)
    found = found[found["t"] == episodes.t[rows[0]]].drop(columns="t").rename(columns={"gap": "matched_gap"})
    table = table.merge(found, how="left", on=["rep_id", "program_id"])
    claimed = table["level"] != "gap"
    names = ["effect", "sd", "low", "high", "p_positive"]
    table[names] = table[names].where(claimed.to_numpy()[:, None] & np.ones(len(names), dtype=bool))
    return Uplift(table[list(_COLUMNS)], components, np.eye(components.shape[1]), learnt, counts)


def _needs_only(mean: Floats) -> Floats:
    """The coefficients without those of the other features."""
    return np.where(np.arange(len(mean)) % len(FEATURES) == 0, mean, 0.0)


def _components(loadings: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """(options,) shared variance of each option, and (options, k) loadings on k independent components that hold it."""
    values, vectors = np.linalg.eigh(covariance)
    scaled = loadings @ (vectors * np.sqrt(np.clip(values, 0, None)))
    _, _, axes = np.linalg.svd(scaled, full_matrices=False)
    kept = scaled @ axes[:MOST_COMPONENTS].T
    return (scaled**2).sum(axis=1), kept
