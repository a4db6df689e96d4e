import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from spm_ml.predictions import PredictionStore, Scope, SessionLimits, schema
from spm_ml.predictions.credentials import hashed
from spm_ml.predictions.engine import connect, writing

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    with PredictionStore.open(tmp_path / "predictions.db") as opened:
        yield opened


def test_a_token_opens_what_it_was_issued_for(store: PredictionStore) -> None:
    token = store.credentials.issue("manager", rep_id="m-1", label="Anna", valid_for=DAY)
    principal = store.credentials.principal_of_token(token)
    assert principal is not None
    assert (principal.label, principal.scope) == ("Anna", Scope("manager", "m-1"))
    assert store.credentials.principal_of_token(token + "x") is None
    assert store.credentials.principal_of_token("") is None


def test_expired_and_revoked_tokens_open_nothing_nor_do_their_sessions(store: PredictionStore) -> None:
    access = store.credentials
    assert access.principal_of_token(access.issue("hr", label="late", valid_for=-DAY)) is None
    token = access.issue("hr", label="Hanna", valid_for=DAY)
    session = access.open_session(token)
    assert session is not None
    assert access.principal_of_session(session) is not None
    assert access.retire(label_prefix="Hanna") == 1
    assert access.principal_of_token(token) is None
    assert access.principal_of_session(session) is None
    assert access.open_session(token) is None
    assert access.retire(label_prefix="Hanna") == 0


def test_a_closed_session_is_over_while_the_token_holds(store: PredictionStore) -> None:
    access = store.credentials
    token = access.issue("analyst", label="Ana", valid_for=DAY)
    first, second = access.open_session(token), access.open_session(token)
    assert first is not None
    assert second is not None
    access.close_session(first)
    access.close_session("unknown")
    assert access.principal_of_session(first) is None
    assert access.principal_of_session(second) is not None
    assert access.principal_of_session(token) is None


def test_a_session_that_is_not_used_ends_before_its_time(store: PredictionStore, tmp_path: Path) -> None:
    access, hour, minute = store.credentials, timedelta(hours=1), timedelta(minutes=1)
    limits = SessionLimits(length=3 * hour, idle=hour)
    key = access.open_session(access.issue("hr", label="Hanna", valid_for=DAY), limits)
    assert key is not None

    def now() -> datetime:
        return datetime.now(UTC)

    principal = access.principal_of_session(key)
    assert principal is not None
    span = principal.session
    assert span is not None
    assert span.ends_at - span.opened_at == hour
    assert limits.renewed(span, span.opened_at + 4 * minute) is None, "a page is read without a write"
    later = limits.renewed(span, span.opened_at + 30 * minute)
    assert later == span.opened_at + 90 * minute
    assert limits.renewed(span, span.opened_at + 2.5 * hour) == span.opened_at + 3 * hour, "used or not"
    access.renew_session(key, later)
    renewed = access.principal_of_session(key)
    assert renewed is not None
    assert renewed.session is not None
    assert renewed.session.ends_at == later

    engine = connect(tmp_path / "predictions.db")
    with writing(engine) as connection:
        connection.execute(update(schema.sessions).values(expires_at=now() - minute))
    engine.dispose()
    assert access.principal_of_session(key) is None
    access.renew_session(key, now() + hour)
    assert access.principal_of_session(key) is None, "what is over stays so"


def test_only_hashes_are_stored(store: PredictionStore, tmp_path: Path) -> None:
    token = store.credentials.issue("analyst", label="Ana", valid_for=DAY)
    session = store.credentials.open_session(token)
    assert session is not None
    connection = sqlite3.connect(tmp_path / "predictions.db")
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert token not in dump
    assert session not in dump
    assert hashed(token) in dump


def test_issuing_logging_in_and_revoking_are_audited(store: PredictionStore) -> None:
    token = store.credentials.issue("rep", rep_id="r-1", label="Rita", valid_for=DAY)
    store.credentials.open_session(token)
    store.credentials.retire(label_prefix="Rita", actor="admin")
    actions = ["account added", "token issued", "logged in", "accounts disabled"]
    assert [line.action for line in tuple(store.audit.entries())] == actions


def test_a_token_for_nobody_is_refused(store: PredictionStore) -> None:
    with pytest.raises(ValueError, match="must name a rep_id"):
        store.credentials.issue("manager", label="?", valid_for=DAY)


def test_a_lone_surrogate_is_just_a_wrong_token(store: PredictionStore) -> None:
    assert store.credentials.principal_of_token("\ud800") is None
