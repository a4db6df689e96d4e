"""Organisations of so many reps that a part of them teaches as much as all."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.forecasting.draws import keys_of, uniforms


def blocks_of_reps(reps: "pd.Series[str]", *, most: int, seed: int) -> NDArray[np.int64]:
    """(n,) number of the block that each row's rep is drawn into: as few blocks as hold them, of one size.

    Whole reps are drawn with equal chances, so every rate in a block is that of the organisation but for the luck of
    the draw, and nothing has to be weighed or corrected afterwards. Sampling by outcome would need that.

    Args:
        reps: (n,) ids.
        most: Reps of a block.
        seed: Of the drawing.

    Source: Cochran (1977), Sampling Techniques, 3rd ed., ch. 9 (clusters of equal chances); King & Zeng (2001),
    Political Analysis 9(2), for the correction that sampling by outcome would need.
    """
    code, names = pd.factorize(reps)
    blocks = math.ceil(len(names) / most)
    if blocks < 2:
        return np.zeros(len(code), dtype=np.int64)
    luck = uniforms(keys_of(np.asarray(names, dtype=object)), 1, seed)[:, 0]
    rank = np.argsort(np.argsort(luck, kind="stable"), kind="stable")
    return np.asarray((rank * blocks // len(names))[code], dtype=np.int64)
