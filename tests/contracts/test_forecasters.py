"""What every forecaster promises, whatever it is made of."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.forecasting import (
    FORECASTERS,
    AttainmentForecast,
    FitSettings,
    Forecaster,
    forecaster,
    load_forecaster,
    roll_up,
)
from spm_ml.settings import QUANTILE_LEVELS

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))
SUBMITTED = ("commit", "best_case", "manager_override")

each_forecaster = pytest.mark.parametrize("made", FORECASTERS, ids=lambda made: made.name)
learner = pytest.mark.parametrize("made", [each for each in FORECASTERS if each.kind == "model"], ids=lambda m: m.name)


def make_dataset(reps: int, periods: int, seed: int, **settings: bool) -> RepPeriodDataset:
    dataset: RepPeriodDataset = WORLD["with_submissions"](WORLD["make_dataset"](reps, periods, seed, **settings), seed)
    return dataset


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    return make_dataset(24, 6, 11)


@pytest.fixture(scope="module")
def past(world: RepPeriodDataset) -> RepPeriodDataset:
    return world.finished()


@pytest.fixture(scope="module")
def running(world: RepPeriodDataset) -> RepPeriodDataset:
    return world.where(world.frame["actual_bookings"].isna())


@pytest.fixture(scope="module")
def fitted(past: RepPeriodDataset) -> dict[str, Forecaster]:
    return {made.name: made().fit(past) for made in FORECASTERS}


def changed(dataset: RepPeriodDataset, **columns: object) -> RepPeriodDataset:
    frame = dataset.frame.assign(**columns)
    return replace(dataset, frame=frame.astype(dataset.frame.dtypes.to_dict()))


def assert_same(one: AttainmentForecast, other: AttainmentForecast) -> None:
    assert np.array_equal(one.bookings, other.bookings, equal_nan=True)
    assert np.array_equal(one.mean_bookings, other.mean_bookings, equal_nan=True)
    assert one.abstentions == other.abstentions


def assert_abstains(forecast: AttainmentForecast, reason: str) -> None:
    assert np.isnan(forecast.bookings).all()
    assert np.isnan(forecast.mean_bookings).all()
    assert np.isnan(forecast.p_hit).all()
    assert all(why is not None and why.reason == reason and why.detail for why in forecast.abstentions)


@each_forecaster
def test_has_a_slug_and_a_label_of_its_own(made: type[Forecaster]) -> None:
    assert made.name.replace("_", "").isalnum()
    assert made.name == made.name.lower()
    assert made.label
    assert [each.name for each in FORECASTERS].count(made.name) == 1
    assert type(forecaster(made.name)) is made


@each_forecaster
def test_answers_every_row_with_ordered_quantiles_not_below_what_is_booked(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset
) -> None:
    forecast = fitted[made.name].predict(running)
    booked = running.frame["booked_to_date"].to_numpy()
    assert forecast.bookings.shape == (len(running), len(QUANTILE_LEVELS))
    assert not np.isnan(forecast.bookings).any()
    assert (np.diff(forecast.bookings, axis=1) >= 0).all()
    assert (forecast.bookings >= booked[:, None]).all()
    assert (forecast.mean_bookings >= booked).all()
    assert (forecast.keys[["rep_id", "period", "as_of"]] == running.frame[["rep_id", "period", "as_of"]]).all(axis=None)


@each_forecaster
def test_chances_are_chances_and_certain_once_the_quota_is_booked(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset
) -> None:
    forecast = fitted[made.name].predict(running)
    assert ((forecast.p_hit >= 0) & (forecast.p_hit <= 1)).all()
    there = running.frame["booked_to_date"] >= running.frame["quota"]
    assert there.any()
    assert (forecast.p_hit[there.to_numpy()] == 1).all()
    assert (forecast.probability_at_least(1.5) <= forecast.p_hit).all()
    assert (forecast.probability_at_least(0.0) == 1).all()


@learner
def test_neither_threads_nor_an_earlier_fit_change_a_bit(
    made: type[Forecaster], past: RepPeriodDataset, running: RepPeriodDataset, fitted: dict[str, Forecaster]
) -> None:
    newest = past.frame["period_start"].max()
    two = made(FitSettings(threads=2)).fit(past.where(past.frame["period_start"] < newest))
    with threadpool_limits(2):
        assert_same(two.fit(past).predict(running), fitted[made.name].predict(running))


@each_forecaster
def test_sums_are_seeded_and_coherent(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset
) -> None:
    forecast = fitted[made.name].predict(running)
    teams = roll_up(forecast, list(running.frame["team"]), seed=1)
    company = roll_up(forecast, ["company"] * len(running), seed=1)
    assert np.array_equal(teams.draws, roll_up(forecast, list(running.frame["team"]), seed=1).draws)
    assert not np.array_equal(teams.draws, roll_up(forecast, list(running.frame["team"]), seed=2).draws)
    answered = ~np.isnan(forecast.mean_bookings)
    assert teams.members.sum() == company.members.sum() == answered.sum()
    assert teams.mean_bookings.sum() == pytest.approx(company.mean_bookings.sum(), rel=1e-12)
    assert company.mean_bookings.sum() == pytest.approx(forecast.mean_bookings[answered].sum(), rel=1e-12)
    assert (np.diff(company.bookings, axis=1) >= 0).all()
    assert (company.bookings[:, 0] >= company.booked).all()


@each_forecaster
def test_explains_its_median_in_parts_that_add_up(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset
) -> None:
    forecast = fitted[made.name].predict(running)
    told = fitted[made.name].explain(running, forecast)
    answered = ~np.isnan(forecast.bookings[:, 9])
    assert told.parts.sum(axis=1)[answered].to_numpy() == pytest.approx(forecast.bookings[answered, 9], rel=1e-9)
    assert told.parts[~answered].isna().all(axis=None)
    added = told.drivers.groupby(["row", "slug"])["amount"].sum()
    for (row, slug), amount in added.items():
        if answered[row]:
            assert amount == pytest.approx(told.parts.loc[row, slug], rel=1e-6, abs=1.0)


@each_forecaster
def test_is_the_same_when_fitted_again(
    made: type[Forecaster], fitted: dict[str, Forecaster], past: RepPeriodDataset, running: RepPeriodDataset
) -> None:
    assert_same(made().fit(past).predict(running), fitted[made.name].predict(running))


@each_forecaster
def test_learns_nothing_from_rows_without_an_outcome(
    made: type[Forecaster], fitted: dict[str, Forecaster], world: RepPeriodDataset, running: RepPeriodDataset
) -> None:
    assert_same(made().fit(world).predict(running), fitted[made.name].predict(running))


@each_forecaster
def test_forecasts_do_not_look_at_outcomes(
    made: type[Forecaster], fitted: dict[str, Forecaster], past: RepPeriodDataset
) -> None:
    blind = changed(
        past,
        actual_bookings=np.nan,
        actual_attainment=np.nan,
        quota_final=np.nan,
        **dict.fromkeys(past.label_names, np.nan),
    )
    assert_same(fitted[made.name].predict(blind), fitted[made.name].predict(past))


@each_forecaster
def test_saved_as_text_and_loaded_it_forecasts_the_same(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset, tmp_path: Path
) -> None:
    fitted[made.name].save(tmp_path / "kept")
    for file in (tmp_path / "kept").iterdir():
        file.read_text(encoding="utf-8")
    loaded = load_forecaster(tmp_path / "kept")
    assert type(loaded) is made
    assert_same(loaded.predict(running), fitted[made.name].predict(running))


@each_forecaster
def test_before_fitting_it_says_so(made: type[Forecaster], running: RepPeriodDataset, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="not fitted"):
        made().predict(running)
    with pytest.raises(NotReadyError, match="not fitted"):
        made().save(tmp_path)


@each_forecaster
def test_a_rep_never_seen_is_forecast(
    made: type[Forecaster], past: RepPeriodDataset, running: RepPeriodDataset
) -> None:
    without = past.where(past.frame["rep_id"] != "R003")
    forecast = made().fit(without).predict(running.where(running.frame["rep_id"] == "R003"))
    assert not np.isnan(forecast.bookings).any()


@each_forecaster
def test_a_new_rep_without_history_is_forecast_or_abstained_from(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset
) -> None:
    lags = [name for name in running.feature_names if name.startswith(("bookings_", "attainment_"))]
    forecast = fitted[made.name].predict(changed(running, **dict.fromkeys(lags, np.nan), periods_of_history=0.0))
    for quantiles, why in zip(forecast.bookings, forecast.abstentions, strict=True):
        assert np.isnan(quantiles).all() == (why is not None)
        assert why is None or why.reason == "thin_history"


@each_forecaster
def test_nothing_known_of_a_rep_is_no_reason_to_guess(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset
) -> None:
    eve = running.where(running.frame["week"] == 0)
    unknown = changed(eve, **dict.fromkeys((*eve.feature_names, *SUBMITTED), np.nan), quota=np.nan)
    reason = "no_submission" if made.kind == "submission" else "thin_history"
    assert_abstains(fitted[made.name].predict(unknown), reason)


@each_forecaster
@pytest.mark.parametrize(("quota", "reason"), [(np.nan, "quota_missing"), (0.0, "quota_zero")])
def test_without_a_quota_bookings_are_forecast_and_attainment_is_not(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset, quota: float, reason: str
) -> None:
    forecast = fitted[made.name].predict(changed(running, quota=quota))
    assert not np.isnan(forecast.bookings).any()
    assert np.isnan(forecast.attainment).all()
    assert np.isnan(forecast.p_hit).all()
    assert {why.reason for why in forecast.abstentions if why} == {reason}


@each_forecaster
def test_an_organisation_without_any_quota_is_forecast(made: type[Forecaster]) -> None:
    world = make_dataset(24, 6, 11, quotas=False)
    forecast = made().fit(world).predict(world.where(world.frame["actual_bookings"].isna()))
    assert not np.isnan(forecast.bookings).any()
    assert np.isnan(forecast.attainment).all()


@each_forecaster
@pytest.mark.parametrize("reason", ["left", "not_started"])
def test_leavers_and_those_not_started_get_a_named_abstention(
    made: type[Forecaster], fitted: dict[str, Forecaster], running: RepPeriodDataset, reason: str
) -> None:
    assert_abstains(fitted[made.name].predict(changed(running, abstention=reason)), reason)


@each_forecaster
@pytest.mark.parametrize("history", ["none", "one rep-period", "one rep", "one period"])
def test_too_little_history_abstains_or_answers_in_order(
    made: type[Forecaster], past: RepPeriodDataset, running: RepPeriodDataset, history: str
) -> None:
    frame = past.frame
    rep, period = frame["rep_id"] == "R003", frame["period"] == frame["period"].max()
    rows = {"none": rep & ~rep, "one rep-period": rep & period, "one rep": rep, "one period": period}[history]
    forecast = made().fit(past.where(rows)).predict(running)
    if history in ("none", "one rep-period", "one rep"):
        assert_abstains(forecast, "thin_history")
    else:
        answered = ~np.isnan(forecast.bookings).any(axis=1)
        assert (np.diff(forecast.bookings[answered], axis=1) >= 0).all()
        assert all((why is None) == given for why, given in zip(forecast.abstentions, answered, strict=True))


@each_forecaster
def test_usual_refunds_let_forecasts_fall_below_what_is_booked(
    made: type[Forecaster], past: RepPeriodDataset, running: RepPeriodDataset
) -> None:
    refunded = changed(past, actual_bookings=(past.frame["actual_bookings"] * 0.6).round())
    ends = past.frame.drop_duplicates(["rep_id", "period_start"]).set_index(["rep_id", "period_start"])["period_end"]
    undone = past.bookings.drop_duplicates(["rep_id", "period_start"]).join(ends, on=["rep_id", "period_start"])
    total = past.bookings.groupby(["rep_id", "period_start"])["amount"].sum()
    amount = undone.join(total.rename("total"), on=["rep_id", "period_start"])["total"]
    undone = undone.assign(amount=-(amount * 0.4).astype("int64"), booked_on=undone["period_end"])
    undone["recorded_on"] = undone["booked_on"]
    bookings = pd.concat([past.bookings, undone[past.bookings.columns]], ignore_index=True)
    forecast = made().fit(replace(refunded, bookings=bookings)).predict(running)
    assert (forecast.bookings[:, 0] < forecast.booked).any()
    assert (np.diff(forecast.bookings, axis=1) >= 0).all()


@each_forecaster
def test_no_row_is_an_answer_too(made: type[Forecaster], fitted: dict[str, Forecaster], past: RepPeriodDataset) -> None:
    assert len(fitted[made.name].predict(past.where(np.zeros(len(past), dtype=bool)))) == 0


@learner
def test_a_learner_keeps_to_the_declared_floor(
    made: type[Forecaster], past: RepPeriodDataset, running: RepPeriodDataset
) -> None:
    assert_abstains(made(FitSettings(min_training_rows=1_000)).fit(past).predict(running), "thin_history")


def test_unknown_names_and_broken_files_are_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'last_period'"):
        forecaster("last_periods")
    with pytest.raises(ConfigurationError, match="train anew"):
        load_forecaster(tmp_path)
    (tmp_path / "forecaster.json").write_text('{"forecaster": "last_period", "format": 99, "state": {}}')
    with pytest.raises(ConfigurationError, match="format 99"):
        load_forecaster(tmp_path)


def test_a_saved_forecaster_is_not_taken_for_another(fitted: dict[str, Forecaster], tmp_path: Path) -> None:
    fitted["last_period"].save(tmp_path)
    other = next(made for made in FORECASTERS if made.name == "historical_mean")
    with pytest.raises(ConfigurationError, match="holds the forecaster 'last_period'"):
        other.load(tmp_path)
