"""Ledger, bookings, profiles and quotas equal a plain deal-by-deal retelling in Python, on random worlds."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from spm_ml.history import SalesHistory
from tests.history_world import EXPORTED_ON, ORGANISATION, STAGES, RandomWorld, Rows, frames_of, local_day, rows_of

State = dict[str, Any]
ALIASES = {"quote": "Propose", **{name.lower(): name for name in STAGES}}


def cents(amount: float) -> int:
    return int((Decimal(str(amount)) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def half_away(value: float) -> int:
    return int(Decimal(value).quantize(Decimal(1), ROUND_HALF_UP))


class Retelling:
    """Tells every deal's story from its rows."""

    def __init__(self, tables: dict[str, Rows]) -> None:
        self.tables = tables
        self.rates = sorted((row["rate_on"], row["rate"]) for row in tables["fx_rates"])

    def rate(self, currency: str | None, day: date) -> float:
        if currency in (None, "USD"):
            return 1.0
        return [rate for rate_on, rate in self.rates if rate_on <= day][-1]

    def changes(self, row: State) -> list[State]:
        """What was recorded about a deal, in order: its creation, its row, its events."""
        events = [each for each in self.tables["opportunity_events"] if each["opportunity_id"] == row["opportunity_id"]]
        events.sort(key=lambda each: each["recorded_at"])
        told = [each | {"day": local_day(each["recorded_at"]), "rebuilt": False} for each in events]
        first = told[0]["day"] if told else date.max
        recorded = local_day(row["recorded_at"]) if row.get("recorded_at") else None
        is_closed = row["outcome"] != "open"
        stated = max(recorded or (row["closed_on"] if is_closed else EXPORTED_ON), row["created_on"])
        before: list[State] = []
        if stated < first:
            before.append(row | {"day": stated, "rebuilt": True})
        if row["created_on"] < first and not (stated == row["created_on"] and not is_closed and not events):
            knows_owner = recorded is None or recorded <= row["created_on"]
            owner = row["rep_id"] if knows_owner else None
            before.insert(0, {"day": row["created_on"], "rebuilt": True, "rep_id": owner, "outcome": "open"})
        return before + told

    def ledger(self, row: State) -> list[State]:
        recorded = local_day(row["recorded_at"]) if row.get("recorded_at") else None
        state: State = {"rep_id": None, "stage": STAGES[0], "amount": 0, "expected_close_on": None, "outcome": "open"}
        told: list[State] = []
        rate = 1.0
        for number, change in enumerate(self.changes(row)):
            earlier = dict(state)
            for name in ("rep_id", "expected_close_on", "outcome"):
                state[name] = change[name] if change.get(name) is not None else state[name]
            if change.get("stage"):
                state["stage"] = ALIASES[change["stage"].strip().lower()]
            state["amount"] = cents(change["amount"]) if change.get("amount") is not None else state["amount"]
            if state["rep_id"] is None and recorded is not None and recorded <= change["day"]:
                state["rep_id"] = row["rep_id"]
            closes = state["outcome"] != "open" and earlier["outcome"] == "open"
            since = told[-1]["recorded_on"] if told else date.min
            as_stated = change["rebuilt"] or (recorded is not None and since <= recorded <= change["day"])
            event_on = change["day"]
            if closes and as_stated and row["outcome"] == state["outcome"] and row.get("closed_on"):
                event_on = min(event_on, row["closed_on"]) if row["closed_on"] <= event_on else event_on
            restated = state["amount"] != earlier["amount"] and state["outcome"] != "won"
            if number == 0 or state["outcome"] != earlier["outcome"] or restated:
                rate = self.rate(row.get("currency"), event_on)
            is_open = state["outcome"] == "open"
            written = (change.get("stage") or "").strip() or state["stage"]
            told.append(
                state
                | {
                    "opportunity_id": row["opportunity_id"],
                    "event_number": number,
                    "recorded_on": change["day"],
                    "event_on": event_on,
                    "stage": state["stage"] if is_open else written,
                    "stage_position": STAGES.index(state["stage"]) + 1 if is_open else 0,
                    "amount": half_away(state["amount"] * rate) if rate != 1 else state["amount"],
                    "created_on": row["created_on"],
                    "history_reconstructed": change["rebuilt"],
                }
            )
        for earlier, later in zip([None, *told], told, strict=False):
            for name in ("rep_id", "stage_position", "outcome", "amount", "expected_close_on", "recorded_on"):
                later[f"previous_{name}"] = earlier[name] if earlier else None
        course: State = {"first_rep_id": told[0]["rep_id"], "pushes": 0, "steps": 0, "first_amount": None}
        for entry, following in zip(told, [*told[1:], None], strict=True):
            before = {name: entry[f"previous_{name}"] for name in ("outcome", "stage_position", "expected_close_on")}
            stays = entry["outcome"] == before["outcome"] == "open"
            if not stays or entry["stage_position"] != before["stage_position"]:
                course["stage_since"] = entry["recorded_on"]
            if stays:
                closes = (before["expected_close_on"], entry["expected_close_on"])
                course["pushes"] += None not in closes and closes[1] > closes[0]
                course["steps"] += entry["stage_position"] > before["stage_position"]
            if course["first_amount"] is None and entry["amount"] > 0:
                course["first_amount"] = entry["amount"]
            entry |= course | {"next_recorded_on": following and following["recorded_on"]}
        return told

    def bookings(self, ledger: list[State]) -> Rows:
        shares = [each for each in self.tables["credits"] if each["opportunity_id"] == ledger[0]["opportunity_id"]]
        booked, owner, rows = 0, None, []
        for entry in ledger:
            was_won, is_won = entry["previous_outcome"] == "won", entry["outcome"] == "won"
            if is_won and not was_won:
                owner = entry["rep_id"]
            now = entry["amount"] if is_won else 0
            if (is_won and not was_won) or (was_won and now != booked):
                for (rep, credit), part in self.cut(now, owner, shares).items():
                    amount = part - self.cut(booked, owner, shares)[rep, credit]
                    days = {"booked_on": entry["event_on"], "recorded_on": entry["recorded_on"]}
                    days["created_on"] = entry["created_on"]
                    credited = {"opportunity_id": entry["opportunity_id"], "rep_id": rep} | days
                    rows.append(credited | {"amount": amount, "credit": credit, "owner_id": owner})
            booked = now
        return rows

    def cut(self, amount: int, owner: str | None, shares: Rows) -> dict[tuple[str | None, str], int]:
        parts: dict[tuple[str | None, str], int] = {}
        revenue = sorted((each for each in shares if each["kind"] == "revenue"), key=lambda each: each["rep_id"])
        if not revenue:
            parts[owner, "revenue"] = amount
        upto = 0.0
        for each in revenue:
            low, upto = upto, upto + each["share"]
            parts[each["rep_id"], "revenue"] = half_away(amount * round(upto, 6)) - half_away(amount * round(low, 6))
        for each in shares:
            if each["kind"] == "overlay":
                parts[each["rep_id"], "overlay"] = half_away(amount * each["share"])
        return parts


