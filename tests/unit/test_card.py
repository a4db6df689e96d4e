"""The model card's sections, and the picture of calibration behind it."""

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from spm_ml.fairness import Audit
from spm_ml.forecasting import DealLevel, FitSettings, HistoricalMean, PanelEnsemble
from spm_ml.hazards import Abstention
from spm_ml.settings import QUANTILE_LEVELS
from tests.rep_period_world import make_dataset
from training.card import CardFacts, render_card
from training.insides import Insides, look_inside
from training.plots import draw_calibration, draw_value_added, pit_density
from training.protected import ProtectedFacts
from training.verdict import GateTest, GateVerdict
from training.weekly_plots import MOST_WEEKS, draw_pit_by_week, draw_reliability_by_week

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
        other_reps=0,
        tested_periods=("2025Q3", "2025Q4"),
        value_added=pd.DataFrame([{"forecaster": "historical_mean", "unit": "attainment", **measures}]),
        by_week=pd.DataFrame([{"week": 3, **measures}]),
        hazards={"H04": 7},
        abstentions={"quota_missing": 12},
        reconstructed=0.25,
        verdict=GateVerdict("historical_mean", (GateTest("answers", False, 0.5, 0.9, "answers | half"),)),
        by_level=pd.DataFrame(
            {"level": ["rep", "team"], "n": [40, 8], "crps_of_mean": [0.3, 0.1], "coverage_80": [0.8, 0.75]}
        ),
        groups=pd.DataFrame({"kind": ["team"], "group": ["north"], "worse_by": [-0.25], "low": [-0.4], "high": [-0.1]}),
        reference="last_period",
        insides=Insides(
            made_of="The mean of what was.",
            floor=60,
            findings=("There is no signal.",),
            corrections=pd.DataFrame({"week": [0, 1], "shift": [0.12345, 0.0], "spread": [1.1, 1.0]}),
            shared=pd.DataFrame({"part": ["first third"], "period": [0.05], "team": [0.01]}),
        ),
        protected=ProtectedFacts(
            Audit(pd.DataFrame(), Abstention("no_protected_groups")),
            pd.DataFrame(),
            pd.DataFrame(),
            GateTest("no_group_bears_more", True, None, None, "nothing on record"),
        ),
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
    assert "other reps" not in data
    assert "the 8,000 other reps" in section(render_card(dataclasses.replace(facts, other_reps=8_000)), "Data")


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


def test_the_card_says_what_the_model_is_made_of(facts: CardFacts) -> None:
    made = section(render_card(facts), "What it is made of")
    for fact in (
        "The mean of what was.",
        "below 60 finished",
        "**Found**: There is no signal.",
        "| 0 | 0.1235 | 1.1 |",
    ):
        assert fact in made
    assert "| first third | 0.05 | 0.01 |" in made
    plain = dataclasses.replace(facts.insides, findings=(), corrections=facts.insides.corrections.iloc[:0])
    short = section(render_card(dataclasses.replace(facts, insides=plain)), "What it is made of")
    assert "Found" not in short
    assert "Corrected by week" not in short


def test_levels_and_groups_are_told(facts: CardFacts) -> None:
    measured = section(render_card(facts), "Measured in a rolling-origin backtest")
    assert "| team | 8 | 0.1 | 0.75 |" in measured
    assert "beside that of `last_period`" in measured
    assert "| team | north | -0.25 | -0.4 | -0.1 |" in measured
    assert "plots/reliability_by_week.png" in measured
    nothing = dataclasses.replace(facts, groups=pd.DataFrame(), reference="")
    assert "No other forecaster to hold groups against" in render_card(nothing)


def test_the_insides_are_read_off_the_fitted_forecaster() -> None:
    rows = make_dataset(12, 6, seed=3).finished()
    settings = FitSettings(min_training_rows=20)
    deals = look_inside(DealLevel(settings).fit(rows), rows, floor=20)
    assert deals.made_of.startswith("Bottom-up")
    assert "abstains" in deals.made_of
    assert deals.corrections["week"].to_list() == list(range(13))
    assert (deals.corrections["spread"] > 0).all()
    assert deals.shared["part"].to_list() == ["first third", "middle third", "last third"]
    assert deals.shared[["period", "team"]].to_numpy().min() >= 0
    panel = look_inside(PanelEnsemble(settings).fit(rows), rows, floor=20)
    assert len(panel.findings) == 1
    rule = look_inside(HistoricalMean(settings).fit(rows), rows, floor=20)
    assert (rule.findings, len(rule.corrections)) == ((), 0)


def test_fairness_is_not_claimed(facts: CardFacts) -> None:
    words = section(render_card(facts), "Fairness")
    assert "**Not audited.** No protected group of these people is on record." in words
    assert "do not claim that this model is fair" in words


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
    draw_reliability_by_week(rows, tmp_path / "reliability.png")
    draw_pit_by_week(rows, tmp_path / "pit.png")
    many = pd.concat([rows.assign(week=week, p_hit=[0.2, 0.9], actual_attainment=[0.5, 1.2]) for week in range(53)])
    assert many["week"].nunique() > MOST_WEEKS
    draw_reliability_by_week(many, tmp_path / "reliability_of_a_year.png")
    draw_pit_by_week(many, tmp_path / "pit_of_a_year.png")
    table = pd.DataFrame({"forecaster": ["a", "b"], "crps": [0.2, np.nan], "unit": "attainment"})
    draw_value_added(table, "a", tmp_path / "value_added.png")
    draw_value_added(table.iloc[1:], "a", tmp_path / "empty.png")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 8
