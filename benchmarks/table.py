"""The table of the forecasts benchmark as Markdown."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.accuracy import Array

_KEYS: Final = ("world", "reps", "forecaster", "seed")
_WHOLE: Final = "rows"


def summary(lines: pd.DataFrame) -> str:
    """Gives mean ± standard error over the seeds of each world and size, then every seed by itself.

    Args:
        lines: One line for each world, size, seed and forecaster: `world, reps, forecaster, seed` and the measures.
    """
    measures = [str(name) for name in lines if name not in _KEYS]
    values = {name: lines[name].to_numpy(dtype=np.float64) for name in measures}
    keys = list(zip(*(lines[name].astype(str) for name in _KEYS), strict=True))
    places: dict[tuple[str, ...], list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key[:-1], []).append(place)
    means = [
        [*size, str(len(own)), *(_over_seeds(name, values[name][own]) for name in measures)]
        for size, own in places.items()
    ]
    seeds = [[*key, *(_written(name, values[name][place]) for name in measures)] for place, key in enumerate(keys)]
    parts = {
        "Mean ± standard error over seeds": _markdown([*_KEYS[:-1], "seeds", *measures], means),
        "Each seed": _markdown([*_KEYS, *measures], seeds),
    }
    return "\n".join(f"### {title}\n\n{part}\n" for title, part in parts.items())


def _over_seeds(name: str, values: Array) -> str:
    known = values[~np.isnan(values)]
    text = _written(name, known.mean() if len(known) else np.nan)
    if len(known) < 2 or name == _WHOLE:
        return text
    return f"{text} ± {_written(name, known.std(ddof=1) / np.sqrt(len(known)))}"


def _written(name: str, value: float) -> str:
    digits = 0 if name == _WHOLE else 1 if name.endswith(" s") else 2 if name.endswith("GiB") else 3
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))
