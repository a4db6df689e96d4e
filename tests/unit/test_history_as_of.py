"""What each table shows as of a day, rule by rule; the property over random worlds is tested apart."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.history.records import ACTIVITY_COLUMNS
from spm_ml.history.sales_history import READABLE
from tests.history_world import deal, event, history_of, rows_of

DAY = date(2026, 3, 31)
BEFORE, AFTER = "2026-04-01T03:59:59Z", "2026-04-01T04:00:00Z"


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    rows = [
        deal("current", "bob", amount=5, closed_on="2026-03-20", outcome="won", recorded_at=BEFORE, product="p"),
        deal("moved", "cy", amount=9, closed_on="2026-04-20", outcome="lost", recorded_at="2026-04-20", product="p"),
        deal("undated", "bob", amount=9, closed_on="2026-04-20", outcome="won", kind="renewal"),
        deal("closed", "bob", amount=9, closed_on="2026-03-20", outcome="lost"),
        deal("new", created_on="2026-04-01"),
        deal("backdated", created_on="2026-03-30", recorded_at=AFTER),
        deal("reopened", amount=1, recorded_at=AFTER),
    ]
    events = [
        event("2026-01-05", "moved", rep_id="ann", stage="Propose", amount=7, expected_close_on="2026-05-01"),
        event(BEFORE, "moved", amount=8),
        event(AFTER, "moved", rep_id="cy", stage="Negotiate", expected_close_on="2026-06-01"),
        event("2026-04-20", "moved", outcome="lost"),
        event("2026-01-05", "reopened", rep_id="ann", amount=1),
        event("2026-02-01", "reopened", outcome="lost"),
        event(AFTER, "reopened", outcome="open"),
    ]
    ids = ("current", "moved", "undated", "closed", "reopened")
    calls = [("before", BEFORE, None), ("after", AFTER, None), ("late", BEFORE, AFTER), ("planned", AFTER, BEFORE)]
    with history_of(
        reps=[
            {"rep_id": "ann", "hired_on": "2020-01-01", "left_on": "2026-04-01"},
            {"rep_id": "ann", "hired_on": "2020-01-01", "effective_from": "2026-04-01", "team": "b"},
            {"rep_id": "bob", "hired_on": "2026-03-31", "left_on": "2026-03-31"},
            {"rep_id": "cy", "hired_on": "2026-04-01"},
        ],
        opportunities=rows,
        opportunity_events=events,
        credits=[{"opportunity_id": each, "rep_id": "bob", "share": 1} for each in ids],
        activities=[{"rep_id": "ann", "kind": k, "occurred_at": o, "recorded_at": r} for k, o, r in calls],
        programs=[{"program_id": "p", "name": "P", "skill": "s"}],
        enrolments=[
            {"rep_id": "ann", "program_id": "p", "started_on": "2026-03-31", "completed_on": "2026-04-01", "score": 1},
            {"rep_id": "bob", "program_id": "p", "started_on": "2026-03-01", "completed_on": "2026-03-31", "score": 1},
            {"rep_id": "cy", "program_id": "p", "started_on": "2026-04-01", "score": 1},
        ],
        assessments=[{"rep_id": "ann", "skill": "s", "score": 1, "assessed_on": f"2026-04-0{n}"} for n in (1, 2)],
        spend=[{"spent_on": day, "category": "sales", "amount": 1} for day in ("2026-03-31", "2026-04-01")],
        submissions=[
            {"rep_id": "ann", "period": "2026-04-01", "kind": "commit", "amount": 1, "submitted_at": at}
            for at in (BEFORE, AFTER)
        ],
        fx_rates=[{"currency": "EUR", "rate_on": day, "rate": 1} for day in ("2026-03-31", "2026-04-01")],
    ) as built:
        yield built


def seen(history: SalesHistory, name: str, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows_of(history.as_of(DAY).table(name), *columns)]


def test_every_table_keeps_its_columns_and_types(history: SalesHistory) -> None:
    for table in READABLE:
        whole, then = history.table(table.name), history.as_of(DAY).table(table.name)
        assert whole.schema() == then.schema()
        assert list(whole.columns) == [column.name for column in table.columns]


def test_deals_are_seen_through_their_ledger_until_their_row_was_recorded(history: SalesHistory) -> None:
    columns = ("opportunity_id", "rep_id", "amount", "outcome", "stage", "expected_close_on", "closed_on")
    assert seen(history, "opportunities", *columns) == [
        ("backdated", None, 0, "open", "Qualify", None, None),
        ("closed", "bob", 900, "lost", "Qualify", None, date(2026, 3, 20)),
        ("current", "bob", 500, "won", "Qualify", None, date(2026, 3, 20)),
        ("moved", "ann", 800, "open", "Propose", date(2026, 5, 1), None),
        ("reopened", "ann", 100, "lost", "Qualify", None, date(2026, 2, 1)),
        ("undated", "bob", 0, "open", "Qualify", None, None),
    ]


def test_what_never_changes_about_a_deal_is_known_from_its_creation(history: SalesHistory) -> None:
    rows = seen(history, "opportunities", "opportunity_id", "created_on", "product", "kind")
    assert ("moved", date(2026, 1, 5), "p", None) in rows
    assert ("undated", date(2026, 1, 5), None, "renewal") in rows


def test_no_row_tells_that_it_was_recorded_later(history: SalesHistory) -> None:
    known = {row[0]: row[1] for row in seen(history, "opportunities", "opportunity_id", "recorded_at")}
    assert {name for name, recorded_at in known.items() if recorded_at is not None} == {"current"}


def test_credits_are_seen_once_their_deal_was_closed(history: SalesHistory) -> None:
    assert seen(history, "credits", "opportunity_id") == [("closed",), ("current",), ("reopened",)]


def test_events_and_activities_by_the_day_on_which_they_were_recorded(history: SalesHistory) -> None:
    assert len(seen(history, "opportunity_events")) == 4
    assert seen(history, "activities", "kind") == [("before",), ("planned",)]
    activity = history.as_of(DAY).activity
    assert {name: str(kind) for name, kind in activity.schema().items()} == ACTIVITY_COLUMNS
    assert [(row["kind"], row["occurred_on"], row["recorded_on"]) for row in rows_of(activity)] == [
        ("before", DAY, DAY),
        ("planned", date(2026, 4, 1), DAY),
    ]


def test_later_hires_moves_and_departures_are_hidden(history: SalesHistory) -> None:
    assert seen(history, "reps", "rep_id", "left_on") == [("ann", None), ("bob", DAY)]


def test_a_completion_and_its_score_are_hidden_until_its_day(history: SalesHistory) -> None:
    assert seen(history, "enrolments", "rep_id", "completed_on", "score") == [("ann", None, None), ("bob", DAY, 1.0)]


def test_the_other_tables_by_their_own_day(history: SalesHistory) -> None:
    assert seen(history, "assessments") == []
    assert [len(seen(history, name)) for name in ("spend", "submissions", "fx_rates", "programs")] == [1, 1, 1, 1]
    assert seen(history, "submissions", "period") == [("2026Q2",)]


def test_has_asks_for_a_visible_row(history: SalesHistory) -> None:
    assert history.has("assessments")
    assert not history.as_of(DAY).has("assessments")
    assert not history.has("quotas")


def test_the_watermark_is_the_latest_day_of_what_is_visible(history: SalesHistory) -> None:
    assert history.watermark == date(2026, 4, 20)
    assert history.as_of(date(2026, 4, 10)).watermark == date(2026, 4, 1)
    assert history.as_of(date(2026, 12, 31)).watermark == date(2026, 4, 20)


def test_periods_reach_to_the_as_of_day(history: SalesHistory) -> None:
    assert [period.label for period in history.periods()] == ["2026Q1", "2026Q2"]
    assert [period.label for period in history.as_of(DAY).periods()] == ["2026Q1"]
    assert [period.label for period in history.as_of(date(2026, 7, 1)).periods()] == ["2026Q1", "2026Q2", "2026Q3"]


def test_as_of_of_as_of_is_the_earlier_day(history: SalesHistory) -> None:
    assert history.as_of(DAY).as_of(date(2026, 6, 1)).as_of_day == DAY
    assert history.as_of(DAY).as_of(date(2026, 1, 1)).as_of_day == date(2026, 1, 1)
    assert history.as_of_day is None


def test_unknown_and_protected_tables_are_refused(history: SalesHistory) -> None:
    with pytest.raises(DataError, match="did you mean 'quotas'"):
        history.table("quota")
    for ask in (history.table, history.source, history.has, history.as_of(DAY).table):
        with pytest.raises(DataError, match="kept apart"):
            ask("protected_groups")
