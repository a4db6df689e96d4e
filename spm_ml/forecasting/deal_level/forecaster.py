"""DealLevel: what is booked is certain, open deals have chances, what is not created yet is a count; added up."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting.deal_level.explaining import deals_of, drivers_of, largest_of, parts_of
from spm_ml.forecasting.deal_level.futures import FuturesModel, rep_states
from spm_ml.forecasting.deal_level.monte_carlo import DRAWS, Parameters, at_levels, simulate
from spm_ml.forecasting.deal_level.parts import DealParts
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.deal_level.rep_records import RepRecords
from spm_ml.forecasting.deal_level.winning import MOST_DEALS
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.draws import keys_of, other, uniforms
from spm_ml.forecasting.explanation import MEDIAN, Explanation
from spm_ml.forecasting.forecast import AttainmentForecast
from spm_ml.forecasting.many_reps import blocks_of_reps
from spm_ml.forecasting.protocol import (
    FitSettings,
    Kind,
    count_rep_periods,
    falls_below_booked,
    may_be_learnt_from,
    not_fitted,
    read_state,
    unknown_reps,
    write_state,
)
from spm_ml.forecasting.recalibration import WeeklyRecalibration, scores_of
from spm_ml.forecasting.side_by_side import side_by_side
from spm_ml.hazards import Abstention

ORIGINS: Final = 4
"""Rolling origins from which the newer half of the past periods is forecast, to learn how far off forecasts are."""

MOST_SCORED: Final = 30_000
"""Past rows that are forecast for it, drawn evenly."""

_PIT: Final = 4


class DealLevel:
    """Bottom-up: the distribution of final bookings from the deals.

    Final = booked + Σ open deals (won in time or not, `WinModel`) + bookings from elsewhere (`ArrivalModel`) − what is
    undone, by Monte Carlo. Chances are those of each deal on its as-of day, with the rep's own record shrunk towards
    what is usual (`RepRecords`). The newer half of the past periods is forecast from rolling origins; where outcomes
    lay in those forecasts corrects shift and spread by week (`WeeklyRecalibration`) and says how much reps share
    (`Dependence`). Of more than `most_reps` reps some teams are drawn and learnt from; the others' records are taken up
    block by block, each held against what is usual in it. A deal nobody touched for `zombie_after_days` is not open
    (H17), a rep who left is not forecast.

    It abstains as a whole below `min_training_rows` finished rep-periods or two periods, where no deal is known, or
    where past open deals were all won or all lost: then the panel ensemble is for the organisation.
    """

    name: ClassVar[str] = "deal_level"
    label: ClassVar[str] = "Deal-level model"
    kind: ClassVar[Kind] = "model"
    is_baseline: ClassVar[bool] = False

    def __init__(self, settings: FitSettings = FitSettings()) -> None:  # noqa: B008 - frozen
        self.settings = settings
        self._fitted = False
        self._may_fall = False
        self._parts: DealParts | None = None
        self._recalibration = WeeklyRecalibration.none()
        self._dependence = Dependence.usual()
        self._once: dict[tuple[bytes, int], DealParts] = {}

    @property
    def recalibration(self) -> WeeklyRecalibration:
        """How forecasts are moved and widened, by week."""
        return self._recalibration

    def fit(self, dataset: RepPeriodDataset) -> Self:
        """Fits the parts, and what rolling origins say about them; see `Forecaster.fit`."""
        learnt = may_be_learnt_from(dataset)
        reps, teams = dataset.frame["rep_id"], dataset.frame["team"]
        block = blocks_of_reps(reps, teams, most=self.settings.most_reps, seed=self.settings.seed)
        own = learnt & (block == 0)
        self._fitted, self._may_fall = True, falls_below_booked(dataset.frame[own])
        self._parts, self._recalibration, self._dependence = None, WeeklyRecalibration.none(), Dependence.usual()
        pipeline = Pipeline.of(dataset.where(own))
        if not self._enough(pipeline):
            return self
        stages = len(dataset.stages)
        blocks = _origins(pipeline)
        whole = partial(self._fit_once, pipeline, stages, MOST_DEALS)
        before = [partial(self._fit_before, pipeline, stages, block[0]) for block in blocks]
        now, *earlier = side_by_side([whole, *before], self.settings.threads)
        self._once = {once.key: once.parts for once in (now, *earlier) if once is not None}
        self._parts = now.parts if now is not None else None
        rows, score = self._rolling_scores(pipeline, blocks, [once.parts if once else None for once in earlier])
        if len(rows):
            week = rows["week"].to_numpy(dtype=float)
            period = np.unique(rows["period_start"], return_inverse=True)[1]
            self._recalibration = WeeklyRecalibration.fit(week, period, score)
            self._dependence = Dependence.fit(rows, self._recalibration.corrected(week, score))
        for number in range(1, int(block.max()) + 1):
            self.know(dataset.where(block == number))
        return self

    def know(self, dataset: RepPeriodDataset) -> Self:
        """Takes up how other reps' deals moved; see `Forecaster.know`."""
        others = dataset.where(may_be_learnt_from(dataset))
        if self._parts is not None and len(others):
            self._parts = self._parts.knowing(RepRecords.fit(Pipeline.of(others)))
        return self

    def predict(self, dataset: RepPeriodDataset) -> AttainmentForecast:
        """Forecasts each row; see `Forecaster.predict`."""
        if not self._fitted:
            raise not_fitted(self.name)
        if self._parts is None:
            few = (
                f"{self.label} needs at least {self.settings.min_training_rows} past rep-periods of two periods, with "
                "open deals of which some were won in time and some were not."
            )
            nothing = np.full((len(dataset), LEVELS.size), np.nan)
            return AttainmentForecast.of(
                dataset, nothing, [Abstention("thin_history", few)] * len(dataset), may_fall=self._may_fall
            )
        pipeline = Pipeline.of(dataset)
        quantiles = self._quantiles(pipeline, self._parts.parameters(pipeline, may_fall=self._may_fall))
        reasons = unknown_reps(pipeline.frame)
        return AttainmentForecast.of(dataset, quantiles, reasons, may_fall=self._may_fall, dependence=self._dependence)

    def explain(
        self, dataset: RepPeriodDataset, forecast: AttainmentForecast, *, driven: NDArray[np.bool_] | None = None
    ) -> Explanation:
        """Splits the medians into parts, each with its drivers; see `Forecaster.explain`."""
        if self._parts is None:
            return Explanation.plain(dataset, forecast)
        pipeline = Pipeline.of(dataset)
        parameters = self._parts.parameters(pipeline, may_fall=self._may_fall)
        raw = np.empty(parameters.rows)
        for rows, ordered in simulate(parameters, seed=self.settings.seed):
            raw[rows] = at_levels(ordered, np.full((len(ordered), 1), 0.5))[:, 0]
        return Explanation(
            parts_of(pipeline, parameters, raw, forecast.bookings[:, MEDIAN], len(dataset.stages)),
            self._drivers(pipeline, self._parts, driven),
            deals_of(pipeline, self._parts, parameters),
            self._without_largest(pipeline, dataset, self._parts),
        )

    def futures(self, dataset: RepPeriodDataset) -> tuple[FuturesModel, list[dict[str, Any]]] | None:
        """What `RepFutures` needs to draw each row again with some deals changed; None where it abstains as a whole."""
        if self._parts is None:
            return None
        pipeline = Pipeline.of(dataset)
        parameters = self._parts.parameters(pipeline, may_fall=self._may_fall)
        model = FuturesModel.of(self._parts, self._recalibration, may_fall=self._may_fall, seed=self.settings.seed)
        return model, rep_states(pipeline, self._parts, parameters)

    def _drivers(self, pipeline: Pipeline, parts: DealParts, driven: NDArray[np.bool_] | None) -> pd.DataFrame:
        """What moves the parts of the rows that are wanted."""
        wanted = np.ones(len(pipeline.frame), dtype=bool) if driven is None else driven
        chosen = pipeline.where(wanted)
        parameters = parts.parameters(chosen, may_fall=self._may_fall)
        drivers = drivers_of(chosen, parts, parameters, parts.records.of(chosen.frame), threads=self.settings.threads)
        return drivers.assign(row=np.flatnonzero(wanted)[drivers["row"].to_numpy()])

    def _without_largest(self, pipeline: Pipeline, dataset: RepPeriodDataset, parts: DealParts) -> pd.DataFrame:
        """What the rows with an open deal would be forecast without the largest one (H18)."""
        largest = largest_of(pipeline)
        parameters = parts.parameters(pipeline, may_fall=self._may_fall, without=largest)
        nothing: list[Abstention | None] = [None] * len(dataset)
        without = AttainmentForecast.of(
            dataset, self._quantiles(pipeline, parameters), nothing, may_fall=self._may_fall
        )
        row, deals = pipeline.row[largest], pipeline.deals[largest]
        table = pd.DataFrame(
            {
                "row": row,
                "opportunity_id": pipeline.opportunity_ids[largest],
                "amount": deals["amount"].to_numpy(),
                "median": without.bookings[row, MEDIAN],
                "p_hit": without.p_hit[row],
            }
        )
        return table[table["median"].notna()].reset_index(drop=True)

    def save(self, folder: Path) -> None:
        """Writes JSON and LightGBM's text; see `Forecaster.save`."""
        if not self._fitted:
            raise not_fitted(self.name)
        folder.mkdir(parents=True, exist_ok=True)
        state: dict[str, Any] = {
            "settings": self.settings.to_state(),
            "may_fall": self._may_fall,
            "recalibration": self._recalibration.to_state(),
            "dependence": self._dependence.to_state(),
            "parts": None if self._parts is None else self._parts.save(folder),
        }
        write_state(folder, self.name, state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; see `Forecaster.load`."""
        _, state = read_state(folder, cls.name)
        made = cls(FitSettings(**state["settings"]))
        made._fitted, made._may_fall = True, state["may_fall"]
        made._recalibration = WeeklyRecalibration.of_state(state["recalibration"])
        made._dependence = Dependence.of_state(state["dependence"])
        made._parts = None if state["parts"] is None else DealParts.load(folder, state["parts"])
        return made

    def _enough(self, pipeline: Pipeline) -> bool:
        won = pipeline.won
        return (
            count_rep_periods(pipeline.frame) >= self.settings.min_training_rows
            and pipeline.frame["period_start"].nunique() >= 2
            and bool((won == 1).any())
            and bool((won == 0).any())
        )

    def _fit_once(self, pipeline: Pipeline, stages: int, most: int) -> "_Once | None":
        """Parts fitted to rows; None where those are too few.

        A forecaster that is fitted again to more periods, as in a backtest, meets the same origins: their parts stay.
        """
        if not self._enough(pipeline):
            return None
        key = (pipeline.digest, most)
        parts = self._once.get(key) or DealParts.fit(
            pipeline, stages, most=most, seed=self.settings.seed, learner=self.settings.learner
        )
        return _Once(key, parts)

    def _fit_before(self, pipeline: Pipeline, stages: int, first: np.datetime64) -> "_Once | None":
        """The same for the periods that began before a day."""
        before = pipeline.where(pipeline.frame["period_start"].to_numpy() < first)
        return self._fit_once(before, stages, MOST_DEALS // 3)

    def _rolling_scores(
        self, pipeline: Pipeline, blocks: Sequence[NDArray[np.datetime64]], earlier: Sequence[DealParts | None]
    ) -> tuple[pd.DataFrame, Array]:
        """Rows of the newer half of the periods, and the normal scores of their outcomes, each forecast in advance."""
        start = pipeline.frame["period_start"].to_numpy()
        chance = uniforms(_row_keys(pipeline), 1, self.settings.seed)[:, 0]
        share = MOST_SCORED / max(sum(int(np.isin(start, block).sum()) for block in blocks), 1)
        frames, scores = [], []
        for block, parts in zip(blocks, earlier, strict=True):
            if parts is None:
                continue
            rows = pipeline.where(np.isin(start, block) & (chance < share))
            frames.append(rows.frame)
            scores.append(self._scores(rows, parts.parameters(rows, may_fall=self._may_fall)))
        if not frames:
            return pipeline.frame.iloc[:0], np.zeros(0)
        return pd.concat(frames, ignore_index=True), np.concatenate(scores)

    def _scores(self, pipeline: Pipeline, parameters: Parameters) -> Array:
        """(n,) normal scores of outcomes; one that ties with draws is placed among them at random, but repeatably."""
        actual = pipeline.frame["actual_bookings"].to_numpy(dtype=float)
        place = uniforms(other(parameters.row_keys, _PIT), 1, self.settings.seed)[:, 0]
        pit = np.empty(len(actual))
        for rows, ordered in simulate(parameters, seed=self.settings.seed):
            own = actual[rows, None]
            under, tied = (ordered < own - 0.5).sum(axis=1), (np.abs(ordered - own) <= 0.5).sum(axis=1)
            pit[rows] = (under + place[rows] * (tied + 1)) / (DRAWS + 1)
        return scores_of(pit)

    def _quantiles(self, pipeline: Pipeline, parameters: Parameters) -> Array:
        """(n, 19) recalibrated quantiles of final bookings."""
        week = pipeline.frame["week"].to_numpy(dtype=float)
        quantiles = np.empty((parameters.rows, LEVELS.size))
        for rows, ordered in simulate(parameters, seed=self.settings.seed):
            quantiles[rows] = at_levels(ordered, self._recalibration.levels(week[rows], LEVELS))
        return quantiles


class _Once(NamedTuple):
    """Parts, and what they were fitted to: the rows' digest and the most deals."""

    key: tuple[bytes, int]
    parts: DealParts


def _origins(pipeline: Pipeline) -> list[NDArray[np.datetime64]]:
    """First days of the newer half of the periods, in blocks: each block is forecast from the periods before it."""
    periods = np.unique(pipeline.frame["period_start"].to_numpy())
    newer = periods[max(len(periods) // 2, 2) :]
    return [block for block in np.array_split(newer, min(ORIGINS, max(len(newer), 1))) if len(block)]


def _row_keys(pipeline: Pipeline) -> NDArray[np.uint64]:
    frame = pipeline.frame
    return keys_of(frame["rep_id"], frame["as_of"].astype(str))
