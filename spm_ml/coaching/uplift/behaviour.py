"""The behaviours of a period in log units, so that a gain of one is the same share of bookings whoever shows it.

Pipeline created × win rate × deal size × speed is the identity of the sales velocity; a program shows in the factor
it teaches long before it shows in attainment, which a handful of deals decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from spm_ml.coaching.rep_periods import RepPeriods

Floats = npt.NDArray[np.float64]

BEHAVIOURS: Final = ("created", "win_rate", "deal_size", "cycle")
"""Slugs of `coaching.programs.KPIS`, in the order of the columns."""

LAGS: Final = (0, 1)
"""Finished periods back from the eve whose behaviour is looked at."""

LASTING: Final = 4
"""Periods over which a behaviour is looked at afterwards: skills last, and counts of one period are mostly luck."""

_HALF: Final = 0.5


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Behaviours of every rep-period.

    Attributes:
        after: (n, 4) mean over the `LASTING` periods from the next one on that are finished, log units; NaN where the
            next one is not, or nothing could be seen in it.
        before: (n, k) of the periods before the eve and their mean, NaN where unknown.
    """

    after: Floats
    before: Floats


def behaviour_of(periods: RepPeriods, *, ahead: int) -> Behaviour:
    """Reads the behaviours of the periods before each eve, and of those from `ahead` periods after on.

    Args:
        periods: Rep-periods with what came of them.
        ahead: Periods from the row's own to the first one looked at.
    """
    frame = periods.frame
    shown = pd.DataFrame(_shown(frame), columns=list(BEHAVIOURS))
    shown.index = pd.MultiIndex.from_frame(frame[["rep_id", "t"]])

    def at(shift: int) -> Floats:
        rows = pd.MultiIndex.from_arrays([frame["rep_id"], frame["t"] + shift])
        return shown.reindex(rows).to_numpy(dtype=float)

    earlier = [at(-1 - lag) for lag in LAGS]
    mean = shown.groupby(level="rep_id").transform(lambda column: column.shift().expanding().mean())
    later = np.stack([at(ahead + further) for further in range(LASTING)])
    seen = np.isfinite(later)
    after = np.where(seen, later, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return Behaviour(np.where(seen[0], after, np.nan), np.column_stack([*earlier, mean.to_numpy(dtype=float)]))


def _shown(frame: pd.DataFrame) -> Floats:
    """(n, 4) logs: deals created, odds of winning, size of deals at creation, stages moved for each deal worked on."""
    created, won, lost = (frame[f"kpi_{name}_count"] for name in ("created", "won", "lost"))
    stages = [name for name in frame.columns.astype(str) if name.startswith("open_count_stage_")]
    worked = frame[stages].sum(axis=1) + created / 2 if stages else created
    size = (frame["kpi_created_amount"] / created.where(created > 0)).fillna(
        frame["kpi_won_amount"] / won.where(won > 0)
    )
    columns = [
        created + _HALF,
        ((won + _HALF) / (lost + _HALF)).where(won + lost > 0),
        size.where(size > 0),
        ((frame["kpi_advanced_count"] + _HALF) / (worked + _HALF)).where(worked > 0),
    ]
    return np.asarray(np.log(np.column_stack([column.to_numpy(dtype=np.float64) for column in columns])))
