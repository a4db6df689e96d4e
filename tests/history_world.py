"""Small sales histories for the tests of `spm_ml.history`: builders, random worlds and a plain oracle of the ledger."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.settings import FiscalSettings, Organisation, StageAlias, StageSettings
from spm_ml.tables import TABLE_BY_NAME

Rows = list[dict[str, Any]]

STAGES = ("Qualify", "Propose", "Negotiate")
ORGANISATION = Organisation(
    timezone="America/New_York",
    fiscal=FiscalSettings(),
    stages=(
        StageSettings(name="Qualify"),
        StageSettings(name="Propose", aliases=(StageAlias(name="Quote"),)),
        StageSettings(name="Negotiate"),
    ),
    threads=1,
)
REPS: Rows = [{"rep_id": name, "hired_on": "2020-01-01"} for name in ("ann", "bob", "cy")]


def frames_of(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, pd.DataFrame]:
    """Frames with every contract column that any row names, or the required ones of an empty table."""
    frames = {}
    for name, rows in tables.items():
        named = {column for row in rows for column in row}
        columns = [each.name for each in TABLE_BY_NAME[name].columns if each.required or each.name in named]
        frames[name] = pd.DataFrame(
            [[row.get(column) for column in columns] for row in rows], columns=columns, dtype=object
        )
    return frames


def history_of(
    *, organisation: Organisation = ORGANISATION, reps: Rows | None = None, **tables: Sequence[Mapping[str, Any]]
) -> SalesHistory:
    """A history of the given rows; three reps unless told otherwise."""
    return SalesHistory.from_frames(frames_of({"reps": REPS if reps is None else reps, **tables}), organisation)


def deal(opportunity_id: str = "d1", rep_id: str = "ann", **columns: Any) -> dict[str, Any]:
    """A row of `opportunities`, open since 2026-01-05."""
    return {
        "opportunity_id": opportunity_id,
        "rep_id": rep_id,
        "created_on": "2026-01-05",
        "stage": "Qualify",
        "outcome": "open",
    } | columns


def event(recorded_at: str, opportunity_id: str = "d1", **columns: Any) -> dict[str, Any]:
    """A row of `opportunity_events`; a bare date is its local midnight."""
    return {"opportunity_id": opportunity_id, "recorded_at": recorded_at} | columns


def rows_of(table: ir.Table, *columns: str) -> Rows:
    """Rows as plain values in a fixed order, so that two tables can be compared."""
    chosen = table.select(*columns) if columns else table
    return sorted(chosen.to_pyarrow().to_pylist(), key=lambda row: repr(list(row.values())))


def in_order(history: SalesHistory, *columns: str, opportunity_id: str = "d1") -> list[tuple[Any, ...]]:
    """Columns of a deal's ledger, event by event."""
    ledger = history.ledger
    rows = ledger.filter(ledger.opportunity_id == opportunity_id).order_by("event_number").to_pyarrow().to_pylist()
    return [tuple(row[column] for column in columns) for row in rows]


FIRST = date(2026, 1, 1)
LENGTH = 200
EXPORTED_ON = FIRST + timedelta(LENGTH)


