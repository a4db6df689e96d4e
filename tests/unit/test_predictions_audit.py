"""The audit verifies as it was written, and every way of tampering with it is found, on each database."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from spm_ml.errors import SpmError
from spm_ml.predictions import AuditCheck, AuditHead, NewCase, NewSubmission, PredictionStore, Principal, Scope, Verdict
from spm_ml.predictions.audit import FIRST_HASH, chained, record
from spm_ml.predictions.audit_export import export_audit
from spm_ml.predictions.engine import writing
from spm_ml.predictions.retention import BrokenAuditError, prune
from spm_ml.settings import RetentionSettings
from tests.prediction_world import NORTH, World

ANNA = Principal("t-1", "Anna Keller", Scope("manager", NORTH))
INES = Principal("t-2", "Ines Moreau", Scope("rep", "r-101"))
PROTECTED = ("audit", "audit_checkpoints", "decisions", "cases", "case_events", "submissions")


SAID: tuple[tuple[Verdict, str], ...] = (
    ("accepted", ""),
    ("reversed", "=1+1"),
    ("overridden", "on leave"),
    ("accepted", "after all"),
)


@pytest.fixture
def store(harbour_target: str, harbour: World) -> Iterator[PredictionStore]:
    """With four decisions, a case that was answered, and a number that was entered."""
    program_id = next(row.program_id for row in harbour.recommendations if row.rep_id == "r-101")
    with PredictionStore.open(harbour_target) as store:
        for verdict, reason in SAID:
            store.decide(ANNA, rep_id="r-101", program_id=program_id, verdict=verdict, reason=reason)
        assert store.submissions.enter(INES, NewSubmission("r-101", "commit", 31_000_000))
        case = store.cases.open(INES, NewCase("contest", "forecast", "Too low."))
        assert case is not None
        store.cases.answer(ANNA, case.case_id, "rejected", "As far as we see.")
        yield store


def unprotected(store: PredictionStore, *statements: str) -> None:
    """Does what somebody does who may do everything with the database."""
    with writing(store._engine) as connection:
        if connection.dialect.name == "postgresql":
            for table in PROTECTED:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        else:
            triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in triggers:
                connection.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            connection.execute(text(statement))


COPY = "account_id, actor, action, subject, batch_id, model_version, watermark, detail, previous_hash, hash"
LAST = "(SELECT MAX(sequence) FROM audit)"
TAMPERED: dict[str, tuple[str, ...]] = {
    "an actor changed": ("UPDATE audit SET actor = 'Ben Osei' WHERE sequence = 3",),
    "a time changed": ("UPDATE audit SET at = '2020-01-01 00:00:00.000000+00:00' WHERE sequence = 4",),
    "a detail changed": ("UPDATE audit SET detail = '{}' WHERE action = 'decision reversed'",),
    "a model version changed": ("UPDATE audit SET model_version = '8' WHERE action = 'recommendation overridden'",),
    "an account taken away": ("UPDATE audit SET account_id = NULL WHERE action = 'recommendation overridden'",),
    "the first line removed": ("DELETE FROM audit WHERE sequence = 1",),
    "a line in the middle removed": ("DELETE FROM audit WHERE sequence = 3",),
    "the last lines removed": (f"DELETE FROM audit WHERE sequence >= {LAST} - 1",),
    "all lines removed": ("DELETE FROM audit",),
    "two lines swapped": (
        "UPDATE audit SET sequence = -1 WHERE sequence = 2",
        "UPDATE audit SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit SET sequence = 3 WHERE sequence = -1",
    ),
    "a line added": (
        f"INSERT INTO audit (sequence, at, {COPY}) SELECT sequence + 100, at, {COPY} FROM audit WHERE sequence = 2",
    ),
    "a decision changed": ("UPDATE decisions SET verdict = 'declined' WHERE decision_id = 1",),
    "a reason changed": ("UPDATE decisions SET reason = 'other' WHERE decision_id = 3",),
    "a decision removed": ("DELETE FROM decisions WHERE decision_id = 2",),
    "a decision added": (
        "INSERT INTO decisions (decision_id, decided_at, batch_id, period, rep_id, program_id, verdict, reason, "
        "decided_by, role) SELECT decision_id + 50, decided_at, batch_id, period, rep_id, program_id, 'declined', "
        "reason, decided_by, role FROM decisions WHERE decision_id = 1",
    ),
    "the text of a case changed": ("UPDATE cases SET text = 'Fine.'",),
    "an answer changed": ("UPDATE case_events SET status = 'upheld'",),
    "an answer removed": ("DELETE FROM case_events",),
    "a case removed": ("DELETE FROM case_events", "DELETE FROM cases"),
    "an amount changed": ("UPDATE submissions SET amount = 1",),
    "a submission removed": ("DELETE FROM submissions",),
    "a checkpoint made up": (
        "INSERT INTO audit_checkpoints (at, through_sequence, hash, decisions_through, cases_through, "
        "submissions_through, assessments_through, feedback_through, actor) "
        "SELECT at, sequence, hash, 4, 1, 0, 0, 0, 'nobody' FROM audit WHERE sequence = 4",
        "DELETE FROM audit WHERE sequence <= 4",
    ),
}  # fmt: skip


def test_what_was_written_verifies_and_every_tampering_is_found(store: PredictionStore) -> None:
    """One transaction a fault, rolled back, so that one store serves all of them."""
    check = store.audit.check()
    assert check.intact, check.problems
    assert check.lines == len(tuple(store.audit.entries())) == check.head.sequence
    assert store.audit.check(remembered=check.head).intact
    unprotected(store)
    missed = []
    for name, statements in TAMPERED.items():
        if store.audit.check(remembered=None).problems:
            pytest.fail(f"a fault before {name!r} was left behind")
        found = tampered(store, lambda connection, run=statements: [connection.execute(text(one)) for one in run])
        if not found.problems:
            missed.append(name)
    assert missed == []


class UndoneError(Exception):
    """Rolls a transaction back."""


def tampered(
    store: PredictionStore, change: Callable[[Connection], object], remembered: AuditHead | None = None
) -> AuditCheck:
    """What a check finds after a change that is not kept."""
    found: list[AuditCheck] = []
    with suppress(UndoneError), writing(store._engine) as connection:
        change(connection)
        found.append(PredictionStore(connection).audit.check(remembered=remembered))
        raise UndoneError
    return found[0]


def test_a_chain_made_anew_is_found_by_whoever_remembers_its_head(store: PredictionStore) -> None:
    head = store.audit.check().head
    unprotected(store)

    def forge(connection: Connection) -> None:
        """Rewrites everything that was ever said, with all its hashes."""
        connection.execute(text("UPDATE audit SET actor = 'nobody'"))
        previous = FIRST_HASH
        for line in tuple(PredictionStore(connection).audit.entries()):
            row = vars(line) | {"detail": json.dumps(line.detail, ensure_ascii=False), "previous_hash": previous}
            change = text("UPDATE audit SET previous_hash = :previous, hash = :hash WHERE sequence = :sequence")
            values = {"previous": previous, "hash": chained(row), "sequence": line.sequence}
            connection.execute(change, values)
            previous = values["hash"]

    assert tampered(store, forge).intact, "a chain alone cannot know"
    assert [problem.text for problem in tampered(store, forge, head).problems] == [
        f"line {head.sequence} is not the remembered one"
    ]

    def cut(connection: Connection) -> None:
        connection.execute(text(f"DELETE FROM audit WHERE sequence > {head.sequence}"))

    with writing(store._engine) as connection:
        record(connection, actor="operator", action="looked", subject="store")
    later = store.audit.check(remembered=head)
    assert later.intact, "an older head stays good"
    assert tampered(store, cut).intact, "nothing names this line"
    (problem,) = tampered(store, cut, later.head).problems
    assert "ends before the remembered line" in problem.text


def test_the_first_problem_names_its_line(store: PredictionStore) -> None:
    unprotected(store, "UPDATE audit SET actor = 'x' WHERE sequence = 3", "DELETE FROM audit WHERE sequence = 5")
    check = store.audit.check()
    assert [(problem.sequence, problem.text) for problem in check.problems[:2]] == [
        (3, "it was changed after it was written"),
        (6, "it does not follow from line 4: one is missing, new or moved"),
    ]
    now, days = datetime.now(UTC) + timedelta(days=2), RetentionSettings(audit_days=1)
    with pytest.raises(BrokenAuditError, match="nothing was removed"), writing(store._engine) as connection:
        prune(connection, days, actor="x", dry_run=False, now=now)


def test_export_holds_every_line_and_no_formula(store: PredictionStore, tmp_path: Path) -> None:
    trail = tuple(store.audit.entries())
    assert export_audit(store.audit.entries(), tmp_path / "a.jsonl") == len(trail)
    previous = FIRST_HASH
    for raw in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(raw)
        assert row["previous_hash"] == previous
        row["detail"] = json.dumps(row["detail"], ensure_ascii=False)
        previous = row["hash"]
        assert chained(row | {"at": datetime.fromisoformat(row["at"])}) == previous, "it can be checked from the file"
    with writing(store._engine) as connection:
        for actor in ("=cmd|' /C calc'!A0", " +1", "@x", "\tx", "-2", "plain"):
            record(connection, actor=actor, action="looked", subject="store")
    since = trail[-1].at
    export_audit(store.audit.entries(since=since), tmp_path / "a.csv")
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["actor"] for row in rows] == [
        "Anna Keller", "'=cmd|' /C calc'!A0", "' +1", "'@x", "'\tx", "'-2", "plain"
    ]  # fmt: skip
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SpmError, match=r"\.jsonl or \.csv"):
        export_audit((), tmp_path / "a.txt")


def test_nothing_goes_without_a_checkpoint(store: PredictionStore) -> None:
    for table in ("audit", "decisions", "cases", "case_events", "submissions"):
        with pytest.raises(DatabaseError, match="append-only"), writing(store._engine) as connection:
            connection.execute(text(f"DELETE FROM {table}"))
