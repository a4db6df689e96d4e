"""Small sales organisations for the tests of the metrics: a builder for single deals, and a seeded random one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.settings import Organisation, StageSettings
from spm_ml.tables import TABLE_BY_NAME

STAGES = ("Qualify", "Propose", "Negotiate")
ORGANISATION = Organisation(
    stages=tuple(StageSettings(name=name) for name in STAGES),
    zombie_after_days=60,
    amount_basis="arr",
    gross_margin=0.8,
    threads=1,
)
Rows = list[dict[str, Any]]
Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def noon(day: date) -> str:
    """Noon UTC of a day, as a timestamp cell."""
    return datetime(day.year, day.month, day.day, 12).isoformat()  # noqa: DTZ001 — naive UTC, as the contract says


def frames_of(tables: Tables) -> dict[str, pd.DataFrame]:
    """Frames with every contract column; missing cells are empty."""
    frames = {}
    for name, rows in tables.items():
        columns = [column.name for column in TABLE_BY_NAME[name].columns]
        cells = [[row.get(column) for column in columns] for row in rows]
        frames[name] = pd.DataFrame(cells, columns=columns, dtype=object)
    return frames


def history_of(tables: Tables, organisation: Organisation = ORGANISATION) -> SalesHistory:
    """A history of these rows."""
    return SalesHistory.from_frames(frames_of(tables), organisation)


def deal(name: str, *steps: tuple[date, dict[str, Any]], closed_on: date | None = None, **more: Any) -> Tables:
    """One deal as rows of `opportunities` and `opportunity_events`.

    Args:
        name: Its id.
        steps: Day of recording and what changed; the first states everything.
        closed_on: Day of the close where it was not the day of recording.
        more: Further columns of `opportunities`.
    """
    state: dict[str, Any] = {"stage": "Qualify", "outcome": "open", "expected_close_on": None, "amount": None}
    events = []
    ended: date | None = None
    for day, change in steps:
        before = state["outcome"]
        state |= change
        if state["outcome"] != "open" and before != state["outcome"]:
            ended = day
        events.append({"opportunity_id": name, "recorded_at": noon(day)} | state)
    row = {
        "opportunity_id": name,
        "created_on": steps[0][0],
        "recorded_at": noon(steps[-1][0]),
        "closed_on": None if state["outcome"] == "open" else closed_on or ended,
    }
    return {"opportunities": [row | state | more], "opportunity_events": events}


def together(*tables: Tables) -> dict[str, Rows]:
    """Puts the rows of several sets of tables under one another."""
    everything: dict[str, Rows] = {}
    for one in tables:
        for name, rows in one.items():
            everything.setdefault(name, []).extend(dict(row) for row in rows)
    return everything


def rep(name: str, manager_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A row of `reps`, employed since 2020."""
    return {"rep_id": name, "manager_id": manager_id, "hired_on": "2020-01-01"} | more


