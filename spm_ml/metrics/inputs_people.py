"""Inputs about reps: who belongs to whom, who was employed when, what they did, and their ramp."""

from datetime import date, timedelta
from itertools import takewhile
from typing import Final

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.history.people import tree_of
from spm_ml.metrics.fetching import fetch, fetch_by_rep
from spm_ml.metrics.metric import Level
from spm_ml.metrics.window import Window

ORGANISATION_KEY: Final = "organisation"
NOT_STATED: Final = "not stated"
"""Region or segment of whoever has none."""


def profile_spans(history: SalesHistory) -> pd.DataFrame:
    """Every profile of every rep, a rep's in the order of `valid_from`."""
    columns = ("rep_id", "valid_from", "manager_id", "role", "team", "region", "segment", "fte", "hired_on", "left_on")
    return fetch(history.profiles.select(*columns)).sort_values(["rep_id", "valid_from"])


def profiles_at(spans: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Everyone's profile as of the last day, indexed by rep_id: the one that holds, or else the rep's first.

    Args:
        spans: From `profile_spans`.
        window: Its last day counts.

    Returns:
        `manager_id, role, team, region, segment, fte, hired_on, left_on`; days as datetime64.
    """
    ahead = spans["valid_from"] > pd.Timestamp(window.last)
    holding = spans[~ahead].drop_duplicates("rep_id", keep="last")
    first = spans[ahead & ~spans["rep_id"].isin(holding["rep_id"])].drop_duplicates("rep_id")
    return pd.concat([holding, first]).drop(columns="valid_from").set_index("rep_id").sort_index()


def members_of(profiles: pd.DataFrame, level: Level, window: Window, active: pd.Index) -> pd.DataFrame:
    """Which reps count for which key of a level.

    Args:
        profiles: From `profiles_at`.
        level: A team is a manager and everybody below, a region or segment everybody whose profile names it, and
            the whole organisation is one key.
        window: Reps of the level `rep` are those employed on a day of the period that has come, and the active ones.
        active: Reps to whom something of the period belongs, with a profile or without.

    Returns:
        `key, rep_id`; a rep stands in as many teams as there are managers above.
    """
    reps = profiles.index
    if level == "organisation":
        return pd.DataFrame({"key": ORGANISATION_KEY, "rep_id": reps.union(active)})
    if level == "rep":
        shown = reps[_employed(profiles, window)].union(active)
        return pd.DataFrame({"key": shown, "rep_id": shown})
    if level in ("region", "segment"):
        everyone = reps.union(active)
        named = profiles[level].reindex(everyone).fillna(NOT_STATED)
        return pd.DataFrame({"key": named.to_numpy(dtype=object), "rep_id": everyone})
    pairs = [(key, rep_id) for rep_id, leads in _leads(profiles).items() for key in leads]
    return pd.DataFrame(pairs, columns=["key", "rep_id"]).astype(object)


def _leads(profiles: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Everybody's managers, the highest first; who has people is the last of the own."""
    managers = {
        str(rep_id): None if pd.isna(manager) else str(manager)
        for rep_id, manager in zip(profiles.index, profiles["manager_id"].tolist(), strict=True)
    }
    tree = tree_of(managers)
    leads = set(tree["manager_id"].dropna())
    return {path[-1]: tuple(key for key in path if key in leads) for path in tree["path"]}


def team_leads(profiles: pd.DataFrame, window: Window) -> dict[str, str]:
    """Who leads everybody of a team that profiles name: the lowest manager above all of them, or one of them.

    Args:
        profiles: From `profiles_at`.
        window: Whoever was employed on a day of it counts.

    Returns:
        Manager's rep_id by the team's name; a team whose people have no manager in common is missing.
    """
    leads, found = _leads(profiles), dict[str, str]()
    named = profiles[_employed(profiles, window)]["team"].dropna()
    for team, people in named.groupby(named):
        ranks = zip(*(leads[str(rep_id)] for rep_id in people.index), strict=False)
        for lead, *_ in takewhile(lambda rank: len(set(rank)) == 1, ranks):
            found[str(team)] = lead
    return found


def _employed(profiles: pd.DataFrame, window: Window) -> pd.Series:
    """Whether each was employed on a day of the period that has come."""
    hired = profiles["hired_on"] <= pd.Timestamp(window.last)
    stayed = profiles["left_on"].isna() | (profiles["left_on"] >= pd.Timestamp(window.period.start))
    employed: pd.Series = hired & stayed
    return employed


def employment(profiles: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Selling days on which each rep was employed.

    Returns:
        Indexed by rep_id: `rep_selling_days` up to the day, and `exposure`, the share of the period's selling days
        (the coming ones too, if nothing says that the rep leaves) × FTE; NaN in a period without selling days.
    """
    so_far = _employed_days(profiles, window, window.last)
    whole = _employed_days(profiles, window, window.period.end)
    share = whole / window.period_days if window.period_days else np.full(len(profiles), np.nan)
    return pd.DataFrame({"rep_selling_days": so_far, "exposure": share * profiles["fte"]}, index=profiles.index)


def _employed_days(profiles: pd.DataFrame, window: Window, last: date) -> npt.NDArray[np.float64]:
    start, end = pd.Timestamp(window.period.start), pd.Timestamp(last)
    selling = window.calendar.day_table(window.period.start, window.period.end)["selling_day"]
    counts = np.concatenate([[0.0], np.cumsum(np.asarray(selling, dtype=np.float64))])
    days = max((end - start).days + 1, 0)
    before = np.clip((profiles["hired_on"] - start).dt.days.to_numpy(np.int64), 0, days)
    until = np.clip((profiles["left_on"].fillna(end) - start).dt.days.to_numpy(np.int64) + 1, 0, days)
    return np.asarray(np.maximum(counts[until] - counts[before], 0.0))


def activity_inputs(history: SalesHistory, grid: ir.Table) -> pd.DataFrame | None:
    """Activities in each window up to its last day, by window and rep_id; None if none are recorded at all."""
    if not history.has("activities"):
        return None
    daily = history.activity_days
    rows = daily.join(grid, [daily.occurred_on >= grid.starts_on, daily.occurred_on <= grid.last_on])
    return fetch_by_rep(rows.group_by("window", "rep_id").aggregate(activities=rows.activities.sum()))


def ramp_inputs(profiles: pd.DataFrame, results: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Days from hire to the end of the first finished period that reached its quota.

    Args:
        profiles: From `profiles_at`.
        results: Booked and quota of each rep and finished period: `rep_id, period_start, period_end, booked, quota`.
        window: Periods that ended by its last day count.

    Returns:
        Indexed by rep_id: `ramp_days_total, ramped_reps, ramping_reps` (0 or 1 each); 0 for reps hired before the
        data begin or after the day.
    """
    begin = window.before[0].start if window.before else window.period.start
    seen = profiles[profiles["hired_on"].between(pd.Timestamp(begin + timedelta(days=1)), pd.Timestamp(window.last))]
    reached = results[(results["quota"] > 0) & (results["booked"] >= results["quota"])]
    first = reached.groupby("rep_id")["period_end"].min().reindex(seen.index)
    days = (first - seen["hired_on"]).dt.days
    there = days.notna()
    return pd.DataFrame(
        {
            "ramp_days_total": days.fillna(0.0),
            "ramped_reps": there.astype(float),
            "ramping_reps": (~there).astype(float),
        }
    )
