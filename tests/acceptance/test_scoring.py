"""From an ingested export to a published batch, with a baseline champion, at the edges of a period."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import ibis
import pandas as pd
import pytest

from spm_ml.dataset import current_dataset
from spm_ml.errors import NotReadyError
from spm_ml.history import SalesHistory
from spm_ml.intake import freshen, ingest_waiting
from spm_ml.metrics.inputs_bookings import quota_versions, quotas_in_force
from spm_ml.only_one import only_one
from spm_ml.predictions import Arrival, NewGoal, PayCost, PredictionStore, Recommendation, Scope
from spm_ml.registry import Registry
from spm_ml.scoring import ScoringResult, prediction_rows, published_already, score, score_touched
from spm_ml.settings import FiscalSettings, Organisation, Workspace
from spm_ml.simulation import simulate
from spm_ml.sources import ingest
from spm_ml.tenants import Report, TenantFolder
from tests.arrivals_world import arrival
from tests.command import spm
from tests.databases import PostgresServer
from training import promote, train, training_due

_ = ibis._

LATE_IN_PERIOD, PERIOD_END, WATERMARK = date(2026, 9, 22), date(2026, 9, 30), date(2026, 11, 20)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow_database: Path) -> Iterator[Workspace]:
    """Eight reps over four finished quarters; the champion is a simple rule, as so little data suggest."""
    root = tmp_path_factory.mktemp("scored")
    simulate(root / "export", reps=8, periods=4, seed=1)
    workspace = Workspace(root / "ws")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        ingest(workspace, root / "export")
        settings = workspace.organisation().model_copy(update={"threads": 1})
        Organisation.model_validate(settings.model_dump()).write(workspace.organisation_file)
        workspace.mlflow_database.write_bytes(migrated_mlflow_database.read_bytes())
        with pytest.raises(NotReadyError, match="spm promote"):
            score(workspace)
        train(workspace, periods=2)
        promote(workspace, force_reason="a test of scoring, not of the gate")
        yield workspace


@pytest.fixture(scope="module")
def result(workspace: Workspace) -> ScoringResult:
    """The running period, scored after the one before it was."""
    assert score(workspace, as_of=LATE_IN_PERIOD).batch.period == "2026Q3"
    return score(workspace)


def test_the_running_period_is_scored_for_every_week(result: ScoringResult) -> None:
    assert (result.batch.period, result.batch.as_of, result.batch.watermark) == ("2026Q4", WATERMARK, WATERMARK)
    days = sorted({row.as_of for row in result.predictions})
    assert days[0] == PERIOD_END
    assert days[-1] == WATERMARK
    assert {row.week for row in result.board} == {(WATERMARK - PERIOD_END).days // 7}
    assert len(result.board) >= 8


def test_every_row_has_a_reason_and_the_board_has_metrics(result: ScoringResult) -> None:
    assert all(row.main_reason for row in result.predictions)
    for row in result.board:
        metrics = {metric.slug: metric for metric in row.metrics}
        assert {"quota_attainment", "linear_pace", "required_daily_rate"} <= set(metrics)
        if row.quota and row.abstention is None:
            assert metrics["quota_attainment"].value == pytest.approx(row.booked / row.quota)
            assert sum(part.amount for part in row.parts) == pytest.approx(row.quantile(0.5))


def test_groups_carry_the_metrics_of_the_same_day(result: ScoringResult) -> None:
    assert result.teams
    assert {team.level for team in result.teams} == {"team", "segment", "region", "company"}
    assert {team.as_of for team in result.teams} > {WATERMARK}, "every week has its groups"
    for team in (team for team in result.teams if team.as_of == WATERMARK):
        metrics = {metric.slug: metric.value for metric in team.metrics}
        assert team.level in ("region", "segment") or team.booked == metrics["bookings"]
        assert team.growth is not None
        assert team.growth.periods[-1] == "2026Q3"
        assert team.mean_bookings == pytest.approx(sum(part.amount for part in team.parts))


def test_what_is_published_is_what_was_returned(workspace: Workspace, result: ScoringResult) -> None:
    with PredictionStore.open(workspace.predictions_database) as store:
        published = store.published_batch()
    assert published == result.batch
    champion = Registry(workspace).champion()
    assert champion is not None
    assert published is not None
    assert (published.model_name, published.model_version) == (champion.name, str(champion.version))
    assert published.forecaster == champion.forecaster
    assert json.loads(champion.tags["gate"])


def test_what_came_of_the_period_before_is_published_with_it(workspace: Workspace, result: ScoringResult) -> None:
    frame = current_dataset(workspace).frame
    rows = frame[(frame["period"] == "2026Q3") & (frame["as_of"] == pd.Timestamp(LATE_IN_PERIOD))].set_index("rep_id")
    with PredictionStore.open(workspace.predictions_database) as store:
        (line,) = (entry for entry in store.audit.entries() if entry.action == "outcomes published")
        for rep_id, row in rows.iterrows():
            with store.read(Scope("rep", str(rep_id)), period="2026Q3") as batch:
                version = batch.outcomes([str(rep_id)])[str(rep_id)]
            assert (version.batch_id, version.as_known_on) == (result.batch.batch_id, WATERMARK)
            outcome = version.outcome
            assert (outcome.bookings, outcome.censored) == (row["actual_bookings"], row["censored"])
            assert outcome.quota == (row["quota_final"] if row["quota_final"] > 0 else None)
        with store.read(Scope("rep", "R0002")) as batch:
            assert batch.results_known_on is None, "the period runs"
    assert line.detail == {"periods": {"2026Q3": {"added": len(rows), "restated": 0}}}
    assert len(rows) >= 8


def test_the_table_covers_all_rows(result: ScoringResult) -> None:
    table = prediction_rows(result)
    assert len(table) == len(result.predictions)
    known = table[table["abstention"] == ""]
    assert known["p_hit"].between(0, 1).all()


def test_on_a_period_s_last_day_the_next_is_forecast_and_stale_data_are_withheld(
    workspace: Workspace, tmp_path: Path
) -> None:
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    offer = Recommendation(
        rep_id="R0002",
        period="2026Q4",
        program_id="",
        program_name="",
        skill="",
        effect=None,
        effect_low=None,
        effect_high=None,
        p_positive=None,
        cost=None,
        evidence="",
        reason="",
        expires_on=date(2026, 12, 31),
        abstention=None,
    )
    result = score(own, as_of=PERIOD_END, today=date(2027, 1, 31), recommendations=(offer,))
    assert (result.batch.period, result.batch.as_of) == ("2026Q4", PERIOD_END)
    assert result.batch.watermark <= PERIOD_END
    assert {row.week for row in result.predictions} == {0}
    assert {row.booked for row in result.predictions} == {0}
    assert "the period after it is forecast" in result.text()
    assert {row.abstention.reason for row in result.predictions if row.abstention} == {"stale_data"}
    assert all("H25" in row.hazards and row.bookings_quantiles is None for row in result.predictions)
    with PredictionStore.open(own.predictions_database) as store, store.read(Scope("hr")) as published:
        assert [one.recommendation for one in published.offers().items] == [offer]
        card = published.model_card()
    assert card.gate
    assert {row["forecaster"] for row in card.value_added} >= {"last_period", "lightgbm_quantiles"}
    assert "Intended use" in card.card_markdown


def _tenants(workspace: Workspace, root: Path, *names: str) -> TenantFolder:
    """Tenants with copies of the workspace, and no board yet."""
    folder = TenantFolder(root / "tenants")
    for name in names:
        shutil.copytree(workspace.root, folder.root / name, ignore=shutil.ignore_patterns("predictions.db*"))
        folder.add(name)
    return folder


def _night(folder: TenantFolder, *options: str, expect: int = 0) -> dict[str, tuple[str, str]]:
    done = spm("tenants", "run", folder.root, "--json", *options, "--", "score", expect=expect)
    return {one.tenant: (one.state, one.message) for one in Report.model_validate_json(done.stdout).tenants}


@pytest.mark.slow
def test_a_night_scores_every_tenant_that_can_be_and_then_only_what_is_left(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = _tenants(workspace, tmp_path, "acme", "birch")
    folder.add("cedar")
    model = Registry(folder.workspace("birch")).load_champion()[0]
    damaged = next(path for path in sorted(model.rglob("*")) if path.is_file())
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1])
    first = _night(folder, expect=1)
    assert first["acme"] == ("done", "")
    assert first["birch"][0] == "failed"
    assert "is not what was registered" in first["birch"][1]
    assert first["cedar"][0] == "failed"
    boards = {name: PredictionStore.of(folder.workspace(name)) for name in ("acme", "birch")}
    batch = boards["acme"].published_batch()
    assert batch is not None
    assert boards["birch"].published_batch() is None
    damaged.write_bytes(whole)
    again = _night(folder, "--resume", "--only", "acme", "--only", "birch")
    assert again["acme"][0] == "skipped"
    assert "is of the same data and model" in again["acme"][1]
    assert again["birch"] == ("done", "")
    assert boards["acme"].published_batch() == batch
    acme = folder.workspace("acme")
    assert published_already(acme) == batch
    assert published_already(acme, as_of=PERIOD_END) is None, "of another day"
    assert published_already(acme, today=date(2027, 3, 1)) is None, "the data are stale by then"
    acme.organisation().model_copy(update={"zombie_after_days": 90}).write(acme.organisation_file)
    assert published_already(acme) is None, "other settings, other numbers"
    for board in boards.values():
        board.close()


@pytest.mark.slow
def test_a_night_that_is_killed_leaves_nothing_torn_and_is_resumed(workspace: Workspace, tmp_path: Path) -> None:
    folder = _tenants(workspace, tmp_path, "acme")
    command = [sys.executable, "-m", "spm_ml.cli", "tenants", "run", str(folder.root), "--", "score"]
    night = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log, deadline = folder.runs / "acme.log", time.monotonic() + 240
    while not (log.exists() and b"score" in log.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker = next(
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _is_worker(path, folder)
    )
    for pid in (night.pid, worker):
        os.kill(pid, signal.SIGKILL)
    night.wait()
    store = folder.workspace("acme").predictions_database
    if store.exists():
        with closing(sqlite3.connect(store)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    time.sleep(0.2)  # the worker's lock goes with it, once the system has buried it
    assert _night(folder, "--resume") == {"acme": ("done", "")}
    with PredictionStore.of(folder.workspace("acme")) as published:
        assert published.published_batch() is not None
        assert published.audit.check().intact
    assert not list(folder.runs.glob("*.tmp"))


def test_quotas_are_published_and_taken_over_by_their_number(workspace: Workspace, tmp_path: Path) -> None:
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    at = ("--workspace", own.root)
    assert "no quota proposal has the number 1" in spm("quotas", "--proposal", 1, *at, expect=1).stderr
    assert "published as proposal 1" in spm("quotas", "--share", 0.6, "--publish", *at).stderr
    with PredictionStore.of(own) as store:
        head, quotas = store.quota_proposals.read(1)
    assert (head.period, head.accepted_at, head.as_of) == ("2026Q4", None, WATERMARK)
    assert all(any(one.label == "Season" for one in row.reasons) for row in quotas)
    for said in ("proposal 1 is accepted", "proposal 1 was accepted before"):
        assert said in spm("quotas", "--proposal", 1, "--accept", *at).stderr
    with SalesHistory.open(own) as history:
        in_force = quotas_in_force(quota_versions(history), WATERMARK)
        assert history.version == 2
    now = in_force[in_force["period_start"] == pd.Timestamp("2026-10-01")].set_index("rep_id")["quota"]
    assert {row.rep_id: row.quota for row in quotas}.items() <= now.to_dict().items()
    total = sum(row.quota for row in quotas)
    spm("goal", "2026Q4", 1_000, "--because", "the board's plan", *at)
    with PredictionStore.of(own) as store:
        goals = [
            (one.goal.amount, one.goal.proposal_id, one.goal.data_version) for one in store.goals.history("2026Q4")
        ]
    assert goals == [(100_000, None, None), (total, 1, 2)]
    assert "no amount above 0" in spm("goal", "2026Q4", 0, *at, expect=2).stderr
    refused = spm("quotas", "--goal", 1_000_000_000, "--most-change", 0.1, *at, expect=1).stderr
    assert "add up to between" in refused


def goals_of(store: PredictionStore, period: str) -> list[NewGoal]:
    return [one.goal for one in store.goals.history(period)]


def _is_worker(process: Path, folder: TenantFolder) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"score" in words and str(folder.workspace("acme").root).encode() in words


def test_a_nightly_refresh_does_what_is_left_and_trains_where_that_is_due(workspace: Workspace, tmp_path: Path) -> None:
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    export = workspace.root.parent / "export"
    at = ("--workspace", own.root, "--json")

    def states(*arguments: object) -> dict[str, str]:
        told = json.loads(spm("refresh", *arguments, *at).stdout)
        assert json.loads((own.root / "refresh.json").read_text("utf-8"))["ended"]
        return {step["name"]: step["state"] for step in told["steps"]}

    first = states(export)
    assert first["ingest"] == first["retrain"] == "skipped", "the same files, and a model of these very data"
    again = states(export)
    assert again["score"] == "skipped"
    assert again["drift"] in ("done", "skipped")
    with only_one(own.root / "refresh.lock", what="refresh"):
        assert "another refresh is at work" in spm("refresh", *at, expect=1).stderr

    assert training_due(own) is None
    versions = Registry(own).versions()
    older = replace(versions[-1], tags={**versions[-1].tags, "data_hash": "older", "watermark": "2026-09-29"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "versions", lambda _: (older,))
        assert training_due(own) == f"2026Q3 has ended since version {older.version} was trained"
        fresh = replace(older, tags={**older.tags, "watermark": "2026-10-01"})
        patch.setattr(Registry, "versions", lambda _: (fresh,))
        assert training_due(own) is None
        assert "unlike what was learnt from in quota" in (training_due(own, drifted=["quota"]) or "")
        patch.setattr(Registry, "versions", lambda _: ())
        assert training_due(own) == "there is no model yet"


def test_who_is_touched_by_an_event_is_scored_as_if_everybody_was_and_the_others_stay(
    workspace: Workspace, result: ScoringResult, tmp_path: Path
) -> None:
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    assert result.batch.data_version == 1
    with SalesHistory.open(own) as history:
        open_deals = history.ledger.filter(
            (_.outcome == "open") & _.next_recorded_on.isnull() & (_.created_on < _.recorded_on)
        )
        [deal] = open_deals.order_by(_.amount.desc()).limit(1).to_pyarrow().to_pylist()
    name, owner = deal["opportunity_id"], deal["rep_id"]
    won = {"opportunity_id": name, "stage": deal["stage"], "outcome": "won"}
    with PredictionStore.of(own) as store:
        store.inbox.take("crm", [arrival("e1", "opportunity_events", f"{WATERMARK}T12:00:00Z", **won)])
        done = freshen(own)
        assert (done.events.version, done.reps) == (2, 1)
        again = freshen(own)
        assert (again.batch, again.events.version) == (None, None)
        touched = store.published_batch()
        assert touched == done.batch
        assert touched is not None
        assert touched.scored_whole_at is not None
        assert published_already(own) is None, "the night scores everybody"
        fresh, costs = store.content(touched), costs_of(store)
        whole = score(own)
        assert store.published_on(WATERMARK) == whole.batch
        assert costs == costs_of(store)
        assert touched.usual_share == whole.batch.usual_share
    now = {(row.rep_id, row.as_of): row for row in whole.predictions}
    assert {row.rep_id for row in fresh.predictions if row.news} == {owner}
    for row in fresh.predictions:
        if row.rep_id == owner:
            assert replace(row, news=None) == now[row.rep_id, row.as_of]
        else:
            assert row.bookings_quantiles == now[row.rep_id, row.as_of].bookings_quantiles
    [news] = [row.news for row in fresh.predictions if row.news]
    assert news.text.startswith(f"{name} won")
    teams = {(team.level, team.key, team.as_of): team for team in fresh.teams}
    assert teams == {(team.level, team.key, team.as_of): team for team in whole.teams}
    assert store.audit.check().problems == ()


def test_another_fiscal_calendar_than_that_of_closed_pay_holds_no_forecast_up(
    workspace: Workspace, result: ScoringResult, tmp_path: Path
) -> None:
    assert result.batch.plans_hash
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    spm("payouts", "--close", "2026Q3", "--workspace", own.root)
    organisation = own.organisation()
    organisation.model_copy(update={"fiscal": FiscalSettings(start_month=2)}).write(own.organisation_file)
    made = score(own)
    assert any(note.startswith("No pay is worked out: 2026Q3 was closed as the days from") for note in made.notes)
    assert any(row.bookings_quantiles for row in made.predictions)
    assert published_already(own) == made.batch, "and it is not scored again and again"
    assert "keep fiscal in organisation.yaml" in spm("payouts", "--workspace", own.root, expect=1).stderr


def test_a_round_of_watch_publishes_on_postgresql(
    workspace: Workspace,
    result: ScoringResult,
    tmp_path: Path,
    postgresql: PostgresServer,
    migrated_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    store_at = postgresql.address(postgresql.new_database(migrated_database))
    monkeypatch.setenv("SPM_SERVING__STORE", store_at)
    score(own)
    rep_id = result.board[0].rep_id
    with PredictionStore.of(own) as store:
        assert store.published_on(WATERMARK) is not None
        done = f"{WATERMARK}T12:00:00"
        event = arrival("e1", "activities", f"{done}Z", rep_id=rep_id, occurred_at=done, kind="call")
        store.inbox.take("crm", [event])
        said = json.loads(spm("watch", "--once", "--json", "--workspace", own.root).stdout)
        assert (said["reps"], said["events"], said["problems"]) == (1, {"looked_at": 1, "version": 2}, [])
        batch = store.published_batch()
        assert batch is not None
        assert batch.batch_id == said["batch"]
        rows = store.content(batch).predictions
        assert {row.rep_id for row in rows if row.news} == {rep_id}
        assert len(rows) == len(result.predictions), "of the others what was published before"
        assert store.audit.check().problems == ()
        again = json.loads(spm("watch", "--once", "--json", "--workspace", own.root).stdout)
        assert (again["batch"], again["events"]["looked_at"]) == (None, 0)


def costs_of(store: PredictionStore) -> tuple[PayCost, ...]:
    """What incentives will cost, by the batch that is published."""
    with store.read(Scope("hr")) as batch:
        [top] = [person.rep_id for person in batch.people() if person.manager_id is None]
    with store.read(Scope("manager", rep_id=top)) as batch:
        return batch.pay_costs()


def random_events(history: SalesHistory, chance: Random, reps: list[str], days: list[date]) -> list[Arrival]:
    """Changes of three open deals, each of several at once, out of order and some of them twice; and a call."""
    is_open = history.ledger.filter((_.outcome == "open") & _.next_recorded_on.isnull())
    deals = is_open.order_by("opportunity_id").to_pyarrow().to_pylist()
    changes: list[dict[str, object]] = [{"outcome": "won"}, {"outcome": "lost"}, {"rep_id": chance.choice(reps)}]
    changes += [{"stage": history.organisation.stages[-1].name}, {"amount": chance.randint(1_000, 90_000)}]
    name, events = chance.random(), []
    for number, deal in enumerate(chance.sample(deals, 3) * 2):
        moment = f"{chance.choice(days)}T{chance.randint(6, 20):02}:00:00Z"
        record = {"opportunity_id": deal["opportunity_id"]} | chance.choice(changes)
        again = (f"e{number} {name}", f"again{number} {name}")[: chance.randint(1, 2)]
        events += [arrival(event_id, "opportunity_events", moment, **record) for event_id in again]
    done = f"{days[-1]}T{chance.randint(6, 20):02}:00:00"
    events.append(arrival(f"call {name}", "activities", f"{done}Z", rep_id=reps[0], occurred_at=done, kind="call"))
    chance.shuffle(events)
    return events


def random_corrections(history: SalesHistory, chance: Random, reps: list[str], days: list[date]) -> list[Arrival]:
    """Rows that are stated anew: an open deal, its splitting between two reps, a quota of the period, and a commit."""
    rows = (
        history.source("opportunities").filter(_.outcome == "open").order_by("opportunity_id").to_pyarrow().to_pylist()
    )
    deal = {name: value for name, value in chance.choice(rows).items() if value is not None and name != "recorded_at"}
    deal |= {name: str(deal[name]) for name in ("created_on", "expected_close_on") if name in deal}
    deal |= {"product": "Another", "source": "partner", "amount": chance.randint(1_000, 90_000)}
    names = [name for name in deal if not name.startswith("_")]
    one, other = chance.sample(reps, 2)
    own = {"rep_id": chance.choice(reps), "period": "2026Q4", "amount": chance.randint(100_000, 400_000)}
    said = own | {"kind": "commit", "submitted_at": f"{chance.choice(days)}T10:00:00"}
    share = {"opportunity_id": deal["opportunity_id"], "share": 0.5}
    records: list[tuple[str, dict[str, object]]] = [
        ("opportunities", {name: deal[name] for name in names}),
        *(("credits", share | {"rep_id": rep_id}) for rep_id in (one, other)),
        ("quotas", own | {"set_on": str(chance.choice(days))}),
        ("submissions", said),
    ]
    moments = [f"{chance.choice(days)}T{chance.randint(6, 20):02}:00:00Z" for _record in records]
    name = chance.random()
    events = [
        arrival(f"c{at} {name}", table, moment, **record)
        for at, ((table, record), moment) in enumerate(zip(records, moments, strict=True))
    ]
    chance.shuffle(events)
    return events


def test_whatever_comes_in_whoever_is_touched_has_the_rows_of_a_full_run(
    workspace: Workspace, result: ScoringResult, tmp_path: Path
) -> None:
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    reps = sorted({row.rep_id for row in result.board})
    since = sorted({row.as_of for row in result.predictions})[-2]
    days = [
        since + timedelta(days=1),
        WATERMARK,
    ]  # what is entered late, but no earlier as-of day knew, is no other case
    chance = Random(3)  # noqa: S311 - no secret
    with PredictionStore.of(own) as store:
        for _round in range(2):
            with SalesHistory.open(own) as history:
                events = random_events(history, chance, reps, days) + random_corrections(history, chance, reps, days)
            store.inbox.take("crm", events)
            taken = ingest_waiting(own, store)
            assert {one.state for one in taken.settled} <= {"ingested", "superseded"}, "every one is good"
            touched = score_touched(own)
            assert touched is not None
            assert set(touched.reps) < set(reps), "not everybody"
        assert store.published_batch() == touched.batch
        kept = {file.stem for file in (own.root / "settings").glob("*.yaml") if not file.stem.startswith("plans-")}
        assert touched.batch.data_hash in kept
        assert len(kept) <= 2, "of batches that are not replayed only the last one's"
        costs, published = costs_of(store), store.content(touched.batch).predictions
        whole = score(own)
        now = {(row.rep_id, row.as_of): row for row in whole.predictions}
        assert {(row.rep_id, row.as_of): row.bookings_quantiles for row in published} == {
            key: row.bookings_quantiles for key, row in now.items()
        }, "of whom nothing was recorded, too"
        made = {(row.rep_id, row.as_of): replace(row, news=None) for row in touched.predictions}
        assert made == {key: row for key, row in now.items() if key[0] in touched.reps}
        assert [cost.so_far for cost in costs] == [cost.so_far for cost in costs_of(store)]
        assert store.audit.check().problems == ()


@pytest.mark.parametrize(
    ("table", "day", "record"),
    [
        ("spend", WATERMARK, {"spent_on": "2026-11-20", "category": "sales", "amount": 5}),
        (
            "activities",
            WATERMARK + timedelta(days=1),
            {"rep_id": "R0002", "occurred_at": "2026-10-05 09:00", "kind": "call"},
        ),
    ],
    ids=["what may concern everybody", "another day"],
)
def test_everybody_is_scored_where_a_part_would_not_do(
    workspace: Workspace, result: ScoringResult, tmp_path: Path, table: str, day: date, record: dict[str, object]
) -> None:
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "ws"))
    with PredictionStore.of(own) as store:
        store.inbox.take("crm", [arrival("e1", table, f"{day}T12:00:00Z", **record)])
        assert ingest_waiting(own, store).version == 2
        assert score_touched(own) is None
        assert store.published_batch() == result.batch
