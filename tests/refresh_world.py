"""Exports of one sales organisation on several days: records come late, are corrected and deleted, people change."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from spm_ml.settings import Workspace
from spm_ml.sources import ingest
from tests.feature_world import STAGES, World

Frames = dict[str, pd.DataFrame]


@dataclass
class ExportedWorld:
    """What a source exports, day after day, and how what it had exported before is changed.

    Attributes:
        seed: Two worlds of one seed are equal.
        world: The organisation whose whole history is exported bit by bit.
    """

    seed: int
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.seed, reps=3, deals=6, days=260)
        self.random = np.random.default_rng(self.seed)
        self._frames = self.world.frames()

    def ingest(self, workspace: Workspace, folder: Path, day: int) -> None:
        """Exports what was recorded up to a day (counted from the first) and reads it into a workspace."""
        if not workspace.organisation_file.exists():
            self.world.settings.write(workspace.organisation_file)
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.exported(self.world.first + timedelta(days=day)).items():
            frame.to_csv(folder / f"{name}.csv", index=False)
        ingest(workspace, folder, replace=True)

    def exported(self, day: date) -> Frames:
        """The tables as the source holds them at the end of a day (UTC)."""
        end = datetime.combine(day, datetime.max.time(), UTC)
        frames = dict(self._frames)
        events, deals = frames["opportunity_events"], frames["opportunities"]
        frames["opportunity_events"] = events[events["recorded_at"] <= end]
        deals = deals[deals["created_on"] <= day].copy()
        later = pd.to_datetime(deals["closed_on"]).dt.date > day
        deals.loc[later, ["closed_on", "outcome", "stage"]] = [None, "open", STAGES[0]]
        deals["recorded_at"] = deals["recorded_at"].where(deals["recorded_at"] <= end, end)
        frames["opportunities"] = deals
        frames["credits"] = frames["credits"][frames["credits"]["opportunity_id"].isin(deals["opportunity_id"])]
        frames["activities"] = frames["activities"][frames["activities"]["recorded_at"] <= end]
        frames["enrolments"] = frames["enrolments"][frames["enrolments"]["started_on"] <= day]
        known = frames["quotas"]["set_on"] <= day + timedelta(days=20)
        frames["quotas"] = frames["quotas"][known]
        return frames

    def change(self, kind: str) -> None:
        """Changes what the source holds, whenever it was recorded."""
        getattr(self, f"_{kind}")()

    def _pick(self, table: str) -> int:
        return int(self.random.integers(len(self._frames[table])))

    def _set(self, table: str, row: int, **values: object) -> None:
        frame = self._frames[table].reset_index(drop=True)
        for name, value in values.items():
            frame[name] = frame[name].astype(object)
            frame.loc[row, name] = value
        self._frames[table] = frame

    def _append(self, table: str, *rows: dict[str, object]) -> None:
        self._frames[table] = pd.concat([self._frames[table], pd.DataFrame(rows)], ignore_index=True)

    def _late_event(self) -> None:
        row = self._frames["opportunity_events"].iloc[self._pick("opportunity_events")]
        self._append(
            "opportunity_events", {**row, "amount": self.world._amount(), "stage": str(self.random.choice(STAGES))}
        )

    def _corrected_event(self) -> None:
        amount = float(self.random.integers(1000, 90000))
        self._set("opportunity_events", self._pick("opportunity_events"), amount=amount)

    def _deleted_event(self) -> None:
        events = self._frames["opportunity_events"]
        self._frames["opportunity_events"] = events.drop(events.index[self._pick("opportunity_events")])

    def _reversed_win(self) -> None:
        deals = self._frames["opportunities"]
        won = deals.index[deals["outcome"] == "won"]
        if len(won):
            deal = deals.loc[won[0]]
            at = deal["recorded_at"] + timedelta(days=3)
            event = {"opportunity_id": deal["opportunity_id"], "recorded_at": at, "outcome": "open", "stage": STAGES[0]}
            self._append("opportunity_events", event)

    def _corrected_deal(self) -> None:
        self._set("opportunities", self._pick("opportunities"), created_on=self.world.first, amount=1.0)

    def trade_in_euros(self) -> None:
        """One deal is in euros, which are worth as much as the organisation's money on every day."""
        self._frames["fx_rates"] = pd.DataFrame([{"currency": "EUR", "rate_on": date(2000, 1, 1), "rate": 1.0}])
        self._frames["opportunities"] = self._frames["opportunities"].assign(currency=self.world.settings.currency)
        self._relabelled_deal()

    def _relabelled_deal(self) -> None:
        """The oldest deal in the organisation's money is in euros."""
        deals = self._frames["opportunities"]
        home = deals[deals["currency"] == self.world.settings.currency]
        self._set("opportunities", deals.index.get_loc(home["created_on"].idxmin()), currency="EUR")

    def _undated_deal(self) -> None:
        self._append(
            "opportunities",
            {"opportunity_id": f"u{self._pick('opportunities')}-{len(self._frames['opportunities'])}", "rep_id": "r0"}
            | {"amount": 5000.0, "created_on": self.world.first + timedelta(days=30), "stage": STAGES[1]}
            | {"outcome": "open", "recorded_at": pd.NaT},
        )

    def _credit(self) -> None:
        deal = self._frames["opportunities"]["opportunity_id"].iloc[self._pick("opportunities")]
        shares = self._frames["credits"]
        self._frames["credits"] = shares[shares["opportunity_id"] != deal]
        self._append("credits", {"opportunity_id": deal, "rep_id": "r1", "share": 1.0, "kind": "revenue"})

    def _quota(self) -> None:
        self._set("quotas", self._pick("quotas"), amount=float(self.random.integers(1000, 90000)))

    def _moved(self) -> None:
        reps = self._frames["reps"]
        row = reps[reps["rep_id"] == "r0"].iloc[-1].to_dict()
        since = self.world.first + timedelta(days=int(self.random.integers(20, 200)))
        self._append("reps", row | {"effective_from": since, "team": f"t{len(reps)}", "manager_id": "m2"})

    def _left(self) -> None:
        reps = self._frames["reps"]
        for row in np.flatnonzero((reps["rep_id"] == "r0").to_numpy()):
            self._set("reps", int(row), left_on=self.world.first + timedelta(days=240))

    def _hired(self) -> None:
        number, since = len(self._frames["reps"]), self.world.first + timedelta(days=int(self.random.integers(20, 200)))
        new = {"rep_id": f"new{number}", "role": "account executive", "hired_on": since, "manager_id": "r1", "fte": 1.0}
        self._append("reps", new)
        self._append("activities", {"rep_id": new["rep_id"], "kind": "call"} | self._instants(since))

    def _activity(self) -> None:
        since = self.world.first + timedelta(days=int(self.random.integers(20, 200)))
        self._append("activities", {"rep_id": "r1", "kind": "call"} | self._instants(since))

    def _corrected_activity(self) -> None:
        row = self._pick("activities")
        at = self._frames["activities"]["recorded_at"].iloc[row] + timedelta(days=5)
        self._set("activities", row, recorded_at=at)

    def _deleted_activity(self) -> None:
        activities = self._frames["activities"]
        self._frames["activities"] = activities.drop(activities.index[self._pick("activities")])

    def _enrolment(self) -> None:
        self._set("enrolments", self._pick("enrolments"), completed_on=self.world.first + timedelta(days=230))

    def _submission(self) -> None:
        day = self.world.first + timedelta(days=int(self.random.integers(10, 200)))
        at = datetime.combine(day, datetime.min.time(), UTC)
        period = self.world.calendar.period_of(day).label
        said = {"rep_id": "r0", "period": period, "submitted_at": at, "kind": "commit"}
        row = said | {"amount": float(self.random.integers(1000, 90000))}
        if "submissions" in self._frames:
            self._append("submissions", row)
        else:
            self._frames["submissions"] = pd.DataFrame([row])

    def _instants(self, day: date) -> dict[str, object]:
        at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=int(self.random.integers(8, 18)))
        return {"occurred_at": at, "recorded_at": at + timedelta(hours=1)}


CHANGES = (
    *("late_event", "corrected_event", "deleted_event", "reversed_win", "corrected_deal", "undated_deal", "credit"),
    *("quota", "moved", "left", "hired", "activity", "corrected_activity", "deleted_activity", "enrolment"),
    "submission",
)
"""What `ExportedWorld.change` knows."""
