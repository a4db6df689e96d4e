import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import DatabaseError

from spm_ml.errors import ConfigurationError
from spm_ml.predictions import (
    Champion,
    ForecastPart,
    NothingToReverseError,
    PredictionStore,
    Principal,
    Recommendation,
    Scope,
    migrations,
    opening,
)
from spm_ml.predictions.engine import connect, reading, writing
from spm_ml.predictions.schema import metadata
from tests.coaching_world import make_coaching, make_fairness
from tests.prediction_world import NORTH, VP, World, make_world


@pytest.fixture(autouse=True)
def by_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each store here is made by the scripts themselves."""
    monkeypatch.setattr(opening, "migrate", migrations.migrate)


@pytest.fixture
def target(empty_target: str) -> str:
    return empty_target


def test_the_scripts_make_the_tables_that_the_code_declares(target: str) -> None:
    engine = connect(target)
    migrations.migrate(engine)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
        assert migrations.current_revision(connection) == migrations.HEAD
    engine.dispose()


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_down_and_up_again_with_data_in_it(target: str) -> None:
    world = make_world(weeks=1)
    with PredictionStore.open(target) as store:
        world.publish_into(store)
    engine = connect(target)
    with writing(engine) as connection:
        migrations.change_to(connection, "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    engine.dispose()
    with PredictionStore.open(target) as store:
        assert store.published_batch() is None
        world.publish_into(store)


OLD_DRIVERS = [
    {"label": "Booked so far", "points": 0.1, "amount": 3_000_000, "text": "30 000 of a quota of 300 000."},
    {"label": "Pace so far", "points": -0.05, "amount": -1_500_000, "text": "10% of the quota is booked."},
]


@pytest.fixture
def world() -> World:
    return make_world(weeks=2)


@pytest.fixture
def first_store(target: str, world: World) -> Iterator[Engine]:
    """A store as the first revision kept it, with a batch in it."""
    with PredictionStore.open(target) as store:
        world.publish_into(store)
    engine = connect(target)
    with writing(engine) as connection:
        migrations.change_to(connection, "0001")
    yield engine
    engine.dispose()


def bodies(engine: Engine, table: str) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [json.loads(body) for body in connection.execute(text(f"SELECT body FROM {table}")).scalars()]


def test_going_back_keeps_what_the_first_store_knew(first_store: Engine, world: World) -> None:
    kept = bodies(first_store, "predictions")
    assert len(kept) == len(world.predictions)
    news = {"parts", "change", "deals", "without_largest", "submissions"}
    assert not any(news & set(body) for body in kept)
    row = world.current("r-101")
    drivers = next(body["drivers"] for body in kept if body["rep_id"] == "r-101" and body["drivers"])
    assert [(one["label"], one["amount"]) for one in drivers] == [(one.label, round(one.amount)) for one in row.parts]
    teams = bodies(first_store, "teams")
    assert len(teams) == sum(one.level == "team" for one in world.teams)
    # A name that an older release does not know is passed over when it reads a body.
    assert set(teams[0]) - {"growth", "fine_quantiles"} == {
        "manager_id", "manager_name", "period", "as_of", "quota", "booked", "metrics", "reps_at_risk", "reps"
    }  # fmt: skip


def test_batches_of_the_first_store_are_read_after_the_upgrade(first_store: Engine, target: str, world: World) -> None:
    with writing(first_store) as connection:
        rows = connection.execute(text("SELECT rep_id, as_of, body FROM predictions")).mappings().all()
        for row in rows:
            body = json.loads(row["body"])
            body["drivers"] = OLD_DRIVERS if body["drivers"] else []
            connection.execute(
                text("UPDATE predictions SET body = :body WHERE rep_id = :rep_id AND as_of = :as_of"),
                dict(row) | {"body": json.dumps(body)},
            )
    with PredictionStore.open(target) as store:
        batch = store.published_batch()
        assert batch == replace(world.batch, usual_share=None), "what was usual on its day was not kept then"
        content = store.content(batch)
        with store.read(Scope("manager", VP)) as reader:
            assert {team.label for team in reader.groups("team")} == {"Vera Lindqvist", "Anna Keller", "Ben Osei"}
    before = {(row.rep_id, row.as_of): row for row in world.predictions}
    assert len(content.predictions) == len(before)
    for row in content.predictions:
        was = before[row.rep_id, row.as_of]
        bare = {"parts": (), "change": None, "deals": (), "without_largest": None, "submissions": ()}
        assert replace(row, **bare) == replace(was, **bare)
        assert (row.change, row.deals, row.without_largest, row.submissions) == (None, (), None, ())
        assert bool(row.parts) is bool(was.parts)
    row = next(row for row in content.predictions if row.rep_id == "r-101" and row.parts)
    booked, still = row.parts
    assert booked == ForecastPart(
        "booked", "Booked so far", row.booked, row.booked / 30_000_000, "Credited in this period already."
    )
    assert still.slug == "still_to_come"
    assert booked.amount + still.amount == row.quantile(0.5)
    assert [driver.label for driver in still.drivers] == ["Pace so far"]
    bare_group = {"bookings_quantiles": None, "mean_bookings": None, "p_hit": None, "own_quota": None}
    bare_group |= {"p_hit_own": None, "parts": (), "change": None, "independent_range": None}
    assert set(content.teams) == {replace(team, **bare_group) for team in world.teams if team.level == "team"}


def test_an_old_row_without_quota_or_forecast_is_read_too(first_store: Engine, target: str, world: World) -> None:
    del first_store
    with PredictionStore.open(target) as store:
        content = store.content(world.batch)
    rows = {row.rep_id: row for row in content.predictions if row.as_of == world.batch.as_of}
    assert [part.points for part in rows["r-106"].parts] == [None, None]
    assert rows["r-107"].parts == ()


DECISION = (
    "INSERT INTO decisions (decided_at, batch_id, period, rep_id, program_id, verdict, reason, decided_by, role) "
    "VALUES ('2026-06-01 10:00:00+00:00', 'b-0001', '2026Q2', :rep, :program, :verdict, :reason, 'Anna Keller', "
    "'manager')"
)


@pytest.fixture
def offer(world: World) -> Recommendation:
    return next(row for row in world.recommendations if row.rep_id == "r-101")


def test_decisions_of_the_second_store_are_kept_and_can_be_taken_back(
    target: str, world: World, offer: Recommendation
) -> None:
    with PredictionStore.open(target) as store:
        world.publish_into(store)
    engine = connect(target)
    with writing(engine) as connection:
        migrations.change_to(connection, "0002")
        for verdict, reason in (("accepted", ""), ("overridden", "on leave")):
            row = {"rep": "r-101", "program": offer.program_id, "verdict": verdict, "reason": reason}
            connection.execute(text(DECISION), row)
    engine.dispose()
    key = {"rep_id": "r-101", "program_id": offer.program_id}
    anna = Principal("t", "Anna Keller", Scope("manager", NORTH))
    with PredictionStore.open(target) as store:
        assert [decision.verdict for _, decision in store.decisions()] == ["accepted", "overridden"]
        assert store.decisions()[0][1].decided_at == datetime(2026, 6, 1, 10, tzinfo=UTC)
        assert store.decide(anna, **key, verdict="reversed", reason="back already") is not None
        assert store.coaching(world.batch).diagnoses == ()
        with store.read(anna.scope) as batch:
            assert batch.plan_summary() is None
            assert batch.covariance() == ()


def test_going_back_keeps_every_decision_in_words_the_second_store_knew(
    target: str, world: World, offer: Recommendation
) -> None:
    key = {"rep_id": "r-101", "program_id": offer.program_id}
    anna = Principal("t-1", "Anna Keller", Scope("manager", NORTH))
    ines = Principal("t-2", "Ines Moreau", Scope("rep", "r-101"))
    with PredictionStore.open(target) as store:
        world.publish_into(store)
        store.publish_coaching(make_coaching(world))
        store.decide(anna, **key, verdict="accepted")
        store.decide(anna, **key, verdict="reversed", reason="too early")
        store.decide(ines, **key, verdict="declined")
    engine = connect(target)
    with writing(engine) as connection:
        migrations.change_to(connection, "0002")
        rows = connection.execute(text("SELECT verdict, reason FROM decisions ORDER BY decision_id")).all()
        assert [tuple(row) for row in rows] == [
            ("accepted", ""), ("overridden", "Reversed: too early"), ("overridden", "Declined")
        ]  # fmt: skip
        assert not {"assignments", "diagnoses", "plans"} & set(inspect(connection).get_table_names())
    with pytest.raises(DatabaseError, match="append-only"), writing(engine) as connection:
        connection.execute(text("DELETE FROM decisions"))
    with writing(engine) as connection:
        migrations.change_to(connection, migrations.HEAD)
    engine.dispose()
    with PredictionStore.open(target) as store:
        assert store.content(world.batch).recommendations
        assert store.decide(anna, **key, verdict="accepted") is not None
        assert len(store.decisions()) == 4


NOW = datetime(2026, 6, 1, 10, tzinfo=UTC)
ROWS: dict[str, dict[str, Any]] = {
    "what_if_inputs": {"batch_id": "b-0001", "rep_id": "r-101", "body": "{}"},
    "accounts": {"account_id": "t-1", "label": "Anna Keller", "role": "manager", "rep_id": NORTH, "created_at": NOW},
    "tokens": {
        "token_id": "t-1", "account_id": "t-1", "token_hash": "0" * 64, "label": "Anna Keller", "created_at": NOW,
        "expires_at": NOW, "revoked_at": NOW,
    },
    "sessions": {
        "session_hash": "1" * 64, "account_id": "t-1", "token_id": "t-1", "method": "token", "created_at": NOW,
        "expires_at": NOW,
    },
    "cases": {
        "opened_at": NOW, "batch_id": "b-0001", "period": "2026Q2", "rep_id": "r-101", "kind": "contest",
        "about": "forecast", "text": "no", "account_id": "t-1", "opened_by": "Ines",
    },
    "case_events": {
        "case_id": 1, "at": NOW, "status": "open", "text": "", "account_id": "t-1", "answered_by": "Ines",
        "role": "rep",
    },
    "assessments": {
        "at": NOW, "assessed_on": NOW.date(), "batch_id": "b-0001", "period": "2026Q2", "rep_id": "r-101",
        "skill": "discovery", "score": 3, "assessor": "self", "account_id": "t-1", "assessed_by": "Ines",
    },
    "feedback": {
        "at": NOW, "batch_id": "b-0001", "period": "2026Q2", "rep_id": "r-101", "about": "forecast",
        "verdict": "useful", "text": "", "account_id": "t-1", "given_by": "Ines", "role": "rep",
    },
    "pulses": {
        "at": NOW, "batch_id": "b-0001", "period": "2026Q2", "rep_id": "r-101", "pipeline": 1, "quota": 2,
        "workload": 3, "support": 4, "focus": 5, "shared": True, "terms": "2026-11", "salt": "4" * 32,
        "account_id": "t-1",
    },
    "pulse_withdrawals": {
        "at": NOW, "pulse_id": 9, "newest_pulse_id": 9, "period": "2026Q2", "rep_id": "r-101", "account_id": "t-1",
    },
    "notes": {
        "at": NOW, "about_on": NOW.date(), "batch_id": "b-0001", "period": "2026Q2", "rep_id": "r-101",
        "topic": "progress", "text": "so", "account_id": "t-1", "written_by": "Anna Keller",
    },
    "agreements": {
        "at": NOW, "batch_id": "b-0001", "period": "2026Q2", "rep_id": "r-101", "text": "so", "behaviour": "other",
        "source": "talk", "program_id": None, "due_on": NOW.date(), "doer": "both", "side": "manager",
        "account_id": "t-1", "proposed_by": "Anna Keller",
    },
    "agreement_events": {
        "agreement_id": 1, "at": NOW, "step": "agreed", "text": "", "side": "rep", "account_id": "t-1",
        "taken_by": "Ines",
    },
    "digest_refusals": {"account_id": "t-1", "at": NOW},
    "digests": {"account_id": "t-1", "week": "2026-06-01", "way": "smtp", "state": "sent", "at": NOW, "detail": ""},
    "idempotency": {
        "account_id": "t-1", "key_hash": "2" * 64, "fingerprint": "3" * 64, "status": 201, "body": "{}",
        "created_at": NOW,
    },
    "audit_checkpoints": {
        "at": NOW, "through_sequence": 0, "hash": "0" * 64, "actor": "operator", "decisions_through": 0,
        "cases_through": 0, "submissions_through": 0, "assessments_through": 0,
        "feedback_through": 0,
    },
    "outcomes": {
        "period": "2026Q1", "rep_id": "r-101", "bookings": 9_000_000_000, "revenue": 9_000_000_000, "quota": None,
        "censored": False, "currency": "EUR", "minor_digits": 2, "batch_id": "b-0001", "data_version": 3,
        "watermark": NOW.date(), "said_at": NOW,
    },
    "quota_proposals": {
        "proposed_at": NOW, "period": "2026Q3", "as_of": NOW.date(), "currency": "EUR", "minor_digits": 2,
        "model_name": "m", "model_version": "7", "data_version": 3, "data_hash": "a", "actor": "operator", "body": "{}",
    },
    "proposed_quotas": {"proposal_id": 1, "rep_id": "r-101", "quota": 9_000_000_000, "body": "{}"},
    "company_goals": {
        "set_at": NOW, "period": "2026Q3", "amount": 9_000_000_000, "currency": "EUR", "minor_digits": 2,
        "proposal_id": 1, "data_version": 4, "reason": "the board's plan", "actor": "operator",
    },
    "submissions": {
        "submitted_at": NOW, "batch_id": "b-0001", "watermark": NOW.date(), "period": "2026Q2", "rep_id": "r-101",
        "kind": "commit", "amount": 1, "currency": "EUR", "minor_digits": 2, "note": "", "account_id": "t-1",
        "submitted_by": "Ines", "role": "rep",
    },
    "receipts": {"receipt_id": "c" * 32, "source": "erp", "received_at": NOW, "event_ids": "[]"},
    "events": {
        "source": "erp", "event_id": "e-1", "content_hash": "0" * 64, "table_name": "quotas", "recorded_at": NOW,
        "received_at": NOW, "state": "waiting",
    },
    "pay_closings": {
        "period": "2026Q1", "period_start": NOW.date(), "period_end": NOW.date(), "closed_at": NOW, "closed_by": "Ida",
        "as_of": NOW.date(), "data_version": 3, "data_hash": "5f", "currency": "EUR", "minor_digits": 2, "plans": "[]",
        "statements": 1, "amount": 9_000_000_000, "statements_hash": "0" * 64,
    },
    "pay_statements": {
        "period": "2026Q1", "rep_id": "r-101", "plan_id": "ae", "plan_version": "5f", "amount": 9_000_000_000,
        "body": "{}",
    },
    "agreement_moves": {
        "agreement_id": 1, "at": NOW, "due_on": NOW.date(), "text": "Ill.", "side": "rep", "account_id": "t-1",
        "taken_by": "Ines",
    },
    "pay_leavers": {"period": "2026Q1", "rep_id": "r-101", "name": "Ines", "manager_id": "m-1"},
}  # fmt: skip
BORN_WITH_0005 = {"fairness_audits", "model_evidence", "assessments", "feedback", "submissions"}
BORN_WITH_0006 = {"outcomes"}
BORN_WITH_0007 = {"pulses", "pulse_withdrawals", "notes", "agreements", "agreement_events"}
BORN_WITH_0008 = {"receipts", "events"}
BORN_WITH_0009 = {"pay_closings", "pay_statements", "running_statements", "running_plans", "pay_costs"}
BORN_WITH_0010 = {"quota_proposals", "proposed_quotas", "company_goals"}
BORN_WITH_0011 = {"digest_refusals", "digests"}
BORN_WITH_0013 = {"pay_leavers"}
BORN_WITH_0014 = {"agreement_moves"}
BORN_SINCE_0011 = BORN_WITH_0011 | BORN_WITH_0013 | BORN_WITH_0014
BORN_SINCE_0010 = BORN_WITH_0010 | BORN_SINCE_0011
BORN_SINCE_0009 = BORN_WITH_0009 | BORN_SINCE_0010
BORN_SINCE_0008 = BORN_WITH_0008 | BORN_SINCE_0009
BORN_SINCE_0007 = BORN_WITH_0007 | BORN_SINCE_0008
BORN_SINCE_0006 = BORN_WITH_0006 | BORN_SINCE_0007
BORN_SINCE_0005 = BORN_WITH_0005 | BORN_SINCE_0006
BORN_LATER = BORN_SINCE_0005 | {
    "what_if_inputs",
    "what_if_models",
    "cases",
    "case_events",
    "idempotency",
    "audit_checkpoints",
    "champions",
}
OF_THE_CHAIN = {"account_id", "previous_hash", "hash"}


def rows_of(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with reading(engine) as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


def known_before(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the audit without its place in a chain and the row that it vouches for."""
    detail = {key: value for key, value in json.loads(line["detail"]).items() if key != "row"}
    return {key: line[key] for key in line if key not in OF_THE_CHAIN} | {"detail": detail}


