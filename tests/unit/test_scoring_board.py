"""The rows of a batch: predictions, teams, people, and the table that is written of them."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import AttainmentForecast, HistoricalMean
from spm_ml.history import SalesHistory
from spm_ml.predictions import Batch, ForecastPart, MetricValue, Prediction, Submission
from spm_ml.scoring import ScoringResult, prediction_rows
from spm_ml.scoring.beside import Beside, FinishedPeriods
from spm_ml.scoring.board import Board
from spm_ml.scoring.explained import Explained
from spm_ml.scoring.run import _stale
from spm_ml.scoring.target import scoring_target
from spm_ml.scoring.teams import build_people, build_teams
from spm_ml.settings import Organisation, RiskBands
from tests.rep_period_world import make_dataset


@pytest.fixture(scope="module")
def running() -> RepPeriodDataset:
    """The last five weeks of the unfinished period of ten reps; the first has no quota, the second has left."""
    dataset = make_dataset(10, 4, seed=5)
    frame = dataset.frame.copy()
    first, second = frame["rep_id"] == "R000", frame["rep_id"] == "R001"
    now = frame["actual_bookings"].isna()
    frame.loc[first & now, ["quota", "abstention"]] = [np.nan, "quota_missing"]
    frame.loc[second & now, "abstention"] = "left"
    frame.loc[second & now, "hazards"] = "H08;H07"
    changed = dataclasses.replace(dataset, frame=frame)
    return changed.where(now & (frame["week"] >= 4))


@pytest.fixture(scope="module")
def forecast(running: RepPeriodDataset) -> AttainmentForecast:
    return HistoricalMean().fit(make_dataset(10, 4, seed=5).finished()).predict(running)


@pytest.fixture(scope="module")
def board(running: RepPeriodDataset) -> Board:
    metrics = {"R002": (MetricValue("quota_attainment", "Quota attainment", "ratio", 0.5),)}
    day = running.frame["as_of"].max().date()
    said = {"R001": (Submission("commit", 5_00, day, "R001", None, 0, 0),)}
    return Board(day, "USD", metrics, RiskBands(), {}, said)


@pytest.fixture(scope="module")
def rows(board: Board, running: RepPeriodDataset, forecast: AttainmentForecast) -> tuple[Prediction, ...]:
    parts = {
        rep: Explained(parts=(ForecastPart("other", "Other", median, None, ""),))
        for rep, day, median in zip(
            running.frame["rep_id"], running.frame["as_of"], forecast.bookings[:, 9], strict=True
        )
        if day.date() == board.as_of and np.isfinite(median)
    }
    return dataclasses.replace(board, explained=parts).predictions(running, forecast)


class TestBoard:
    def test_one_row_a_rep_and_day(self, rows: tuple[Prediction, ...], running: RepPeriodDataset) -> None:
        assert [(row.rep_id, pd.Timestamp(row.as_of)) for row in rows] == list(
            zip(running.frame["rep_id"], running.frame["as_of"], strict=True)
        )

    def test_what_stands_beside_is_on_the_board_s_day_alone(self, rows: tuple[Prediction, ...], board: Board) -> None:
        for row in rows:
            assert bool(row.parts) == (row.as_of == board.as_of and row.bookings_quantiles is not None)
            if row.as_of == board.as_of:
                assert bool(row.metrics) == (row.rep_id == "R002")
            else:
                assert [metric.slug for metric in row.metrics] == ["linear_pace"]
            assert bool(row.submissions) == (row.as_of == board.as_of and row.rep_id == "R001")

    def test_bands_follow_the_thresholds(self, rows: tuple[Prediction, ...]) -> None:
        known = [row for row in rows if row.p_hit is not None]
        assert known
        assert all(row.risk_band == RiskBands().band(row.p_hit) for row in known if row.p_hit is not None)

    def test_without_quota_bookings_are_forecast_all_the_same(self, rows: tuple[Prediction, ...]) -> None:
        row = next(row for row in rows if row.rep_id == "R000")
        assert row.abstention is not None
        assert row.abstention.reason == "quota_missing"
        assert row.bookings_quantiles is not None
        assert (row.quota, row.p_hit, row.risk_band) == (None, None, None)

    def test_a_leaver_gets_no_number_and_keeps_the_hazard(self, rows: tuple[Prediction, ...]) -> None:
        row = next(row for row in rows if row.rep_id == "R001")
        assert row.abstention is not None
        assert row.abstention.reason == "left"
        assert (row.bookings_quantiles, row.p_hit, row.parts) == (None, None, ())
        assert row.hazards == ("H07", "H08")

    def test_stale_data_are_not_forecast(
        self, board: Board, running: RepPeriodDataset, forecast: AttainmentForecast
    ) -> None:
        stale = _stale(date(2026, 1, 1), date(2026, 3, 1), 45)
        assert stale is not None
        for row in dataclasses.replace(board, stale=stale).predictions(running, forecast):
            assert row.abstention == stale
            assert "H25" in row.hazards
            assert (row.bookings_quantiles, row.mean_bookings, row.p_hit, row.parts) == (None, None, None, ())
            assert row.main_reason == stale.detail

    def test_data_are_stale_beyond_the_limit_only(self) -> None:
        assert _stale(date(2026, 1, 1), None, 1) is None
        assert _stale(date(2026, 1, 1), date(2026, 2, 15), 45) is None
        assert _stale(date(2026, 1, 1), date(2026, 2, 16), 45) is not None


def batch_of(rows: tuple[Prediction, ...], board: Board) -> Batch:
    return Batch(
        batch_id="b1",
        period=rows[0].period,
        as_of=board.as_of,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        model_name="m",
        model_version="1",
        forecaster="historical_mean",
        data_version=1,
        data_hash="h",
        watermark=board.as_of,
        currency="USD",
        minor_digits=2,
        organisation_name="Harbour",
        risk_high_below=0.35,
        risk_medium_below=0.7,
        timezone="UTC",
    )


class TestOutput:
    def test_the_table_has_the_contract_s_columns_and_decimals(
        self, rows: tuple[Prediction, ...], board: Board
    ) -> None:
        table = prediction_rows(ScoringResult(batch_of(rows, board), rows, ()))
        quantiles = [f"q{level:02d}" for level in range(5, 100, 5)]
        contract = ["forecaster", "rep_id", "period", "as_of", "quota", "booked_to_date", *quantiles, "mean", "p_hit"]
        assert list(table.columns[: len(contract)]) == contract
        assert not [name for name in table if name.startswith("actual")]
        row, stored = table.iloc[-1], rows[-1]
        assert stored.quota is not None
        assert stored.bookings_quantiles is not None
        assert row["quota"] == stored.quota / 100
        assert row["booked_to_date"] == stored.booked / 100
        assert row["b50"] == pytest.approx(stored.bookings_quantiles[9] / 100)
        assert row["q50"] == pytest.approx(stored.bookings_quantiles[9] / stored.quota)
        without = table[table["rep_id"] == "R000"]
        assert without[quantiles].isna().all(axis=None)
        assert without["b50"].notna().all()
        assert set(without["abstention"]) == {"quota_missing"}

    def test_the_text_says_what_was_published(self, rows: tuple[Prediction, ...], board: Board) -> None:
        text = ScoringResult(batch_of(rows, board), rows, (), ("A note.",)).text()
        assert "10 reps scored by historical_mean (m version 1)" in text
        assert "1 without attainment: quota_missing." in text
        assert "A note." in text


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    """Boss over lead over two reps; one deal is shared as overlay, one rep has left in the quarter."""
    reps = pd.DataFrame(
        [
            ("boss", "Boss", "manager", None, "2020-01-01", None),
            ("lead", "Lead", "manager", "boss", "2020-01-01", None),
            ("ann", "Ann", "rep", "lead", "2020-01-01", None),
            ("ben", "Ben", "rep", "lead", "2020-01-01", "2026-01-20"),
        ],
        columns=["rep_id", "name", "role", "manager_id", "hired_on", "left_on"],
    )
    deals = pd.DataFrame(
        [
            ("d1", "ann", 100.0, "2026-01-02", "2026-01-10", "Qualify", "won"),
            ("d2", "ben", 40.0, "2026-01-02", "2026-01-11", "Qualify", "won"),
        ],
        columns=["opportunity_id", "rep_id", "amount", "created_on", "closed_on", "stage", "outcome"],
    )
    shares = pd.DataFrame(
        [("d1", "ann", 1.0, "revenue"), ("d1", "ben", 0.5, "overlay")],
        columns=["opportunity_id", "rep_id", "share", "kind"],
    )
    quotas = pd.DataFrame([("ann", "2026Q1", 500.0)], columns=["rep_id", "period", "amount"])
    frames = {"reps": reps, "opportunities": deals, "credits": shares, "quotas": quotas}
    with SalesHistory.from_frames(frames, Organisation(threads=1)) as made:
        yield made


class TestTeams:
    def predictions(self) -> tuple[Prediction, ...]:
        row = Prediction(
            rep_id="ann",
            period="2026Q1",
            period_start=date(2026, 1, 1),
            period_end=date(2026, 3, 31),
            as_of=date(2026, 2, 1),
            week=4,
            name="Ann",
            role="rep",
            manager_id="lead",
            team="",
            region="",
            segment="",
            quota=500_00,
            booked=100_00,
            bookings_quantiles=None,
            mean_bookings=None,
            p_hit=0.1,
            risk_band="high",
            main_reason="",
            parts=(),
            hazards=(),
            abstention=None,
            exposure=1.0,
            metrics=(),
            history_reconstructed=True,
        )
        left = dataclasses.replace(row, rep_id="ben", name="Ben", quota=None, booked=90_00, p_hit=None, risk_band=None)
        return row, left

    def test_everybody_with_a_row_has_a_place_in_the_tree(self, history: SalesHistory) -> None:
        target = scoring_target(history.calendar, date(2026, 2, 1))
        people = {person.rep_id: person for person in build_people(history, target, self.predictions())}
        assert set(people) == {"boss", "lead", "ann", "ben"}
        assert people["lead"].manager_id == "boss"
        assert people["boss"].manager_id is None
        assert (people["ben"].manager_id, people["ben"].name) == ("lead", "Ben")

    def test_a_team_is_everybody_below_and_counts_a_deal_once(self, history: SalesHistory) -> None:
        target = scoring_target(history.calendar, date(2026, 2, 1))
        people = build_people(history, target, self.predictions())
        metric = (MetricValue("team_attainment", "Team attainment", "ratio", 0.28),)
        beside = Beside({}, {("team", "lead"): metric}, FinishedPeriods(pd.DataFrame(), {}), None)
        rows = build_teams(history, target, self.predictions(), people, beside)
        teams = {team.key: team for team in rows}
        assert [team.level for team in rows] == ["team", "team", "company"]
        assert set(teams) == {"boss", "lead", "company"}
        assert teams["lead"].booked == teams["boss"].booked == 140_00  # the overlay half of d1 is not added
        assert teams["lead"].quota == 500_00
        assert (teams["lead"].reps, teams["lead"].reps_at_risk) == (2, 1)
        assert teams["lead"].metrics == metric
        assert teams["lead"].manager_name == "Lead"
