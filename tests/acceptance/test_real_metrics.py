"""The metrics of the Maven CRM sample, through the built-in mapping, against the facts of the sample's own files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from spm_ml.history import SalesHistory
from spm_ml.metrics.evaluate import evaluate_metrics
from spm_ml.settings import Workspace

REAL_DATA = os.environ.get("SPM_REAL_DATA")
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(REAL_DATA is None, reason="SPM_REAL_DATA does not name the folder of CRM exports"),
]


@pytest.fixture(scope="module")
def history(maven: Path) -> Iterator[SalesHistory]:
    with SalesHistory.open(Workspace(maven)) as opened:
        yield opened


@pytest.fixture(scope="module")
def metrics(history: SalesHistory) -> pd.DataFrame:
    frame = evaluate_metrics(history, period="all", level=("organisation", "team", "rep"))
    return frame.set_index(["level", "key", "slug"])


@pytest.fixture(scope="module")
def pipeline() -> pd.DataFrame:
    dates = ["engage_date", "close_date"]
    return pd.read_csv(Path(str(REAL_DATA)) / "maven_crm" / "sales_pipeline.csv", parse_dates=dates)


def of_organisation(metrics: pd.DataFrame, slug: str, column: str = "value") -> object:
    return metrics.loc[("organisation", "organisation", slug), column]


def test_won_value_and_counts_are_exact(metrics: pd.DataFrame) -> None:
    assert of_organisation(metrics, "won_value") == 10_005_534_00
    assert of_organisation(metrics, "bookings") == 10_005_534_00
    assert of_organisation(metrics, "won_deals") == 4_238
    assert of_organisation(metrics, "lost_deals") == 2_473


def test_win_rate_and_cycles_to_the_digit(metrics: pd.DataFrame) -> None:
    assert round(of_organisation(metrics, "win_rate_count") * 100, 2) == 63.15
    assert round(of_organisation(metrics, "sales_cycle_days_mean"), 1) == 51.8
    assert of_organisation(metrics, "sales_cycle_days_median") == 57
    assert round(of_organisation(metrics, "closed_cycle_days_mean"), 1) == 48.0
    assert of_organisation(metrics, "closed_cycle_days_median") == 45


def test_each_agent_agrees_with_the_file(metrics: pd.DataFrame, pipeline: pd.DataFrame) -> None:
    won = pipeline[pipeline["deal_stage"] == "Won"].groupby("sales_agent")
    names = metrics.loc["rep"].xs("won_value", level="slug")["value"]
    in_file = won["close_value"].sum().sort_values() * 100
    assert names[names > 0].sort_values().tolist() == in_file.tolist()


def test_each_month_agrees_with_the_file(history: SalesHistory, pipeline: pd.DataFrame) -> None:
    closed = pipeline[pipeline["close_date"].dt.strftime("%Y-%m") == "2017-10"]
    won = closed["deal_stage"] == "Won"
    october = evaluate_metrics(history, period="2017-10", level="organisation").set_index("slug")["value"]
    assert october["bookings"] == closed[won]["close_value"].sum() * 100
    assert october["win_rate_count"] == pytest.approx(won.mean())
    assert october["average_deal_size"] == pytest.approx(closed[won]["close_value"].mean() * 100)


def test_what_the_sample_does_not_hold_is_null_with_its_reason(metrics: pd.DataFrame) -> None:
    reasons = {
        "team_attainment": "quota_missing",
        "open_pipeline": "amount_missing",
        "win_rate_value": "amount_missing",
        "push_rate_of_closed": "no_expected_close",
        "activity_rate": "no_activity_data",
        "customer_acquisition_cost": "no_spend_data",
        "forecast_bias": "no_forecast",
        "revenue_growth_rate_year_over_year": "no_prior_period",
    }
    assert {slug: of_organisation(metrics, slug, "reason") for slug in reasons} == reasons
