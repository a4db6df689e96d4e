"""Replay: a served batch comes out again bit for bit, whatever was ingested, promoted or set since."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

from spm_ml import __version__, forecasting
from spm_ml.backtest import run_backtest
from spm_ml.cli.main import spm
from spm_ml.compensation import payout_of_text, plans_of
from spm_ml.dataset import current_dataset
from spm_ml.errors import DataError, NotReadyError
from spm_ml.forecasting import forecaster_class
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.incentives import close_period, last_year
from spm_ml.metrics.fetching import fetch, table_of
from spm_ml.predictions import PredictionStore, Scope
from spm_ml.registry import CHAMPION, Registry, TrainingRun
from spm_ml.replay import Replay, replay, report
from spm_ml.replay.served import Served
from spm_ml.scoring import LOADER_MODULE, ScoringResult, keep_row_format, published_already, score, score_touched
from spm_ml.settings import Organisation, Workspace
from spm_ml.simulation import simulate
from spm_ml.sources import ingest


def register(workspace: Workspace, name: str, scratch: Path) -> None:
    """Makes a forecaster the champion, without a training run."""
    dataset = current_dataset(workspace)
    evidence, saved = scratch / f"{name} evidence", scratch / f"{name} saved"
    evidence.mkdir(parents=True)
    run_backtest(dataset, forecasters=(forecaster_class(name),), periods=1).write(evidence / "backtest.parquet")
    (evidence / "card.md").write_text("# Card", encoding="utf-8")
    (evidence / "tables.json").write_text('{"value_added": [], "by_week": []}', encoding="utf-8")
    forecasting.forecaster(name).fit(dataset.finished()).save(saved)
    keep_row_format(saved, dataset)
    tags = {"forecaster": name, "data_hash": dataset.data_hash, "watermark": dataset.watermark.isoformat()}
    registry = Registry(workspace)
    run = TrainingRun(name, {}, {}, tags, evidence, saved, LOADER_MODULE)
    registry.point(CHAMPION, registry.record(run))


def add(workspace: Workspace, folder: Path, **tables: list[dict[str, object]]) -> None:
    """Ingests a few rows more."""
    folder.mkdir(parents=True)
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    assert ingest(workspace, folder).version is not None


def event(opportunity_id: str, day: date, **state: object) -> dict[str, object]:
    return {"opportunity_id": opportunity_id, "recorded_at": f"{day}T09:00:00Z"} | state


@pytest.fixture(scope="module")
def scored(
    tmp_path_factory: pytest.TempPathFactory, migrated_mlflow_database: Path
) -> Iterator[tuple[Workspace, ScoringResult]]:
    """Six reps over two finished quarters and half of the third; the board is of the newest record's day."""
    root = tmp_path_factory.mktemp("replayed")
    simulate(root / "export", reps=6, periods=2, seed=1)
    workspace = Workspace(root / "ws")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        ingest(workspace, root / "export")
        set_up(workspace, threads=1)
        workspace.mlflow_database.write_bytes(migrated_mlflow_database.read_bytes())
        register(workspace, "weighted_pipeline", root)
        yield workspace, score(workspace)


def set_up(workspace: Workspace, **settings: object) -> None:
    changed = workspace.organisation().model_dump() | settings
    Organisation.model_validate(changed).write(workspace.organisation_file)


@pytest.fixture
def workspace(scored: tuple[Workspace, ScoringResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the scored workspace, to be changed."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(scored[0].root, tmp_path / "ws")
    return Workspace(tmp_path / "ws")


def some_deal(workspace: Workspace, outcome: str) -> "pd.Series":
    deals = pd.read_parquet(TableStore(workspace).part_file("opportunities", 1))
    return deals[(deals["outcome"] == outcome) & (deals["amount"] > 0) & deals["rep_id"].str.startswith("R")].iloc[-1]


def identical(found: Replay) -> bool:
    return found.identity is not None and found.identity.differences == () and not found.broken


def test_nothing_happened_since(scored: tuple[Workspace, ScoringResult]) -> None:
    workspace, result = scored
    found = replay(workspace)
    assert identical(found)
    assert found.identity is not None
    assert found.identity.numbers == found.identity.identical_numbers > 20 * len(result.predictions)
    assert found.board == result.board
    assert (found.restatement, found.outcome) == (None, None)
    assert "Rebuilt bit for bit" in report(found)
    assert "no data came in" in report(found)


def test_later_records_and_a_new_champion_change_nothing(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult], tmp_path: Path
) -> None:
    batch = scored[1].batch
    deal = some_deal(workspace, "open")
    won = event(deal["opportunity_id"], batch.as_of + timedelta(days=3), outcome="won", amount=777_000)
    add(workspace, tmp_path / "later", opportunity_events=[won])
    register(workspace, "last_period", tmp_path)
    assert score(workspace).batch.forecaster == "last_period"
    found = replay(workspace, as_of=batch.as_of)
    assert identical(found)
    assert (found.served.batch_id, found.forecaster) == (batch.batch_id, "weighted_pipeline")
    assert found.restatement is not None
    assert (found.restatement.version, found.restatement.tables, found.restatement.reps) == (2, (), ())
    assert f"nothing recorded by {batch.as_of} came in late or was corrected" in report(found)


def test_a_closed_pay_period_counts_in_the_next_batch_and_in_its_replay(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult]
) -> None:
    with SalesHistory.open(workspace) as history:
        last = history.calendar.parse(last_year(history).partition("..")[2])
        settled, _ = close_period(workspace, history, plans_of(workspace), last.label)
    assert published_already(workspace) is None, "pay may be another now"
    batch = score(workspace).batch
    assert batch.batch_id != scored[1].batch.batch_id
    assert identical(replay(workspace))
    with PredictionStore.of(workspace) as store:
        people = {person.rep_id: person.manager_id for person in store.content(batch).people}
        paid = {one.rep_id for one in store.closings.statements(last.label)}
        top = next(rep_id for rep_id, manager_id in people.items() if manager_id is None)
        with store.read(Scope("manager", top)) as reader:
            rep_id = next(one.rep_id for one in reader.paid_so_far().items if one.rep_id in paid)
            running = reader.statement(rep_id)
            row = reader.prediction(rep_id)
            assert [(head.period, head.closed_at) for head in reader.statements(rep_id)] == [
                (batch.period, None), (last.label, settled.closed_at)
            ]  # fmt: skip
            assert running is not None
            assert row is not None
            assert row.pay is not None
            assert payout_of_text(running.body).amount == running.head.amount == row.pay.so_far
            everybody = reader.pay_costs()[0]
            assert (everybody.manager_id, everybody.reps) == ("", reader.paid_so_far().total)
            assert everybody.p10 <= everybody.p50 <= everybody.p90


