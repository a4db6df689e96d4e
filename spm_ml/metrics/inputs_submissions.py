"""Inputs about human forecasts, by rep."""

import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.window import Window


def submission_inputs(first: pd.DataFrame | None, results: pd.DataFrame, window: Window) -> pd.DataFrame | None:
    """First commits and overrides for the window's finished periods against what was booked.

    Args:
        first: From `first_submissions`.
        results: From `results_by_period`.
        window: Its fiscal periods that ended by the last day count.

    Returns:
        None without any commit for them; else indexed by rep_id, sums over periods, NaN where nothing fits:
        `commit_forecast, commit_actual, commit_error` where there is a commit; `naive_error_of_commits,
        commit_error_with_naive, actual_with_naive` where there is also a period before;
        `commit_error_with_override, override_error, actual_with_override` where there is also an override.
    """
    finished = {period.start: period for period in window.fiscal_periods if period.end <= window.last}
    if not finished or first is None:
        return None
    first = first[first["period_start"].isin([pd.Timestamp(start) for start in finished])]
    if first.empty or "commit" not in first:
        return None
    actual = results.set_index(["rep_id", "period_start"])["booked"]
    keys = pd.MultiIndex.from_frame(first[["rep_id", "period_start"]])
    booked = actual.reindex(keys).fillna(0.0).to_numpy()
    calendar = window.calendar
    known = {period.start for period in (*window.before, *window.fiscal_periods)}
    before = {start: calendar.previous(period).start for start, period in finished.items()}
    naive_keys = [(rep, pd.Timestamp(before[start.date()])) for rep, start in keys]
    has_naive = [before[start.date()] in known for start in first["period_start"]]
    naive = actual.reindex(pd.MultiIndex.from_tuples(naive_keys, names=keys.names)).fillna(0.0).to_numpy()
    rows = pd.DataFrame({"rep_id": first["rep_id"], "commit_forecast": first["commit"]})
    committed = rows["commit_forecast"].notna()
    rows["commit_actual"] = pd.Series(booked, index=rows.index).where(committed)
    rows["commit_error"] = (rows["commit_forecast"] - rows["commit_actual"]).abs()
    paired = committed & pd.Series(has_naive, index=rows.index)
    rows["naive_error_of_commits"] = pd.Series(abs(naive - booked), index=rows.index).where(paired)
    rows["commit_error_with_naive"] = rows["commit_error"].where(paired)
    rows["actual_with_naive"] = rows["commit_actual"].where(paired)
    overridden = first.get("manager_override", pd.Series(float("nan"), index=first.index))
    both = committed & overridden.notna()
    rows["commit_error_with_override"] = rows["commit_error"].where(both)
    rows["override_error"] = (overridden - rows["commit_actual"]).abs().where(both)
    rows["actual_with_override"] = rows["commit_actual"].where(both)
    return rows.groupby("rep_id").sum(min_count=1).astype("float64")


def first_submissions(history: SalesHistory) -> pd.DataFrame | None:
    """One row a rep and period: the first amount of each kind that was submitted before the period's end.

    Returns:
        `rep_id, period_start` (datetime64)`, commit, manager_override …` in minor units; None if there are none.
    """
    if not history.has("submissions"):
        return None
    table = history.table("submissions")
    rows = fetch(table.select("rep_id", "period", "submitted_at", "kind", "amount"))
    starts = {text: history.calendar.parse(text) for text in rows["period"].unique()}
    rows["period_start"] = pd.to_datetime(rows["period"].map({text: one.start for text, one in starts.items()}))
    ends = pd.to_datetime(rows["period"].map({text: one.end for text, one in starts.items()}))
    zone = history.organisation.timezone
    submitted_on = rows["submitted_at"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    rows = rows[submitted_on < ends + pd.Timedelta(days=1)]
    rows = rows.sort_values(["submitted_at", "amount"]).drop_duplicates(["rep_id", "period_start", "kind"])
    wide: pd.DataFrame = rows.pivot(index=["rep_id", "period_start"], columns="kind", values="amount")
    return wide.astype("float64").reset_index()
