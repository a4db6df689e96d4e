"""Whatever is recorded after a day — altered, added, removed — changes nothing that is visible as of that day (H01)."""

from datetime import date, timedelta
from typing import Any

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spm_ml.history import SalesHistory
from spm_ml.history.frames import arrow_tables
from spm_ml.history.sales_history import READABLE
from tests.history_world import (
    EXPORTED_ON,
    LENGTH,
    ORGANISATION,
    STAGES,
    RandomWorld,
    Rows,
    deal,
    event,
    frames_of,
    local_day,
    rows_of,
)

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A world comes from its seed as a whole: a smaller seed is no simpler world."""


class Future:
    """Changes what was recorded after a day; knows when a row was recorded without asking the library."""

    def __init__(self, world: RandomWorld, day: date) -> None:
        self.world, self.day = world, day
        self.tables = {name: [dict(row) for row in rows] for name, rows in world.tables.items()}
        events = self.tables["opportunity_events"]
        self.with_events = {row["opportunity_id"] for row in events}
        self.seen = {row["opportunity_id"] for row in events if local_day(row["recorded_at"]) <= day}

    def later(self) -> date:
        """Draws a day after the day."""
        return self.world.day((self.day - date(2026, 1, 1)).days + 1, LENGTH + 1)

    def perturbed(self) -> dict[str, Rows]:
        """Alters, removes and adds rows of every table."""
        changes = {
            "reps": self._rep,
            "quotas": self._quota,
            "opportunities": self._deal,
            "opportunity_events": self._event,
            "credits": self._credit,
            "activities": self._activity,
            "enrolments": self._enrolment,
            "assessments": lambda row: self._dated(row, "assessed_on", score=9.0),
            "spend": lambda row: self._dated(row, "spent_on", amount=999),
            "fx_rates": lambda row: self._dated(row, "rate_on", rate=9.0),
            "submissions": lambda row: self._instant(row, "submitted_at", amount=1),
        }
        for name, change in changes.items():
            changed = [change(row) for row in self.tables[name]]
            self.tables[name] = [row for row in changed if row is not None]
        self._add()
        return self.tables

    def _either(self, row: dict[str, Any], **altered: Any) -> dict[str, Any] | None:
        """Removes, alters or keeps a row that was recorded later."""
        choice = self.world.one_of(["keep", "alter", "alter", "remove"])
        return None if choice == "remove" else row | (altered if choice == "alter" else {})

    def _dated(self, row: dict[str, Any], column: str, **altered: Any) -> dict[str, Any] | None:
        return self._either(row, **{column: self.later()}, **altered) if row[column] > self.day else row

    def _instant(self, row: dict[str, Any], column: str, **altered: Any) -> dict[str, Any] | None:
        if local_day(row[column]) <= self.day:
            return row
        return self._either(row, **{column: self.world.instant(self.later())}, **altered)

    def _rep(self, row: dict[str, Any]) -> dict[str, Any] | None:
        if row.get("effective_from") is not None and row["effective_from"] > self.day:
            return self._either(row, team="moved", effective_from=self.later())
        if row.get("left_on") is not None and row["left_on"] > self.day:
            return row | {"left_on": self.world.one_of([None, self.later()])}
        return row

    def _quota(self, row: dict[str, Any]) -> dict[str, Any] | None:
        starts = {"2026Q1": date(2026, 1, 1), "2026Q2": date(2026, 4, 1), "2026-07-01": date(2026, 7, 1)}
        known = row.get("set_on") or starts[row["period"]]
        return self._either(row, amount=1) if known > self.day else row

    def _deal(self, row: dict[str, Any]) -> dict[str, Any] | None:
        if row["created_on"] > self.day and row["opportunity_id"] not in self.seen:
            return self._either(row, created_on=self.later())
        recorded = row.get("recorded_at")
        if recorded is not None and local_day(recorded) > self.day:
            state = {
                "outcome": self.world.one_of(["open", "won", "lost"]),
                "rep_id": self.world.one_of(self.world.reps),
            }
            return row | self._state() | state | {"recorded_at": self.world.instant(self.later())}
        if recorded is None and row["opportunity_id"] not in self.with_events:
            if row["outcome"] != "open" and row["closed_on"] > self.day:
                return row | self._state() | {"outcome": self.world.one_of(["won", "lost"]), "closed_on": self.later()}
            if row["outcome"] == "open":
                return row | self._state() | {"closed_on": None}
        return row

    def _state(self) -> dict[str, Any]:
        return {
            "amount": self.world.amount(),
            "stage": self.world.one_of(STAGES),
            "expected_close_on": self.world.day(),
            "closed_on": self.world.day(),
        }

    def _event(self, row: dict[str, Any]) -> dict[str, Any] | None:
        change = {
            "amount": 1,
            "rep_id": "dee",
            "stage": "Negotiate",
            "outcome": self.world.one_of(["won", "lost", None]),
        }
        return self._instant(row, "recorded_at", **change)

    def _credit(self, row: dict[str, Any]) -> dict[str, Any] | None:
        name = row["opportunity_id"]
        closings = [
            local_day(each["recorded_at"])
            for each in self.world.tables["opportunity_events"]
            if each["opportunity_id"] == name and each.get("outcome") in ("won", "lost")
        ]
        deals = {each["opportunity_id"]: each for each in self.world.tables["opportunities"]}
        its = deals[name]
        if its["outcome"] != "open":
            closings.append(local_day(its["recorded_at"]) if its.get("recorded_at") else its["closed_on"])
        return row if min(closings, default=date.max) <= self.day else self._either(row, share=0.123)

    def _activity(self, row: dict[str, Any]) -> dict[str, Any] | None:
        known = row.get("recorded_at") or row["occurred_at"]
        return row if local_day(known) <= self.day else self._either(row, kind="changed")

    def _enrolment(self, row: dict[str, Any]) -> dict[str, Any] | None:
        if row["started_on"] > self.day:
            return self._either(row, started_on=self.later(), completed_on=None)
        if row["completed_on"] is None or row["completed_on"] > self.day:
            return row | {"completed_on": self.world.one_of([None, self.later()]), "score": 0.1}
        return row

    def _add(self) -> None:
        later, at = self.later(), self.world.instant(self.later())
        known = [row["opportunity_id"] for row in self.tables["opportunities"]]
        self.tables["opportunities"].append(deal("added", created_on=later, amount=7))
        for name in (*known[:3], "added"):
            self.tables["opportunity_events"].append(
                event("", name, outcome="won", amount=77, rep_id="dee") | {"recorded_at": at}
            )
        self.tables["quotas"].append({"rep_id": "ann", "period": "2026Q1", "amount": 5, "set_on": later})
        self.tables["reps"].append({"rep_id": "ann", "hired_on": date(2020, 1, 1), "effective_from": later})
        self.tables["reps"].append({"rep_id": "newcomer", "hired_on": later, "manager_id": "ann"})
        self.tables["activities"].append({"rep_id": "ann", "occurred_at": at, "kind": "added"})
        self.tables["fx_rates"].append({"currency": "EUR", "rate_on": self.day + timedelta(1), "rate": 7.0})


def everything(history: SalesHistory, day: date) -> dict[str, Any]:
    """All that a history shows as of a day."""
    seen = history.as_of(day)
    tables = {table.name: rows_of(seen.table(table.name)) for table in READABLE}
    derived = {name: rows_of(getattr(seen, name)) for name in ("ledger", "bookings", "profiles", "quotas", "activity")}
    facts = {"watermark": seen.watermark, "periods": seen.periods(), "tree": seen.tree(day).to_dict("list")}
    return {**tables, **{f"derived {name}": rows for name, rows in derived.items()}, **facts}


def replaced(history: SalesHistory, tables: dict[str, Rows]) -> SalesHistory:
    """The same history with other rows."""
    arrow = arrow_tables(frames_of(tables), ORGANISATION)
    return history.replacing({name: history.engine.keep(name, rows) for name, rows in arrow.items()})


@settings(max_examples=5, deadline=None, phases=UNSHRUNK)
@given(st.integers(0, 10_000), st.integers(5, LENGTH - 5), st.booleans())
def test_the_future_changes_nothing_that_is_visible(seed: int, days: int, foreign: bool) -> None:
    world, day = RandomWorld(seed, foreign=foreign), date(2026, 1, 1) + timedelta(days)
    with SalesHistory.from_frames(frames_of(world.tables), ORGANISATION) as history:
        before = everything(history, day)
        after = everything(replaced(history, Future(world, day).perturbed()), day)
    for name, rows in before.items():
        assert after[name] == rows, name


@settings(max_examples=2, deadline=None, phases=UNSHRUNK)
@given(st.integers(0, 10_000), st.integers(5, LENGTH - 5))
def test_a_history_cut_at_a_day_shows_the_same_as_the_whole_one(seed: int, days: int) -> None:
    world, day = RandomWorld(seed), date(2026, 1, 1) + timedelta(days)
    with SalesHistory.from_frames(frames_of(world.tables), ORGANISATION) as history:
        ledger, seen = history.ledger, history.as_of(day)
        known = rows_of(ledger.filter(ledger.recorded_on <= day))
        for row in known:
            following = row["next_recorded_on"]
            row["next_recorded_on"] = None if following is None or following > day else following
        assert in_a_fixed_order(rows_of(seen.ledger)) == in_a_fixed_order(known), "a change to come is not seen coming"
        assert rows_of(history.as_of(EXPORTED_ON + timedelta(400)).ledger) == rows_of(ledger)
        names = {row["opportunity_id"] for row in rows_of(seen.ledger)}
        assert names == {row["opportunity_id"] for row in rows_of(seen.table("opportunities"))}


def in_a_fixed_order(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: repr(list(row.values())))


def test_frames_made_twice_are_equal() -> None:
    first, second = RandomWorld(3).tables, RandomWorld(3).tables
    assert all(pd.DataFrame(first[name]).equals(pd.DataFrame(second[name])) for name in first)
