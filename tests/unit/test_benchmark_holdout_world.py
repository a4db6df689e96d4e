"""The hold-out world: what it writes is a clean export, and its oracle is calibrated without looking ahead."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks.holdout_world import Truth, read_truth, sample_bookings, simulate_holdout
from benchmarks.holdout_world.law import (
    LONGEST,
    LONGEST_READ_OUT,
    DecisionDays,
    left_stage_by,
    read_out,
    read_out_chance,
    stage_time,
)
from benchmarks.holdout_world.simulate import draw_truth
from benchmarks.holdout_world.staff import NEVER
from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace
from spm_ml.simulation import DEFAULT_END
from spm_ml.simulation.timeline import day_number
from spm_ml.sources import ingest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("holdout")
    simulate_holdout(path, reps=10, periods=4, seed=3)
    return path


@pytest.fixture(scope="module")
def large() -> Truth:
    return draw_truth(200, 9, DEFAULT_END, np.random.default_rng(4))


def as_of_day(truth: Truth, period: int, week: int) -> date:
    return truth.days.periods[period].start + timedelta(days=7 * week - 1)


def test_the_same_arguments_give_the_same_rows(folder: Path, tmp_path: Path) -> None:
    simulate_holdout(tmp_path / "again", reps=10, periods=4, seed=3)
    simulate_holdout(tmp_path / "other", reps=10, periods=4, seed=4)
    for name in ("reps", "quotas", "opportunities", "opportunity_events", "submissions"):
        first, again, other = (
            pq.read_table(path / f"{name}.parquet") for path in (folder, tmp_path / "again", tmp_path / "other")
        )
        assert first.equals(again)
        assert not first.equals(other)


def test_every_row_is_accepted_and_the_ledger_holds_the_true_bookings(folder: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    report = ingest(workspace, folder)
    assert sum(table.quarantined for table in report.tables) == 0
    truth = read_truth(folder / "truth")
    days = truth.days
    with SalesHistory.open(workspace) as history:
        bookings = history.bookings.to_pandas()
    booked_on = pd.to_datetime(bookings["booked_on"]).dt.date
    for period in range(days.first_reported, days.running):
        known = days.periods[period]
        booked = bookings[(booked_on >= known.start) & (booked_on <= known.end)].groupby("rep_id")["amount"].sum()
        expected = pd.Series(truth.booked(days.first_of(period), days.last_of(period)), truth.rep_ids)
        assert booked.to_dict() == expected[expected > 0].to_dict()


def test_deals_of_an_account_close_on_one_day(folder: Path) -> None:
    deals = pq.read_table(folder / "opportunities.parquet").to_pandas()
    closed = deals[deals["outcome"] != "open"].groupby("account_id")["closed_on"]
    assert (closed.nunique() == 1).all()
    assert (closed.size() > 1).mean() > 0.1


def test_what_is_written_ends_on_the_last_day(folder: Path) -> None:
    events = pq.read_table(folder / "opportunity_events.parquet").to_pandas()
    assert events["recorded_at"].max().date() <= DEFAULT_END
    assert not events.duplicated(["opportunity_id", "recorded_at"]).any()


def test_it_is_read_as_it_was_written(folder: Path) -> None:
    truth = read_truth(folder / "truth")
    drawn = draw_truth(10, 4, DEFAULT_END, np.random.default_rng(np.random.SeedSequence(3).spawn(2)[0]))
    np.testing.assert_array_equal(truth.rounds.decided, drawn.rounds.decided)
    assert truth.finished == 4


def test_the_oracle_is_calibrated(large: Truth) -> None:
    """Randomised PIT (Czado, Gneiting & Held, 2009) of every rep who stayed, on three as-of days of nine periods."""
    days, staff, rng, ranks = large.days, large.staff, np.random.default_rng(0), []
    for week in (0, 6, 11):
        for period in range(days.first_reported, days.running):
            drawn = sample_bookings(large, as_of_day(large, period, week), 99, seed=period)
            there = (staff.hired < days.first_of(period)) & (staff.left > days.last_of(period))
            drawn, actual = drawn[:, there], large.booked(days.first_of(period), days.last_of(period))[there]
            ties = (np.abs(drawn - actual) < 1).sum(axis=0) + 1
            ranks.append(((drawn < actual - 1).sum(axis=0) + rng.random(len(actual)) * ties) / 100)
    pit = np.concatenate(ranks)
    assert len(pit) > 4000
    assert 0.78 < ((pit > 0.1) & (pit < 0.9)).mean() < 0.82
    assert np.abs(np.histogram(pit, bins=10, range=(0, 1))[0] / len(pit) - 0.1).max() < 0.015


def test_its_sum_over_all_reps_is_calibrated(large: Truth) -> None:
    days, inside = large.days, []
    for week in (0, 6):
        for period in range(days.first_reported, days.running):
            total = sample_bookings(large, as_of_day(large, period, week), 99, seed=period).sum(axis=1)
            low, high = np.quantile(total, (0.025, 0.975))
            inside.append(low <= large.booked(days.first_of(period), days.last_of(period)).sum() <= high)
    assert np.mean(inside) > 0.8


@pytest.mark.parametrize("know_shocks", [True, False])
@pytest.mark.parametrize("week", [0, 5, 11])
def test_the_oracle_does_not_look_ahead(large: Truth, week: int, know_shocks: bool) -> None:
    """Another end of all open rounds, other later deals and, for one who knows no shocks, another climate."""
    as_of = as_of_day(large, 8, week)
    today = large.days.until(day_number(as_of))
    rounds, deals, rng = large.rounds, large.deals, np.random.default_rng(1)
    later = rounds.decided > today
    decided = np.where(later, today + 1 + rng.integers(0, LONGEST, len(later)), rounds.decided)
    other = replace(
        large,
        rounds=replace(rounds, decided=decided, serious=rounds.serious ^ later),
        deals=replace(
            deals,
            won=deals.won ^ later[deals.round],
            entered=np.where(deals.entered > today, NEVER, deals.entered),
            said=np.where(deals.entered[:, 2] > today, 1, deals.said),
            amount=np.where(deals.created > today, 1, deals.amount),
        ),
    )
    if not know_shocks:
        month = int(large.days.month[today])
        more = len(large.climate.market) - 1 - month
        other = replace(other, climate=large.climate.continued(month, more, rng))
    first, second = (sample_bookings(each, as_of, 10, seed=1, know_shocks=know_shocks) for each in (large, other))
    np.testing.assert_array_equal(first, second)
    assert first.std(axis=0).max() > 0


def test_hidden_shocks_widen_the_sum_of_all_reps(large: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.holdout_world.staff._MARKET_SPREAD", 0.5)
    day = as_of_day(large, 8, 0)
    known, hidden = (sample_bookings(large, day, 150, 1, know_shocks=know).sum(axis=1) for know in (True, False))
    assert hidden.std() > 1.2 * known.std()


def test_on_the_last_days_all_is_known(large: Truth) -> None:
    period = large.days.first_reported
    drawn = sample_bookings(large, large.days.periods[period].end - timedelta(days=1), 40, seed=0)
    actual = large.booked(large.days.first_of(period), large.days.last_of(period))
    assert (np.abs(drawn - actual) < 1).mean() > 0.7


@pytest.mark.parametrize("day", [date(2020, 1, 1), date(2026, 12, 31)])
def test_days_outside_the_history_are_refused(large: Truth, day: date) -> None:
    with pytest.raises(DataError, match="outside the simulated periods"):
        sample_bookings(large, day, 2, 0)


def test_decisions_follow_their_distribution(large: Truth) -> None:
    law: DecisionDays = large.law
    opened, segment = np.full(20_000, 300), np.full(20_000, 1)
    decided = law.draw(opened, segment, np.ones(20_000, dtype=bool), np.random.default_rng(0).random(20_000))
    assert decided.min() > 300
    for last in (320, 360, 420):
        expected = law.within(np.array([300]), np.array([1]), last)[0]
        assert (decided <= last).mean() == pytest.approx(expected, abs=0.015)
    assert law.within(np.array([300]), np.array([1]), 300)[0] == 0
    chances = law.chances(np.array([300]), np.array([1]), 310)
    assert chances[0, 1].sum() == pytest.approx(1 - law.within(np.array([300]), np.array([1]), 310)[0])


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("stage", [0, 3])
def test_stages_are_left_as_the_oracle_believes(stage: int, kind: int) -> None:
    left = np.full(20_000, 40)
    time = stage_time(left, stage, np.full(20_000, kind == 1), np.random.default_rng(0))
    for passed in (3, 12, 30):
        expected = left_stage_by(np.array([passed]), np.array([40]), stage, kind)[0]
        assert (time <= passed).mean() == pytest.approx(expected, abs=0.015)


def test_read_outs_have_the_chances_that_the_oracle_gives_them() -> None:
    said = read_out(np.full(20_000, 25), np.random.default_rng(0))
    chance = read_out_chance(np.arange(1, LONGEST_READ_OUT + 1), np.full(LONGEST_READ_OUT, 25))
    assert chance.sum() == pytest.approx(1.0)
    assert (said <= 25).mean() == pytest.approx(chance[:25].sum(), abs=0.015)
