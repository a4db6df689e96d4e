"""The effect on the treated by augmented inverse probability weighting, with an interval clustered by rep.

Sources: Robins, Rotnitzky & Zhao (1994) for the estimator; Chernozhukov et al. (2018), section 5.1, for its score with
cross-fitted nuisances; Crump et al. (2009) for trimming; Satterthwaite (1946) for the degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MIN_TREATED: Final = 8
"""Treated clusters below which nothing is told."""

TRIM: Final = (0.02, 0.98)


@dataclass(frozen=True, eq=False)
class Estimate:
    """An effect on the treated with its 95 % interval, in the unit of the outcome.

    Attributes:
        error: Standard error.
        freedom: Degrees of freedom of the t distribution behind the interval.
        treated: Treated rows it rests on, after trimming.
        controls: Untreated rows it rests on, after trimming.
        trimmed_share: Share of the treated rows left out for want of overlap.
        bounds: Lowest and highest chance of treatment that were compared.
        effective_controls: As many equally weighted controls would tell as much (Kish).
        influence: (clusters,) of each cluster on `value`; they sum to 0.
    """

    value: float
    low: float
    high: float
    error: float
    freedom: float
    treated: int
    controls: int
    trimmed_share: float
    bounds: tuple[float, float]
    effective_controls: float
    influence: Floats


def aipw(
    outcome: Floats,
    treated: Bools,
    expected: Floats,
    odds: Floats,
    cluster: Ints,
    *,
    overlap: Floats | None = None,
    trim: tuple[float, float] = TRIM,
) -> Estimate | str:
    """Doubly robust effect on the treated, within the region of overlap.

    Args:
        outcome: (n,).
        treated: (n,).
        expected: (n,) outcome without treatment, from a model that never saw the row's cluster.
        odds: (n,) chance of this treatment ÷ chance of none, likewise.
        cluster: (n,) codes 0 … of what is independent.
        overlap: (n,) chance that is held against `trim`; by default that of this treatment, odds ÷ (1 + odds).
        trim: Lowest and highest chance for which treated and untreated are compared.

    Returns:
        The estimate, or why there is none.
    """
    whole = int(treated.sum())
    if len(np.unique(cluster[treated])) < MIN_TREATED:
        return (
            f"{whole} usable starts of {len(np.unique(cluster[treated]))} reps; fewer than {MIN_TREATED} tell nothing"
        )
    if len(np.unique(cluster[~treated])) < MIN_TREATED:
        return "nobody comparable was left untrained"
    chance = odds / (1 + odds) if overlap is None else overlap
    kept = (chance >= trim[0]) & (chance <= trim[1])
    first, second = treated & kept, ~treated & kept
    trimmed = 1 - int(first.sum()) / whole
    left = len(np.unique(cluster[first]))
    if left < MIN_TREATED or len(np.unique(cluster[second])) < MIN_TREATED:
        if trimmed > 0.5 or left >= MIN_TREATED:
            return f"no overlap: {trimmed:.0%} of the {whole} usable starts have no comparable untrained rep"
        return f"{int(first.sum())} usable starts of {left} reps have comparable untrained ones; too few to tell"
    residual = outcome - expected
    share = first / first.sum()
    weight = np.where(second, odds, 0.0) / odds[second].sum()
    means = float(share @ residual), float(weight @ residual)
    clusters = int(cluster.max()) + 1
    parts: list[Floats] = [
        np.bincount(cluster, mass * (residual - mean), clusters).astype(np.float64)
        for mass, mean in zip((share, weight), means, strict=True)
    ]
    groups = np.array(
        [len(np.unique(cluster[first])), _kish(np.bincount(cluster, weight, clusters).astype(np.float64))]
    )
    variances = np.array([(part**2).sum() for part in parts]) * groups / np.maximum(groups - 1, 1)
    shared = -2 * float(parts[0] @ parts[1])
    variance = max(float(variances.sum()) + shared, 1e-18)
    freedom = float(variances.sum() ** 2 / (variances**2 / np.maximum(groups - 1, 1)).sum())
    value, error = means[0] - means[1], float(np.sqrt(variance))
    half = float(stats.t.ppf(0.975, max(freedom, 1.0))) * error
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        error=error,
        freedom=freedom,
        treated=int(first.sum()),
        controls=int(second.sum()),
        trimmed_share=trimmed,
        bounds=trim,
        effective_controls=_kish(weight),
        influence=parts[0] - parts[1],
    )


def _kish(weight: Floats) -> float:
    return float(weight.sum() ** 2 / (weight**2).sum())
