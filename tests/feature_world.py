"""Small random sales histories with every hazard a dataset must handle, as frames of the data contract; seeded."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd

from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import FiscalSettings, Organisation, StageSettings

_DEAL_COLUMNS = ["opportunity_id", "rep_id", "amount", "created_on", "closed_on", "expected_close_on", "stage"]
_DEAL_COLUMNS += ["outcome", "recorded_at"]
STAGES = ("Qualify", "Propose", "Negotiate")


def organisation(fiscal: FiscalSettings | None = None, **settings: object) -> Organisation:
    """An organisation with three stages, whose untouched deals age out soon enough for a small test."""
    stages = tuple(StageSettings(name=name) for name in STAGES)
    chosen = {"zombie_after_days": 60, **settings}
    return Organisation(fiscal=fiscal or FiscalSettings(), stages=stages, **chosen)


@dataclass
class World:
    """Draws the contract's tables.

    Attributes:
        seed: Two worlds of one seed are equal.
        settings: The organisation.
        first: First day of records.
        days: How many days there are records of.
        reps: Reps besides their two managers.
        deals: Deals a rep.
    """

    seed: int
    settings: Organisation = field(default_factory=organisation)
    first: date = date(2025, 1, 1)
    days: int = 300
    reps: int = 4
    deals: int = 9

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.rep_ids = [f"r{number}" for number in range(self.reps)]
        self.calendar = FiscalCalendar.of(self.settings)

    def frames(self) -> dict[str, pd.DataFrame]:
        """All tables, in the contract's columns and outside types."""
        opportunities, events, shares = self._deals()
        return {
            "reps": self._reps(),
            "quotas": self._quotas(),
            "opportunities": opportunities,
            "opportunity_events": events,
            "credits": shares,
            "activities": self._activities(),
            "programs": pd.DataFrame({"program_id": ["p1"], "name": ["Discovery"], "skill": ["discovery"]}),
            "enrolments": self._enrolments(),
        }

    def _day(self, low: int = 0, high: int | None = None) -> date:
        return self.first + timedelta(days=int(self.random.integers(low, high or self.days)))

    def _chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _amount(self) -> float:
        return float(np.round(self.random.lognormal(9, 1.2), 2))

    def _at(self, day: date) -> datetime:
        return datetime.combine(day, time(int(self.random.integers(0, 24)), int(self.random.integers(0, 60))), UTC)

    def _reps(self) -> pd.DataFrame:
        rows = [{"rep_id": name, "role": "manager", "hired_on": date(2020, 1, 1)} for name in ("m1", "m2")]
        for number, rep_id in enumerate(self.rep_ids):
            hired = self.first - timedelta(days=int(self.random.integers(0, 900)))
            if number == 1:
                hired = self._day(20, self.days // 2)
            row = {"rep_id": rep_id, "name": rep_id.upper(), "role": "account executive", "hired_on": hired}
            row |= {"team": "north", "manager_id": "m1", "territory": f"t{number}", "territory_potential": 1.1}
            row |= {"fte": 0.5 if number == 2 else 1.0}
            left = self._day(self.days // 2, self.days) if number == self.reps - 1 else None
            rows.append(row | {"left_on": left})
            if self._chance(0.6):
                moved = max(hired + timedelta(days=1), self._day(10))
                rows.append(row | {"left_on": left, "effective_from": moved, "team": "south", "manager_id": "m2"})
        return pd.DataFrame(rows)

    def _quotas(self) -> pd.DataFrame:
        rows = []
        last = self.first + timedelta(days=self.days)
        for period in self.calendar.periods_between(self.first, last):
            for rep_id in self.rep_ids:
                if self._chance(0.15):
                    continue
                amount = 0.0 if self._chance(0.1) else round(self._amount() * 3, 2)
                known = period.start - timedelta(days=int(self.random.integers(-9, 30)))
                rows.append({"rep_id": rep_id, "period": period.label, "amount": amount, "set_on": known})
                if self._chance(0.3):
                    again = known + timedelta(days=int(self.random.integers(5, 120)))
                    rows.append({"rep_id": rep_id, "period": period.label, "amount": amount * 0.8, "set_on": again})
        return pd.DataFrame(rows, columns=["rep_id", "period", "amount", "set_on"])

    def _deals(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        deals: list[dict[str, object]] = []
        events: list[dict[str, object]] = []
        shares_of_deals: list[dict[str, object]] = []
        for number in range(self.reps * self.deals):
            deal_id = f"d{number:03d}"
            history = self._life(deal_id, str(self.random.choice(self.rep_ids)))
            events += history[1]
            deals.append(history[0])
            if self._chance(0.2) and self.reps > 1:
                pair = self.random.choice(self.rep_ids, 2, replace=False)
                kind = "overlay" if self._chance(0.3) else "revenue"
                shares = [(pair[0], 0.7, "revenue"), (pair[1], 0.3, kind)] if kind == "revenue" else []
                shares = shares or [(pair[0], 1.0, "revenue"), (pair[1], 1.0, "overlay")]
                shares_of_deals += [
                    {"opportunity_id": deal_id, "rep_id": rep, "share": share, "kind": sort}
                    for rep, share, sort in shares
                ]
        columns = ["opportunity_id", "recorded_at", "rep_id", "stage", "amount", "expected_close_on", "outcome"]
        return (
            pd.DataFrame(deals, columns=_DEAL_COLUMNS),
            pd.DataFrame(events, columns=columns),
            pd.DataFrame(shares_of_deals, columns=["opportunity_id", "rep_id", "share", "kind"]),
        )

    def _life(self, deal_id: str, rep_id: str) -> tuple[dict[str, object], list[dict[str, object]]]:
        """One deal from its creation to its last event, and what its row says in the end."""
        day, end = self._day(0, self.days - 5), self.first + timedelta(days=self.days)
        created, stage, outcome, closed = day, 0, "open", None
        amount, expected = self._amount(), day + timedelta(days=int(self.random.integers(10, 120)))
        events: list[dict[str, object]] = []

        def record(**changes: object) -> None:
            events.append({"opportunity_id": deal_id, "recorded_at": self._at(day), **changes})

        record(rep_id=rep_id, stage=STAGES[0], amount=amount, expected_close_on=expected, outcome="open")
        while True:
            day += timedelta(days=int(self.random.choice([0, 2, 9, 25, 75], p=[0.1, 0.3, 0.3, 0.2, 0.1])))
            if day >= end:
                break
            event = self.random.random()
            if outcome != "open":
                if event < 0.85:
                    break
                outcome, closed = "open", None
                record(outcome="open", stage=STAGES[stage])
            elif event < 0.3:
                stage = int(np.clip(stage + self.random.choice([-1, 1], p=[0.2, 0.8]), 0, 2))
                record(stage=STAGES[stage])
            elif event < 0.45:
                expected += timedelta(days=int(self.random.integers(-20, 90)))
                record(expected_close_on=expected)
            elif event < 0.55:
                amount = self._amount()
                record(amount=amount)
            elif event < 0.65:
                rep_id = str(self.random.choice(self.rep_ids))
                record(rep_id=rep_id)
            else:
                outcome = "won" if event < 0.88 else "lost"
                late = int(self.random.integers(1, 40)) if self._chance(0.2) else 0
                closed = max(created, day - timedelta(days=late))
                record(outcome=outcome)
        row = {"opportunity_id": deal_id, "rep_id": rep_id, "amount": amount, "created_on": created}
        row |= {"expected_close_on": expected, "closed_on": closed, "stage": STAGES[stage], "outcome": outcome}
        return row | {"recorded_at": max(event["recorded_at"] for event in events)}, events

    def _activities(self) -> pd.DataFrame:
        rows = []
        for _ in range(self.reps * 25):
            occurred = self._at(self._day())
            late = int(self.random.integers(0, 9)) if self._chance(0.3) else 0
            kind = str(self.random.choice(["call", "email", "Meeting", "demo"]))
            rows.append(
                {
                    "rep_id": str(self.random.choice(self.rep_ids)),
                    "occurred_at": occurred,
                    "kind": kind,
                    "opportunity_id": "d001" if self._chance(0.5) else None,
                    "recorded_at": occurred + timedelta(days=late),
                }
            )
        return pd.DataFrame(rows)

    def _enrolments(self) -> pd.DataFrame:
        rows = []
        for number in range(self.reps * 2):
            started = self._day()
            completed = started + timedelta(days=int(self.random.integers(1, 30))) if self._chance(0.8) else None
            rep_id = self.rep_ids[number % self.reps]
            rows.append({"rep_id": rep_id, "program_id": "p1", "started_on": started, "completed_on": completed})
        return pd.DataFrame(rows).drop_duplicates(["rep_id", "program_id", "started_on"])