@pytest.mark.parametrize(("seed", "foreign"), [(seed, seed % 2 == 0) for seed in range(6)])
def test_ledger_and_bookings_are_what_the_rows_tell(seed: int, foreign: bool) -> None:
    world = RandomWorld(seed, foreign=foreign, deals=60)
    retelling = Retelling(world.tables)
    told = [retelling.ledger(row) for row in world.tables["opportunities"]]
    with SalesHistory.from_frames(frames_of(world.tables), ORGANISATION) as history:
        columns, credited = list(history.ledger.columns), list(history.bookings.columns)
        assert_equal(rows_of(history.ledger), [{name: row[name] for name in columns} for deal in told for row in deal])
        booked = [{name: row[name] for name in credited} for deal in told for row in retelling.bookings(deal)]
        assert len(booked) > 20
        assert_equal(rows_of(history.bookings), booked)


@pytest.mark.parametrize("seed", [11, 12])
def test_profiles_and_quotas_are_what_the_rows_tell(seed: int) -> None:
    world = RandomWorld(seed, deals=1)
    starts = {"2026Q1": date(2026, 1, 1), "2026Q2": date(2026, 4, 1), "2026-07-01": date(2026, 7, 1)}
    with SalesHistory.from_frames(frames_of(world.tables), ORGANISATION) as history:
        quotas, profiles = history.quotas, history.profiles
        for rep in world.reps:
            for text, start in starts.items():
                mine = [row for row in world.tables["quotas"] if (row["rep_id"], row["period"]) == (rep, text)]
                known = {row.get("set_on") or start: cents(row["amount"]) for row in mine}
                found = rows_of(quotas.filter((quotas.rep_id == rep) & (quotas.period_start == start)))
                assert {row["known_on"]: row["amount"] for row in found} == known
            own = sorted(
                (row.get("effective_from") or row["hired_on"], row["team"])
                for row in world.tables["reps"][1:]
                if row["rep_id"] == rep
            )
            found = rows_of(profiles.filter(profiles.rep_id == rep), "valid_from", "valid_to", "team")
            ends = [start for start, _ in own[1:]] + [None]
            expected = [(start, end, team) for (start, team), end in zip(own, ends, strict=True)]
            assert [tuple(row.values()) for row in found] == expected


def assert_equal(found: Rows, expected: Rows) -> None:
    expected = sorted(expected, key=lambda row: repr(list(row.values())))
    for left, right in zip(found, expected, strict=True):
        assert left == right
