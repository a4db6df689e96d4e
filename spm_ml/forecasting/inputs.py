"""What the learner sees of a row: its features, free of the rep's size, and what past periods say of its remainder."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.features import FEATURES
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.patterns import (
    Learnt,
    expected_from_pipeline,
    learn_pace,
    learn_stage_rates,
    learn_uncreated_share,
    usual_share,
)
from spm_ml.forecasting.scale import RepScale

DERIVED: Final = (
    "booked_to_date",
    "quota",
    "elapsed_usual_share",
    "open_amount_weighted",
    "open_amount_and_usual",
    "week",
    "exposure",
)
"""Columns that the learner sees after the dataset's features: what is booked, the quota, the share usually booked by
now, the pipeline at usual rates, that and what is usually created and won from now on, week, exposure; money ÷ usual
size."""

SMALLEST_REMAINDER: Final = 0.05
"""Expected remaining bookings count as at least this share of the rep's usual period: they are divided by."""

_MONEY: Final = tuple(feature.name for feature in FEATURES if feature.unit == "money")


@dataclass(frozen=True)
class Seen:
    """Rows as the learner sees them.

    Attributes:
        matrix: (n, p) columns of `Inputs.columns`; NaN where unknown.
        usual: (n,) usual size of the rep's period, minor units.
        remainder: (n,) expected remaining bookings by plain rates, minor units, positive.
    """

    matrix: Array
    usual: Array
    remainder: Array

    def where(self, mask: NDArray[np.bool_]) -> "Seen":
        """Gives the chosen rows."""
        return Seen(self.matrix[mask], self.usual[mask], self.remainder[mask])


@dataclass(frozen=True)
class Inputs:
    """Turns rows into what the learner sees; all it knows was learnt from past rows.

    Attributes:
        features: Names of the dataset's features, in the order of the matrix; the derived columns follow.
        scale: Usual sizes.
        pace: Usual cumulative share of the period.
        rates: Share of an open amount that is won in time, by stage and week.
        uncreated: What comes beyond the pipeline, by week.
    """

    features: tuple[str, ...]
    scale: RepScale
    pace: Learnt
    rates: Learnt
    uncreated: Learnt

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: tuple[str, ...]) -> Self:
        """Learns from past rows."""
        scale, rates = RepScale.fit(frame), learn_stage_rates(frame)
        uncreated = learn_uncreated_share(frame, expected_from_pipeline(frame, rates), scale.of(frame))
        return cls(features, scale, learn_pace(frame), rates, uncreated)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the matrix."""
        return (*self.features, *DERIVED)

    def see(self, frame: pd.DataFrame) -> Seen:
        """Gives rows of a period that was not learnt from."""
        usual = self.scale.of(frame)
        week = frame["week"].to_numpy(dtype=float)
        pipeline = np.nan_to_num(expected_from_pipeline(frame, self.rates))
        beyond = usual * np.interp(week, self.uncreated["week"], self.uncreated["share"])
        remainder = np.maximum(pipeline + beyond, SMALLEST_REMAINDER * usual)
        features = frame.loc[:, list(self.features)].to_numpy(dtype=float).copy()
        money = [index for index, name in enumerate(self.features) if _is_money(name)]
        features[:, money] /= usual[:, None]
        derived = [
            frame["booked_to_date"].to_numpy(dtype=float) / usual,
            frame["quota"].to_numpy(dtype=float) / usual,
            usual_share(frame, self.pace),
            pipeline / usual,
            remainder / usual,
            week,
            frame["exposure"].to_numpy(dtype=float),
        ]
        return Seen(np.column_stack([features, *derived]), usual, remainder)

    @classmethod
    def see_past(cls, frame: pd.DataFrame, features: tuple[str, ...]) -> Seen:
        """Gives past rows, each seen with what the other periods teach, so that no row knows its own outcome."""
        periods = frame["period"].to_numpy()
        matrix = np.empty((len(frame), len(features) + len(DERIVED)))
        usual, remainder = np.empty(len(frame)), np.empty(len(frame))
        for period in pd.unique(frame["period"]):
            own = periods == period
            seen = cls.fit(frame.loc[~own], features).see(frame.loc[own])
            matrix[own], usual[own], remainder[own] = seen.matrix, seen.usual, seen.remainder
        return Seen(matrix, usual, remainder)

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return asdict(self)

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        scale = RepScale(**state["scale"])
        return cls(tuple(state["features"]), scale, state["pace"], state["rates"], state["uncreated"])


def _is_money(column: str) -> bool:
    return any(re.fullmatch(name.replace("{stage}", r"\d+"), column) for name in _MONEY)
