"""LightGBM quantiles: contributions that add up, point masses, features by name, and files of text."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.forecasting import FitSettings, LightGbmQuantiles
from spm_ml.forecasting.boosters import FITTED_LEVELS, QuantileBoosters
from spm_ml.forecasting.inputs import DERIVED, Inputs
from spm_ml.forecasting.protocol import readable_rows, training_rows

make_dataset = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))["make_dataset"]


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    return make_dataset(20, 6, 8)


@pytest.fixture(scope="module")
def model(world: RepPeriodDataset) -> LightGbmQuantiles:
    return LightGbmQuantiles().fit(world.finished())


def test_contributions_and_what_is_booked_add_up_to_the_median_before_the_shift(
    world: RepPeriodDataset, model: LightGbmQuantiles
) -> None:
    parts = model.contributions(world)
    assert list(parts) == ["base", *world.feature_names, *DERIVED]
    fitted, inputs = model._boosters, model._inputs
    assert fitted is not None
    assert inputs is not None
    seen = inputs.see(readable_rows(world))
    median = fitted.boosters[FITTED_LEVELS.index(0.5)].predict(seen.matrix) * seen.remainder
    assert parts.sum(axis=1).to_numpy() == pytest.approx(median, rel=1e-6, abs=1)


def test_open_amounts_are_credited_to_their_stage(world: RepPeriodDataset, model: LightGbmQuantiles) -> None:
    tenth = world.where(world.frame["week"] == 10)
    parts = model.contributions(tenth)
    late_stage = tenth.frame["open_amount_stage_3"]
    assert np.corrcoef(parts["open_amount_stage_3"], late_stage)[0, 1] > 0.9


def test_contributions_before_fitting_are_refused_and_of_too_little_history_are_nothing(
    world: RepPeriodDataset,
) -> None:
    with pytest.raises(NotReadyError, match="not fitted"):
        LightGbmQuantiles().contributions(world)
    thin = LightGbmQuantiles(FitSettings(min_training_rows=9_999)).fit(world)
    assert thin.contributions(world)["base"].isna().all()


def test_where_nothing_more_is_booked_next_to_nothing_is_forecast_and_the_quantiles_rest_on_what_is_booked(
    world: RepPeriodDataset,
) -> None:
    frame = world.frame
    over = frame["week"] >= 11
    done = frame.assign(
        actual_bookings=frame["actual_bookings"].where(~over, frame["booked_to_date"].astype(float)),
        **dict.fromkeys(world.label_names, 0.0),
    )
    past = replace(world, frame=done.astype(frame.dtypes.to_dict())).finished()
    last = past.where(past.frame["week"] == 12)
    forecast = LightGbmQuantiles().fit(past).predict(last)
    more = (forecast.bookings - forecast.booked[:, None]) / past.frame["actual_bookings"].mean()
    assert (more >= 0).all()
    assert (more[:, 0] == 0).mean() > 0.9
    assert more[:, 9].mean() < 0.02
    assert more[:, 18].mean() < 0.05


def test_the_seed_is_used(world: RepPeriodDataset, model: LightGbmQuantiles) -> None:
    past = world.finished()
    other = LightGbmQuantiles(FitSettings(seed=1)).fit(past).predict(past)
    assert not np.array_equal(other.bookings, model.predict(past).bookings)


def test_features_are_taken_by_name_and_a_lost_one_is_named(world: RepPeriodDataset, model: LightGbmQuantiles) -> None:
    shuffled = tuple(reversed(world.feature_names))
    order = [name for name in world.frame if name not in shuffled] + list(shuffled)
    turned = replace(world, frame=world.frame[order], feature_names=shuffled)
    assert np.array_equal(model.predict(turned).bookings, model.predict(world).bookings)
    fewer = tuple(name for name in world.feature_names if name != "tenure_days")
    without = replace(world, frame=world.frame.drop(columns="tenure_days"), feature_names=fewer)
    with pytest.raises(ConfigurationError, match="tenure_days"):
        model.predict(without)


def test_features_that_no_rule_reads_are_enough(world: RepPeriodDataset) -> None:
    few = ("tenure_days", "fte")
    kept = [name for name in world.frame if name not in world.feature_names or name in few]
    bare = replace(world, frame=world.frame[kept], feature_names=few)
    forecast = LightGbmQuantiles().fit(bare.finished()).predict(bare)
    assert not np.isnan(forecast.bookings).any()


def test_money_is_seen_in_usual_sizes(world: RepPeriodDataset) -> None:
    frame = training_rows(world)
    seen = Inputs.see_past(frame, world.feature_names)
    money, count = (world.feature_names.index(name) for name in ("open_amount_stage_1", "open_count_stage_1"))
    assert seen.matrix[:, money] == pytest.approx(frame["open_amount_stage_1"] / seen.usual)
    assert (seen.matrix[:, count] == frame["open_count_stage_1"]).all()


def test_no_past_row_sees_what_its_own_period_taught(world: RepPeriodDataset) -> None:
    frame = training_rows(world)
    first = frame["period"] == frame["period"].min()
    changed = frame.assign(actual_bookings=frame["actual_bookings"].where(~first, frame["actual_bookings"] * 3))
    before, after = (Inputs.see_past(rows, world.feature_names) for rows in (frame, changed))
    assert np.array_equal(before.matrix[first], after.matrix[first], equal_nan=True)
    assert not np.array_equal(before.matrix[~first], after.matrix[~first], equal_nan=True)


def test_a_broken_model_file_is_told(model: LightGbmQuantiles, tmp_path: Path) -> None:
    model.save(tmp_path)
    (tmp_path / "quantile_50.txt").unlink()
    with pytest.raises(ConfigurationError, match="quantile_50"):
        LightGbmQuantiles.load(tmp_path)


def test_quantiles_between_the_fitted_levels_never_cross(world: RepPeriodDataset, model: LightGbmQuantiles) -> None:
    fitted, inputs = model._boosters, model._inputs
    assert isinstance(fitted, QuantileBoosters)
    assert inputs is not None
    predicted = fitted.predict(inputs.see(readable_rows(world)).matrix)
    assert (np.diff(predicted, axis=1) >= 0).all()
