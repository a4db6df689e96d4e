"""How strong a hidden common cause would have to be to explain an effect away.

Source: Cinelli & Hazlett (2020), "Making Sense of Sensitivity", JRSS B 82, sections 4.2–4.4.
"""

from __future__ import annotations

import numpy as np

from spm_ml.coaching.effects.aipw import Floats


def robustness_value(t: float, freedom: float) -> float:
    """Share of what is left of treatment and of outcome that a hidden cause must explain to bring an estimate to 0.

    Args:
        t: Estimate ÷ standard error.
        freedom: Residual degrees of freedom of the regression.

    >>> round(robustness_value(4.18, 783), 3)
    0.139
    """
    f = abs(t) / np.sqrt(max(freedom, 1.0))
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


def partial_r2(target: Floats, block: Floats, rest: Floats) -> float:
    """Share of what `rest` (n, k) leaves of a target (n,) that `block` (n, b) explains."""
    base = np.column_stack([np.ones(len(target)), rest])
    without = _unexplained(target, base)
    return float(1 - _unexplained(target, np.column_stack([base, block])) / without) if without > 0 else 0.0


def _unexplained(target: Floats, columns: Floats) -> float:
    solved = np.linalg.lstsq(columns, target, rcond=None)[0]
    return float(((target - columns @ solved) ** 2).sum())
