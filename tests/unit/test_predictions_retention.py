"""What is older than it is kept goes, what still stands stays, and the audit verifies before and after."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from spm_ml.predictions import Key, NewCase, NewSubmission, PredictionStore, Principal, Reply, Scope, schema
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.retention import Pruned, prune
from spm_ml.settings import RetentionSettings
from tests.prediction_world import NORTH, World, make_world

ANNA = Principal("t-1", "Anna Keller", Scope("manager", NORTH))
INES = Principal("t-2", "Ines Moreau", Scope("rep", "r-101"))
EVERYTHING = RetentionSettings(decisions_days=1, cases_days=1, submissions_days=1, audit_days=1, sessions_days=1)


@pytest.fixture
def store(harbour_target: str, harbour: World) -> Iterator[PredictionStore]:
    """With a decision, a number, a case that is closed and one that waits, and a session."""
    with PredictionStore.open(harbour_target) as store:
        fill(store, harbour)
        yield store


def fill(store: PredictionStore, harbour: World) -> None:
    program_id = next(row.program_id for row in harbour.recommendations if row.rep_id == "r-101")

    def decide(bound: PredictionStore) -> Reply:
        bound.decide(ANNA, rep_id="r-101", program_id=program_id, verdict="accepted")
        return Reply(201, "{}")

    store.once(ANNA, Key("k", "f"), decide)
    assert store.submissions.enter(INES, NewSubmission("r-101", "commit", 31_000_000))
    closed = store.cases.open(INES, NewCase("view", "forecast", "Too low."))
    assert closed is not None
    store.cases.answer(ANNA, closed.case_id, "noted", "Thank you.")
    assert store.cases.open(INES, NewCase("contest", "forecast", "Too low."))
    token = store.credentials.issue("hr", label="HR", valid_for=timedelta(hours=1))
    assert store.credentials.open_session(token)


def pruned(store: PredictionStore, days: float, retention: RetentionSettings = EVERYTHING) -> Pruned:
    with writing(store._engine) as connection:
        now = datetime.now(UTC) + timedelta(days=days)
        return prune(connection, retention, actor="operator", dry_run=False, now=now)


def next_period(harbour: World) -> World:
    world = make_world(weeks=1, batch_id="b-next", period="2026Q3")
    return replace(world, recommendations=())


def test_what_is_old_goes_and_the_audit_still_verifies(store: PredictionStore, harbour: World) -> None:
    lines, head = len(tuple(store.audit.entries())), store.audit.check().head
    with reading(store._engine) as connection:
        tokens = len(connection.execute(select(schema.tokens.c.token_id)).all())
        sessions = len(connection.execute(select(schema.sessions.c.session_hash)).all())
    assert pruned(store, 0.5) == Pruned()
    assert len(tuple(store.audit.entries())) == lines, "where nothing goes, nothing is said"
    assert store.audit.prune(EVERYTHING, actor="x", dry_run=True) == Pruned()

    found = pruned(store, 3)
    assert found == Pruned(audit=lines, cases=1, sessions=sessions, tokens=tokens, idempotency=1)
    (line,) = tuple(store.audit.entries())
    assert (line.action, line.actor, line.sequence) == ("audit pruned", "operator", lines + 1)
    assert line.detail["removed"]["audit"] == lines
    assert len(store.decisions()) == 1, "its offer may stand"
    assert len(store.submissions.every()) == 1, "its period runs"
    with store.read(INES.scope) as batch:
        assert [case.kind for case in batch.cases().items] == ["contest"], "it waits for an answer"
    check = store.audit.check(remembered=head)
    assert check.intact, check.problems

    harbour_next = next_period(harbour)
    harbour_next.publish_into(store)
    again = pruned(store, 9)
    assert (again.decisions, again.submissions) == (1, 1)
    assert store.decisions() == store.submissions.every() == ()
    check = store.audit.check()
    assert check.intact, check.problems
    assert check.checkpoint.through_sequence > lines
    assert store.cases.withdraw(INES, 2) is not None, "what is left goes on"
    assert store.audit.check().intact


def test_only_what_a_checkpoint_covers_may_go(store: PredictionStore) -> None:
    pruned(store, 3, RetentionSettings(audit_days=1))
    for statement in (
        "DELETE FROM audit",
        "DELETE FROM decisions",
        "DELETE FROM case_events",
        "DELETE FROM cases",
        "DELETE FROM submissions",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_checkpoints SET through_sequence = 1000",
        "UPDATE audit SET actor = 'x'",
        "UPDATE decisions SET reason = 'x'",
        "UPDATE submissions SET amount = 1",
    ):
        with pytest.raises(DatabaseError, match="append-only"), writing(store._engine) as connection:
            connection.execute(text(statement))
    assert len(store.decisions()) == 1
    assert store.audit.check().intact


def test_without_numbers_only_access_that_is_over_goes(harbour_file: Path, tmp_path: Path) -> None:
    shutil.copy(harbour_file, tmp_path / "a.db")
    with PredictionStore.open(tmp_path / "a.db") as store:
        store.credentials.issue("hr", label="HR", valid_for=timedelta(hours=1))
        kept = store.credentials.issue("hr", label="HR", valid_for=timedelta(days=90))
        lines = len(tuple(store.audit.entries()))
        found = pruned(store, 40, RetentionSettings())
        assert found.tokens >= 1
        assert found == Pruned(tokens=found.tokens, sessions=found.sessions)
        assert store.credentials.principal_of_token(kept) is not None
        assert len(tuple(store.audit.entries())) == lines + 1
        assert store.audit.check().intact
        with reading(store._engine) as connection:
            assert connection.execute(select(schema.audit_checkpoints)).all() == []


def test_the_words_of_what_goes_are_overwritten(harbour_file: Path, tmp_path: Path) -> None:
    path, words = tmp_path / "a.db", "My mother was ill in May."
    shutil.copy(harbour_file, path)
    with PredictionStore.open(path) as store:
        case = store.cases.open(INES, NewCase("view", "forecast", words))
        assert case is not None
        store.cases.answer(ANNA, case.case_id, "noted", "Thank you.")
    assert words.encode() in path.read_bytes()
    with PredictionStore.open(path) as store:
        assert pruned(store, 3, RetentionSettings(cases_days=1)).cases == 1
        assert store.audit.check().intact
    assert words.encode() not in path.read_bytes()
