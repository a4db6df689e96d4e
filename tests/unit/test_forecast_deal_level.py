"""The parts of the deal-level model: records, chances, counts, timing and the Monte Carlo sum."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import DealLevel, FitSettings
from spm_ml.forecasting.deal_level.monte_carlo import Parameters, at_levels, simulate
from spm_ml.forecasting.deal_level.parts import DealParts
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.deal_level.rep_records import MOVES, RepRecords
from spm_ml.forecasting.deal_level.winning import MOST_DEALS
from spm_ml.forecasting.draws import keys_of
from spm_ml.forecasting.protocol import may_be_learnt_from

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    made: RepPeriodDataset = WORLD["make_dataset"](24, 6, 5)
    return made


@pytest.fixture(scope="module")
def past(world: RepPeriodDataset) -> Pipeline:
    return Pipeline.of(world.where(may_be_learnt_from(world)))


@pytest.fixture(scope="module")
def parts(past: Pipeline) -> DealParts:
    return DealParts.fit(past, 3, most=MOST_DEALS, seed=0)


def parameters(**changes: object) -> Parameters:
    plain = Parameters(
        row=np.array([0, 0, 2]),
        deal_keys=keys_of(np.array(["a", "b", "c"], dtype=object)),
        log_odds=np.array([9.0, -9.0, 0.0]),
        amounts=np.array([100.0, 1_000.0, 50.0]),
        shares=np.ones(16),
        row_keys=keys_of(np.array(["r", "s", "t"], dtype=object)),
        booked=np.array([10.0, 20.0, 30.0]),
        log_counts=np.full(3, -12.0),
        dispersion=0.0,
        sizes=np.ones(3),
        ratios=np.ones(16),
        shared=np.zeros(3),
        shared_ratios=np.ones(16),
        undone=np.zeros(3),
        undone_ratios=np.ones(16),
        may_fall=False,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def drawn(wanted: Parameters, draws: int = 4_000) -> np.ndarray:
    return np.concatenate([part for _, part in simulate(wanted, draws=draws, seed=1)])


def test_sums_what_is_booked_and_what_is_won() -> None:
    total = drawn(parameters())
    assert np.allclose(np.median(total, axis=1)[:2], [110, 20])
    assert set(np.unique(total[2])) == {30.0, 80.0}
    assert (total[2] == 80).mean() == pytest.approx(0.5, abs=0.03)
    assert (np.diff(total, axis=1) >= 0).all()


@pytest.mark.parametrize("dispersion", [0.0, 0.3])
def test_counts_have_the_mean_and_variance_that_was_asked_for(dispersion: float) -> None:
    wanted = parameters(
        row=np.zeros(0, dtype=np.int64),
        deal_keys=np.zeros(0, dtype=np.uint64),
        log_odds=np.zeros(0),
        amounts=np.zeros(0),
        log_counts=np.log([0.2, 2.0, 9.0]),
        dispersion=dispersion,
    )
    total = drawn(wanted, 20_000) - wanted.booked[:, None]
    mean = np.exp(wanted.log_counts)
    assert total.mean(axis=1) == pytest.approx(mean, rel=0.04)
    assert total.var(axis=1) == pytest.approx(mean + dispersion * mean**2, rel=0.08)
    assert wanted.arrival_means() == pytest.approx(mean)


def test_refunds_take_back_only_where_they_are_usual() -> None:
    undone = {"undone": np.full(3, 2.0), "sizes": np.full(3, 25.0)}
    assert (drawn(parameters(**undone)) >= np.array([10, 20, 30])[:, None]).all()
    assert (drawn(parameters(**undone, may_fall=True)).min(axis=1) < np.array([10, 20, 30])).all()


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    whole = drawn(parameters(log_counts=np.log([1.0, 2.0, 3.0])))
    one = parameters(log_counts=np.log([1.0, 2.0, 3.0]))
    alone = replace(
        one,
        row=np.array([0]),
        **{name: getattr(one, name)[2:] for name in ("deal_keys", "log_odds", "amounts", "row_keys", "booked",
                                                      "log_counts", "sizes", "shared", "undone")},
    )  # fmt: skip
    assert np.array_equal(drawn(alone)[0], whole[2])


def test_memory_is_bounded_by_cutting_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(parameters(), 100)
    monkeypatch.setattr("spm_ml.forecasting.deal_level.monte_carlo.AT_ONCE", 100)
    pieces = list(simulate(parameters(), draws=100, seed=1))
    assert len(pieces) == 3
    assert np.array_equal(np.concatenate([part for _, part in pieces]), whole)


def test_levels_are_read_between_plotting_positions() -> None:
    ordered = np.array([[0.0, 10.0, 20.0, 30.0]])
    assert at_levels(ordered, np.array([[0.125, 0.5, 0.999]])).tolist() == [[0.0, 15.0, 30.0]]


def test_records_know_only_earlier_periods_and_shrink(past: Pipeline) -> None:
    records = RepRecords.fit(past)
    record = records.of(past.frame)
    first = (past.frame["period_start"] == past.frame["period_start"].min()).to_numpy()
    assert np.array_equal(record[first], np.zeros((first.sum(), len(MOVES))))
    newest = past.frame["period_start"] == past.frame["period_start"].max()
    earlier = RepRecords.fit(past.where(~newest.to_numpy()))
    own = records.of(past.frame[newest])
    assert np.abs(own).max() < 1.5
    assert np.corrcoef(own.ravel(), earlier.of(past.frame[newest]).ravel())[0, 1] > 0.95
    stranger = past.frame[newest].assign(rep_id="nobody")
    assert np.array_equal(records.of(stranger), np.zeros_like(own))


def test_reps_who_create_more_have_a_higher_record(past: Pipeline) -> None:
    made = past.deals.assign(rep=past.owners, deal=past.code).groupby("rep")["deal"].nunique()
    last = past.frame[past.frame["period_start"] == past.frame["period_start"].max()].drop_duplicates("rep_id")
    record = RepRecords.fit(past).of(last)[:, MOVES.index("created")]
    assert np.corrcoef(np.log(made.reindex(last["rep_id"])), record)[0, 1] > 0.8


def test_chances_rank_and_add_up(past: Pipeline, parts: DealParts) -> None:
    odds = parts.log_odds(past, parts.records.of(past.frame))
    chance = 1 / (1 + np.exp(-odds))
    won = past.won
    assert chance.mean() == pytest.approx(won.mean(), rel=0.05)
    assert chance[won == 1].mean() > chance[won == 0].mean() + 0.15


def test_contributions_add_up_to_the_log_odds(past: Pipeline, parts: DealParts) -> None:
    some = past.where((past.frame["week"] == 6).to_numpy())
    matrix = parts.winning.inputs.matrix(some, parts.records.of(some.frame))
    contributions, base = parts.winning.contributions(matrix)
    assert contributions.sum(axis=1) + base == pytest.approx(parts.winning.log_odds(matrix), abs=1e-6)
    record = parts.records.of(some.frame)
    moved, usual, _ = parts.arrivals.contributions(some.frame, record)
    assert moved.sum(axis=1) + usual == pytest.approx(parts.arrivals.log_count(some.frame, record), abs=1e-6)


def test_counts_fall_with_the_days_left(past: Pipeline, parts: DealParts) -> None:
    frame = past.frame
    count = np.exp(parts.arrivals.log_count(frame, parts.records.of(frame)))
    by_week = pd.Series(count).groupby(frame["week"].to_numpy()).mean()
    assert by_week.iloc[0] > 4 * by_week.iloc[-2]


def test_shares_of_the_weeks_rise_to_one(past: Pipeline, parts: DealParts) -> None:
    some = past.where((past.frame["week"] == 4).to_numpy())
    shares = parts.timing.shares(some, 13)
    assert (np.diff(shares, axis=1) >= 0).all()
    assert (shares[:, 8:] == 1).all()
    assert shares[:, 0].min() >= 0


def test_abstains_where_no_deal_was_ever_won_or_none_is_known(world: RepPeriodDataset) -> None:
    lost = replace(world, bookings=world.bookings.iloc[:0])
    for past in (lost, replace(world, states=world.states.iloc[:0])):
        forecast = DealLevel(FitSettings()).fit(past).predict(world)
        assert np.isnan(forecast.bookings).all()
        assert {why.reason for why in forecast.abstentions if why} == {"thin_history"}


def test_without_its_largest_deal_a_rep_is_expected_to_book_less(world: RepPeriodDataset) -> None:
    fitted = DealLevel(FitSettings()).fit(world)
    running = world.where(world.frame["actual_bookings"].isna() & (world.frame["week"] == 6))
    forecast = fitted.predict(running)
    told = fitted.explain(running, forecast).without_largest
    assert len(told) == len(np.unique(running.deal_rows))
    assert (told["median"].to_numpy() <= forecast.bookings[told["row"], 9] + 1e-6).all()
    # beyond the outermost quantiles chances are extrapolated, and so not exactly in order
    assert (told["p_hit"].to_numpy() <= forecast.p_hit[told["row"]] + 0.02).all()
    deals = fitted.explain(running, forecast).deals
    assert deals["p_win"].between(0, 1).all()
    assert deals["likely_week"].between(7, 13).all()


def test_rows_of_earlier_periods_know_no_later_booking(past: Pipeline) -> None:
    starts = past.frame["period_start"]
    before = past.where((starts < starts.max()).to_numpy())
    assert before.bookings["period_start"].max() < starts.max()
    later = past.bookings["period_start"] >= starts.max()
    blind = replace(before, bookings=past.bookings[~later])
    assert np.array_equal(RepRecords.fit(before).observed, RepRecords.fit(blind).observed)
