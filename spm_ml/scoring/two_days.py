"""The board's day and the one before it, forecast and explained: what stands behind parts and changes."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import AttainmentForecast, Forecaster
from spm_ml.forecasting.explanation import Explanation
from spm_ml.scoring.part_words import Opened
from spm_ml.scoring.target import ScoringTarget

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_NOT_MEANS: Final = ("booked", "skew", "recalibration")
"""Parts that are no expected amounts of what is still to come."""

WHOLE_REST: Final = "still_to_come"
CORRECTED: Final = "recalibration"


@dataclass(frozen=True)
class TwoDays:
    """Rows of at most two as-of days of a period.

    Attributes:
        dataset: Their rows.
        forecast: What was answered for them, with all weeks or alone.
        explanation: Why.
        as_of: The day that the board shows.
        since: The newest earlier as-of day of the period; None in week 0.
    """

    dataset: RepPeriodDataset
    forecast: AttainmentForecast
    explanation: Explanation
    as_of: date
    since: date | None

    @classmethod
    def of(
        cls, dataset: RepPeriodDataset, forecast: AttainmentForecast, forecaster: Forecaster, target: ScoringTarget
    ) -> Self:
        """Explains the two newest days of a dataset of the target's period."""
        since = target.days[-2] if len(target.days) > 1 else None
        days = [pd.Timestamp(day) for day in target.days[-2:]]
        chosen = np.flatnonzero(dataset.frame["as_of"].isin(days).to_numpy(dtype=bool))
        mask = np.zeros(len(dataset), dtype=bool)
        mask[chosen] = True
        rows, answers = dataset.where(mask), rows_of(forecast, chosen)
        on_board = (rows.frame["as_of"] == days[-1]).to_numpy(dtype=bool)
        return cls(rows, answers, forecaster.explain(rows, answers, driven=on_board), target.as_of, since)

    @cached_property
    def now(self) -> Places:
        """(n,) rows of the board's day."""
        return np.flatnonzero((self.dataset.frame["as_of"] == pd.Timestamp(self.as_of)).to_numpy(dtype=bool))

    @cached_property
    def before(self) -> Places:
        """(n,) row of the same rep on the earlier day, −1 where there is none."""
        if self.since is None:
            return np.full(len(self.now), -1)
        frame = self.dataset.frame
        then = np.flatnonzero((frame["as_of"] == pd.Timestamp(self.since)).to_numpy(dtype=bool))
        at = pd.Index(frame["rep_id"].to_numpy(dtype=object)[then]).get_indexer(
            frame["rep_id"].to_numpy(dtype=object)[self.now]
        )
        return np.where(at >= 0, then[at], -1) if len(then) else np.full(len(self.now), -1)

    @cached_property
    def is_forecast(self) -> NDArray[np.bool_]:
        """(rows,) whether there is a forecast."""
        return np.asarray(~np.isnan(self.forecast.bookings).any(axis=1))

    @cached_property
    def still_means(self) -> pd.DataFrame:
        """(rows, parts) expected amounts still to come, minor units, that add up to mean bookings − booked; 0 without.

        What the parts of the medians leave of the mean is `recalibration`; skew is no part of a mean.
        """
        parts = self.explanation.parts
        rest = self.forecast.mean_bookings - self.forecast.booked
        if WHOLE_REST in parts:
            columns = {WHOLE_REST: rest}
        else:
            columns = {str(name): parts[name].to_numpy(dtype=float) for name in parts if name not in _NOT_MEANS}
            columns[CORRECTED] = rest - np.sum(list(columns.values()), axis=0)
        table = pd.DataFrame(columns)
        table.loc[~self.is_forecast] = 0.0
        return table

    @cached_property
    def opened(self) -> dict[int, dict[int, Opened]]:
        """Open deals by row and position of the stage."""
        deals = self.explanation.deals
        if not len(deals):
            return {}
        table = deals.astype({"row": np.int64, "stage": np.int64, "amount": float, "expected": float})
        summed = table.groupby(["row", "stage"], sort=True).agg(
            count=("amount", "size"), amount=("amount", "sum"), expected=("expected", "sum")
        )
        found: dict[int, dict[int, Opened]] = {}
        columns = (summed[name].tolist() for name in ("count", "amount", "expected"))
        for (row, stage), count, amount, expected in zip(summed.index.tolist(), *columns, strict=True):
            found.setdefault(row, {})[stage] = Opened(count, amount, expected)
        return found


def rows_of(forecast: AttainmentForecast, places: Places) -> AttainmentForecast:
    """Some answers of a forecast in a given order, the same ones more than once if so asked."""
    return replace(
        forecast,
        keys=forecast.keys.iloc[places].reset_index(drop=True),
        bookings=forecast.bookings[places],
        mean_bookings=forecast.mean_bookings[places],
        booked=forecast.booked[places],
        quota=forecast.quota[places],
        floor=forecast.floor[places],
        teams=forecast.teams[places],
        elapsed_share=forecast.elapsed_share[places],
        abstentions=tuple(forecast.abstentions[place] for place in places.tolist()),
    )
