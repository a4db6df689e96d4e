"""The model card's sections, and the picture of calibration behind it."""

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from spm_ml.settings import QUANTILE_LEVELS
from training.card import CardFacts, render_card
from training.plots import draw_calibration, draw_value_added, pit_density
from training.verdict import GateTest, GateVerdict

LEVELS = np.array(QUANTILE_LEVELS)


@pytest.fixture
def facts() -> CardFacts:
    measures = {"n": 40, "crps": 0.1234567, "auc": float("nan"), "coverage_80": 0.8}
    return CardFacts(
        forecaster="historical_mean",
        label="Historical mean",
        is_baseline=True,
        chosen_because="It is the best simple baseline that passes.",
        made_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        spm_version="0.1.0",
        organisation="Harbour | North",
        currency="EUR",
        data_version=3,
        data_hash="d" * 8,
        dataset_hash="r" * 8,
        watermark=date(2026, 1, 1),
        rows=1200,
        rep_periods=100,
        reps=20,
        tested_periods=("2025Q3", "2025Q4"),
        value_added=pd.DataFrame([{"forecaster": "historical_mean", "unit": "attainment", **measures}]),
        by_week=pd.DataFrame([{"week": 3, **measures}]),
        hazards={"H04": 7},
        abstentions={"quota_missing": 12},
        reconstructed=0.25,
        verdict=GateVerdict("historical_mean", (GateTest("answers", False, 0.5, 0.9, "answers | half"),)),
    )


def section(card: str, title: str) -> str:
    return card.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_card_says_what_it_is_for_and_not_for(facts: CardFacts) -> None:
    use = section(render_card(facts), "Intended use")
    assert "Not for**: pay" in use
    assert "termination" in use
    assert "no automatic action" in use


def test_the_card_names_its_data(facts: CardFacts) -> None:
    data = section(render_card(facts), "Data")
    for fact in ("1,200 rows", "100 finished rep-periods", "20 reps", "version 3", "dddddddd", "rrrrrrrr", "EUR"):
        assert fact in data
    assert "In 25% of the rows the deals' history was reconstructed" in data
    assert "reconstructed" not in section(render_card(dataclasses.replace(facts, reconstructed=0.0)), "Data")


def test_numbers_are_short_and_what_is_undefined_is_a_dash(facts: CardFacts) -> None:
    measured = section(render_card(facts), "Measured in a rolling-origin backtest")
    assert "| historical_mean | 40 | 0.1235 | – | 0.8 |" in measured
    assert "| 3 | 40 | 0.1235 | – | 0.8 |" in measured
    assert "2025Q3, 2025Q4" in measured


def test_the_gate_limits_and_hazards_are_told(facts: CardFacts) -> None:
    card = render_card(facts)
    assert "| answers | **no** | answers \\| half |" in section(card, "The gate")
    limits = section(card, "Limits")
    assert "This is a simple rule" in limits
    assert "12 tested rows have no attainment (`quota_missing`)" in limits
    assert "simple rule" not in section(render_card(dataclasses.replace(facts, is_baseline=False)), "Limits")
    assert "| H04 | Inherited deals | 7 |" in section(card, "Data hazards met")
    assert "None was seen" in section(render_card(dataclasses.replace(facts, hazards={})), "Data hazards met")


def test_fairness_is_not_claimed(facts: CardFacts) -> None:
    assert "Not audited yet" in section(render_card(facts), "Fairness")


def test_the_pit_of_a_calibrated_forecast_is_flat() -> None:
    random = np.random.default_rng(0)
    quantiles = np.tile(norm.ppf(LEVELS), (20_000, 1))
    assert pit_density(random.normal(size=20_000), quantiles) == pytest.approx(np.ones(10), abs=0.07)
    assert pit_density(2 * random.normal(size=20_000), quantiles)[0] > 1.5


def test_the_pit_is_flat_with_a_point_mass_too() -> None:
    """With a chance of .3 nothing comes any more, and the forecast knows it."""
    level = np.random.default_rng(0).uniform(size=20_000)
    quantiles = np.tile(np.maximum(LEVELS - 0.3, 0), (20_000, 1))
    assert pit_density(np.maximum(level - 0.3, 0), quantiles) == pytest.approx(np.ones(10), abs=0.07)


def test_pictures_are_drawn_without_quotas_and_with_one_week(tmp_path: Path) -> None:
    bookings = {f"b{round(100 * level):02d}": [100.0 * level, 50.0] for level in LEVELS}
    rows = pd.DataFrame(
        {"p_hit": [np.nan, np.nan], "actual_attainment": np.nan, "actual_bookings": [40.0, 50.0], "week": 1, **bookings}
    )
    draw_calibration(rows, tmp_path / "calibration.png")
    draw_calibration(rows.iloc[:0], tmp_path / "nothing.png")
    table = pd.DataFrame({"forecaster": ["a", "b"], "crps": [0.2, np.nan], "unit": "attainment"})
    draw_value_added(table, "a", tmp_path / "value_added.png")
    draw_value_added(table.iloc[1:], "a", tmp_path / "empty.png")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 4
