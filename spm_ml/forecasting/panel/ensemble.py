"""Panel ensemble: forecasts from nothing but each rep's series of finished periods and what is booked so far."""

from dataclasses import asdict, dataclass, replace
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
from spm_ml.forecasting.panel.histories import SeriesBook
from spm_ml.forecasting.panel.members import Members
from spm_ml.forecasting.panel.rolling import MIN_PAST, MIN_SERIES, distinct, roll
from spm_ml.forecasting.panel.selection import Selection
from spm_ml.forecasting.panel.unfolding import Unfolding
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

TRUST_PERIODS: Final = 6.0
"""Origins at which the conformal shifts count half."""


class PanelEnsemble:
    """A small ensemble for organisations that have orders but no pipeline, or a short history.

    It sees each rep's bookings of finished periods, what is booked so far, and the usual pace of a period. Members are
    the rep's mean, that mean under a shared season, exponential smoothing chosen rep by rep (plain and of logarithms)
    or for all reps together, and LightGBM quantiles over lags. Which of them count, and how much, is chosen on the
    newest finished periods, each forecast from those before it. Where no mixture beats each rep's mean clear of noise,
    the mean is the forecast, and `findings` says so. What comes out is updated by what is booked and shifted until it
    covers as it should, by week.

    Floors: it abstains with fewer than `min_training_rows` finished rep-periods, fewer than three finished periods, or
    fewer than ten reps of whom two lie before the newest one; and for a rep of whom no finished period is known.
    """

    name: ClassVar[str] = "panel_ensemble"
    label: ClassVar[str] = "Panel ensemble"
    kind: ClassVar[Kind] = "model"
    is_baseline: ClassVar[bool] = False

    def __init__(self, settings: FitSettings = FitSettings()) -> None:  # noqa: B008 - frozen
        self.settings = settings
        self._fitted = False
        self._may_fall = False
        self._learnt: _Learnt | None = None

    @property
    def selection(self) -> Selection | None:
        """How the members were weighed; None before fitting and below the floors."""
        return self._learnt.selection if self._learnt else None

    @property
    def signal(self) -> bool:
        """Whether the series were found to hold more than each rep's mean."""
        return self._learnt is not None and self._learnt.selection.signal

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found about this organisation's series, in sentences for a reader."""
        return (self._learnt.selection.sentence(),) if self._learnt else ()

    def fit(self, dataset: RepPeriodDataset) -> Self:
        """Learns series, members and shifts; see `Forecaster.fit`."""
        frame = training_rows(dataset)
        self._fitted, self._may_fall, self._learnt = True, falls_below_booked(frame), None
        if count_rep_periods(frame) < max(self.settings.min_training_rows, 1):
            return self
        book = SeriesBook.of(frame)
        rolled = roll(frame, book, self.settings)
        if rolled is None:
            return self
        scale = RepScale.fit(frame)
        past, eve = frame.loc[rolled.chosen], rolled.eve[rolled.chosen]
        usual = scale.of(past)
        unfolding = Unfolding.fit(past, eve, usual)
        raw = self._floored(past, unfolding.quantiles(past, eve))
        error = (past["actual_bookings"].to_numpy(dtype=float)[:, None] - raw) / usual[:, None]
        origins = rolled.selection.origins
        shifts = WeeklyShifts.fit(past["week"].to_numpy(), error, trust=origins / (origins + TRUST_PERIODS))
        members = Members.fit(tuple(rolled.selection.weights), book.panel, self.settings)
        moved = raw + shifts.at(past["week"].to_numpy()) * usual[:, None]
        dependence = Dependence.of_quantiles(past, moved, may_fall=self._may_fall)
        self._learnt = _Learnt(book, rolled.selection, members, unfolding, scale, shifts, dependence)
        return self

    def know(self, dataset: RepPeriodDataset) -> Self:
        """Takes up other reps' series; see `Forecaster.know`."""
        frame = training_rows(dataset)
        if self._learnt is not None and len(frame):
            self._learnt = replace(self._learnt, book=self._learnt.book.joined(frame))
        return self

    def predict(self, dataset: RepPeriodDataset) -> AttainmentForecast:
        """Forecasts each row; see `Forecaster.predict`."""
        if not self._fitted:
            raise not_fitted(self.name)
        frame = readable_rows(dataset)
        quantiles = np.full((len(frame), LEVELS.size), np.nan)
        if self._learnt is None:
            few = (
                f"{self.label} needs at least {self.settings.min_training_rows} past rep-periods of {MIN_PAST + 1} "
                f"periods, and {MIN_SERIES} reps with two of them before the newest."
            )
            reasons: list[Abstention | None] = [Abstention("thin_history", few)] * len(frame)
            return AttainmentForecast.of(dataset, quantiles, reasons, may_fall=self._may_fall)
        known = frame["bookings_mean"].notna().to_numpy()
        if known.any():
            quantiles[known] = self._forecast(frame.loc[known], self._learnt)
        unknown = Abstention("thin_history", "No finished period of this rep is known.")
        reasons = [unknown if np.isnan(row[0]) else None for row in quantiles]
        dependence = self._learnt.dependence
        return AttainmentForecast.of(dataset, quantiles, reasons, may_fall=self._may_fall, dependence=dependence)

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
        """Writes JSON, and LightGBM's text where it is a member; see `Forecaster.save`."""
        if not self._fitted:
            raise not_fitted(self.name)
        learnt = self._learnt.to_state() if self._learnt else None
        state = {"settings": self.settings.to_state(), "may_fall": self._may_fall, "learnt": learnt}
        write_state(folder, self.name, state)
        if self._learnt:
            self._learnt.members.save_boosters(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; see `Forecaster.load`."""
        _, state = read_state(folder, cls.name)
        made = cls(FitSettings(**state["settings"]))
        made._fitted, made._may_fall = True, state["may_fall"]
        made._learnt = _Learnt.load(state["learnt"], folder) if state["learnt"] else None
        return made

    def _forecast(self, frame: pd.DataFrame, learnt: "_Learnt") -> Array:
        """Gives (n, 19) quantiles of final bookings, minor units; NaN where the series holds nothing."""
        eve = np.full((len(frame), LEVELS.size), np.nan)
        number = learnt.book.calendar.number(frame["period_start"])
        for period in np.unique(number):
            own = number == period
            panel, of_row = distinct(learnt.book, frame.loc[own], int(period))
            eve[own] = learnt.members.mix(panel, learnt.selection.weights)[of_row]
        raw = self._floored(frame, learnt.unfolding.quantiles(frame, eve))
        shift = learnt.shifts.at(frame["week"].to_numpy()) * learnt.scale.of(frame)[:, None]
        return np.asarray(raw + shift)

    def _floored(self, frame: pd.DataFrame, quantiles: Array) -> Array:
        booked = frame["booked_to_date"].to_numpy(dtype=float)[:, None]
        return quantiles if self._may_fall else np.maximum(quantiles, booked)


@dataclass(frozen=True)
class _Learnt:
    """Everything that a fit above the floors leaves."""

    book: SeriesBook
    selection: Selection
    members: Members
    unfolding: Unfolding
    scale: RepScale
    shifts: WeeklyShifts
    dependence: Dependence

    def to_state(self) -> dict[str, Any]:
        return {
            "book": self.book.to_state(),
            "selection": asdict(self.selection),
            "members": self.members.to_state(),
            "unfolding": self.unfolding.to_state(),
            "scale": asdict(self.scale),
            "shifts": self.shifts.to_state(),
            "dependence": self.dependence.to_state(),
        }

    @classmethod
    def load(cls, state: dict[str, Any], folder: Path) -> Self:
        return cls(
            SeriesBook.of_state(state["book"]),
            Selection(**state["selection"]),
            Members.load(state["members"], folder),
            Unfolding.of_state(state["unfolding"]),
            RepScale(**state["scale"]),
            WeeklyShifts.of_state(state["shifts"]),
            Dependence.of_state(state["dependence"]),
        )