def random_tables(seed: int, deals: int = 70) -> dict[str, Rows]:
    """A year of two teams under one head, with moves, splits, reversals, pushes, late closes and zombies."""
    random = np.random.default_rng(seed)
    first, last = date(2025, 1, 2), date(2026, 2, 20)

    def some_day(low: date, high: date) -> date:
        return low + timedelta(days=int(random.integers(0, max((high - low).days, 0) + 1)))

    reps = [
        rep("head", role="vp"),
        rep("m1", "head", role="manager"),
        rep("m2", "head", role="manager"),
        rep("ann", "m1", role="ae", team="red", region="North", segment="SMB"),
        rep("bob", "m1", role="ae", fte=0.5, team="red", region="South", segment="SMB"),
        rep("cyd", "m2", role="ae", hired_on="2025-05-12", team="blue", region="North"),
        rep("dan", "m2", role="ae", team="red", left_on="2025-10-15"),
        rep("dan", "m1", role="ae", left_on="2025-10-15", effective_from="2025-08-01", team="red", region="South"),
        rep("eve", "m2", role="overlay"),
    ]
    sellers = ("ann", "bob", "cyd", "dan")
    tables: dict[str, Rows] = {"reps": reps, "credits": [], "quotas": [], "submissions": [], "activities": []}
    for quarter in ("2025Q1", "2025Q2", "2025Q3", "2025Q4", "2026Q1"):
        start = date(int(quarter[:4]), 3 * int(quarter[-1]) - 2, 1)
        for name in sellers:
            if random.random() < 0.15:
                continue
            amount = int(random.integers(0, 4)) * 2_500.5
            tables["quotas"].append({"rep_id": name, "period": quarter, "amount": amount})
            if random.random() < 0.3:
                changed = {"rep_id": name, "period": quarter, "amount": 12_000, "set_on": start + timedelta(days=20)}
                tables["quotas"].append(changed)
            for kind in ("commit", "commit", "manager_override"):
                if random.random() < 0.6:
                    moment = datetime(start.year, start.month, 3, int(random.integers(1, 23)))  # noqa: DTZ001
                    moment += timedelta(days=int(random.integers(0, 60)))
                    amount = round(float(random.uniform(0, 30_000)), 2)
                    common = {"rep_id": name, "period": quarter, "submitted_at": moment.isoformat()}
                    tables["submissions"].append(common | {"kind": kind, "amount": amount})
    for name in (*sellers, "m1"):
        for _ in range(40):
            day = some_day(first, last)
            tables["activities"].append({"rep_id": name, "occurred_at": noon(day), "kind": "call"})
    tables["spend"] = [
        {"spent_on": date(2025, month, 5), "category": category, "amount": 1000.25 * month} | groups[month % 3]
        for month in range(1, 13)
        for category, groups in (
            ("sales", ({"region": "North"}, {"team": "red", "region": "South"}, {})),
            ("marketing", ({"segment": "SMB", "team": "blue"}, {"region": "Atlantis"}, {"team": "red"})),
        )
    ]
    for number in range(deals):
        day = some_day(first, last)
        state: dict[str, Any] = {
            "rep_id": str(random.choice([one for one in sellers if one != "cyd" or day > date(2025, 5, 12)])),
            "amount": round(float(random.gamma(2.0, 2_500)), 2) if random.random() < 0.9 else None,
            "expected_close_on": day + timedelta(days=int(random.integers(10, 150))),
        }
        steps = [(day, state)]
        for _ in range(int(random.integers(1, 7))):
            day = some_day(day, min(day + timedelta(days=45), last))
            steps.append((day, _change(random, steps, day)))
        name = f"d{number:03d}"
        final = [change["outcome"] for _, change in steps if "outcome" in change]
        late = final and final[-1] != "open" and "outcome" in steps[-1][1] and random.random() < 0.4
        created, closed_before = steps[0][0], steps[-1][0]
        closed_on = some_day(max(created, closed_before - timedelta(days=12)), closed_before) if late else None
        more = {
            "account_id": f"a{random.integers(0, 25)}" if random.random() < 0.8 else None,
            "kind": str(random.choice(["new", "new", "expansion", "renewal"])) if random.random() < 0.8 else None,
        }
        tables = together(tables, deal(name, *steps, closed_on=closed_on, **more))
        if random.random() < 0.25:
            shares = {"ann": 0.6, "bob": 0.4} if random.random() < 0.5 else {"bob": 1.0}
            credit = [{"opportunity_id": name, "rep_id": key, "share": share} for key, share in shares.items()]
            credit.append({"opportunity_id": name, "rep_id": "eve", "share": 0.5, "kind": "overlay"})
            tables["credits"] += credit
    return tables


def _change(random: np.random.Generator, steps: list[tuple[date, dict[str, Any]]], day: date) -> dict[str, Any]:
    outcome = next((change["outcome"] for _, change in reversed(steps) if "outcome" in change), "open")
    draw = random.random()
    if outcome != "open":
        return {"outcome": "open", "stage": "Propose"} if draw < 0.5 else {"amount": round(9_000 * draw, 2)}
    if draw < 0.25:
        return {"outcome": "won", "stage": "Won"}
    if draw < 0.45:
        return {"outcome": "lost", "stage": "Lost"} | ({"amount": 0} if draw < 0.35 else {})
    if draw < 0.65:
        return {"expected_close_on": day + timedelta(days=int(random.integers(-10, 200)))}
    if draw < 0.73:
        return {"rep_id": str(random.choice(["ann", "bob"]))}
    if draw < 0.85:
        return {"stage": str(random.choice(STAGES))}
    return {"amount": round(float(random.gamma(2.0, 2_500)), 2)}
