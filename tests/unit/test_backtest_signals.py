"""What words add to a forecast: found where they tell something, not in noise, and never from the future."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from spm_ml.backtest import Backtest
from spm_ml.backtest.columns import BOOKINGS, QUANTILES, ROWS
from spm_ml.backtest.signals import LEAST, value_of_signal
from spm_ml.predictions import PulseRow
from spm_ml.predictions.pulses import QUESTIONS
from spm_ml.scoring.evidence.voices import answered, measure_voices, rated
from spm_ml.settings import QUANTILE_LEVELS

PERIODS = ("2025Q1", "2025Q2", "2025Q3", "2025Q4")
STARTS = tuple(pd.Timestamp(2025, month, 1) for month in (1, 4, 7, 10))
WEEKS = (1, 6)


def backtest(reps: int, *, seed: int = 0) -> tuple[Backtest, np.ndarray]:
    """A model that is right on average, and for each row what it did not know, in its widths."""
    random, rows, unknown = np.random.default_rng(seed), [], []
    steps = np.array(QUANTILE_LEVELS) - 0.5
    for period, start in zip(PERIODS, STARTS, strict=True):
        for rep in range(reps):
            luck = random.normal()
            for week in WEEKS:
                quantiles = 0.9 + steps
                actual = 0.9 + 0.3 * luck + 0.1 * random.normal()
                row = (
                    dict.fromkeys(ROWS)
                    | {
                        "forecaster": "model",
                        "rep_id": f"r{rep:03d}",
                        "period": period,
                        "week": week,
                        "as_of": start + pd.Timedelta(weeks=week),
                        "quota": 100,
                        "booked_to_date": 0,
                        "censored": False,
                        "actual_bookings": 100 * actual,
                        "actual_attainment": actual,
                        "p_hit": 0.4,
                        "abstention": "",
                        "usual_bookings": 90.0,
                    }
                    | dict(zip(QUANTILES, quantiles, strict=True))
                    | dict(zip(BOOKINGS, 100 * quantiles, strict=True))
                )
                rows.append(row)
                unknown.append(luck)
    frame = pd.DataFrame(rows).sort_values(["period", "rep_id", "as_of"], ignore_index=True)
    order = pd.DataFrame(rows).sort_values(["period", "rep_id", "as_of"]).index
    return Backtest(frame, "EUR", baselines=()), np.array(unknown)[order]  # fmt: skip


def test_words_that_tell_something_help_and_noise_does_not() -> None:
    tested, unknown = backtest(40)
    helping = value_of_signal(tested, "model", 3 + 2 * unknown)
    assert helping.comparison is not None
    assert helping.comparison.better
    assert helping.comparison.periods == 3, "the first period has none before it"
    assert helping.slope is not None
    assert helping.slope > 0.1
    assert helping.known == 160
    noise = np.random.default_rng(1).normal(size=len(unknown))
    found = value_of_signal(tested, "model", noise).comparison
    assert found is not None
    assert not found.better
    assert abs(found.mean_difference) < 0.1 * abs(helping.comparison.mean_difference)
    same = value_of_signal(tested, "model", np.full(len(unknown), 4.0))
    assert same.comparison is not None
    assert (same.slope, same.comparison.mean_difference) == (0.0, 0.0), "everybody said the same"


def test_noise_is_called_help_as_seldom_as_the_interval_says() -> None:
    tested, unknown = backtest(20)
    random = np.random.default_rng(2)
    called = 0
    for _ in range(24):
        found = value_of_signal(tested, "model", random.normal(size=len(unknown)), draws=200).comparison
        assert found is not None
        called += found.better
    assert called <= 3, "2.5 % nominal, by intervals of three periods"


def test_a_bias_is_not_put_down_to_words() -> None:
    tested, unknown = backtest(40)
    high = tested.frame.copy()
    high[list(QUANTILES)] += 0.5
    noise = np.random.default_rng(3).normal(size=len(unknown))
    found = value_of_signal(replace(tested, frame=high), "model", noise).comparison
    assert found is not None
    assert not found.better


def test_what_comes_later_changes_nothing_before() -> None:
    tested, unknown = backtest(40)
    last = (tested.tested_rows()["period"] == PERIODS[-1]).to_numpy()
    before = value_of_signal(tested, "model", np.where(last, np.nan, unknown))
    frame = tested.frame.copy()
    frame.loc[last, "actual_attainment"] = 9.0
    after = value_of_signal(replace(tested, frame=frame), "model", np.where(last, np.nan, unknown))
    assert before == after


@pytest.mark.parametrize("known", [0, 5, LEAST - 1])
def test_too_few_words_are_said_to_be_too_few(known: int) -> None:
    tested, unknown = backtest(40)
    signal = np.full(len(unknown), np.nan)
    signal[: known * len(WEEKS)] = 1.0
    found = value_of_signal(tested, "model", signal)
    assert (found.comparison, found.slope, found.known) == (None, None, known)


def test_each_row_knows_what_was_said_by_its_day() -> None:
    keys = pd.DataFrame({"rep_id": "a", "period": "2025Q1", "as_of": pd.to_datetime(["2025-01-08", "2025-02-12"])})
    ratings = pd.DataFrame(
        [
            ("a", "discovery", date(2023, 1, 1), 5.0, "self"),  # too old
            ("a", "discovery", date(2025, 1, 8), 2.0, "self"),
            ("a", "discovery", date(2025, 2, 1), 4.0, "self"),
            ("a", "negotiation", date(2025, 2, 1), 1.0, "self"),
            ("a", "negotiation", date(2025, 1, 1), 5.0, "manager"),
            ("b", "discovery", date(2025, 1, 1), 5.0, "self"),
        ],
        columns=["rep_id", "skill", "assessed_on", "score", "assessor"],
    )
    assert rated(keys, ratings, "self").tolist() == [2.0, 2.5]
    assert rated(keys, ratings, "manager").tolist() == [5.0, 5.0]
    assert np.isnan(rated(keys, ratings, "quiz")).all()
    pulses = [
        PulseRow("a", "2025Q1", date(2025, 2, 12), dict.fromkeys(QUESTIONS, 4)),
        PulseRow("a", "2024Q4", date(2025, 1, 2), dict.fromkeys(QUESTIONS, 1)),
    ]
    assert np.isnan(answered(keys, pulses)).tolist() == [True, False]
    assert np.isnan(answered(keys, [])).all()


def test_every_kind_of_words_is_measured_or_says_why_not() -> None:
    tested, _ = backtest(40)
    pulses = [
        PulseRow(f"r{rep:03d}", period, start.date(), dict.fromkeys(QUESTIONS, 1 + rep % 5))
        for period, start in zip(PERIODS, STARTS, strict=True)
        for rep in range(40)
    ]
    empty = pd.DataFrame(columns=["rep_id", "skill", "assessed_on", "score", "assessor"])
    found = {one.signal: one for one in measure_voices(tested, "model", empty, pulses).signals}
    assert set(found) == {"commit", "best_case", "manager_override", "self_rating", "manager_rating", "pulse"}
    assert found["pulse"].difference is not None
    assert found["commit"].abstention is not None
    assert found["commit"].abstention.detail.startswith(f"0 of {LEAST}")
    few = measure_voices(tested, "model", empty, pulses[:2]).signals[-1]
    assert few.known == 4, "small numbers are told as a bound"
    assert few.abstention is not None
    assert few.abstention.detail.startswith("Up to 4 of")