class RandomWorld:
    """Tables of a small organisation in which everything happens: moves, late entries, reopenings, splits, rates.

    Days are local; every deal is created before its first event, and some deals have no events or no `recorded_at`.
    The last record is of `EXPORTED_ON`.
    """

    def __init__(self, seed: int, *, foreign: bool = False, deals: int = 30) -> None:
        self.random = np.random.default_rng(seed)
        self.foreign = foreign
        self.reps = ["ann", "bob", "cy", "dee"]
        self.tables: dict[str, Rows] = {
            "reps": self._people(),
            "quotas": self._quotas(),
            "opportunities": [],
            "opportunity_events": [],
            "credits": [],
            "activities": [
                *(self._activity() for _ in range(8)),
                self._activity() | {"recorded_at": self.instant(EXPORTED_ON)},
            ],
            "programs": [{"program_id": "p1", "name": "Closing", "skill": "closing"}],
            "enrolments": [self._enrolment(rep) for rep in self.reps],
            "assessments": [
                {"rep_id": rep, "skill": "closing", "assessed_on": self.day(), "score": 3.0} for rep in self.reps
            ],
            "spend": [{"spent_on": self.day(), "category": "sales", "amount": 100} for _ in range(3)],
            "submissions": [self._submission(day) for day in self._days(4)],
            "fx_rates": self._rates(),
        }
        for number in range(deals):
            self._life(f"d{number}")

    def chance(self, share: float) -> bool:
        """Draws yes or no."""
        return bool(self.random.random() < share)

    def day(self, low: int = 0, high: int = LENGTH) -> date:
        """Draws a day."""
        return FIRST + timedelta(int(self.random.integers(low, high)))

    def one_of(self, values: Sequence[Any]) -> Any:
        """Draws one of the values."""
        return values[int(self.random.integers(len(values)))]

    def amount(self) -> float:
        """Draws an amount."""
        return round(float(self.random.lognormal(7, 1)), 2)

    def instant(self, day: date) -> datetime:
        """Draws an instant of a local day."""
        local = datetime(day.year, day.month, day.day, tzinfo=ORGANISATION.zone)
        return local + timedelta(minutes=int(self.random.integers(0, 22 * 60)))

    def _people(self) -> Rows:
        rows: Rows = [{"rep_id": "boss", "hired_on": "2019-01-01"}]
        for rep in self.reps:
            left = self.day(100) if self.chance(0.3) else None
            row = {"rep_id": rep, "hired_on": date(2020, 1, 1), "manager_id": "boss", "team": "north", "left_on": left}
            rows.append(row)
            if self.chance(0.5):
                rows.append(row | {"effective_from": self.day(), "team": "south", "fte": 0.5})
        return rows

    def _quotas(self) -> Rows:
        quotas = []
        for rep in self.reps:
            for period in ("2026Q1", "2026Q2", "2026-07-01"):
                currency = self.one_of(["USD", "EUR"]) if self.foreign else None
                row = {"rep_id": rep, "period": period, "amount": self.amount() * 5, "currency": currency}
                quotas.append(row)
                if self.chance(0.4):
                    quotas.append(row | {"amount": self.amount() * 4, "set_on": self.day()})
        return quotas

    def _rates(self) -> Rows:
        first = {"currency": "EUR", "rate_on": date(2019, 1, 1), "rate": 1.1}
        later = [{"currency": "EUR", "rate_on": day, "rate": 1 + float(self.random.random())} for day in self._days(5)]
        return [first, *later]

    def _days(self, count: int) -> list[date]:
        return sorted({self.day() for _ in range(count)})

    def _activity(self) -> dict[str, Any]:
        day = self.day()
        recorded = self.instant(day + timedelta(3)) if self.chance(0.5) else None
        at = self.instant(day)
        return {"rep_id": self.one_of(self.reps), "occurred_at": at, "kind": "call", "recorded_at": recorded}

    def _enrolment(self, rep: str) -> dict[str, Any]:
        start = self.day()
        ended = start + timedelta(20) if self.chance(0.6) else None
        return {"rep_id": rep, "program_id": "p1", "started_on": start, "completed_on": ended, "score": 0.5}

    def _submission(self, day: date) -> dict[str, Any]:
        at = self.instant(day)
        return {"rep_id": "ann", "period": "2026Q2", "submitted_at": at, "kind": "commit", "amount": self.amount()}

    def _life(self, opportunity_id: str) -> None:
        created = self.day(0, 90)
        currency = self.one_of(["USD", "EUR"]) if self.foreign else None
        row = deal(opportunity_id, self.one_of(self.reps), created_on=created, currency=currency)
        row |= {"stage": self.one_of(STAGES), "amount": self.amount(), "expected_close_on": self.day()}
        closed = created + timedelta(int(self.random.integers(0, 90)))
        if self.chance(0.3):
            if self.chance(0.6):
                row |= {"outcome": self.one_of(["won", "lost"]), "closed_on": closed}
            late = closed + timedelta(int(self.random.integers(0, 9)))
            row["recorded_at"] = self.instant(late) if self.chance(0.5) else None
        else:
            row |= self._events(opportunity_id, created, row)
        self.tables["opportunities"].append(row)
        if self.chance(0.5):
            pair = list(self.random.permutation(self.reps))[:2]
            share = round(float(self.random.random()), 3)
            cut = [(pair[0], share, "revenue"), (pair[1], 1 - share, "revenue"), (pair[1], 0.5, "overlay")]
            for rep, part, kind in cut:
                row = {"opportunity_id": opportunity_id, "rep_id": rep, "share": part, "kind": kind}
                self.tables["credits"].append(row)

    def _events(self, opportunity_id: str, created: date, row: dict[str, Any]) -> dict[str, Any]:
        """Writes a deal's events; gives what its row says in the end."""
        day = created + timedelta(int(self.random.integers(0, 2)) * 5)
        state = {name: row[name] for name in ("rep_id", "stage", "amount", "expected_close_on")} | {"outcome": "open"}
        events = [event("", opportunity_id, **state) | {"recorded_at": self.instant(day)}]
        closed_on = None
        for _ in range(int(self.random.integers(0, 7))):
            day += timedelta(int(self.random.integers(0, 25)))
            change: dict[str, Any] = {}
            if self.chance(0.4):
                change["stage"] = self.one_of([*STAGES, "quote ", None])
            if self.chance(0.3):
                change["amount"] = self.amount()
            if self.chance(0.2):
                change["rep_id"] = self.one_of(self.reps)
            if self.chance(0.3):
                change["expected_close_on"] = self.day()
            if self.chance(0.4):
                change["outcome"] = self.one_of(["won", "lost", "open"])
            closed_on = (
                day - timedelta(int(self.random.integers(0, 6))) if change.get("outcome", "open") != "open" else None
            )
            state |= {name: value for name, value in change.items() if value is not None}
            events.append(event("", opportunity_id, **change) | {"recorded_at": self.instant(day)})
        self.tables["opportunity_events"] += events
        later = self.instant(day + timedelta(9)) if self.chance(0.3) else events[-1]["recorded_at"]
        return state | {"closed_on": closed_on, "recorded_at": later}


def local_day(instant: datetime, organisation: Organisation = ORGANISATION) -> date:
    """The organisation's day of an instant."""
    return instant.astimezone(ZoneInfo(organisation.timezone)).date()