@pytest.mark.parametrize(
    ("revision", "born_later"),
    [
        ("0003", BORN_LATER),
        ("0004", BORN_SINCE_0005),
        ("0005", BORN_SINCE_0006),
        ("0006", BORN_SINCE_0007),
        ("0007", BORN_SINCE_0008),
        ("0008", BORN_SINCE_0009),
        ("0009", BORN_SINCE_0010),
        ("0010", BORN_SINCE_0011),
    ],
)
def test_every_row_that_the_store_before_knew_comes_back(
    target: str, world: World, offer: Recommendation, revision: str, born_later: set[str]
) -> None:
    anna = Principal("t-1", "Anna Keller", Scope("manager", NORTH))
    with PredictionStore.open(target) as store:
        world.publish_into(store)
        store.publish_coaching(make_coaching(world))
        store.publish_fairness(world.batch, make_fairness())
        store.decide(anna, rep_id="r-101", program_id=offer.program_id, verdict="accepted")
        store.champions.name(Champion("spm-attainment", "7", "workspace", "Ida", "passed the gate"))
    engine = connect(target)
    with writing(engine) as connection:
        for table in metadata.sorted_tables:
            if table.name in ROWS:
                connection.execute(table.insert().values(ROWS[table.name]))
    before = rows_of(engine)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    with writing(engine) as connection:
        migrations.change_to(connection, revision)
    with writing(engine) as connection:
        migrations.change_to(connection, migrations.HEAD)
    after = rows_of(engine)
    for name in before:
        if name in born_later:
            assert after[name] == []
        elif name == "audit" and revision == "0003":
            assert [known_before(row) for row in after[name]] == [known_before(row) for row in before[name]]
        else:  # what nobody checked is not disclosed, and what was usual on a day was not kept before 0010
            unknown = {"disclosable": False} if name == "teams" and revision == "0003" else {}
            checked = {"usual_share": None} if name == "batches" and revision < "0010" else unknown
            assert after[name] == [row | checked for row in before[name]], name
    with writing(engine) as connection:
        connection.execute(
            metadata.tables["decisions"]
            .insert()
            .values({key: value for key, value in before["decisions"][0].items() if key != "decision_id"})
        )
    assert [row["decision_id"] for row in rows_of(engine)["decisions"]] == [1, 2]
    engine.dispose()


