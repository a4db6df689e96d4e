"""What the forecasters and the oracle answer on the measured rows of a world; each call fits one process of its own."""

import resource
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.measuring import (
    GROUP_COLUMNS,
    GROUP_LEVELS,
    P10,
    P90,
    Answers,
    Cost,
    actual_of,
    answers_of_draws,
    group_names,
    group_outcomes,
)
from benchmarks.worlds import Case, is_tested, oracle_draws, read_oracle_truth
from spm_ml import accuracy
from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import AttainmentForecast, FitSettings, forecaster_class, roll_up
from spm_ml.forecasting.distribution import probability_at_least
from spm_ml.settings import QUANTILE_LEVELS
from spm_ml.simulation.world import Ints

ORACLES = {"oracle": True, "oracle without shocks": False}
"""Names of the oracles in the table, and whether they know the shocks."""


def ask_forecaster(
    name: str, case: Case, rows: pd.DataFrame, tested: int, weeks: Sequence[int] | None, settings: FitSettings
) -> Answers:
    """Fits a forecaster for each tested period on the periods before it, as `run_backtest` does, and asks it.

    Args:
        name: Slug.
        case: A world that was made.
        rows: The measured rows.
        tested: Newest finished periods that are forecast.
        weeks: Of the period that are forecast; None = all. It learns from all weeks.
        settings: What it is fitted with.
    """
    dataset = RepPeriodDataset.read(case.dataset_file)
    wanted = is_tested(dataset.frame, tested, weeks).to_numpy()
    places = pd.MultiIndex.from_frame(rows[["rep_id", "as_of"]])
    quantiles = np.full((len(rows), len(QUANTILE_LEVELS)), np.nan)
    p_hit, groups, cost = np.full(len(rows), np.nan), [], Cost()
    quota = rows["quota_final"].to_numpy(dtype=np.float64)
    starts = sorted(dataset.frame.loc[wanted, "period_start"].unique())
    for start in starts:
        before = dataset.where(dataset.frame["period_end"] < start)
        test = dataset.where(wanted & (dataset.frame["period_start"] == start).to_numpy())
        began = time.perf_counter()
        fitted = forecaster_class(name)(settings).fit(before)
        fit_seconds, began = time.perf_counter() - began, time.perf_counter()
        forecast = fitted.predict(test)
        predict_seconds = time.perf_counter() - began
        said = pd.MultiIndex.from_frame(forecast.keys[["rep_id", "as_of"]])
        place = said.get_indexer(places)
        own = np.flatnonzero(place >= 0)
        chosen = place[own]
        quantiles[own] = forecast.bookings[chosen] / quota[own, None]
        p_hit[own] = probability_at_least(forecast.bookings[chosen], forecast.floor[chosen], quota[own])
        began = time.perf_counter()
        groups.extend(_rolled_up(forecast, rows.iloc[own], chosen, level) for level in GROUP_LEVELS)
        cost = Cost(fit_seconds, predict_seconds, time.perf_counter() - began)
    crps = accuracy.crps_of_rows(actual_of(rows), quantiles, QUANTILE_LEVELS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Answers(name, quantiles, p_hit, crps, pd.concat(groups, ignore_index=True), replace(cost, peak=peak))


def _rolled_up(forecast: AttainmentForecast, rows: pd.DataFrame, chosen: Ints, level: str) -> pd.DataFrame:
    """`GROUP_COLUMNS` of the groups at a level, of the measured rows that were answered.

    Args:
        forecast: Of a period.
        rows: The measured rows of the period.
        chosen: Position of each of them in the forecast.
        level: Of `GROUP_LEVELS`.
    """
    answered = ~np.isnan(forecast.mean_bookings[chosen])
    names = np.full(len(forecast), "", dtype=object)
    names[chosen] = np.where(answered, group_names(rows, level), "")
    rolled = roll_up(forecast, list(names))
    ends = rolled.keys.assign(low=rolled.bookings[:, P10], high=rolled.bookings[:, P90])
    outcomes = group_outcomes(rows[answered], level)
    return outcomes.merge(ends, on=["group", "as_of"], validate="one_to_one")[list(GROUP_COLUMNS)]


def ask_oracle(name: str, case: Case, rows: pd.DataFrame, draws: int) -> Answers:
    """Asks an oracle of `ORACLES`; what was drawn before is read."""
    index = {rep_id: place for place, rep_id in enumerate(read_oracle_truth(case).rep_ids) if rep_id}
    futures = {}
    for as_of in rows["as_of"].unique():
        drawn = oracle_draws(case, as_of.date(), draws, know_shocks=ORACLES[name])
        futures[as_of] = drawn[:, [index[rep_id] for rep_id in rows.loc[rows["as_of"] == as_of, "rep_id"]]]
    return answers_of_draws(name, rows, futures)
