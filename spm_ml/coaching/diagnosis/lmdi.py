"""Additive decomposition of a product of factors: the logarithmic mean Divisia index, LMDI-I.

Sources: Ang (2004), "Decomposition analysis for policymaking in energy: which is the preferred method?", Energy Policy
32; Ang (2005), "The LMDI approach to decomposition analysis: a practical guide", Energy Policy 33.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def log_mean(log_ratio: Floats) -> Floats:
    """Logarithmic mean of exp(x) and 1, (eˣ − 1) ÷ x; 1 at x = 0.

    >>> log_mean(np.array([0.0, np.log(4)])).round(6).tolist()
    [1.0, 2.164043]
    """
    safe = np.where(log_ratio == 0, 1.0, log_ratio)
    return np.asarray(np.where(log_ratio == 0, 1.0, np.expm1(safe) / safe))


def additive_parts(log_factors: Floats) -> Floats:
    """Splits the difference between a product of positive factors and 1 among the factors.

    Part k = L(product, 1) · ln(factor k), ch. 2 of Ang (2005) with 1 as the base. The parts add up to product − 1 and
    do not depend on the factors' order.

    Args:
        log_factors: (n, k) logarithms of the factors, finite.

    Returns:
        (n, k) parts.

    Example:
        >>> additive_parts(np.log([[0.5, 1.6]])).sum().round(12).item()
        -0.2
    """
    return np.asarray(log_mean(log_factors.sum(axis=1))[:, None] * log_factors)
