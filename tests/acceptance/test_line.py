"""The whole line through the `spm` command, as the README tells people: from a CSV export to published numbers."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from spm_ml.forecasting.deal_level import FuturesModel
from spm_ml.predictions import PredictionStore, Scope
from spm_ml.registry import Registry
from spm_ml.scoring.what_if import StoredRep
from spm_ml.settings import Workspace
from tests.command import spm
from tests.readme import SPM_COMMANDS

QUANTILES = [f"q{level:02d}" for level in range(5, 100, 5)]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow_database: Path) -> Path:
    """The folder in which somebody has typed what the README says, line by line."""
    folder = tmp_path_factory.mktemp("readme")
    workspace = Workspace(folder / ".spm")
    workspace.root.mkdir()
    shutil.copy(migrated_mlflow_database, workspace.mlflow_database)
    assert len(SPM_COMMANDS) >= 10
    for command in SPM_COMMANDS:
        spm(*shlex.split(command)[1:], cwd=folder)
    return folder


@pytest.fixture(scope="module")
def export(followed: Path) -> Path:
    return followed / "export"


@pytest.fixture(scope="module")
def workspace(followed: Path) -> Path:
    """Ingested, backtested, trained and scored by the README's commands."""
    return followed / ".spm"


def test_what_the_readme_tells_people_to_type_leaves_what_it_says(followed: Path) -> None:
    assert not pd.read_csv(followed / "forecasts.csv").empty
    assert pd.read_csv(followed / "offers.csv")["cost"].sum() <= 20_000
    champion = Registry(Workspace(followed / ".spm")).champion()
    assert champion is not None
    assert champion.version == 1


