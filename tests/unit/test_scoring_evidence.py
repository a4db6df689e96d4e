"""What scoring publishes about the model: rivals, drift, data quality and lineage, and nothing about a person."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

from spm_ml.backtest import Backtest, run_backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import DataError, NotReadyError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.forecasting import AttainmentForecast, HistoricalMean, LastPeriod, WeightedPipeline
from spm_ml.history import SalesHistory
from spm_ml.leakage import LeakageCertificate, LeakExample, keep_certificate, kept_result
from spm_ml.predictions import DataQuality, Drift
from spm_ml.predictions.encoding import encode
from spm_ml.predictions.model_evidence import FEWER
from spm_ml.registry import ModelVersion, Registry
from spm_ml.scoring import keep_training_rows, learnt_from
from spm_ml.scoring.evidence.data_quality import measure_data_quality
from spm_ml.scoring.evidence.drift import measure_drift
from spm_ml.scoring.evidence.learnt_from import OTHER_REPS
from spm_ml.scoring.evidence.lineage import trace_lineage
from spm_ml.scoring.evidence.rivals import find_rivals
from spm_ml.scoring.model import ScoringModel
from spm_ml.scoring.target import ScoringTarget, knew_the_outcome
from spm_ml.settings import FiscalSettings, Workspace
from spm_ml.sources import ingest
from tests.ingest_world import OPPORTUNITIES, QUOTAS, REPS, write
from tests.rep_period_world import make_dataset

AT = datetime(2026, 5, 1, tzinfo=UTC)
RULES = (HistoricalMean, WeightedPipeline, LastPeriod)
GATE = [{"test": "coverage_80", "passed": True, "value": 0.79, "threshold": 0.8, "detail": "held 79.0%"}]


@dataclass
class Shelf:
    """A registry of folders."""

    folder: Path
    known: Sequence[ModelVersion] = ()
    place: str = "workspace"

    def versions(self) -> Sequence[ModelVersion]:
        return self.known

    def artifact(self, version: ModelVersion, path: str) -> Path:
        found = self.folder / str(version.version) / path
        if not found.exists():
            raise NotReadyError(f"{found} is not there")
        return found

    def experiment_of(self, _version: ModelVersion) -> str:
        return "1"


def version(number: int, forecaster: str, **tags: str) -> ModelVersion:
    return ModelVersion("spm-attainment", number, f"run-{number}", AT, {"forecaster": forecaster, **tags})


@pytest.fixture(scope="module")
def dataset() -> RepPeriodDataset:
    return make_dataset(20, 6, 3)


@pytest.fixture(scope="module")
def backtest(dataset: RepPeriodDataset) -> Backtest:
    return run_backtest(dataset, forecasters=RULES, periods=3)


@pytest.fixture
def shelf(tmp_path: Path, backtest: Backtest, dataset: RepPeriodDataset) -> Shelf:
    """Version 1 is a mean, version 2 the pipeline, 3 a mean again, tested on one period fewer, 4 has no files."""
    newest = backtest.frame["period"].max()
    for number, tested in (("1", backtest), ("2", backtest), ("3", _without(backtest, newest))):
        (tmp_path / number).mkdir()
        tested.write(tmp_path / number / "backtest.parquet")
        scores = json.loads(tested.value_added()[["forecaster", "crps"]].to_json(orient="records"))
        tables = {"value_added": scores, "gate": GATE, "learnt_from": learnt_from(dataset)}
        (tmp_path / number / "tables.json").write_text(json.dumps(tables), encoding="utf-8")
    keep_training_rows(tmp_path / "1", dataset)
    return Shelf(tmp_path)


def _without(backtest: Backtest, period: str) -> Backtest:
    frame, groups = backtest.frame, backtest.groups
    return replace(backtest, frame=frame[frame["period"] != period], groups=groups[groups["period"] != period])


def test_two_forecasters_are_compared_as_the_gate_does(shelf: Shelf, backtest: Backtest) -> None:
    shelf.known = (version(1, "historical_mean", gate=json.dumps(GATE)), version(2, "weighted_pipeline"))
    found = find_rivals(cast(Registry, shelf), shelf.known[0])
    expected = backtest.compare("weighted_pipeline", "historical_mean")
    assert found.difference is not None
    assert found.difference.same_backtest
    assert (found.difference.mean, found.difference.low, found.difference.high) == (
        expected.mean_difference,
        expected.low,
        expected.high,
    )
    assert found.challenger is not None
    assert (found.champion.judged, found.challenger.judged) == ("promotion", "training")
    assert found.challenger.passes
    crps = backtest.value_added().set_index("forecaster")["crps"]
    assert found.challenger.crps == pytest.approx(crps["weighted_pipeline"])


def test_one_forecaster_fitted_twice_is_compared_on_the_rows_both_have(shelf: Shelf, backtest: Backtest) -> None:
    shelf.known = (version(1, "historical_mean"), version(3, "historical_mean"))
    found = find_rivals(cast(Registry, shelf), shelf.known[0]).difference
    assert found is not None
    assert not found.same_backtest
    assert (found.mean, found.periods) == (0.0, 2)
    assert found.rows < len(backtest.frame) / len(RULES)


def test_a_champion_alone_and_one_whose_files_are_gone(shelf: Shelf) -> None:
    shelf.known = (version(1, "historical_mean"),)
    alone = find_rivals(cast(Registry, shelf), shelf.known[0])
    assert (alone.challenger, alone.difference) == (None, None)
    shelf.known = (version(1, "historical_mean"), version(2, "historical_mean"))
    assert find_rivals(cast(Registry, shelf), shelf.known[1]).challenger is None, "an older version challenges nobody"
    shelf.known = (version(1, "historical_mean"), version(4, "historical_mean"))
    found = find_rivals(cast(Registry, shelf), shelf.known[0])
    assert found.challenger is not None
    assert (found.challenger.judged, found.challenger.crps, found.difference) == ("never", None, None)


def target(day: date) -> ScoringTarget:
    return ScoringTarget(FiscalCalendar(FiscalSettings()).period_of(day), day, (day,))


@pytest.mark.parametrize(("until", "knew"), [("2024-03-31", True), ("2024-03-30", False), ("", False)])
def test_a_look_back_is_told_from_a_forecast(until: str, knew: bool) -> None:
    assert knew_the_outcome(version(1, "historical_mean", watermark=until), target(date(2024, 2, 4))) is knew


def drift_of(shelf: Shelf, dataset: RepPeriodDataset, backtest: Backtest, number: int = 1) -> Drift:
    running = dataset.where(dataset.frame["actual_bookings"].isna())
    fitted = HistoricalMean().fit(dataset.finished())
    forecast: AttainmentForecast = fitted.predict(running)
    day = running.frame["as_of"].max().date()
    model = ScoringModel(version(number, "historical_mean"), fitted, shelf.folder / "1" / "backtest.parquet")
    return measure_drift(cast(Registry, shelf), model, backtest, target(day), running, forecast)


def test_drift_holds_the_week_against_the_same_week(
    shelf: Shelf, dataset: RepPeriodDataset, backtest: Backtest
) -> None:
    found = drift_of(shelf, dataset, backtest)
    tests = {test.column: test for test in found.tests}
    assert set(tests) == {*dataset.feature_names, "p_hit", "median", "width_80", "pit"}
    assert tests["elapsed_share"].untested == "constant"
    assert tests["tenure_days"].untested == "same_for_everybody"
    assert (found.reps, found.new_reps, found.week) == (20, 0, 8)
    assert tests["open_amount"].rows == 20
    assert tests["open_amount"].past_rows == 20 * dataset.finished().frame["period"].nunique()
    assert tests["pit"].past_rows == 20 * 2
    assert [test.verdict for test in found.tests] == sorted(
        (test.verdict for test in found.tests), key=["drift", "seen_before", "none", "untested"].index
    )


def test_reps_whose_records_alone_are_known_are_not_new(
    shelf: Shelf, dataset: RepPeriodDataset, backtest: Backtest
) -> None:
    others = sorted(dataset.frame["rep_id"].unique())[:8]
    drawn = dataset.where(~dataset.frame["rep_id"].isin(others))
    keep_training_rows(shelf.folder / "1", drawn, others)
    found = drift_of(shelf, dataset, backtest)
    assert (found.reps, found.new_reps) == (20, 0)
    (shelf.folder / "1" / OTHER_REPS).unlink()
    assert drift_of(shelf, dataset, backtest).new_reps == 8


def test_a_feature_whose_unit_changed_drifts(shelf: Shelf, dataset: RepPeriodDataset, backtest: Backtest) -> None:
    running = dataset.frame["actual_bookings"].isna()
    cents = dataset.frame["open_amount"].where(~running, dataset.frame["open_amount"] * 100 + 1e9)
    changed = replace(dataset, frame=dataset.frame.assign(open_amount=cents))
    tests = {test.column: test for test in drift_of(shelf, changed, backtest).tests}
    assert tests["open_amount"].verdict == "drift"
    assert tests["bookings_mean"].verdict != "drift"


def test_a_model_without_its_training_rows_says_so(shelf: Shelf, dataset: RepPeriodDataset, backtest: Backtest) -> None:
    found = drift_of(shelf, dataset, backtest, number=2)
    assert (found.abstention, found.tests) == ("training_rows_missing", ())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One ingest of bad rows and one that corrects the quotas alone."""
    made = Workspace(tmp_path / "ws")
    bad = write(
        tmp_path / "export",
        reps=REPS + "r3,Secret Person,nobody,2021-13-01\nr4,Dee Fox,M1,2021-03-01\n",
        quotas=QUOTAS + "R1,2024Q2,17\nr2,2024Q5,1\nr1,2024Q1,99\n",
        opportunities=OPPORTUNITIES + "o9,r2,x123456789,2024-01-07,,Qualify,\n",
    )
    assert ingest(made, bad).version == 1
    assert ingest(made, write(tmp_path / "more", {"quotas": QUOTAS + "r1,2024Q2,5\nr2,2024Q2,-8\n"})).version == 2
    return made


