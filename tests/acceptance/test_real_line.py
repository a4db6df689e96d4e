"""The whole line on a real CRM export: forecasts of months without quotas, and attainment once quotas are there."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from spm_ml.settings import Workspace
from tests.command import spm

REAL_DATA = os.environ.get("SPM_REAL_DATA")
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.skipif(REAL_DATA is None, reason="SPM_REAL_DATA names no folder with real CRM exports"),
]


@pytest.fixture(scope="module")
def scored(maven: Path, migrated_mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = shutil.copytree(maven, tmp_path_factory.mktemp("maven") / ".spm")
    shutil.copy(migrated_mlflow_database, Workspace(root).mlflow_database)
    spm("train", "--workspace", root)
    spm("promote", "--workspace", root)
    spm("score", "--workspace", root, "--as-of", "2017-12-15", "--out", root / "without.csv")
    return root


def test_months_are_forecast_and_attainment_abstains(scored: Path) -> None:
    rows = pd.read_csv(scored / "without.csv")
    assert set(rows["period"]) == {"2017-12"}
    assert set(rows["abstention"].dropna()) == {"quota_missing"}
    assert rows["q50"].isna().all()
    assert rows["p_hit"].isna().all()
    latest = rows[rows["as_of"] == rows["as_of"].max()]
    assert (latest["b90"] >= latest["b10"]).all()
    assert latest["b50"].sum() == pytest.approx(1_000_000, rel=0.5)


def test_the_backtest_measures_bookings_where_nobody_has_a_quota(scored: Path) -> None:
    table = json.loads(spm("backtest", "--workspace", scored, "--json").stdout)
    assert {row["unit"] for row in table} == {"bookings_of_usual"}
    assert all(row["brier"] is None for row in table)


def test_attainment_works_once_quotas_are_supplied(scored: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(scored / "without.csv")
    months = [f"2017-{month:02d}" for month in range(3, 13)]
    quotas = [
        {"rep_id": rep, "period": month, "amount": 30_000, "set_on": f"{month}-01"}
        for rep in rows["rep_id"].unique()
        for month in months
    ]
    pd.DataFrame(quotas).to_csv(tmp_path / "quotas.csv", index=False)
    spm("ingest", tmp_path, "--workspace", scored)
    spm("train", "--workspace", scored)
    spm("promote", "--workspace", scored)
    spm("score", "--workspace", scored, "--as-of", "2017-12-15", "--out", scored / "with.csv")
    after = pd.read_csv(scored / "with.csv")
    latest = after[after["as_of"] == after["as_of"].max()]
    assert latest["p_hit"].between(0, 1).all()
    assert latest["q50"].median() == pytest.approx(1.0, abs=0.6)
    metrics = json.loads(spm("metrics", "--workspace", scored, "--json").stdout)
    attainment = next(row for row in metrics if row["slug"] == "team_attainment")
    assert attainment["value"] is not None
