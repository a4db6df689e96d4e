"""Organisations of so many reps that a part of them teaches as much as all."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.forecasting.draws import keys_of, uniforms


def blocks_of_reps(reps: "pd.Series[str]", teams: "pd.Series[str]", *, most: int, seed: int) -> NDArray[np.int64]:
    """(n,) number of the block that each row's rep is drawn into: as few blocks as hold them, of one size.

    Whole teams are drawn one after another, whatever came of them, so every rate in a block is that of the organisation
    but for the luck of the draw, and nothing has to be weighed or corrected afterwards; sampling by outcome would need
    that. Where one block ends and the next begins a team is split. Teams stay together because how much their reps
    share, and what they add up to, is learnt and tested too.

    Args:
        reps: (n,) ids.
        teams: (n,) their teams; of a rep in several the last row's counts, and one in none is drawn alone.
        most: Reps of a block.
        seed: Of the drawing.

    Source: Cochran (1977), Sampling Techniques, 3rd ed., ch. 9 (clusters of equal chances); King & Zeng (2001),
    Political Analysis 9(2), for the correction that sampling by outcome would need.
    """
    code, names = pd.factorize(reps)
    blocks = math.ceil(len(names) / most)
    if blocks < 2:
        return np.zeros(len(code), dtype=np.int64)
    last = np.empty(len(names), dtype=np.int64)
    last[code] = np.arange(len(code))
    own, team = np.asarray(names, dtype=object), teams.fillna("").to_numpy(dtype=object)[last]
    rep_keys, team_keys = keys_of(own), keys_of(np.where(team == "", own, team))
    luck = [uniforms(keys, 1, seed)[:, 0] for keys in (rep_keys, team_keys)]
    rank = np.argsort(np.lexsort((luck[0], team_keys, luck[1])), kind="stable")
    return np.asarray((rank * blocks // len(names))[code], dtype=np.int64)
