"""The oracle is calibrated, knows what happened, and knows less when the shocks are hidden from it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.errors import DataError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import QUANTILE_LEVELS
from spm_ml.simulation import oracle_forecast, simulate
from spm_ml.simulation.oracle import QUANTILE_COLUMNS, sample_bookings
from spm_ml.simulation.truth import Truth, read_truth


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("oracle")
    simulate(folder, reps=90, periods=5, seed=21, fmt="parquet")
    return read_truth(folder / "truth")


def _with_actuals(truth: Truth, week: int, draws: int = 60) -> pd.DataFrame:
    calendar = FiscalCalendar.of(truth.world.organisation)
    periods = truth.timeline.periods[truth.timeline.first_reported + 3 :]
    frames = [oracle_forecast(truth, calendar.as_of_days(period)[week], draws, seed=week) for period in periods]
    return pd.concat(frames).merge(truth.outcomes, on=["rep_id", "period"])


@pytest.mark.parametrize("week", [0, 6, 11])
def test_it_is_calibrated(truth: Truth, week: int) -> None:
    """Randomised PIT (Czado, Gneiting & Held, 2009): bookings have atoms, so ranks of ties are drawn."""
    calendar = FiscalCalendar.of(truth.world.organisation)
    rng, ranks = np.random.default_rng(week), []
    names = {rep_id: place for place, rep_id in enumerate(truth.rep_ids) if rep_id}
    for period in truth.timeline.periods[truth.timeline.first_reported :]:
        draws = sample_bookings(truth, calendar.as_of_days(period)[week], 100, seed=week)
        asked = truth.outcomes[(truth.outcomes["period"] == period.label) & (truth.outcomes["employed_share"] == 1)]
        actual = asked["bookings"].to_numpy()
        drawn = draws[:, [names[rep_id] for rep_id in asked["rep_id"]]]
        below, ties = (drawn < actual - 1).mean(axis=0), (np.abs(drawn - actual) <= 1).mean(axis=0)
        ranks.append(below + rng.random(len(asked)) * ties)
    pit = np.concatenate(ranks)
    shares = np.histogram(pit, bins=5, range=(0, 1.0000001))[0] / len(pit)
    assert len(pit) > 400
    assert np.abs(shares - 0.2).max() < 0.065
    assert 0.74 < ((pit > 0.1) & (pit < 0.9)).mean() < 0.86


def test_it_knows_more_as_the_period_goes_on(truth: Truth) -> None:
    widths = []
    for week in (0, 6, 11):
        frame = _with_actuals(truth, week)
        widths.append((frame["q90"] - frame["q10"]).median())
    assert widths[0] > widths[1] > widths[2]
    late = _with_actuals(truth, 11).dropna(subset=["p_hit"])
    assert (late["p_hit"].round() == (late["attainment"] >= 1)).mean() > 0.85


def test_quantiles_are_ordered_and_seeded(truth: Truth) -> None:
    frame = oracle_forecast(truth, date(2026, 8, 12), 30, seed=3)
    quantiles = frame.loc[frame["quota"].notna(), list(QUANTILE_COLUMNS)].to_numpy()
    assert quantiles.shape[1] == len(QUANTILE_LEVELS)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    pd.testing.assert_frame_equal(frame, oracle_forecast(truth, date(2026, 8, 12), 30, seed=3))
    assert not frame.equals(oracle_forecast(truth, date(2026, 8, 12), 30, seed=4))


def test_on_the_last_day_it_knows_the_result(truth: Truth) -> None:
    frame = oracle_forecast(truth, date(2026, 9, 29), 20).merge(truth.outcomes, on=["rep_id", "period"])
    assert (frame["period"] == "2026Q3").all()
    near = (frame["booked"] - frame["bookings"]).abs() < 1
    assert near.mean() > 0.5
    with_none = frame.loc[frame["quota"].isna(), list(QUANTILE_COLUMNS)]
    assert with_none.isna().all(axis=None)


def test_hidden_shocks_widen_the_sum_of_all_reps(truth: Truth) -> None:
    day = date(2026, 3, 31)
    truth = replace(truth, world=replace(truth.world, period_shock=0.3))
    known, hidden = (sample_bookings(truth, day, 96, seed=1, know_shocks=know).sum(axis=1) for know in (True, False))
    assert hidden.std() > 1.3 * known.std()


@pytest.mark.parametrize("day", [date(2020, 1, 1), date(2027, 6, 1)])
def test_days_outside_the_history_are_refused(truth: Truth, day: date) -> None:
    with pytest.raises(DataError, match="outside the simulated periods"):
        oracle_forecast(truth, day)


def test_it_reads_the_folder(tmp_path: Path) -> None:
    simulate(tmp_path, reps=1, periods=1, seed=0)
    frame = oracle_forecast(tmp_path / "truth", date(2026, 11, 20), 10)
    assert len(frame) == 1
    assert frame["period"].tolist() == ["2026Q4"]
