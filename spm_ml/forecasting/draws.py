"""Random numbers that belong to a deal or a rep, not to a place in a table.

The draw of a deal depends on the seed, the deal and the number of the draw alone. So a row's forecast is the same
whatever rows stand beside it, and the same deal has the same luck in this week's simulation and in last week's: what
changed between them is news, not noise (common random numbers).

Source: Appleby (2011), MurmurHash3 (the mixing function); Glasserman & Yao (1992), Management Science 38(6), for common
random numbers.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15


def keys_of(*texts: "pd.Series | NDArray[np.object_]") -> Keys:
    """(n,) keys of rows of texts, the same on every machine."""
    total = np.zeros(len(texts[0]), dtype=np.uint64)
    for text in texts:
        total = total * np.uint64(31) + pd.util.hash_array(np.asarray(text, dtype=object), categorize=True)
    return total


def other(keys: Keys, purpose: int) -> Keys:
    """The keys of the same rows for another purpose."""
    return keys + np.uint64(((purpose + 1) * _GOLDEN) % 2**64)


def uniforms(keys: Keys, count: int, seed: int) -> NDArray[np.float32]:
    """(n, count) numbers strictly between 0 and 1."""
    start = other(keys, seed)
    start = (start ^ (start >> np.uint64(29))).astype(np.uint32) ^ (start >> np.uint64(32)).astype(np.uint32)
    bits = start[:, None] + (np.arange(1, count + 1, dtype=np.uint32) * np.uint32(_GOLDEN >> 32))[None, :]
    bits ^= bits >> np.uint32(16)
    bits *= np.uint32(0x85EBCA6B)
    bits ^= bits >> np.uint32(13)
    bits *= np.uint32(0xC2B2AE35)
    bits ^= bits >> np.uint32(16)
    # 23 bits and a half: exact in single precision, and never 0 or 1
    return ((bits >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)
