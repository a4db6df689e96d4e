"""The same features as an analyst writes them in pandas: `python -m … WORKSPACE OURS FILE NAMES`.

Running sums for each rep over the days on which something happened, read with `merge_asof` on the as-of day and at the
window's other end. It gets the rows (rep and as-of day) from our file, and from nowhere else what it fills in.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spm_ml.history.records import MEETING_KINDS
from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace


def read(workspace: Workspace, table: str, columns: list[str]) -> pd.DataFrame:
    """A table as it was ingested first."""
    return pd.read_parquet(TableStore(workspace).part_file(table, 1), columns=columns)


def local_days(moments: "pd.Series[pd.Timestamp]", zone: str) -> "pd.Series[pd.Timestamp]":
    """Days of UTC moments."""
    return moments.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()


def activity_changes(workspace: Workspace, zone: str) -> pd.DataFrame:
    """`rep_id, day, occurred, activity, meetings, activity_on_deals`: a row for each activity that is known."""
    columns = ["rep_id", "occurred_at", "recorded_at", "kind", "opportunity_id"]
    rows = read(workspace, "activities", columns)
    occurred = local_days(rows["occurred_at"], zone)
    recorded = local_days(rows["recorded_at"].fillna(rows["occurred_at"]), zone)
    return pd.DataFrame(
        {
            "rep_id": rows["rep_id"],
            "day": np.maximum(occurred, recorded),
            "occurred": occurred,
            "activity": 1,
            "meetings": rows["kind"].str.lower().isin(MEETING_KINDS).astype(int),
            "activity_on_deals": rows["opportunity_id"].notna().astype(int),
        }
    )


def flow_changes(workspace: Workspace, zone: str) -> pd.DataFrame:
    """`rep_id, day` and a column for each kind of change of a deal: a row for each event."""
    names = ["opportunity_id", "recorded_at", "_occurrence", "rep_id", "expected_close_on", "outcome"]
    rows = read(workspace, "opportunity_events", names)
    rows = rows.sort_values(["opportunity_id", "recorded_at", "_occurrence"], kind="stable")
    deal = rows["opportunity_id"]
    stated = ["rep_id", "expected_close_on", "outcome"]
    rows[stated] = rows.groupby("opportunity_id", sort=False)[stated].ffill()
    rows["outcome"] = rows["outcome"].fillna("open")
    rows["day"] = local_days(rows["recorded_at"], zone)
    first = deal != deal.shift()
    before = rows[stated].shift().mask(first)
    deals = read(workspace, "opportunities", ["opportunity_id", "created_on"]).set_index("opportunity_id")
    created_on = pd.to_datetime(deal.map(deals["created_on"]))
    still_open = (rows["outcome"] == "open") & (before["outcome"] == "open")
    kinds = {
        "created_count": first & (created_on >= rows["day"]),
        "won_count": (rows["outcome"] == "won") & (before["outcome"] != "won"),
        "lost_count": (rows["outcome"] == "lost") & (before["outcome"] != "lost"),
        "pushed_count": still_open & (rows["expected_close_on"] > before["expected_close_on"]),
        "received_count": still_open & (rows["rep_id"] != before["rep_id"]),
    }
    return rows[["rep_id", "day"]].assign(**{name: happened.astype(int) for name, happened in kinds.items()})


def filled(rows: pd.DataFrame, changes: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """Trailing sums of the changes: each feature is a column of theirs, `_`, and the days of its window."""
    windows = [feature.rpartition("_") for feature in features]
    measures = list(dict.fromkeys(measure for measure, _, _ in windows))
    daily = changes.groupby(["rep_id", "day"], as_index=False)[measures].sum()
    daily[measures] = daily.groupby("rep_id")[measures].cumsum()
    daily = daily.sort_values("day")
    begins = changes["day"].min()
    readings = {ago: _as_of(rows, daily, ago) for ago in {0, *(int(days) for _, _, days in windows)}}
    for feature, (measure, _, days) in zip(features, windows, strict=True):
        known = rows["as_of"] >= begins + pd.Timedelta(days=int(days) - 1)
        total = readings[0][measure].fillna(0) - readings[int(days)][measure].fillna(0)
        rows[feature] = total.where(known)
    return rows


def _as_of(rows: pd.DataFrame, daily: pd.DataFrame, ago: int) -> pd.DataFrame:
    days = rows[["rep_id", "as_of"]].assign(day=rows["as_of"] - pd.Timedelta(days=ago), place=np.arange(len(rows)))
    found = pd.merge_asof(days.sort_values("day"), daily, on="day", by="rep_id")
    return found.sort_values("place").set_index(rows.index)


def last_activity(rows: pd.DataFrame, changes: pd.DataFrame) -> "pd.Series[float]":
    """Days since the newest activity that is known."""
    daily = changes.groupby(["rep_id", "day"], as_index=False)["occurred"].max()
    daily["occurred"] = daily.groupby("rep_id")["occurred"].cummax()
    newest = _as_of(rows, daily.sort_values(["day"]), 0)["occurred"]
    return pd.Series((rows["as_of"] - newest).dt.days, index=rows.index, dtype="float64")


def write(workspace: Workspace, ours: Path, target: Path, wanted: Sequence[str]) -> None:
    """Writes the features of the rows of our file."""
    zone = workspace.organisation().timezone
    rows = pd.read_parquet(ours, columns=["rep_id", "as_of"])
    activity = activity_changes(workspace, zone)
    rows = filled(rows, activity, [name for name in wanted if name.startswith(("activity", "meetings"))])
    rows["days_since_activity"] = last_activity(rows, activity)
    flow = flow_changes(workspace, zone)
    rows = filled(rows, flow, [name for name in wanted if name.endswith(("count_28", "count_91"))])
    rows.to_parquet(target, index=False)


if __name__ == "__main__":
    write(Workspace(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4].split(","))
