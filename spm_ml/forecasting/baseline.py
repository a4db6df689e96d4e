"""PointForecaster: a number for each row, with intervals from its own past errors; Baseline: one that is a rule."""

from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting.calibration import WeeklyShifts
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.explanation import Explanation
from spm_ml.forecasting.forecast import AttainmentForecast
from spm_ml.forecasting.patterns import Learnt
from spm_ml.forecasting.protocol import (
    FitSettings,
    Kind,
    count_rep_periods,
    falls_below_booked,
    not_fitted,
    read_state,
    readable_rows,
    training_rows,
    write_state,
)
from spm_ml.forecasting.scale import RepScale
from spm_ml.hazards import Abstention
from spm_ml.settings import QUANTILE_LEVELS

_MEDIAN: Final = QUANTILE_LEVELS.index(0.5)

MIN_REP_PERIODS: Final = 10
"""Past rep-periods with an error below which it has no interval and abstains (H19)."""


class PointForecaster(ABC):
    """Makes a forecaster of a number for each row; subclasses say what is learnt and what the number is.

    Its errors are honest: each past row is forecast from what was known on its as-of day, and what is learnt is learnt
    without the period it is then tried on. Errors are divided by the rep's usual size, so that large and small reps
    share them. No forecast lies below what is booked, unless refunds are usual.

    Attributes:
        learns: Whether `learn` gives anything.
        corrects: Whether the usual error is taken out, so that the median is not the number itself.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    kind: ClassVar[Kind]
    is_baseline: ClassVar[bool]
    learns: ClassVar[bool] = False
    corrects: ClassVar[bool] = True

    def __init__(self, settings: FitSettings = FitSettings()) -> None:  # noqa: B008 - frozen
        self.settings = settings
        self._fitted = False
        self._learnt: Learnt = {}
        self._scale = RepScale(1.0, 0.0)
        self._may_fall = False
        self._shifts: WeeklyShifts | None = None
        self._dependence = Dependence.usual()

    @abstractmethod
    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:
        """Forecasts final bookings of each row in minor units; NaN where the input is missing."""

    def learn(self, frame: pd.DataFrame) -> Learnt:  # noqa: ARG002 - most have nothing to learn
        """Learns what `point` needs from past rows."""
        return {}

    def lacking(self) -> Abstention:
        """Says why a row has no number."""
        return Abstention("thin_history", f"{self.label} needs history that this rep does not have.")

    def fit(self, dataset: RepPeriodDataset) -> Self:
        """Learns how to forecast, and its errors on past rows; see `Forecaster.fit`."""
        frame = training_rows(dataset)
        self._fitted, self._shifts, self._dependence = True, None, Dependence.usual()
        self._scale, self._may_fall = RepScale.fit(frame), falls_below_booked(frame)
        self._learnt = self.learn(frame)
        point = self._honest_point(frame)
        if count_rep_periods(frame.loc[~np.isnan(point)]) >= MIN_REP_PERIODS:
            error = (frame["actual_bookings"].to_numpy(dtype=float) - point) / self._scale.of(frame)
            self._shifts = WeeklyShifts.fit(frame["week"].to_numpy(), error[:, None])
            quantiles = point[:, None] + self._spread(frame, self._shifts)
            self._dependence = Dependence.of_quantiles(frame, quantiles, may_fall=self._may_fall)
        return self

    def know(self, dataset: RepPeriodDataset) -> Self:  # noqa: ARG002 - rows say all there is
        """Nothing to take up; see `Forecaster.know`."""
        return self

    def predict(self, dataset: RepPeriodDataset) -> AttainmentForecast:
        """Forecasts each row; see `Forecaster.predict`."""
        if not self._fitted:
            raise not_fitted(self.name)
        frame = readable_rows(dataset)
        point = self._floored(frame, self.point(frame, self._learnt))
        few = Abstention(
            "thin_history", f"{self.label} needs at least {MIN_REP_PERIODS} past rep-periods to know its own error."
        )
        lacking, thin = self.lacking(), few if self._shifts is None else None
        reasons = [lacking if missing else thin for missing in np.isnan(point)]
        nothing = np.full((len(frame), LEVELS.size), np.nan)
        spread = nothing if self._shifts is None else self._spread(frame, self._shifts)
        return AttainmentForecast.of(
            dataset, point[:, None] + spread, reasons, may_fall=self._may_fall, dependence=self._dependence
        )

    def explain(
        self,
        dataset: RepPeriodDataset,
        forecast: AttainmentForecast,
        *,
        driven: NDArray[np.bool_] | None = None,  # noqa: ARG002 - it has no drivers
    ) -> Explanation:
        """Tells what is booked from what is still to come; see `Forecaster.explain`."""
        return Explanation.plain(dataset, forecast)

    def save(self, folder: Path) -> None:
        """Writes the fitted forecaster; see `Forecaster.save`."""
        if not self._fitted:
            raise not_fitted(self.name)
        state: dict[str, Any] = {
            "settings": self.settings.to_state(),
            "learnt": self._learnt,
            "scale": asdict(self._scale),
            "may_fall": self._may_fall,
            "shifts": self._shifts.to_state() if self._shifts else None,
            "dependence": self._dependence.to_state(),
        }
        write_state(folder, self.name, state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; see `Forecaster.load`."""
        _, state = read_state(folder, cls.name)
        made = cls(FitSettings(**state["settings"]))
        made._fitted, made._learnt, made._may_fall = True, state["learnt"], state["may_fall"]
        made._scale = RepScale(**state["scale"])
        made._shifts = WeeklyShifts.of_state(state["shifts"]) if state["shifts"] else None
        made._dependence = Dependence.of_state(state["dependence"])
        return made

    def _spread(self, frame: pd.DataFrame, shifts: WeeklyShifts) -> Array:
        """(n, 19) distances of the quantiles from the number, minor units."""
        shift = shifts.at(frame["week"].to_numpy())
        centre = 0.0 if self.corrects else shift[:, _MEDIAN, None]
        return np.asarray((shift - centre) * self._scale.of(frame)[:, None])

    def _honest_point(self, frame: pd.DataFrame) -> Array:
        """Forecasts each past row with what was learnt from the other periods."""
        if not self.learns:
            return self._floored(frame, self.point(frame, {}))
        point = np.full(len(frame), np.nan)
        periods = frame["period"].to_numpy()
        for period in pd.unique(frame["period"]):
            own = periods == period
            point[own] = self.point(frame.loc[own], self.learn(frame.loc[~own]))
        return self._floored(frame, point)

    def _floored(self, frame: pd.DataFrame, point: Array) -> Array:
        return point if self._may_fall else np.maximum(point, frame["booked_to_date"].to_numpy(dtype=float))


class Baseline(PointForecaster):
    """A simple rule: one of the forecasters that a model has to beat."""

    kind: ClassVar[Kind] = "rule"
    is_baseline: ClassVar[bool] = True
