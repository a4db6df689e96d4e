"""Parts, changes and deals of every forecaster add up; rows that carry their deals are forecast alike."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import DataError
from spm_ml.fiscal import Period
from spm_ml.forecasting import FORECASTERS, DealLevel, Forecaster, LightGbmQuantiles
from spm_ml.scoring import ServedForecaster, rows_with_deals
from spm_ml.scoring.events import Happened
from spm_ml.scoring.explained import Explained, explain_reps
from spm_ml.scoring.part_words import Figures, Opened, PartWords, Since
from spm_ml.scoring.target import ScoringTarget
from spm_ml.scoring.two_days import TwoDays
from spm_ml.scoring.words import MoneyWords
from tests.rep_period_world import STAGES, make_dataset, with_submissions

WORDS = PartWords(STAGES, MoneyWords("USD"), "A model")
FOUND = {"R000": Happened({("won", 3): (2, 9_000_00.0), ("lost", 2): (1, 500_00.0)})}


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    """Ends in the eighth week; one deal decides for the first rep, the second has left."""
    dataset = with_submissions(make_dataset(12, 6, 3))
    frame = dataset.frame.copy()
    now = frame["actual_bookings"].isna()
    frame.loc[now & (frame["rep_id"] == "R000"), "hazards"] = "H07;H18"
    frame.loc[now & (frame["rep_id"] == "R001") & (frame["week"] == 8), "abstention"] = "left"
    return replace(dataset, frame=frame)


@pytest.fixture(scope="module")
def running(world: RepPeriodDataset) -> RepPeriodDataset:
    return world.where(world.frame["actual_bookings"].isna())


@pytest.fixture(scope="module")
def fitted(world: RepPeriodDataset) -> dict[str, Forecaster]:
    return {made.name: made().fit(world.finished()) for made in FORECASTERS}


def target_of(dataset: RepPeriodDataset, weeks: int = 99) -> ScoringTarget:
    frame = dataset.frame
    days = tuple(sorted({day.date() for day in frame["as_of"]}))[: weeks + 1]
    start, end = frame["period_start"].iloc[0].date(), frame["period_end"].iloc[0].date()
    return ScoringTarget(Period(start, end, frame["period"].iloc[0], start.year, 1), days[-1], days)


def two_days(forecaster: Forecaster, running: RepPeriodDataset, weeks: int = 99) -> TwoDays:
    target = target_of(running, weeks)
    rows = running.where((running.frame["as_of"] <= pd.Timestamp(target.as_of)).to_numpy())
    return TwoDays.of(rows, forecaster.predict(rows), forecaster, target)


@pytest.mark.parametrize("name", [made.name for made in FORECASTERS])
def test_parts_and_changes_add_up(name: str, fitted: dict[str, Forecaster], running: RepPeriodDataset) -> None:
    days = two_days(fitted[name], running)
    explained = explain_reps(days, FOUND, WORDS)
    assert len(explained) == len(days.now) == 12
    for row, earlier in zip(days.now, days.before, strict=True):
        rep = days.dataset.frame["rep_id"].iloc[row]
        median, why = days.forecast.bookings[row, 9], explained[rep]
        if np.isnan(median):
            assert why == Explained(happened=why.happened)
            continue
        assert sum(part.amount for part in why.parts) == pytest.approx(median)
        assert why.change is not None
        assert why.change.before == days.forecast.bookings[earlier, 9]
        assert sum(part.amount for part in why.change.parts) == pytest.approx(median - why.change.before, abs=1)
        for part in why.parts:
            assert part.text.endswith(".")
            if part.drivers:
                assert sum(one.amount or 0 for one in part.drivers) == pytest.approx(part.amount, abs=30)
    assert explained["R001"].parts == ()
    means = days.forecast.mean_bookings - days.forecast.booked
    known = days.is_forecast
    np.testing.assert_allclose(days.still_means.sum(axis=1)[known], means[known])
    assert not days.still_means[~known].to_numpy().any()


def test_models_say_what_moves_their_parts(fitted: dict[str, Forecaster], running: RepPeriodDataset) -> None:
    by_feature = explain_reps(two_days(fitted[LightGbmQuantiles.name], running), {}, WORDS)["R002"]
    assert {part.slug for part in by_feature.parts} == {"booked", "still_to_come"}
    assert by_feature.parts[1].drivers
    by_deal = explain_reps(two_days(fitted[DealLevel.name], running), {}, WORDS)["R002"]
    drivers = {part.slug: part.drivers for part in by_deal.parts}
    assert drivers["not_created"]
    assert all(drivers[f"open_stage_{at}"] for at in (1, 2, 3) if f"open_stage_{at}" in drivers)


def test_nothing_has_changed_in_week_0(fitted: dict[str, Forecaster], running: RepPeriodDataset) -> None:
    days = two_days(fitted[DealLevel.name], running, weeks=0)
    assert days.since is None
    assert all(why.change is None for why in explain_reps(days, {}, WORDS).values())


def test_deals_that_matter_and_the_result_without_the_largest(
    fitted: dict[str, Forecaster], running: RepPeriodDataset
) -> None:
    days = two_days(fitted[DealLevel.name], running)
    explained = explain_reps(days, {}, WORDS)
    assert {rep for rep, why in explained.items() if why.without_largest} == {"R000"}
    for row in days.now:
        frame = days.dataset.frame.iloc[row]
        own = days.dataset.deals[days.dataset.deal_rows == row].set_index("opportunity_id")
        shown = explained[frame["rep_id"]].deals
        assert len(shown) == (min(len(own), 5) if days.is_forecast[row] else 0)
        expected = [one.p_win * one.amount for one in shown]
        assert expected == sorted(expected, reverse=True)
        for one in shown:
            assert one.amount == own.loc[one.opportunity_id, "amount"]
            assert one.stage == STAGES[own.loc[one.opportunity_id, "stage"] - 1]
            due = pd.Timestamp(days.as_of) + pd.Timedelta(days=own.loc[one.opportunity_id, "due_days"])
            assert one.expected_close_on == due.date()
            assert one.likely_week is None or 9 <= one.likely_week <= 13


class TestWords:
    figures = Figures(300_00.0, 1_000_00.0, 30, {2: Opened(6, 400_00.0, 124_00.0), 1: Opened(1, 0.0, 50_00.0)}, 4.0)
    since = Since(FOUND["R000"], 5, 1_000_00.0)

    def test_parts(self) -> None:
        said = {
            slug: WORDS.text(slug, -1.0, self.figures) for slug in ("booked", "skew", "not_created", "recalibration")
        }
        assert said["booked"] == "300 of a quota of 1\N{NO-BREAK SPACE}000."
        assert said["skew"] == "A few large deals lift the mean above the median."
        assert said["recalibration"] == "What past forecasts at this week were off."
        assert said["not_created"].startswith("What is usually still created and won in 30 selling days")
        assert WORDS.label("open_stage_2") == "Open pipeline in Propose"
        assert (
            WORDS.text("open_stage_2", 124_00.0, self.figures)
            == "6 open deals worth 400; 31 % of that is expected to be won in time."
        )
        assert (
            WORDS.text("open_stage_1", 50_00.0, self.figures)
            == "1 open deal without an amount; 50 is expected in time."
        )
        assert WORDS.text("open_stage_3", 0.0, self.figures) == "No open deal in this stage."

    def test_changes_name_events_and_the_quota(self) -> None:
        booked = WORDS.change("booked", 9_000_00.0, self.figures, replace(self.since, quota_before=900_00.0))
        assert booked.replace("\N{NO-BREAK SPACE}", " ") == "2 won (9 000); the quota went from 900 to 1 000."
        assert WORDS.change("open_stage_2", -1.0, self.figures, self.since) == "1 lost (500)."
        assert WORDS.change("open_stage_1", -1.0, self.figures, self.since).startswith("No deal came or went")
        rest = WORDS.change("still_to_come", -1.0, self.figures, self.since)
        assert "1 lost (500)" in rest
        assert rest.endswith("5 selling days fewer are left.")
        quiet = Since(Happened(), 1, 1_000_00.0)
        assert WORDS.change("booked", 0.0, self.figures, quiet) == "Nothing was won."
        assert WORDS.change("not_created", -1.0, self.figures, quiet) == "1 selling day fewer is left."


class TestRowsWithDeals:
    def served(self, fitted: dict[str, Forecaster], running: RepPeriodDataset, name: str) -> ServedForecaster:
        return ServedForecaster(fitted[name], running.where(np.zeros(len(running), dtype=bool)))

    def test_rows_are_forecast_as_the_dataset(self, fitted: dict[str, Forecaster], running: RepPeriodDataset) -> None:
        expected = fitted[DealLevel.name].predict(running)
        rows = rows_with_deals(running)
        served = self.served(fitted, running, DealLevel.name)
        for frame in (rows.sample(frac=1, random_state=0), rows.assign(open_deals=rows["open_deals"].map(json.loads))):
            got = served.predict(frame)
            np.testing.assert_array_equal(got["b50"], expected.bookings[frame.index, 9])
            np.testing.assert_array_equal(got["p_hit"], expected.p_hit[frame.index])
        alone = pd.concat([served.predict(rows.iloc[[row]]) for row in range(5)])
        np.testing.assert_array_equal(alone["mean_bookings"], expected.mean_bookings[:5])
        assert served.predict(rows.iloc[:0]).empty

    def test_without_the_column_a_model_of_deals_refuses(
        self, fitted: dict[str, Forecaster], running: RepPeriodDataset
    ) -> None:
        with pytest.raises(DataError, match="lack the column open_deals"):
            self.served(fitted, running, DealLevel.name).predict(running.frame)
        other = self.served(fitted, running, LightGbmQuantiles.name).predict(running.frame)
        np.testing.assert_array_equal(other["b50"], fitted[LightGbmQuantiles.name].predict(running).bookings[:, 9])

    @pytest.mark.parametrize(
        ("cell", "told"),
        [("{", "is no JSON"), ('"deal"', "no list of records"), ('[{"stage": 1}]', "lacks opportunity_id, amount")],
    )
    def test_a_cell_that_cannot_be_read_is_named(
        self, cell: str, told: str, fitted: dict[str, Forecaster], running: RepPeriodDataset
    ) -> None:
        rows = running.frame.assign(open_deals="[]").iloc[:3]
        rows.loc[1, "open_deals"] = cell
        with pytest.raises(DataError, match=told):
            self.served(fitted, running, DealLevel.name).predict(rows)
