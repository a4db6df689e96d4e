"""What came of finished periods: the results that forecasts are held against, from the data that are known."""

from collections.abc import Iterable, Mapping
from datetime import date
from math import isfinite

import ibis

from spm_ml.dataset import build_dataset
from spm_ml.errors import DataError
from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.history import SalesHistory
from spm_ml.predictions import Batch, Outcome
from spm_ml.progress import Progress, silent

_ = ibis._


def finished_days(calendar: FiscalCalendar, watermark: date, batches: Iterable[Batch]) -> dict[str, date]:
    """As-of day of a batch by the label of its period, of periods that ended by the watermark.

    A label that the calendar does not know, because the fiscal year was changed since, has no result.
    """
    found = {}
    for batch in batches:
        try:
            period = calendar.parse(batch.period)
        except DataError:
            continue
        if period.end <= watermark:
            found[batch.period] = batch.as_of
    return found


def outcomes_of(history: SalesHistory, days: Mapping[str, date], *, progress: Progress = silent) -> tuple[Outcome, ...]:
    """Looks up what was booked in finished periods, one result for each rep with a row on the period's day.

    Args:
        history: What is known.
        days: An as-of day by the label of the period that was forecast on it; a period that runs has no result.
        progress: Told while it runs.
    """
    if not days:
        return ()
    rows = build_dataset(history, as_of_days=sorted(set(days.values())), features=(), progress=progress).frame
    rows = rows[rows["period"].map(days).eq(rows["as_of"].dt.date) & rows["actual_bookings"].notna()]
    revenue = {label: _revenue(history, history.calendar.parse(label)) for label in rows["period"].unique()}
    columns = (rows[name].tolist() for name in ("rep_id", "period", "actual_bookings", "quota_final", "censored"))
    return tuple(
        Outcome(
            rep_id=rep_id,
            period=period,
            bookings=int(bookings),
            revenue=revenue[period].get(rep_id, 0),
            quota=int(quota) if isfinite(quota) else None,
            censored=bool(censored),
        )
        for rep_id, period, bookings, quota, censored in zip(*columns, strict=True)
    )


def _revenue(history: SalesHistory, period: Period) -> dict[str, int]:
    """What each rep booked in a period that counts in sums, where a deal counts once (H05)."""
    counted = (_.credit == "revenue") & (_.booked_on >= period.start) & (_.booked_on <= period.end)
    rows = history.bookings.filter(counted).group_by("rep_id").agg(revenue=_.amount.sum())
    return {row["rep_id"]: int(row["revenue"]) for row in rows.to_pyarrow().to_pylist()}
