"""Could the estimate be chance? Treatment is dealt out anew among comparable rep-periods.

Source: Rosenbaum (2002), *Observational Studies*, section 2.4: randomisation inference within strata.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from spm_ml.coaching.effects.aipw import Bools, Floats, Ints

DRAWS: Final = 499
_CHANCES: Final = 5


def strata(period: Ints, chance: Floats) -> Ints:
    """(n,) the period and the fifth of the chance of treatment of each row, as one code."""
    cuts = np.quantile(chance, np.arange(1, _CHANCES) / _CHANCES)
    return np.asarray(period * _CHANCES + np.searchsorted(cuts, chance))


def permutation_p(residual: Floats, treated: Bools, stratum: Ints, seed: int, draws: int = DRAWS) -> float | None:
    """Share of random assignments that move the trained as far from their strata as they are, in either direction.

    Args:
        residual: (n,) outcome minus what was expected untreated.
        treated: (n,).
        stratum: (n,) codes; treatment is dealt out anew within each.
        seed: Of the draws.
        draws: How many.

    Returns:
        The p-value, (1 + as extreme) ÷ (1 + draws); None if no stratum holds both trained and untrained.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(stratum, kind="stable")
    bounds = np.flatnonzero(np.diff(stratum[order], prepend=stratum[order[:1]] - 1)) if len(order) else order
    observed, drawn, counted = 0.0, np.zeros(draws), 0
    for rows in np.split(order, bounds[1:]):
        chosen = int(treated[rows].sum())
        if not 0 < chosen < len(rows):
            continue
        centred = residual[rows] - residual[rows].mean()
        keys = rng.random((draws, len(rows)), dtype=np.float32)
        picked = np.argpartition(keys, chosen - 1, axis=1)[:, :chosen]
        observed += float(centred[treated[rows]].sum())
        drawn += centred[picked].sum(axis=1)
        counted += chosen
    if not counted:
        return None
    return (1 + int((np.abs(drawn) >= abs(observed) - 1e-12).sum())) / (1 + draws)