def quality(workspace: Workspace, hazards: Sequence[str]) -> DataQuality:
    now = pd.DataFrame({"hazards": list(hazards)})
    with SalesHistory.open(workspace) as history:
        return measure_data_quality(history, workspace, now, {"H18": 30, "H08": 2}, 200)


def test_data_quality_counts_rules_and_tells_no_value(workspace: Workspace) -> None:
    found = quality(workspace, ["H18;H08"] + ["H18"] * 6 + ["H04"] * 2 + [""])
    tables = {table.table: table for table in found.tables}
    assert (tables["quotas"].version, tables["quotas"].quarantined) == (2, 1)
    assert (tables["reps"].version, tables["reps"].records) == (1, 5)
    rules = {(one.table, one.column, one.rule): one for one in found.broken_rules}
    assert rules["quotas", "amount", "must be at least 0"].records == 1
    assert ("quotas", "period", "must be a period") not in rules, "the table was read again since"
    assert rules["opportunities", "amount", "must be an amount"].records == 1
    text = encode(found)
    for value in ("Secret", "nobody", "123456789", "2021-13", "m1", "r3", "r1", "line 3"):
        assert value not in text, value
    counts = {one.code: (one.now, one.learnt) for one in found.hazards}
    assert counts == {"H04": (FEWER, 0), "H08": (FEWER, FEWER), "H18": (7, 30)}


