"""LightGBM quantiles: the distribution of what is still to come, conformalised by week."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.forecasting.boosters import QuantileBoosters
from spm_ml.forecasting.calibration import WeeklyShifts
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.explanation import MEDIAN, Explanation, strongest_first
from spm_ml.forecasting.forecast import AttainmentForecast
from spm_ml.forecasting.inputs import Inputs, Seen
from spm_ml.forecasting.many_reps import blocks_of_reps
from spm_ml.forecasting.patterns import expected_by_stage
from spm_ml.forecasting.protocol import (
    FitSettings,
    Kind,
    count_rep_periods,
    falls_below_booked,
    not_fitted,
    read_state,
    readable_rows,
    training_rows,
    unknown_reps,
    write_state,
)
from spm_ml.forecasting.side_by_side import side_by_side
from spm_ml.hazards import Abstention

FOLDS: Final = 4
"""Groups of periods that are held out in turn to learn the conformal shifts."""

TRUST_PERIODS: Final = 2.0
"""Periods at which the shifts count half: reps of one period share its luck, so few periods say little."""

CORRECTION: Final = "correction"
"""Driver that holds what the conformal shift does to the median."""

EVERY_NTH_WEEK: Final = 3
"""Rows of a rep-period that trees see, in turns: neighbouring weeks tell nearly the same story."""


class LightGbmQuantiles:
    """Gradient-boosted quantiles of the remaining bookings, divided by what plain rates expect of them.

    Remaining = final − booked. Dividing by the expectation (open pipeline at the usual rates of its stages, and what is
    usually created and won from now on) leaves a ratio whose quantiles are alike for large and small reps, and keeps
    zero at zero: the chance that nothing more comes is a point mass there. The loss is weighted so that it counts
    errors in usual sizes of the rep. Then every quantile is shifted until it covers at its level on periods held out,
    by week. A rep of whom neither history nor quota nor pipeline is known gets an abstention.
    """

    name: ClassVar[str] = "lightgbm_quantiles"
    label: ClassVar[str] = "LightGBM quantiles"
    kind: ClassVar[Kind] = "model"
    is_baseline: ClassVar[bool] = False

    def __init__(self, settings: FitSettings = FitSettings()) -> None:  # noqa: B008 - frozen
        self.settings = settings
        self._fitted = False
        self._may_fall = False
        self._inputs: Inputs | None = None
        self._boosters: QuantileBoosters | None = None
        self._shifts: WeeklyShifts | None = None
        self._dependence = Dependence.usual()

    def fit(self, dataset: RepPeriodDataset) -> Self:
        """Fits inputs, boosters and shifts; see `Forecaster.fit`."""
        frame = training_rows(dataset)
        most, seed = self.settings.most_reps, self.settings.seed
        drawn = blocks_of_reps(frame["rep_id"], frame["team"], most=most, seed=seed) == 0
        frame = frame if drawn.all() else frame[drawn].reset_index(drop=True)
        self._fitted, self._may_fall = True, falls_below_booked(frame)
        self._inputs = self._boosters = self._shifts = None
        self._dependence = Dependence.usual()
        periods = frame.sort_values("period_start", kind="stable")["period"].unique()
        if count_rep_periods(frame) < self.settings.min_training_rows or len(periods) < 2:
            return self
        seen = Inputs.see_past(frame, dataset.feature_names)
        held = [frame["period"].isin(periods[fold::FOLDS]).to_numpy(dtype=bool) for fold in range(FOLDS)]
        held = [own for own in held if own.any()]
        fits = [partial(self._boost, frame, seen, ~own) for own in (np.zeros(len(frame), dtype=bool), *held)]
        self._boosters, *folds = side_by_side(fits, self.settings.threads)
        self._inputs = Inputs.fit(frame, dataset.feature_names)
        self._shifts, self._dependence = self._learn_shifts(frame, seen, list(zip(held, folds, strict=True)))
        return self

    def know(self, dataset: RepPeriodDataset) -> Self:  # noqa: ARG002 - rows say all there is
        """Nothing to take up; see `Forecaster.know`."""
        return self

    def predict(self, dataset: RepPeriodDataset) -> AttainmentForecast:
        """Forecasts each row; see `Forecaster.predict`."""
        if not self._fitted:
            raise not_fitted(self.name)
        frame = readable_rows(dataset)
        if self._inputs is None or self._boosters is None or self._shifts is None:
            few = f"{self.label} needs at least {self.settings.min_training_rows} past rep-periods of two periods."
            nothing = np.full((len(frame), LEVELS.size), np.nan)
            return AttainmentForecast.of(
                dataset, nothing, [Abstention("thin_history", few)] * len(frame), may_fall=self._may_fall
            )
        seen = self._inputs.see(self._checked(frame, self._inputs))
        shift = self._shifts.at(frame["week"].to_numpy()) * seen.usual[:, None]
        quantiles = self._raw(frame, seen, self._boosters) + shift
        reasons = unknown_reps(frame)
        return AttainmentForecast.of(dataset, quantiles, reasons, may_fall=self._may_fall, dependence=self._dependence)

    def explain(
        self, dataset: RepPeriodDataset, forecast: AttainmentForecast, *, driven: NDArray[np.bool_] | None = None
    ) -> Explanation:
        """Tells what is booked from what is still to come, and which inputs move that; see `Forecaster.explain`."""
        wanted = np.arange(len(dataset)) if driven is None else np.flatnonzero(driven)
        drivers = self.contributions(dataset if driven is None else dataset.where(driven)).reset_index(drop=True)
        still = (forecast.bookings[:, MEDIAN] - forecast.booked)[wanted]
        drivers[CORRECTION] = still - drivers.sum(axis=1)
        drivers["row"] = wanted
        long = drivers.melt("row", var_name="label", value_name="amount").dropna().assign(slug="still_to_come")
        return Explanation.plain(dataset, forecast, strongest_first(long))

    def contributions(self, dataset: RepPeriodDataset) -> pd.DataFrame:
        """Splits the median of what is still to come, minor units, a row a row of the dataset.

        The open amount of each stage at its usual rate goes to that stage's column, and what is usually created and won
        from now on to `base`; to these the TreeSHAP contributions of every input are added. The columns and what is
        booked add up to the fitted median before the conformal shift. Where the forecaster abstains as a whole, `base`
        is NaN and alone.

        Raises:
            NotReadyError: It was not fitted.
        """
        if not self._fitted:
            raise not_fitted(self.name)
        frame = readable_rows(dataset)
        if self._inputs is None or self._boosters is None:
            return pd.DataFrame({"base": np.full(len(frame), np.nan)}, index=frame.index)
        frame = self._checked(frame, self._inputs)
        seen = self._inputs.see(frame)
        shap = self._boosters.median_contributions(seen.matrix)
        parts = pd.DataFrame(
            shap[:, :-1] * seen.remainder[:, None], columns=list(self._inputs.columns), index=frame.index
        )
        base = shap[:, -1]
        beyond = seen.remainder.copy()
        for stage, expected in expected_by_stage(frame, self._inputs.rates).items():
            known = np.nan_to_num(expected)
            parts[stage] += base * known
            beyond -= known
        parts.insert(0, "base", base * beyond)
        return parts

    def save(self, folder: Path) -> None:
        """Writes JSON and LightGBM's text; see `Forecaster.save`."""
        if not self._fitted:
            raise not_fitted(self.name)
        state: dict[str, Any] = {"settings": self.settings.to_state(), "may_fall": self._may_fall, "inputs": None}
        if self._inputs is not None and self._boosters is not None and self._shifts is not None:
            state |= {
                "inputs": self._inputs.to_state(),
                "shifts": self._shifts.to_state(),
                "dependence": self._dependence.to_state(),
            }
        write_state(folder, self.name, state)
        if self._boosters is not None:
            self._boosters.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; see `Forecaster.load`."""
        _, state = read_state(folder, cls.name)
        made = cls(FitSettings(**state["settings"]))
        made._fitted, made._may_fall = True, state["may_fall"]
        if state["inputs"] is not None:
            made._inputs = Inputs.of_state(state["inputs"])
            made._shifts = WeeklyShifts.of_state(state["shifts"])
            made._dependence = Dependence.of_state(state["dependence"])
            made._boosters = QuantileBoosters.load(folder)
        return made

    def _boost(self, frame: pd.DataFrame, seen: Seen, learnt: NDArray[np.bool_]) -> QuantileBoosters:
        """Fits the boosters to the ratio of remaining to expected bookings in the rows that are learnt from."""
        frame, seen = frame.loc[learnt], seen.where(learnt)
        turn = frame["week"].to_numpy() + pd.factorize(frame["rep_id"])[0] + pd.factorize(frame["period"])[0]
        chosen = turn % EVERY_NTH_WEEK == 0
        chosen |= not chosen.any()  # a handful of rows may all have another turn
        remaining = (frame["actual_bookings"] - frame["booked_to_date"]).to_numpy(dtype=float)
        return QuantileBoosters.fit(
            seen.matrix[chosen],
            (remaining / seen.remainder)[chosen],
            (seen.remainder / seen.usual)[chosen],
            seed=self.settings.seed,
            learner=self.settings.learner,
        )

    def _raw(self, frame: pd.DataFrame, seen: Seen, boosters: QuantileBoosters) -> Array:
        """Gives (n, 19) quantiles of final bookings before the shift, in order and not below what is booked."""
        booked = frame["booked_to_date"].to_numpy(dtype=float)[:, None]
        quantiles = booked + np.sort(boosters.predict(seen.matrix), axis=1) * seen.remainder[:, None]
        return quantiles if self._may_fall else np.maximum(quantiles, booked)

    def _learn_shifts(
        self, frame: pd.DataFrame, seen: Seen, folds: Sequence[tuple[NDArray[np.bool_], QuantileBoosters]]
    ) -> tuple[WeeklyShifts, Dependence]:
        """Learns by how much the quantiles of periods that were held out missed, and how much together."""
        periods = frame["period"].unique()
        quantiles = np.empty((len(frame), LEVELS.size))
        for held, boosters in folds:
            quantiles[held] = self._raw(frame.loc[held], seen.where(held), boosters)
        error = (frame["actual_bookings"].to_numpy(dtype=float)[:, None] - quantiles) / seen.usual[:, None]
        trust = len(periods) / (len(periods) + TRUST_PERIODS)
        shifts = WeeklyShifts.fit(frame["week"].to_numpy(), error, trust=trust)
        moved = quantiles + shifts.at(frame["week"].to_numpy()) * seen.usual[:, None]
        return shifts, Dependence.of_quantiles(frame, moved, may_fall=self._may_fall)

    def _checked(self, frame: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
        """Checks that every feature that was fitted is there.

        Raises:
            ConfigurationError: Naming those that are not.
        """
        lost = [name for name in (*inputs.features, *list(inputs.rates)[1:]) if name not in frame]
        if lost:
            raise ConfigurationError(
                f"{self.label} was fitted with features that the dataset does not have: {', '.join(lost)}"
                f"{did_you_mean(lost[0], [str(name) for name in frame.columns])}; "
                "build the dataset with them or train anew"
            )
        return frame
