"""Bookings: who is credited, to the minor unit, however often a deal changes hands or is taken back."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from spm_ml.history import SalesHistory
from spm_ml.history.credit import COLUMNS
from tests.history_world import Rows, deal, event, history_of, rows_of

ROWS: Rows = []
EVENTS: Rows = []
CREDITS: Rows = []


def scenario(*events: dict[str, Any], shares: dict[tuple[str, str], float] | None = None, **row: Any) -> str:
    """Adds a deal to the history that the tests share; gives its id."""
    name = f"d{len(ROWS)}"
    ROWS.append(deal(name, **row))
    EVENTS.extend(each | {"opportunity_id": name} for each in events)
    CREDITS.extend(
        {"opportunity_id": name, "rep_id": rep, "share": share, "kind": kind}
        for (rep, kind), share in (shares or {}).items()
    )
    return name


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    with history_of(opportunities=ROWS, opportunity_events=EVENTS, credits=CREDITS) as built:
        yield built


def booked(history: SalesHistory, name: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = history.bookings.filter(history.bookings.opportunity_id == name)
    return sorted(tuple(row[column] for column in columns) for row in rows_of(rows))


def test_the_columns_and_types_are_the_declared_ones(history: SalesHistory) -> None:
    assert {name: str(kind) for name, kind in history.bookings.schema().items()} == COLUMNS


CREATED = event("2026-01-05", rep_id="ann", stage="Qualify", amount=100, outcome="open")
WON = event("2026-02-01", outcome="won")

HANDED_OVER = scenario(CREATED, event("2026-01-20", rep_id="bob"), WON, event("2026-03-01", rep_id="cy"), rep_id="cy")


def test_the_owner_at_the_win_is_credited_whoever_has_the_deal_later(history: SalesHistory) -> None:
    columns = ("rep_id", "owner_id", "booked_on", "recorded_on", "amount", "credit")
    day = date(2026, 2, 1)
    assert booked(history, HANDED_OVER, *columns) == [("bob", "bob", day, day, 10_000, "revenue")]


BACKDATED = scenario(
    CREATED, event("2026-04-02", outcome="won"), outcome="won", closed_on="2026-03-30", recorded_at="2026-04-02"
)


def test_a_late_entry_is_booked_on_its_day_and_known_on_another(history: SalesHistory) -> None:
    assert booked(history, BACKDATED, "booked_on", "recorded_on") == [(date(2026, 3, 30), date(2026, 4, 2))]


TAKEN_BACK = scenario(
    CREATED,
    WON,
    event("2026-02-10", amount=80),
    event("2026-02-20", outcome="open", rep_id="bob"),
    event("2026-03-01", outcome="won", amount=90),
    event("2026-03-10", outcome="lost"),
)


def test_a_reversal_takes_back_what_was_booked_from_whom_it_was_booked_to(history: SalesHistory) -> None:
    assert booked(history, TAKEN_BACK, "booked_on", "rep_id", "amount") == [
        (date(2026, 2, 1), "ann", 10_000),
        (date(2026, 2, 10), "ann", -2_000),
        (date(2026, 2, 20), "ann", -8_000),
        (date(2026, 3, 1), "bob", 9_000),
        (date(2026, 3, 10), "bob", -9_000),
    ]


UNCHANGED = scenario(CREATED, WON, event("2026-02-05", expected_close_on="2026-09-01"), event("2026-02-06"))


def test_nothing_is_booked_when_a_won_deal_changes_in_other_ways(history: SalesHistory) -> None:
    assert booked(history, UNCHANGED, "amount") == [(10_000,)]


THIRDS = {("ann", "revenue"): 1 / 3, ("bob", "revenue"): 1 / 3, ("cy", "revenue"): 1 / 3, ("ann", "overlay"): 0.5}
SPLIT = scenario(
    CREATED, event("2026-02-01", outcome="won", amount=100.01), event("2026-02-10", amount=100.03), shares=THIRDS
)


def test_revenue_shares_add_up_to_the_deal_and_overlay_comes_on_top(history: SalesHistory) -> None:
    rows = booked(history, SPLIT, "credit", "booked_on", "rep_id", "amount")
    revenue = [amount for credit, day, _, amount in rows if credit == "revenue" and day == date(2026, 2, 1)]
    assert sum(revenue) == 10_001
    assert max(revenue) - min(revenue) <= 1
    assert sum(amount for credit, *_, amount in rows if credit == "revenue") == 10_003
    assert sum(amount for credit, *_, amount in rows if credit == "overlay") == 5_002


SPLIT_AND_REVERSED = scenario(
    CREATED,
    event("2026-02-01", outcome="won", amount=0.01),
    event("2026-02-10", amount=0.02),
    event("2026-02-20", outcome="lost"),
    shares=THIRDS,
)


def test_every_share_is_taken_back_to_the_last_minor_unit(history: SalesHistory) -> None:
    left: dict[tuple[str, str], int] = {}
    for rep, credit, amount in booked(history, SPLIT_AND_REVERSED, "rep_id", "credit", "amount"):
        left[rep, credit] = left.get((rep, credit), 0) + amount
    assert set(left.values()) == {0}


OVERLAY_ONLY = scenario(CREATED, WON, shares={("cy", "overlay"): 1.0})


def test_overlay_credit_alone_leaves_the_owner_the_whole_deal(history: SalesHistory) -> None:
    assert booked(history, OVERLAY_ONLY, "rep_id", "credit", "amount") == [
        ("ann", "revenue", 10_000),
        ("cy", "overlay", 10_000),
    ]


OTHERS_ONLY = scenario(CREATED, WON, shares={("bob", "revenue"): 0.25, ("cy", "revenue"): 0.75})


def test_shares_decide_even_if_the_owner_has_none(history: SalesHistory) -> None:
    assert booked(history, OTHERS_ONLY, "rep_id", "amount", "owner_id") == [("bob", 2_500, "ann"), ("cy", 7_500, "ann")]


WORTH_NOTHING = scenario(event("2026-01-05", rep_id="ann", amount=0), WON)
A_REFUND = scenario(event("2026-01-05", rep_id="ann", amount=-50), WON)


def test_wins_worth_nothing_or_less_are_bookings(history: SalesHistory) -> None:
    assert booked(history, WORTH_NOTHING, "amount") == [(0,)]
    assert booked(history, A_REFUND, "amount") == [(-5_000,)]


LOST = scenario(CREATED, event("2026-02-01", outcome="lost"), event("2026-02-09", outcome="open"))


def test_a_lost_deal_books_nothing(history: SalesHistory) -> None:
    assert booked(history, LOST, "amount") == []


REBUILT = scenario(outcome="won", closed_on="2026-02-10", amount=70, rep_id="bob")


def test_a_deal_without_events_is_booked_on_its_closing_day(history: SalesHistory) -> None:
    assert booked(history, REBUILT, "rep_id", "booked_on", "amount") == [("bob", date(2026, 2, 10), 7_000)]
