"""The forecasts benchmark: scores against an oracle on equal rows, worlds kept and made anew, the table."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from benchmarks import forecasts
from benchmarks.asking import ask_forecaster, ask_oracle
from benchmarks.forecasts import Plan, in_child, measure
from benchmarks.measuring import (
    GROUP_LEVELS,
    Answers,
    actual_of,
    answers_of_draws,
    group_outcomes,
    quantiles_of,
    score,
    share_inside,
)
from benchmarks.table import summary
from benchmarks.worlds import Case, make, measured_rows, oracle_draws
from spm_ml import accuracy
from spm_ml.forecasting import FitSettings
from spm_ml.settings import QUANTILE_LEVELS

LEVELS = np.array(QUANTILE_LEVELS)
WEEKS = (0, 8)
TESTED = 2


def make_rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Rows of one as-of day whose bookings ÷ quota are standard normal around 1."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "rep_id": [f"R{number}" for number in range(count)],
            "as_of": pd.Timestamp("2026-01-28"),
            "week": 4,
            "tenure_days": rng.integers(10, 2000, count).astype(float),
            "team": [f"T{number % 3}" for number in range(count)],
            "region": "",
            "quota_final": 1_000_000.0,
            "actual_bookings": 1_000_000.0 * (1 + rng.normal(size=count)),
        }
    )


def answers(rows: pd.DataFrame, centre: float, spread: float, name: str = "model") -> Answers:
    """A normal forecast for every row."""
    quantiles = np.tile(norm.ppf(LEVELS, centre, spread), (len(rows), 1))
    crps = accuracy.crps_of_rows(actual_of(rows), quantiles, QUANTILE_LEVELS)
    groups = pd.concat([group_outcomes(rows, level) for level in GROUP_LEVELS], ignore_index=True)
    groups = groups.assign(low=groups["actual"] - 1, high=groups["actual"] + 1)
    return Answers(name, quantiles, np.full(len(rows), norm.sf(1, centre, spread)), crps, groups)


def test_the_oracle_has_no_excess_and_the_reference_one() -> None:
    rows = make_rows(400)
    oracle, reference, model = answers(rows, 1, 1), answers(rows, 2.5, 1), answers(rows, 1.5, 1)
    assert score(oracle, oracle, reference, rows)["excess"] == 0
    assert score(reference, oracle, reference, rows)["excess"] == 1
    line = score(model, oracle, reference, rows)
    assert 0 < line["excess"] < 1
    assert line["excess"] == pytest.approx(line["excess w4"])
    assert np.isnan(line["excess w0"])
    assert line["80 % team"] == 1
    assert np.isnan(line["80 % region"])


def test_a_forecaster_is_measured_on_the_rows_that_it_answered() -> None:
    rows = make_rows(400)
    oracle, reference = answers(rows, 1, 1), answers(rows, 2.5, 1)
    silent = np.arange(400) >= 100
    blank = np.where(silent[:, None], np.nan, oracle.quantiles)
    model = replace(oracle, quantiles=blank, crps=np.where(silent, np.nan, oracle.crps))
    line = score(model, oracle, reference, rows)
    assert (line["rows"], line["answered"], line["excess"]) == (100, 0.25, 0)


def test_coverage_is_that_of_each_band() -> None:
    rows = make_rows(3000)
    rows["tenure_days"] = np.where(rows["actual_bookings"] > 1_000_000, 100.0, 800.0)
    above = answers(rows, 2, 0.5)
    line = score(above, above, answers(rows, 0, 1), rows)
    assert line["80 % <180 d"] > line["80 % rep"] > line["80 % >720 d"]
    assert np.isnan(line["80 % 180–720 d"])


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (0.10, 0.5),  # on the .10 quantile: half of the step around it
        (0.12, 1.0),
        (0.50, 1.0),
        (0.90, 0.5),
        (0.91, 0.0),
        (0.02, 0.0),
    ],
)
def test_the_share_inside_a_continuous_distribution(actual: float, expected: float) -> None:
    assert share_inside(np.array([actual]), LEVELS[None, :])[0] == pytest.approx(expected)


def test_a_point_mass_counts_by_its_share_inside() -> None:
    """Three tenths of the mass lie on what is booked: of an outcome there, the upper two thirds are inside."""
    quantiles = np.maximum(LEVELS, 0.2875)[None, :]
    quantiles[0, 5] = 0.31
    share = share_inside(np.array([0.2875]), quantiles)[0]
    assert share == pytest.approx((0.275 - 0.1) / 0.275)
    assert np.isnan(share_inside(np.array([0.3]), np.full((1, 19), np.nan))[0])


def test_a_mixed_distribution_covers_what_it_says() -> None:
    rng = np.random.default_rng(0)
    outcomes = np.maximum(rng.normal(size=40_000), -0.6)
    quantiles = np.tile(np.maximum(norm.ppf(LEVELS), -0.6), (len(outcomes), 1))
    assert share_inside(outcomes, quantiles).mean() == pytest.approx(0.8, abs=0.01)
    assert ((quantiles[:, 1] <= outcomes) & (outcomes <= quantiles[:, 17])).mean() > 0.88


def test_the_score_of_few_futures_is_freed_of_their_number() -> None:
    rows, rng = make_rows(6000), np.random.default_rng(1)
    drawn = 1_000_000 * (1 + rng.normal(size=(40, 6000)))
    exact = answers(rows, 1, 1).crps.mean()
    freed = answers_of_draws("oracle", rows, {rows["as_of"].iloc[0]: drawn})
    few = accuracy.crps_of_rows(actual_of(rows), quantiles_of(drawn / 1_000_000), QUANTILE_LEVELS).mean()
    assert few > exact * 1.01
    assert freed.crps.mean() == pytest.approx(exact, rel=0.005)
    assert share_inside(actual_of(rows), freed.quantiles).mean() == pytest.approx(0.8, abs=0.015)


def test_groups_of_draws_add_up_their_members() -> None:
    rows = make_rows(30)
    drawn = np.tile(rows["actual_bookings"].to_numpy(), (20, 1))
    groups = answers_of_draws("oracle", rows, {rows["as_of"].iloc[0]: drawn}).groups
    assert list(groups["level"].value_counts()[["team", "company"]]) == [3, 1]
    company = groups[groups["level"] == "company"].iloc[0]
    assert company["actual"] == pytest.approx(rows["actual_bookings"].sum())
    assert company["low"] == pytest.approx(company["high"])
    team = groups[groups["group"] == "T1"].iloc[0]
    assert team["actual"] == pytest.approx(rows.loc[rows["team"] == "T1", "actual_bookings"].sum())


def test_the_table_gives_means_with_their_errors_and_every_seed() -> None:
    frame = {"world": "natural", "reps": 35, "forecaster": ["a", "a", "b"], "seed": [1, 2, 1], "rows": 10.0}
    text = summary(pd.DataFrame(frame | {"excess": [0.1, 0.3, 0.5], "fit s": [1.0, 2.0, np.nan]}))
    assert "| natural | 35 | a | 2 | 10 | 0.200 ± 0.100 | 1.5 ± 0.5 |" in text
    assert "| natural | 35 | b | 1 | 10 | 0.500 | – |" in text
    assert "| natural | 35 | a | 2 | 10 | 0.300 | 2.0 |" in text.split("### Each seed")[1]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    made = Case("holdout", 8, 4, 1, tmp_path_factory.mktemp("worlds"))
    make(made)
    return made


@pytest.fixture(scope="module")
def rows(case: Case) -> pd.DataFrame:
    return measured_rows(case, TESTED, WEEKS)


def test_measured_rows_stayed_and_had_a_quota(case: Case, rows: pd.DataFrame) -> None:
    assert rows["period"].nunique() == TESTED
    assert set(rows["week"]) == set(WEEKS)
    assert (rows["quota_final"] > 0).all()
    assert rows.notna().all(axis=None)
    assert set(measured_rows(case, TESTED, None)["week"]) == set(range(14))


def test_a_world_is_made_once_and_its_draws_are_kept(case: Case, rows: pd.DataFrame) -> None:
    before = case.dataset_file.stat().st_mtime_ns
    make(case)
    assert case.dataset_file.stat().st_mtime_ns == before
    day = rows["as_of"].iloc[0].date()
    drawn = oracle_draws(case, day, 10, know_shocks=False)
    kept = case.draws_file(day, 10, know_shocks=False)
    os.utime(kept, ns=(0, 0))
    np.testing.assert_array_equal(oracle_draws(case, day, 10, know_shocks=False), drawn)
    assert kept.stat().st_mtime_ns == 0
    assert kept != case.draws_file(day, 10, know_shocks=True)


def test_a_forecaster_is_asked_as_in_a_backtest(case: Case, rows: pd.DataFrame) -> None:
    oracle = ask_oracle("oracle", case, rows, 60)
    said = ask_forecaster("historical_mean", case, rows, TESTED, WEEKS, FitSettings())
    line = score(said, oracle, said, rows)
    assert line["answered"] == 1
    assert line["excess"] == 1
    assert line["CRPS"] > score(oracle, oracle, said, rows)["CRPS"]
    assert said.cost.fit >= 0
    assert said.cost.roll_up > 0
    assert (said.groups["low"] < said.groups["high"]).all()
    both = said.groups.merge(oracle.groups, on=["level", "group", "as_of"], validate="one_to_one")
    assert len(both) == len(said.groups) > 0
    assert (both["actual_x"] <= both["actual_y"]).all(), "members without an answer are not in the sum"
    assert (both["actual_x"] == both["actual_y"]).mean() > 0.5


def test_the_command_measures_every_case(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Case, Plan]] = []

    def measured(case: Case, plan: Plan, _: object) -> pd.DataFrame:
        asked.append((case, plan))
        first = {"forecaster": ["oracle"], "excess": 0.0}
        return pd.DataFrame(first).assign(world=case.world, reps=case.reps, seed=case.seed)

    out = tmp_path / "new" / "table.md"
    arguments = ["--reps", "8,9", "--seeds", "1,2", "--weeks", "all", "--forecasters", "last_period", "--out", str(out)]
    monkeypatch.setattr(forecasts, "measure", measured)
    monkeypatch.setattr(sys, "argv", ["forecasts", *arguments])
    forecasts.main()
    assert [(each.reps, each.world, each.seed) for each, _ in asked] == [
        (reps, world, seed) for reps in (8, 9) for world in ("natural", "holdout") for seed in (1, 2)
    ]
    assert asked[0][1].forecasters == ("historical_mean", "last_period")
    assert asked[0][1].weeks is None
    assert out.read_text() == capsys.readouterr().out[:-1]


def test_every_oracle_and_forecaster_gets_a_line(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    plan = Plan(("historical_mean",), TESTED, WEEKS, 10, FitSettings(), jobs=1)
    monkeypatch.setattr(forecasts, "in_child", lambda function, *args: function(*args))
    monkeypatch.setattr(forecasts, "_draw", lambda *_: None)
    lines = measure(case, plan, lambda label, *_: told.append(label))
    assert list(lines["forecaster"]) == ["oracle", "oracle without shocks", "historical_mean"]
    assert list(lines["excess"])[::2] == [0, 1]
    assert set(lines["world"]) == {"holdout"}
    assert told[-1] == case.label


def test_a_child_is_a_process_of_its_own() -> None:
    assert in_child(os.getpid) != os.getpid()
