"""Cases: who opens, answers and withdraws them, in which order, and that nothing acts by itself."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from spm_ml.predictions import Case, CaseAnswer, CaseStepError, NewCase, PredictionStore, Principal, Scope, schema
from spm_ml.predictions.cases import answers_to
from spm_ml.predictions.engine import reading
from tests.prediction_world import NORTH, SOUTH, VP, World

INES = Principal("t-1", "Ines Moreau", Scope("rep", "r-101"))
OTHER = Principal("t-2", "Jonas Weber", Scope("rep", "r-102"))
ANNA = Principal("t-3", "Anna Keller", Scope("manager", NORTH))
BEN = Principal("t-4", "Ben Osei", Scope("manager", SOUTH))
VERA = Principal("t-5", "Vera Lindqvist", Scope("manager", VP))
HR = Principal("t-6", "HR", Scope("hr"))
INES_OF_HR = Principal("t-7", "Ines Moreau", Scope("hr", "r-101"))
INES_THE_BOSS = Principal("t-8", "Ines Moreau", Scope("manager", "r-101"))
ANALYST = Principal("t-9", "Analyst", Scope("analyst"))
ADMIN = Principal("t-10", "Admin", Scope("admin"))

VIEW = NewCase("view", "forecast", "I expect 320 000: the Meridian deal is signed in June.")
CORRECTION = NewCase("correction", "data", "It closed on 3 June.", item="OPP-17")
CONTEST = NewCase("contest", "diagnosis", "I was on leave for four weeks.")


@pytest.fixture
def store(harbour_target: str) -> Iterator[PredictionStore]:
    with PredictionStore.open(harbour_target) as opened_store:
        yield opened_store


def opened(store: PredictionStore, new: NewCase, who: Principal = INES) -> Case:
    case = store.cases.open(who, new)
    assert case is not None
    return case


def everything(store: PredictionStore) -> dict[str, list[tuple[object, ...]]]:
    kept = (schema.predictions, schema.recommendations, schema.diagnoses, schema.assignments, schema.decisions)
    with reading(store._engine) as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in kept
        }


def test_a_contest_is_looked_into_judged_and_changes_no_number(store: PredictionStore) -> None:
    before = everything(store)
    case = opened(store, CONTEST)
    assert (case.status, case.rep_id, case.opened_by, case.events) == ("open", "r-101", "Ines Moreau", ())
    for who in (INES, OTHER, BEN, INES_OF_HR, INES_THE_BOSS, ANALYST, ADMIN):
        assert store.cases.answer(who, case.case_id, "upheld", "so") is None, who
    for who, status in ((ANNA, "in_review"), (HR, "partly_upheld")):
        answered = store.cases.answer(who, case.case_id, status, " Looked at. ")
        assert answered is not None
        assert (answered.status, answered.events[-1].answered_by, answered.events[-1].text) == (
            status, who.label, "Looked at."
        )  # fmt: skip
    for step in ("in_review", "upheld", "rejected"):
        with pytest.raises(CaseStepError):
            store.cases.answer(VERA, case.case_id, step, "again")
    with pytest.raises(CaseStepError):
        store.cases.withdraw(INES, case.case_id)
    assert everything(store) == before, "a case acts on nothing by itself"
    actions = [(line.action, line.subject, line.account_id) for line in tuple(store.audit.entries())[-3:]]
    assert actions == [
        ("case opened", "r-101", "t-1"), ("case in_review", "r-101", "t-3"), ("case partly_upheld", "r-101", "t-6")
    ]  # fmt: skip
    last = tuple(store.audit.entries())[-1]
    assert (last.batch_id, last.model_version) == ("b-0001", "7")
    assert last.watermark is not None
    assert store.audit.check().intact


def test_a_view_is_noted_and_a_correction_withdrawn(store: PredictionStore) -> None:
    view, correction = opened(store, VIEW), opened(store, CORRECTION)
    for status in ("in_review", "upheld", "rejected"):
        with pytest.raises(CaseStepError):
            store.cases.answer(ANNA, view.case_id, status, "so")
    noted = store.cases.answer(ANNA, view.case_id, "noted", "Thank you.")
    assert noted is not None
    assert noted.status == "noted"
    for other in (OTHER, ANNA, HR):
        assert store.cases.withdraw(other, correction.case_id) is None
    withdrawn = store.cases.withdraw(INES, correction.case_id, "found it")
    assert withdrawn is not None
    assert (withdrawn.status, withdrawn.item) == ("withdrawn", "OPP-17")
    with pytest.raises(CaseStepError):
        store.cases.withdraw(INES, correction.case_id)
    with store.read(ANNA.scope) as batch:
        assert batch.cases(status="waiting").items == ()
        assert [case.case_id for case in batch.cases(status="noted").items] == [view.case_id]


def test_cases_are_seen_by_whoever_sees_the_rep(store: PredictionStore) -> None:
    one, two = opened(store, VIEW), opened(store, CONTEST, OTHER)
    for who, sees, answers in (
        (INES, {one.case_id}, set()),
        (OTHER, {two.case_id}, set()),
        (ANNA, {one.case_id, two.case_id}, {one.case_id, two.case_id}),
        (VERA, {one.case_id, two.case_id}, {one.case_id, two.case_id}),
        (HR, {one.case_id, two.case_id}, {one.case_id, two.case_id}),
        (INES_OF_HR, {one.case_id, two.case_id}, {two.case_id}),
        (INES_THE_BOSS, {one.case_id}, set()),
        (BEN, set(), set()),
        (ANALYST, set(), set()),
        (ADMIN, set(), set()),
    ):
        with store.read(who.scope) as batch:
            assert {case.case_id for case in batch.cases().items} == sees, who
            assert {case.case_id for case in batch.cases(subject="answer").items} == answers, who
            for case in (one, two):
                assert (batch.case(case.case_id) == case) is (case.case_id in sees)
                assert batch.may_answer(case) is (case.case_id in answers)
    assert store.cases.open(HR, VIEW) is None, "nobody's numbers"
    assert store.cases.open(Principal("t", "Gone", Scope("rep", "r-999")), VIEW) is None


def test_a_program_must_be_one_that_was_recommended(store: PredictionStore, harbour: World) -> None:
    offer = next(row for row in harbour.recommendations if row.rep_id == "r-101")
    contest = NewCase("contest", "recommendation", "I took it last year.", program_id=offer.program_id)
    assert opened(store, contest).program_id == offer.program_id
    assert store.cases.open(INES, NewCase("contest", "recommendation", "so", program_id="p-none")) is None


@pytest.mark.parametrize(
    ("kind", "about", "item"),
    [
        ("view", "data", None),
        ("view", "data", "OPP-1"),
        ("contest", "forecast", "OPP-1"),
        ("correction", "data", None),
        ("correction", "forecast", "OPP-1"),
    ],
)
def test_what_does_not_go_together(kind: str, about: str, item: str | None) -> None:
    with pytest.raises(ValueError, match="nothing else is"):
        NewCase(kind, about, "so", item=item)  # type: ignore[arg-type]


def test_words_are_needed(store: PredictionStore) -> None:
    with pytest.raises(ValueError, match="needs a text"):
        NewCase("view", "forecast", "  ")
    case = opened(store, VIEW)
    with pytest.raises(ValueError, match="needs a text"):
        store.cases.answer(ANNA, case.case_id, "noted", "")


def test_no_status_follows_a_closed_one() -> None:
    closed: tuple[CaseAnswer, ...] = ("upheld", "partly_upheld", "rejected", "noted")
    for kind in ("view", "correction", "contest"):
        assert all(answers_to(kind, status) == () for status in (*closed, "withdrawn"))  # type: ignore[arg-type]