def test_corrections_are_reported_and_so_is_what_came_of_it(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult], tmp_path: Path
) -> None:
    batch, board = scored[1].batch, {row.rep_id: row for row in scored[1].board}
    rep_id = next(row.rep_id for row in board.values() if row.quota and row.abstention is None)
    quotas = pd.read_parquet(TableStore(workspace).part_file("quotas", 1))
    quota = quotas[(quotas["rep_id"] == rep_id) & (quotas["period"] == batch.period)].iloc[-1]
    corrected = {
        "rep_id": rep_id,
        "period": batch.period,
        "amount": 2 * quota["amount"] / 100,
        "set_on": quota["set_on"],
    }
    late_on, over = batch.as_of - timedelta(days=2), board[rep_id].period_end + timedelta(days=1)
    stage = workspace.organisation().stages[-1].name
    deals = [
        {"opportunity_id": name, "rep_id": rep_id, "amount": 5000, "created_on": day, "stage": stage}
        | {"outcome": "won", "closed_on": day, "recorded_at": f"{day}T09:00:00Z"}
        for name, day in (("late", late_on), ("later", over))
    ]
    events = [event(row["opportunity_id"], late_on, rep_id=rep_id, amount=5000, outcome="won") for row in deals[:1]]
    add(workspace, tmp_path / "late", quotas=[corrected], opportunities=deals, opportunity_events=events)
    found = replay(workspace, as_of=batch.as_of)
    assert identical(found)
    assert found.restatement is not None
    assert {row.table: (row.gained, row.changed, row.withdrawn) for row in found.restatement.tables} == {
        "quotas": (0, 1, 0),
        "opportunities": (1, 0, 0),
        "opportunity_events": (1, 0, 0),
    }
    [change] = [one for one in found.restatement.reps if one.rep_id == rep_id]
    assert change.booked == (board[rep_id].booked, board[rep_id].booked + 500_000)
    assert change.quota == (board[rep_id].quota, 2 * int(quota["amount"]))
    assert change.median[1] != change.median[0]
    assert found.outcome is not None
    outcome = next(one.result for one in found.outcome.reps if one.rep_id == rep_id)
    assert outcome.bookings >= change.booked[1]
    assert (outcome.quota, outcome.hit) == (change.quota[1], outcome.bookings >= 2 * int(quota["amount"]))
    text = report(found)
    assert "quotas: 1 corrected" in text
    assert "opportunities: 1 came in late" in text
    assert "What came of it" in text
    answer = found.to_json()
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["restatement"]["tables"][0]["table"] == "quotas"
    alone = replay(workspace, as_of=batch.as_of, rep_id=rep_id)
    assert identical(alone)
    assert [row.rep_id for row in alone.board] == [rep_id]
    assert f"{rep_id} booked" in report(alone)


def test_other_settings_since_are_named_and_the_old_ones_read(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult]
) -> None:
    batch = scored[1].batch
    assert any(row.pay and row.pay.expected for row in scored[1].board)
    plan = workspace.comp_plans / "comp_plans.yaml"
    plan.write_text(plan.read_text().replace("0.15", "0.25"))
    set_up(workspace, zombie_after_days=20, risk_bands={"high_below": 0.1, "medium_below": 0.2}, name="Renamed")
    found = replay(workspace)
    assert identical(found)
    assert found.ledger.changed_settings is not None
    assert "zombie_after_days" in found.ledger.changed_settings
    assert "organisation.yaml has changed since" in report(found)
    assert found.restatement is not None
    assert found.restatement.reps
    (workspace.root / "settings" / f"{batch.data_hash}.yaml").unlink()
    lost = replay(workspace)
    assert lost.identity is not None
    assert lost.identity.differences
    assert not lost.broken
    assert lost.to_json()["same_tables_and_settings"] is False
    assert "the settings of that day were not kept" in report(lost)


