"""Numbers that people enter: who may enter which, for whom, until when, and that each has its line of the audit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from spm_ml.predictions import (
    NewSubmission,
    PeriodOverError,
    PredictionStore,
    Principal,
    Scope,
    SubmissionKind,
    submissions,
)
from tests.prediction_world import NORTH, PERIOD_END, SOUTH, VP, World, make_world

INES = Principal("t-1", "Ines Moreau", Scope("rep", "r-101"))
ANNA = Principal("t-3", "Anna Keller", Scope("manager", NORTH))
BEN = Principal("t-4", "Ben Osei", Scope("manager", SOUTH))
VERA = Principal("t-5", "Vera Lindqvist", Scope("manager", VP))
HR = Principal("t-6", "HR", Scope("hr"))
INES_OF_HR = Principal("t-7", "Ines Moreau", Scope("hr", "r-101"))
INES_THE_BOSS = Principal("t-8", "Ines Moreau", Scope("manager", "r-101"))
ANALYST = Principal("t-9", "Analyst", Scope("analyst"))
ADMIN = Principal("t-10", "Admin", Scope("admin"))

MAY: dict[SubmissionKind, tuple[Principal, ...]] = {
    "commit": (INES, ANNA, VERA, INES_THE_BOSS),
    "best_case": (INES, INES_THE_BOSS),
    "manager_override": (ANNA, VERA),
}
EVERYBODY = (INES, ANNA, BEN, VERA, HR, INES_OF_HR, INES_THE_BOSS, ANALYST, ADMIN)


@pytest.fixture
def store(harbour_target: str) -> Iterator[PredictionStore]:
    with PredictionStore.open(harbour_target) as opened:
        yield opened


def test_who_may_enter_which_number_for_a_rep(store: PredictionStore, harbour: World) -> None:
    for kind, allowed in MAY.items():
        for who in EVERYBODY:
            record = store.submissions.enter(who, NewSubmission("r-101", kind, 12_345_600, " why "))
            assert (record is not None) is (who in allowed), (kind, who)
            if record is not None:
                assert (record.major, record.currency, record.note) == (123_456.0, "EUR", "why")
                assert (record.batch_id, record.watermark) == (harbour.batch.batch_id, harbour.batch.watermark)
                assert (record.submitted_by, record.submitter_id) == (who.label, who.scope.rep_id)
            with store.read(who.scope) as batch:
                assert (kind in batch.may_submit("r-101")) is (who in allowed)
    assert store.submissions.enter(ANNA, NewSubmission(NORTH, "commit", 1)) is None, "nothing is forecast for a manager"
    assert store.submissions.enter(ANNA, NewSubmission("r-999", "commit", 1)) is None
    check = store.audit.check()
    assert check.intact, check.problems
    lines = [line for line in store.audit.entries() if line.action.endswith(" entered")]
    assert len(lines) == len(store.submissions.every()) == sum(map(len, MAY.values()))
    assert {line.action for line in lines} == {"commit entered", "best case entered", "manager override entered"}
    assert (lines[0].subject, lines[0].batch_id) == ("r-101", harbour.batch.batch_id)


def test_the_newest_of_each_kind_counts_and_only_who_sees_the_figures_sees_it(store: PredictionStore) -> None:
    for amount in (100, 300, 200):
        assert store.submissions.enter(INES, NewSubmission("r-101", "commit", amount))
    assert store.submissions.enter(ANNA, NewSubmission("r-101", "manager_override", 150, "a deal slipped"))
    for who in (INES, ANNA, VERA):
        with store.read(who.scope) as batch:
            newest = batch.newest_submissions(["r-101", "r-102"])
            assert {(one.kind, one.amount) for one in newest["r-101"]} == {("commit", 200), ("manager_override", 150)}
            history, total = batch.submissions(rep_id="r-101", limit=2, offset=1)
            assert ([one.amount for one in history], total) == ([200, 300], 4)
    for who in (BEN, HR, INES_OF_HR, ANALYST, ADMIN):
        with store.read(who.scope) as batch:
            assert batch.newest_submissions(["r-101"]) == {}
            assert batch.submissions() == ((), 0)


def test_moments_go_on_where_the_clock_goes_back(store: PredictionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Back(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            del tz
            return datetime(2020, 1, 1, tzinfo=UTC)

    first = store.submissions.enter(INES, NewSubmission("r-101", "commit", 1))
    monkeypatch.setattr(submissions, "datetime", Back)
    second = store.submissions.enter(INES, NewSubmission("r-101", "commit", 2))
    assert first is not None
    assert second is not None
    assert second.submitted_at - first.submitted_at == timedelta(microseconds=1)


def test_the_local_day_is_the_organisations(store: PredictionStore) -> None:
    record = store.submissions.enter(INES, NewSubmission("r-101", "commit", 1))
    assert record is not None
    late = replace(record, submitted_at=datetime(2026, 5, 31, 23, 30, tzinfo=UTC))
    assert (late.day("Europe/Berlin"), late.day("America/New_York")) == (date(2026, 6, 1), date(2026, 5, 31))


def test_nothing_is_entered_once_the_period_is_over(store: PredictionStore) -> None:
    new = NewSubmission("r-101", "commit", 1)
    assert store.submissions.enter(INES, new, today=PERIOD_END)
    with pytest.raises(PeriodOverError, match="2026Q2 ended on 2026-06-30"):
        store.submissions.enter(INES, new, today=PERIOD_END + timedelta(days=1))
    assert store.submissions.enter(BEN, new, today=PERIOD_END + timedelta(days=1)) is None
    assert len(store.submissions.every()) == 1


def test_an_earlier_period_takes_no_number(store: PredictionStore, harbour: World) -> None:
    make_world(weeks=1, batch_id="b-next", period="2026Q3").publish_into(store)
    with store.read(ANNA.scope, period=harbour.batch.period) as batch:
        assert batch.may_submit("r-101") == ()
    record = store.submissions.enter(INES, NewSubmission("r-101", "commit", 1))
    assert record is not None
    assert record.period == "2026Q3"


@pytest.mark.parametrize(
    ("kind", "amount", "note"), [("commit", 0, ""), ("commit", -1, ""), ("manager_override", 1, " ")]
)
def test_what_is_no_number_or_has_no_reason_is_refused(kind: SubmissionKind, amount: int, note: str) -> None:
    with pytest.raises(ValueError, match=r"above zero|needs a reason"):
        NewSubmission("r-101", kind, amount, note)
