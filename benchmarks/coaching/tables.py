"""Tables of the coaching benchmarks as Markdown: mean ± standard error over the seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def over_seeds(lines: pd.DataFrame, keys: Sequence[str], digits: int = 2) -> str:
    """One row for each combination of the keys, in the order in which they first appear.

    The standard error is that of the mean over worlds: rows of one seed are averaged first.

    Args:
        lines: `seed`, the keys, and numbers; NaN = not measured.
        keys: Columns that name a row.
        digits: After the point.
    """
    measures = [str(name) for name in lines.columns if name not in (*keys, "seed")]
    table = []
    for key, rows in lines.groupby(list(keys), sort=False):
        by_seed = rows.groupby("seed")[measures].mean()
        table.append([*map(str, key), str(len(by_seed)), *(_written(by_seed[name], digits) for name in measures)])
    header = [*keys, "seeds", *measures]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *table)) + "\n"


def _written(values: "pd.Series[float]", digits: int) -> str:
    known = values.dropna().to_numpy(dtype=np.float64)
    if not len(known):
        return "–"
    mean = f"{known.mean():.{digits}f}"
    return mean if len(known) < 2 else f"{mean} ± {known.std(ddof=1) / np.sqrt(len(known)):.{digits}f}"