def test_a_number_that_comes_out_otherwise_is_listed_and_fails(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult]
) -> None:
    row = next(row for row in scored[1].board if row.mean_bookings is not None)
    with closing(sqlite3.connect(workspace.predictions_database)) as store:
        store.execute(
            "UPDATE predictions SET body = json_set(body, '$.mean_bookings', ?) WHERE rep_id = ? AND as_of = ?",
            (row.mean_bookings + 1, row.rep_id, row.as_of.isoformat()),
        )
        store.commit()
    done = CliRunner().invoke(spm, ["replay", "--workspace", str(workspace.root), "--json"])
    assert isinstance(done.exception, DataError)
    answer = json.loads(done.stdout)
    assert answer["numbers"] == answer["identical_numbers"] + 1
    [difference] = answer["differences"]
    assert (difference["field"], difference["rebuilt"]) == ("mean_bookings", row.mean_bookings)
    assert row.rep_id in difference["row"]


def test_a_batch_whose_rows_are_gone_is_rebuilt_from_the_audit(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult]
) -> None:
    result = scored[1]
    with closing(sqlite3.connect(workspace.predictions_database)) as store:
        for table in ("pointer", "people", "predictions", "teams", "model_cards", "batches"):
            store.execute(f"DELETE FROM {table}")
        store.commit()
    found = replay(workspace, as_of=result.batch.as_of, rep_id=result.board[0].rep_id)
    assert found.identity is None
    assert not found.broken
    assert found.board == result.board[:1]
    assert "no longer kept" in report(found)
    with pytest.raises(NotReadyError, match="no forecast is published"):
        replay(workspace)


def test_a_forecast_that_was_withheld_is_withheld_again(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult]
) -> None:
    asked_on = scored[1].batch.as_of + timedelta(days=100)
    assert {row.risk_band for row in score(workspace, today=asked_on).board} == {None}
    found = replay(workspace)
    assert identical(found)
    assert {row.abstention.reason for row in found.board if row.abstention} == {"stale_data"}
    assert str(asked_on) in report(replay(workspace, rep_id=found.board[0].rep_id))


def test_a_day_without_a_batch_names_the_nearest_that_have_one(scored: tuple[Workspace, ScoringResult]) -> None:
    workspace, result = scored
    with pytest.raises(NotReadyError, match=f"2020-01-01 was ever published; .* {result.batch.as_of}"):
        replay(workspace, as_of=date(2020, 1, 1))


def test_a_board_that_was_scored_in_parts_is_refused_and_its_full_run_is_found(
    workspace: Workspace, scored: tuple[Workspace, ScoringResult], tmp_path: Path
) -> None:
    batch = scored[1].batch
    deal = some_deal(workspace, "open")
    add(workspace, tmp_path / "later", opportunity_events=[event(deal["opportunity_id"], batch.as_of, amount=777_000)])
    assert score_touched(workspace) is not None
    with pytest.raises(NotReadyError, match=f"'spm replay --as-of {batch.as_of}' for the run in which everybody"):
        replay(workspace)
    assert Served.on(workspace, batch.as_of).batch_id == batch.batch_id


def test_a_workspace_without_a_store_gets_none(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "empty")
    with pytest.raises(NotReadyError, match="spm score"):
        replay(workspace)
    assert not workspace.predictions_database.exists()


def test_a_rep_who_was_not_forecast_is_refused(scored: tuple[Workspace, ScoringResult]) -> None:
    with pytest.raises(DataError, match="did you mean 'R000"):
        replay(scored[0], rep_id="R00002")


def test_a_model_of_another_version_of_spm_ml_is_refused(
    scored: tuple[Workspace, ScoringResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spm_ml.registry.store.compatible", lambda _: False)
    with pytest.raises(NotReadyError, match=f"was written by spm-ml {__version__}"):
        replay(scored[0])


def test_a_damaged_ledger_is_named(workspace: Workspace, scored: tuple[Workspace, ScoringResult]) -> None:
    store = TableStore(workspace)
    file = store.part_file("quotas", 1)
    quotas = pd.read_parquet(file)
    quotas.assign(amount=quotas["amount"] + 100).to_parquet(file)
    found = replay(workspace, rep_id=next(row.rep_id for row in scored[1].board if row.quota))
    assert found.broken
    assert found.causes == ("the ledger's file of quotas version 1 is not what was ingested",)
    assert "What may explain it: the ledger's file" in report(found)


def test_what_is_computed_from_tables_does_not_depend_on_the_order_of_their_rows() -> None:
    rows = [("b", 0.1), ("a", 0.2), ("b", 0.3), ("a", 0.1)]
    kinds = {"key": pa.string(), "share": pa.float64()}
    frames = [fetch(table_of(kinds, order)) for order in (rows, rows[::-1], sorted(rows))]
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])