def test_records_are_append_only_on_each_database(target: str, world: World) -> None:
    with PredictionStore.open(target) as store:
        world.publish_into(store)
        store.publish_coaching(make_coaching(world))
    engine = connect(target)
    for table in ("assignments", "audit"):
        with pytest.raises(DatabaseError, match="append-only"), writing(engine) as connection:
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()


def test_two_who_decide_at_once_wait_for_each_other(target: str, world: World, offer: Recommendation) -> None:
    anna = Principal("t", "Anna Keller", Scope("manager", NORTH))
    key = {"rep_id": "r-101", "program_id": offer.program_id}
    with PredictionStore.open(target) as store:
        world.publish_into(store)
        assert store.decide(anna, **key, verdict="accepted") is not None

        def taken_back(_: int) -> bool:
            try:
                return store.decide(anna, **key, verdict="reversed", reason="so") is not None
            except NothingToReverseError:
                return False

        def published(_: int) -> int:
            return store.publish_coaching(make_coaching(world))

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(taken_back, range(4))) == 1
            list(pool.map(published, range(4)))
        lines = [(line.rep_id, line.program_id, line.event) for line in store.assignments.lines()]
        assert len(lines) == len(set(lines)) > 0


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    PredictionStore.open(tmp_path / "a.db").close()
    engine = connect(tmp_path / "a.db")
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match=r"revision '9999'.*written by a newer one"):
        PredictionStore.open(tmp_path / "a.db")


def test_opening_a_migrated_store_needs_no_alembic(tmp_path: Path) -> None:
    PredictionStore.open(tmp_path / "a.db").close()
    code = (
        "import sys; from spm_ml.predictions import PredictionStore; "
        f"PredictionStore.open({str(tmp_path / 'a.db')!r}).close(); "
        "heavy = {'alembic', 'pandas', 'ibis', 'duckdb', 'mlflow', 'lightgbm', 'sklearn'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONWARNINGS": "error"})
