"""The pulse, notes and agreements: consent, who may say what to whom, what is kept, and what goes when it must."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from spm_ml.cli.main import spm
from spm_ml.errors import NotReadyError
from spm_ml.predictions import (
    AgreementStepError,
    ConsentMissingError,
    DueDayError,
    Key,
    NewAgreement,
    NewCase,
    NoteDayError,
    PredictionStore,
    Principal,
    PulseQuestion,
    Reply,
    Scope,
    UnknownBehaviourError,
    schema,
)
from spm_ml.predictions.agreements import steps_from
from spm_ml.predictions.audit import digest
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.pulses import QUESTIONS
from spm_ml.predictions.retention import Pruned, prune
from spm_ml.settings import Organisation, RetentionSettings, Workspace
from tests.coaching_world import make_coaching
from tests.prediction_world import NORTH, SOUTH, VP, World, make_world

INES = Principal("t-1", "Ines Moreau", Scope("rep", "r-101"))
ANNA = Principal("t-3", "Anna Keller", Scope("manager", NORTH))
VERA = Principal("t-5", "Vera Lindqvist", Scope("manager", VP))
HR = Principal("t-6", "HR", Scope("hr"))
ANALYST = Principal("t-9", "Analyst", Scope("analyst"))
OUTSIDERS = (
    Principal("t-2", "Jonas Weber", Scope("rep", "r-102")),
    Principal("t-4", "Ben Osei", Scope("manager", SOUTH)),
    HR,
    Principal("t-7", "Ines of HR", Scope("hr", "r-101")),
    ANALYST,
    Principal("t-10", "Admin", Scope("admin")),
)
FINE: dict[PulseQuestion, int] = dict.fromkeys(QUESTIONS, 4)
LATER = timedelta(days=3)


@pytest.fixture
def store(harbour_target: str, harbour: World) -> Iterator[PredictionStore]:
    with PredictionStore.open(harbour_target) as opened:
        opened.publish_coaching(make_coaching(harbour))
        yield opened


def rep(rep_id: str) -> Principal:
    return Principal(rep_id, rep_id, Scope("rep", rep_id))


def pulses_of(store: PredictionStore, who: Principal) -> int:
    with store.read(who.scope) as batch:
        return batch.pulses().total


def told(store: PredictionStore, who: Principal = HR) -> int | None:
    with store.read(who.scope) as batch:
        counts = batch.pulse_counts()
    assert {one.people for one in counts} == {counts[0].people}
    return counts[0].people


def test_questions_are_columns_and_every_answer_is_on_the_scale(store: PredictionStore) -> None:
    assert tuple(QUESTIONS) == schema.QUESTIONS == get_args(PulseQuestion)
    with pytest.raises(ConsentMissingError):
        store.pulses.give(INES, FINE, consent=False)
    wrong: tuple[dict[PulseQuestion, int], ...] = ({}, {**FINE, "pipeline": 0}, {**FINE, "focus": 6}, {"pipeline": 3})
    for answers in wrong:
        with pytest.raises(ValueError, match="answer every question"):
            store.pulses.give(INES, answers, consent=True)
    for other in (HR, OUTSIDERS[3], ANALYST, OUTSIDERS[5], ANNA):
        assert store.pulses.give(other, FINE, consent=True) is None, "no forecast of their own"
    assert pulses_of(store, INES) == 0
    assert store.audit.check().intact


def test_managers_read_what_is_shared_and_nothing_else(store: PredictionStore) -> None:
    assert store.pulses.give(INES, FINE, consent=True)
    assert [pulses_of(store, who) for who in (INES, ANNA, VERA)] == [1, 0, 0]
    shared = store.pulses.give(INES, {**FINE, "workload": 1}, consent=True, shared=True)
    assert shared is not None
    assert (shared.answers["workload"], shared.name, shared.stands) == (1, "Ines Moreau", True)
    assert [pulses_of(store, who) for who in (INES, ANNA, VERA)] == [2, 1, 1]
    assert [pulses_of(store, who) for who in OUTSIDERS] == [0] * len(OUTSIDERS)
    assert store.pulses.standing_rows("UTC")[0].answers == FINE | {"workload": 1}
    lines = [line for line in store.audit.entries() if line.action == "pulse given"]
    assert [line.detail["shared"] for line in lines] == [False, True]
    assert "workload" not in lines[0].detail


def test_what_is_withdrawn_is_erased_and_the_audit_says_that_and_not_what(store: PredictionStore) -> None:
    key = Key("k-1", "digest of five answers")
    store.once(INES, key, lambda bound: Reply(201, str(bound.pulses.give(INES, FINE, consent=True))))
    given = store.pulses.give(INES, FINE, consent=True, shared=True)
    store.pulses.give(rep("r-102"), FINE, consent=True, shared=True)
    assert given is not None
    with reading(store._engine) as connection:
        row = dict(connection.execute(select(schema.pulses).where(schema.pulses.c.pulse_id == 1)).one()._mapping)
    assert store.pulses.withdraw(INES, "2020Q1") == 0
    assert store.pulses.withdraw(OUTSIDERS[1]) == 0, "nobody else's"
    assert store.pulses.withdraw(INES, given.period) == 2
    assert store.pulses.withdraw(INES) == 0
    assert [pulses_of(store, who) for who in (INES, ANNA)] == [0, 1]
    assert [one.rep_id for one in store.pulses.standing_rows("UTC")] == ["r-102"]
    check = store.audit.check()
    assert check.intact, check.problems
    lines = tuple(store.audit.entries())
    first, *_ = (line for line in lines if line.action == "pulse given")
    assert [line.subject for line in lines if line.action == "pulse withdrawn"] == ["r-101"] * 2
    # Without the salt, which is gone, nobody finds the answers by trying all of them.
    assert first.detail["row"]["sha256"] == digest("pulses", row)
    assert row["salt"] not in str([line.detail for line in lines])
    with reading(store._engine) as connection:
        assert connection.execute(select(schema.idempotency)).all() == []
    with writing(store._engine) as connection, pytest.raises(DatabaseError, match="append-only"):
        connection.execute(text("DELETE FROM pulses"))


def test_a_withdrawal_that_nobody_asked_for_is_found(store: PredictionStore) -> None:
    store.pulses.give(INES, FINE, consent=True)
    with writing(store._engine) as connection:
        connection.execute(
            schema.pulse_withdrawals.insert().values(
                at=datetime.now(UTC), pulse_id=1, newest_pulse_id=1, period="x", rep_id="r-101", account_id="t-1"
            )
        )
        connection.execute(text("DELETE FROM pulses"))
    assert not store.audit.check().intact


def test_counts_of_the_pulse_move_by_five_people_and_stop_when_one_of_them_withdraws(store: PredictionStore) -> None:
    reps = ("r-101", "r-102", "r-103", "r-104", "r-105", "r-106", "r-107", "r-201", "r-202", "r-204")
    seen = []
    for place, one in enumerate(reps):
        store.pulses.give(rep(one), {**FINE, "quota": 1 + place % 5}, consent=True)
        seen.append(told(store))
    assert seen == [None] * 4 + [5] * 5 + [10]
    with store.read(HR.scope) as batch:
        by_question = {one.question: one for one in batch.pulse_counts()}
    assert (by_question["quota"].mean, by_question["quota"].answers) == (3.0, (2, 2, 2, 2, 2))
    for who in (INES, ANNA, ANALYST):
        with store.read(who.scope) as batch:
            assert batch.pulse_counts() == ()
    store.pulses.withdraw(INES)
    assert told(store) is None, "what was told holds answers that are taken back"
    for place, one in enumerate(reps[1:6]):
        store.pulses.give(rep(one), FINE, consent=True)
        assert told(store) == (9 if place >= 3 else None), "four others and the one who withdrew have moved"
    store.pulses.give(rep("r-106"), FINE, consent=True)
    for one in reps[1:7]:
        store.pulses.withdraw(rep(one))
    assert told(store) is None, "three are too few"
    assert store.audit.check().intact


def test_notes_are_read_by_whom_they_are_about(store: PredictionStore, harbour: World) -> None:
    today = harbour.batch.as_of
    written = store.notes.write(ANNA, "r-101", "progress", " Discovery calls are better. ", today=today)
    assert written is not None
    assert (written.text, written.about_on, written.written_by) == ("Discovery calls are better.", today, "Anna Keller")
    assert store.notes.write(VERA, "r-101", "strength", "Negotiates well.", about_on=today - LATER, today=today)
    for who in (*OUTSIDERS, INES):
        assert store.notes.write(who, "r-101", "other", "x") is None, who
    assert store.notes.write(ANNA, "r-999", "other", "x") is None
    for who, count in ((INES, 2), (ANNA, 2), (VERA, 2), *((other, 0) for other in OUTSIDERS)):
        with store.read(who.scope) as batch:
            assert batch.notes(rep_id="r-101").total == count, who
            assert batch.may_note("r-101") is (who in (ANNA, VERA))
    for day in (today + timedelta(days=1), today - timedelta(days=400)):
        with pytest.raises(NoteDayError):
            store.notes.write(ANNA, "r-101", "other", "x", about_on=day, today=today)
    with pytest.raises(ValueError, match="needs words"):
        store.notes.write(ANNA, "r-101", "other", "  ")
    assert [one.topic for one in store.notes.about("r-101")] == ["strength", "progress"]
    assert store.audit.check().intact


def proposal(due_on: date, **changes: object) -> NewAgreement:
    plain = {"rep_id": "r-101", "text": "Two discovery calls a week together.", "behaviour": "discovery"}
    return NewAgreement(**plain | {"due_on": due_on, "doer": "both"} | changes)  # type: ignore[arg-type]


def test_one_side_proposes_the_other_agrees_and_both_tick(store: PredictionStore, harbour: World) -> None:
    today = harbour.batch.as_of
    for who in OUTSIDERS:
        assert store.agreements.propose(who, proposal(today)) is None, who
    first = store.agreements.propose(ANNA, proposal(today), today=today)
    assert first is not None
    assert (first.status, first.side, first.name) == ("proposed", "manager", "Ines Moreau")
    with pytest.raises(AgreementStepError):
        store.agreements.take(VERA, first.agreement_id, "agreed")  # the same side
    with pytest.raises(AgreementStepError):
        store.agreements.take(INES, first.agreement_id, "done")
    for who in OUTSIDERS:
        assert store.agreements.take(who, first.agreement_id, "dropped", "no") is None, who
    agreed = store.agreements.take(INES, first.agreement_id, "agreed")
    assert agreed is not None
    assert [agreed.is_overdue(day) for day in (today, today + LATER)] == [False, True]
    with pytest.raises(ValueError, match="say why"):
        store.agreements.move(INES, first.agreement_id, today + LATER, " ")
    for day in (today, today - LATER):
        with pytest.raises(DueDayError):
            store.agreements.move(INES, first.agreement_id, day, "I was ill.", today=today)
    for who in OUTSIDERS:
        assert store.agreements.move(who, first.agreement_id, today + LATER, "no") is None, who
    moved = store.agreements.move(INES, first.agreement_id, today + LATER, "I was ill.", today=today)
    assert moved is not None
    assert (moved.due_on, moved.first_due_on, moved.is_overdue(today + LATER)) == (today + LATER, today, False)
    moved = store.agreements.move(VERA, first.agreement_id, today + 2 * LATER, "The visit is later.")
    assert moved is not None
    assert [(one.due_on, one.side) for one in moved.moves] == [(today + LATER, "rep"), (today + 2 * LATER, "manager")]
    done = store.agreements.take(VERA, first.agreement_id, "done")
    assert done is not None
    assert not done.is_overdue(today + 3 * LATER)
    with pytest.raises(AgreementStepError):
        store.agreements.move(INES, first.agreement_id, today + LATER, "Again.")
    with pytest.raises(ValueError, match="say why"):
        store.agreements.take(INES, first.agreement_id, "reopened")
    again = store.agreements.take(INES, first.agreement_id, "reopened", "One call only.")
    assert again is not None
    assert again.status == "agreed"
    assert [(one.step, one.taken_by) for one in again.events] == [
        ("agreed", "Ines Moreau"), ("done", "Vera Lindqvist"), ("reopened", "Ines Moreau")
    ]  # fmt: skip
    own = store.agreements.propose(INES, proposal(today, doer="rep", behaviour="other"))
    assert own is not None
    assert store.agreements.take(ANNA, own.agreement_id, "dropped", "Not now.") is not None
    for step in ("agreed", "done", "dropped", "reopened"):
        with pytest.raises(AgreementStepError):
            store.agreements.take(INES, own.agreement_id, step, "x")
    for who, expected in ((INES, 1), (ANNA, 1), *((other, 0) for other in OUTSIDERS)):
        with store.read(who.scope) as batch:
            assert batch.agreements(status="open").total == expected, who
            assert batch.agreements(status="dropped").total == expected
    assert [one.status for one in store.agreements.every()] == ["agreed", "dropped"]
    assert store.audit.check().intact
    for status in ("proposed", "agreed", "done", "dropped"):
        for side in ("rep", "manager"):
            assert "agreed" not in steps_from(status, side, side), "nobody agrees to their own proposal"


def test_agreements_are_about_what_is_known_and_still_to_come(store: PredictionStore, harbour: World) -> None:
    today = harbour.batch.as_of
    with store.read(ANNA.scope) as batch:
        known = batch.behaviours("r-101")
        offered = batch.offers(rep_ids=["r-101"]).items[0].recommendation.program_id
    assert "discovery" in known
    assert "win_rate" in known, "behaviours of the diagnosis come with the skills"
    with pytest.raises(UnknownBehaviourError):
        store.agreements.propose(ANNA, proposal(today, behaviour="juggling"))
    with pytest.raises(DueDayError):
        store.agreements.propose(ANNA, proposal(today - LATER), today=today)
    with pytest.raises(ValueError, match="named by its program"):
        proposal(today, source="offer")
    assert store.agreements.propose(ANNA, proposal(today, source="offer", program_id="p-none")) is None
    linked = store.agreements.propose(ANNA, proposal(today, source="offer", program_id=offered))
    assert linked is not None
    assert (linked.program_id, linked.batch_id) == (offered, harbour.batch.batch_id)


def test_nothing_is_changed_and_what_is_old_goes_by_retention(store: PredictionStore, harbour: World) -> None:
    today = harbour.batch.as_of
    store.pulses.give(INES, FINE, consent=True)
    store.pulses.give(rep("r-102"), FINE, consent=True)
    store.pulses.withdraw(rep("r-102"))
    store.notes.write(ANNA, "r-101", "other", "Was ill.")
    for step in ("dropped", None):
        made = store.agreements.propose(ANNA, proposal(today))
        assert made is not None
        if step:
            store.agreements.take(INES, made.agreement_id, "dropped", "No.")
    for table in ("pulses", "pulse_withdrawals", "notes", "agreements", "agreement_events"):
        for statement in (f"UPDATE {table} SET account_id = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="append-only"), writing(store._engine) as connection:
                connection.execute(text(statement))
    days = RetentionSettings(pulses_days=1, notes_days=1, agreements_days=1)
    with writing(store._engine) as connection:
        found = prune(connection, days, actor="operator", dry_run=False, now=datetime.now(UTC) + LATER)
    assert found == Pruned(notes=1, agreements=1), "the pulse is of the published period, one agreement is open"
    check = store.audit.check()
    assert check.intact, check.problems
    with store.read(ANNA.scope) as batch:
        assert (batch.notes().total, batch.agreements().total) == (0, 1)
    replace(make_world(weeks=1, batch_id="b-next", period="2026Q3"), recommendations=()).publish_into(store)
    with writing(store._engine) as connection:
        found = prune(connection, days, actor="operator", dry_run=False, now=datetime.now(UTC) + LATER)
        assert connection.execute(select(schema.pulse_withdrawals)).all() == []
    assert found == Pruned(pulses=1)
    check = store.audit.check()
    assert check.intact, check.problems


def test_how_contests_ended_is_counted_from_five_people_on(store: PredictionStore) -> None:
    reps = ("r-101", "r-102", "r-103", "r-104", "r-105", "r-106")
    for place, one in enumerate(reps):
        opened = store.cases.open(rep(one), NewCase("contest", "forecast", "Too low."))
        assert opened is not None
        store.cases.open(rep(one), NewCase("view", "forecast", "Hm."))
        with store.read(ANALYST.scope) as batch:
            counts = {count.about: count for count in batch.contest_counts()}
        assert counts["forecast"].people == (5 if place >= 5 else None), "the one that waits is not told"
        store.cases.answer(VERA, opened.case_id, "upheld" if place % 2 else "rejected", "So.")
    with store.read(HR.scope) as batch:
        (forecast, *others) = batch.contest_counts()
    assert forecast.verdicts == {"upheld": 2, "partly_upheld": 0, "rejected": 3, "withdrawn": 0}
    assert (forecast.contested, forecast.shown) == (5, 11)
    assert {one.people for one in others} == {None}
    with store.read(ANNA.scope) as batch:
        assert batch.contest_counts() == ()
    rows = store.contest_outcomes("Europe/Berlin")
    assert [(one.rep_id, one.status, one.answered_by) for one in rows[:2]] == [
        ("r-101", "rejected", "manager"), ("r-102", "upheld", "manager")
    ]  # fmt: skip
    assert len(rows) == 6


def test_what_was_said_leaves_as_data_without_words_and_a_withdrawn_answer_never_does(
    harbour_file: Path, harbour: World, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "w")
    Organisation().write(workspace.organisation_file)
    ask = ("--workspace", str(workspace.root), "--json")
    empty = CliRunner().invoke(spm, ["pulses", *ask])
    assert isinstance(empty.exception, NotReadyError)
    shutil.copy(harbour_file, workspace.predictions_database)
    with PredictionStore.open(workspace.predictions_database) as store:
        for one in ("r-101", "r-102"):
            store.pulses.give(rep(one), FINE, consent=True)
        store.pulses.withdraw(rep("r-102"))
        store.notes.write(ANNA, "r-101", "other", "=1+1")
        store.notes.write(ANNA, "r-102", "other", "Somebody else.")
        made = store.agreements.propose(ANNA, proposal(date(2099, 1, 1), behaviour="other"))
        assert made is not None
        store.agreements.take(INES, made.agreement_id, "agreed")
        store.agreements.take(ANNA, made.agreement_id, "done")
        store.cases.open(INES, NewCase("correction", "data", "It is 5.", item="o-1"))
    said = {}
    for words in (["pulses"], ["notes", "r-101"], ["agreements"], ["contests"]):
        done = CliRunner().invoke(spm, [*words, *ask])
        assert done.exit_code == 0, (words, done.output, done.exception)
        (said[words[0]],) = json.loads(done.stdout)
    assert {name: said["pulses"][name] for name in ("rep_id", "pipeline")} == {"rep_id": "r-101", "pipeline": 4}
    assert said["notes"]["text"] == "'=1+1", "no spreadsheet runs it"
    assert (said["agreements"]["status"], said["agreements"]["in_time"]) == ("done", True)
    assert "text" not in said["agreements"]
    assert (said["contests"]["kind"], said["contests"]["status"], said["contests"]["closed_on"]) == (
        "correction", "open", None
    )  # fmt: skip