def test_the_installed_command_ends_with_the_code_of_what_happened(tmp_path: Path) -> None:
    for arguments, code in ((["--version"], 0), (["metrics", "--workspace", str(tmp_path)], 1), (["galaxy"], 2)):
        done = subprocess.run([sys.executable, "-m", "spm_ml.cli", *arguments], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


def test_the_same_export_again_changes_nothing(workspace: Path, export: Path) -> None:
    report = json.loads(spm("ingest", export, "--workspace", workspace, "--json").stdout)
    assert report["version"] is None


def test_metrics_are_json_with_a_reason_for_each_null(workspace: Path) -> None:
    rows = json.loads(spm("metrics", "--workspace", workspace, "--json").stdout)
    assert {row["slug"] for row in rows} >= {"team_attainment", "linear_pace", "win_rate_count", "weighted_pipeline"}
    assert all(row["value"] is not None or row["reason"] for row in rows)


def test_metrics_of_every_level_can_be_written(workspace: Path, tmp_path: Path) -> None:
    for level in ("rep", "team", "region", "segment", "organisation"):
        out = tmp_path / f"{level}.csv"
        spm("metrics", "--workspace", workspace, "--level", level, "--out", out)
        assert not pd.read_csv(out).empty


def test_the_dataset_says_what_it_is(workspace: Path) -> None:
    summary = json.loads(spm("dataset", "--workspace", workspace, "--json").stdout)
    assert summary["features"] > 30
    assert summary["reps"] >= 24


def test_no_feature_reads_the_future(workspace: Path) -> None:
    kept = json.loads(Workspace(workspace).leakage_file.read_text(encoding="utf-8"))
    day = kept["days"][0]
    told = json.loads(spm("check-leakage", "--workspace", workspace, "--days", day, "--json").stdout)
    assert (len(kept["days"]), told["days"]) == (3, [day])
    for certificate in (kept, told):
        assert certificate["passed"] is True
        assert certificate["differing"] == []


def test_the_backtest_file_follows_the_contract(workspace: Path, tmp_path: Path) -> None:
    spm("backtest", "--workspace", workspace, "--out", tmp_path / "backtest.csv", "--json")
    rows = pd.read_csv(tmp_path / "backtest.csv")
    contract = ["forecaster", "rep_id", "period", "as_of", "quota", "booked_to_date", "actual_bookings"]
    assert list(rows.columns[: len(contract)]) == contract
    assert {"actual_attainment", *QUANTILES, "mean", "p_hit"} <= set(rows.columns)
    assert rows["forecaster"].nunique() >= 7
    known = rows.dropna(subset=QUANTILES)
    assert (known[QUANTILES].diff(axis=1).iloc[:, 1:] >= -1e-9).all().all()
    assert known["p_hit"].between(0, 1).all()
    actual = rows.groupby(["rep_id", "period"])[["actual_bookings", "actual_attainment"]]
    assert (actual.nunique(dropna=False) == 1).all(axis=None), "the same on every day"
    last = rows.sort_values("as_of").drop_duplicates(["forecaster", "rep_id", "period"], keep="last")
    ratio = last["actual_bookings"] / last["quota"]  # quotas change within a period: attainment is of the last one
    assert (ratio - last["actual_attainment"]).abs().max() < 1e-6


def test_scores_are_the_same_without_actuals(followed: Path) -> None:
    rows = pd.read_csv(followed / "forecasts.csv")
    assert {"forecaster", "rep_id", "period", "as_of", "quota", "booked_to_date", *QUANTILES, "mean", "p_hit"} <= set(
        rows
    )
    assert not {"actual_bookings", "actual_attainment"} & set(rows)
    assert rows["p_hit"].dropna().between(0, 1).all()


@pytest.fixture(scope="module")
def adding_up(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a champion that adds deals up, whichever the backtest would choose: what-if needs its draws."""
    root = tmp_path_factory.mktemp("adding-up") / ".spm"
    shutil.copytree(workspace, root)
    trained = json.loads(spm("train", "--workspace", root, "--forecaster", "deal_level", "--json").stdout)
    assert (trained["version"], trained["forecaster"]) == (2, "deal_level")
    promoted = json.loads(spm("promote", "--workspace", root, "--force", "a test of what-if", "--json").stdout)
    assert (promoted["version"], promoted["replaced"]) == (2, 1)
    spm("score", "--workspace", root, "--out", root / "score.parquet", "--json")
    return root


def test_scores_have_the_same_columns_in_every_kind_of_file(adding_up: Path, followed: Path) -> None:
    columns = pd.read_csv(followed / "forecasts.csv").columns
    assert list(pd.read_parquet(adding_up / "score.parquet").columns) == list(columns)


def test_what_if_starts_from_the_published_forecast_of_every_rep(adding_up: Path) -> None:
    with PredictionStore.open(Workspace(adding_up).predictions_store) as store:
        batch = store.published_batch()
        assert batch is not None
        assert batch.forecaster == "deal_level"
        model = FuturesModel.of_state(json.loads(store.what_if_model(batch.batch_id)))
        board = [row for row in store.content(batch).predictions if row.as_of == batch.as_of]
        for row in board:
            with store.read(Scope("rep", row.rep_id)) as reader:
                kept = reader.what_if(row.rep_id)
            assert kept is not None
            assert kept[0] is not None
            rep = StoredRep.of_text(kept[0], model)
            assert (rep.quota, rep.mean, rep.p_hit) == (row.quota, row.mean_bookings, row.p_hit)
            if row.bookings_quantiles is not None:
                assert rep.futures is not None
                assert tuple(rep.base) == row.bookings_quantiles, "the draws are not those of the forecast"
        assert any(row.bookings_quantiles for row in board)


def test_what_is_scored_is_audited_by_group(workspace: Path) -> None:
    with PredictionStore.open(Workspace(workspace).predictions_store) as store, store.read(Scope("hr")) as reader:
        found = reader.fairness()
    assert found is not None
    assert {row.measure for row in found.rows} >= {"high_risk"}, found.abstention


@pytest.fixture(scope="module")
def offers(workspace: Path) -> pd.DataFrame:
    out = workspace / "recommend.csv"
    spm("recommend", "--workspace", workspace, "--min-probability", 0.5, "--out", out)
    return pd.read_csv(out)


def test_recommendations_say_what_they_rest_on(offers: pd.DataFrame) -> None:
    assert len(offers)
    claimed = offers["effect"].notna()
    assert (claimed == (offers["evidence_level"] != "gap")).all()
    assert offers.loc[~claimed, "evidence"].str.contains("no effect evidence").all()
    assert offers["propensity"].between(0, 1, inclusive="right").all()
    assert not offers["rep_id"].duplicated().any()


def test_a_budget_is_kept_and_nothing_is_bought_for_nothing(
    offers: pd.DataFrame, workspace: Path, tmp_path: Path
) -> None:
    for budget in (float(offers["cost"].max()) * 2, 0):
        spm("recommend", "--workspace", workspace, "--budget", budget, "--out", tmp_path / "budget.csv")
        assert pd.read_csv(tmp_path / "budget.csv")["cost"].sum() <= budget


def test_effects_stand_beside_the_naive_figures(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "effects.csv"
    spm("effects", "--workspace", workspace, "--out", out)
    rows = pd.read_csv(out)
    assert set(rows["verdict"]) <= {"helps", "no evidence", "harmful", "cannot tell"}
    assert {"att", "att_low", "att_high", "naive_before_after", "naive_difference", "placebo_att"} <= set(rows)


@pytest.mark.parametrize(
    "arguments",
    [
        ("forecast",),
        ("simulate",),
        ("metrics", "--level", "galaxy"),
        ("score", "--out", "numbers.xlsx"),
        ("recommend", "--budget", "plenty"),
        ("recommend", "--budget", "-5"),
        ("recommend", "--people", "-1"),
        ("recommend", "--seats", "p-disco"),
        ("recommend", "--hold-out", "1"),
        ("recommend", "--min-share", "2"),
        ("metrics", "--as-of", "yesterday"),
    ],
)
def test_wrong_usage_exits_with_two(arguments: tuple[str, ...]) -> None:
    assert spm(*arguments, expect=2).stdout == ""


@pytest.mark.parametrize(
    "command",
    ["metrics", "dataset", "check-leakage", "backtest", "train", "promote", "score", "recommend", "effects", "serve"],
)
def test_an_empty_workspace_is_told_what_to_run_first(command: str, tmp_path: Path) -> None:
    done = spm(command, "--workspace", tmp_path / "nothing", expect=1)
    assert "Traceback" not in done.stderr
    assert "spm " in done.stderr.splitlines()[-1]


def test_a_corrected_file_restates_and_the_old_answer_stays(export: Path, tmp_path: Path) -> None:
    root, corrected = tmp_path / ".spm", tmp_path / "corrected"
    first = json.loads(spm("ingest", export, "--workspace", root, "--json").stdout)
    assert first["version"] == 1
    for table in first["tables"]:
        assert table["rows_in"] == table["accepted"] + table["quarantined"]
    corrected.mkdir()
    reps = pd.read_csv(export / "reps.csv", dtype=str)
    quotas = pd.read_csv(export / "quotas.csv", dtype=str)
    reps.to_csv(corrected / "reps.csv", index=False)
    quotas.assign(amount=(quotas["amount"].astype(float) * 2).map("{:.2f}".format)).to_csv(
        corrected / "quotas.csv", index=False
    )

    def attainment(*version: object) -> float:
        rows = json.loads(spm("metrics", "--workspace", root, "--json", *version).stdout)
        return float(next(row["value"] for row in rows if row["slug"] == "team_attainment"))

    before = attainment()
    report = json.loads(spm("ingest", corrected, "--workspace", root, "--json").stdout)
    assert report["version"] == 2
    assert attainment() == pytest.approx(before / 2)
    assert attainment("--version", 1) == before