def test_lineage_names_the_files_of_the_data_version(
    shelf: Shelf, workspace: Workspace, dataset: RepPeriodDataset
) -> None:
    tags = {"data_version": "2", "dataset_hash": "ab", "data_hash": "cd"}
    with SalesHistory.open(workspace) as history:
        found = trace_lineage(
            cast(Registry, shelf),
            version(1, "historical_mean", **tags),
            history,
            workspace,
            dataset,
            learnt_from(dataset),
            target(date(2024, 2, 4)),
        )
        assert not found.hindsight
        assert found.forecast_from.data_hash == history.data_hash
    assert [one.version for one in found.ingests] == [2, 1]
    files = {file.name: file.records for file in found.ingests[1].files}
    assert (files["reps.csv"], files["opportunities.csv"]) == (5, 4)
    assert found.learnt_from.rows == len(dataset.finished())
    assert (found.run_id, found.experiment_id) == ("run-1", "1")


def test_the_leak_check_is_kept_without_its_examples(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert kept_result(workspace) is None
    day = date(2026, 1, 4)
    example = LeakExample("won_28", "R-007", day, day, "1.0", "2.0")
    keep_certificate(workspace, LeakageCertificate((day,), 3, 2, 50, 9, ("won_28",), (example,), 0, "hash"))
    found = kept_result(workspace)
    assert found is not None
    assert (found.passed, found.differing, found.days) == (False, ("won_28",), (day,))
    assert "R-007" not in encode(found)
    workspace.leakage_file.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="check-leakage"):
        kept_result(workspace)


def test_hazards_are_counted_by_rep_period(dataset: RepPeriodDataset) -> None:
    frame = dataset.frame.copy()
    frame["hazards"] = np.where(frame["week"] == 3, "H04;H18", "")
    facts = learnt_from(replace(dataset, frame=frame.astype(dataset.frame.dtypes.to_dict())))
    assert facts["hazards"] == {"H04": facts["rep_periods"], "H18": facts["rep_periods"]}
