"""One row a rep and period: what was known when a decision could be taken, and what came of the period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.coaching.funnel import Funnel, funnels_of
from spm_ml.coaching.programs import Program, offered_programs
from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.parts import Part
from spm_ml.dataset.selection import stored_columns, stored_description
from spm_ml.history import SalesHistory

_ = ibis._

KPI_COLUMNS: Final = (
    "kpi_created_count",
    "kpi_created_amount",
    "kpi_won_count",
    "kpi_won_amount",
    "kpi_lost_count",
    "kpi_advanced_count",
    "kpi_cycle_days",
    "kpi_largest_won",
    "kpi_inherited_won",
)
"""Counts, amounts (minor units) and days of a period by event day; cycle days are summed over the won deals."""

START_COLUMNS: Final = ("rep_id", "program_id", "t", "started_on", "completed_on", "assigned_by", "reason")

_KNOWN: Final = (
    "rep_id",
    "period",
    "period_start",
    "period_end",
    "period_selling_days",
    "as_of",
    "name",
    "team",
    "region",
    "segment",
    "territory",
    "manager_id",
    "quota",
    "exposure",
    "abstention",
)


@dataclass(frozen=True, eq=False)
class RepPeriods:
    """Rep-periods, the programs that were started in them, and the programs there are.

    Attributes:
        frame: One row a rep and period, sorted by rep and time, index 0 … n − 1. Known on the eve of the period, or on
            the first day the rep was there: `rep_id, t` (the period's place in time, 0 = first), `period` (label),
            `period_start, period_end, as_of, team, region, segment, territory, manager_id, quota, exposure,
            abstention` and every feature of the dataset. What came of it: `finished`, `attainment, bookings,
            quota_final` (minor units; NaN while unfinished, and for those who left before its end) and `KPI_COLUMNS`.
        starts: One row an enrolment: `START_COLUMNS`; those outside every period or of unknown reps are left out.
        programs: In the order of their ids.
        watermark: Latest recorded day.
        feature_names: Columns that were known and may be learnt from.
        funnels: How deals move in each segment, and under `''` in all of them.
    """

    frame: pd.DataFrame
    starts: pd.DataFrame
    programs: tuple[Program, ...]
    watermark: date
    feature_names: tuple[str, ...]
    funnels: Mapping[str, Funnel] = field(default_factory=dict)

    @property
    def period_days(self) -> float:
        """Mean length of a period, calendar days; a quarter's without rows."""
        spans = self.frame[["t", "period_start", "period_end"]].drop_duplicates("t")
        days = (spans["period_end"] - spans["period_start"]).dt.days + 1
        return float(days.mean()) if len(days) else 91.0

    @property
    def last(self) -> int:
        """Place of the newest period, the running one unless the data ends with a period; −1 without rows."""
        return int(self.frame["t"].max()) if len(self.frame) else -1

    def at(self, t: int) -> pd.DataFrame:
        """The rows of one period, one a rep."""
        rows: pd.DataFrame = self.frame[self.frame["t"] == t]
        return rows


def opening_rows(file: Path, *, at: date | None = None) -> RepPeriodDataset:
    """Of a stored dataset what `rep_periods` reads, and who was there on a day; period after period is read.

    Args:
        file: The dataset's index.
        at: A day; default: the newest.

    Returns:
        The first row of each rep and period, and all rows of the newest as-of day up to `at`; no deals.

    Raises:
        SchemaError: The file is no dataset.
    """
    labels = dict.fromkeys(part.period for part in Part.all_of(stored_description(file)))
    days = stored_columns(file, ("as_of",))["as_of"]
    newest = (days if at is None else days[days <= pd.Timestamp(at)]).max()
    parts = []
    for label in labels:
        part = RepPeriodDataset.read(file, periods=[label], deals=False)
        parts.append(part.where(~part.frame["rep_id"].duplicated() | (part.frame["as_of"] == newest)))
    if not parts:
        return RepPeriodDataset.read(file, deals=False)
    return replace(parts[0], frame=pd.concat([part.frame for part in parts], ignore_index=True))


def rep_periods(history: SalesHistory, dataset: RepPeriodDataset) -> RepPeriods:
    """Joins the dataset's first row of each rep and period with the period's results and the programs started in it.

    Args:
        history: For programs, enrolments and what happened in a period by event day.
        dataset: The first row of each rep and period, others too or not (`opening_rows`).
    """
    frame = dataset.frame
    order = {start: place for place, start in enumerate(sorted(frame["period_start"].unique()))}
    rows = frame.drop_duplicates(["rep_id", "period_start"])  # days ascend in a dataset
    stayed = ~rows["censored"]
    known = rows[[*_KNOWN, *dataset.feature_names]]
    table = known.assign(
        t=rows["period_start"].map(order).astype("int64"),
        finished=rows["actual_bookings"].notna(),
        attainment=rows["actual_attainment"].where(stayed),
        bookings=rows["actual_bookings"].where(stayed),
        quota_final=rows["quota_final"].where(stayed),
    )
    table = table.merge(_kpis(history, table), how="left", on=["rep_id", "period_start"])
    results = table[list(KPI_COLUMNS)].astype("float64").fillna(0.0)
    table[list(KPI_COLUMNS)] = results.apply(lambda column: column.where(table["finished"]))
    table = table.sort_values(["rep_id", "t"], ignore_index=True)
    return RepPeriods(
        frame=table,
        starts=_starts(history, table),
        programs=offered_programs(history),
        watermark=dataset.watermark,
        feature_names=dataset.feature_names,
        funnels=funnels_of(
            history,
            table.drop_duplicates("rep_id", keep="last").set_index("rep_id")["segment"],
            np.sort(frame["period_start"].unique()),
        ),
    )


def _kpis(history: SalesHistory, rows: pd.DataFrame) -> pd.DataFrame:
    """What happened in each period by event day: `rep_id, period_start` and `KPI_COLUMNS`."""
    spans = rows[["period_start", "period_end"]].drop_duplicates()
    periods = history.engine.keep("period_of_day", _days_of(spans))
    moved_on = _.stage_position > _.previous_stage_position
    events = history.ledger.filter(_.rep_id.notnull()).mutate(
        created=(_.event_number == 0).cast("int64"),
        won=((_.outcome == "won") & ~(_.previous_outcome == "won").fill_null(False)).cast("int64"),
        lost=((_.outcome == "lost") & ~(_.previous_outcome == "lost").fill_null(False)).cast("int64"),
        advanced=((_.outcome == "open") & moved_on).fill_null(False).cast("int64"),
        taken_over=(_.rep_id != _.previous_rep_id).fill_null(False).cast("int64"),
    )
    ever_taken = events.group_by("opportunity_id", "rep_id").agg(inherited=_.taken_over.max())
    value = _.amount.fill_null(0)
    sums = (
        events.filter((_.created + _.won + _.lost + _.advanced) > 0)
        .left_join(ever_taken, ["opportunity_id", "rep_id"])
        .inner_join(periods, "event_on")
        .group_by("rep_id", "period_start")
        .agg(
            kpi_created_count=_.created.sum(),
            kpi_created_amount=(_.created * value).sum(),
            kpi_won_count=_.won.sum(),
            kpi_won_amount=(_.won * value).sum(),
            kpi_lost_count=_.lost.sum(),
            kpi_advanced_count=_.advanced.sum(),
            kpi_cycle_days=(_.won * _.event_on.delta(_.created_on, unit="day").fill_null(0)).sum(),
            kpi_largest_won=(_.won * value).max(),
            kpi_inherited_won=(_.won * value * _.inherited.fill_null(0)).sum(),
        )
    )
    found: pd.DataFrame = sums.mutate(**{name: _[name].cast("float64") for name in KPI_COLUMNS}).execute()
    history.engine.drop(periods)
    return found.assign(period_start=found["period_start"].astype(rows["period_start"].dtype))


def _days_of(spans: pd.DataFrame) -> pa.Table:
    """`event_on, period_start`: every day of the spans, with the first day of its span."""
    firsts, lasts = (spans[name].to_numpy().astype("datetime64[D]") for name in ("period_start", "period_end"))
    days = [np.arange(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]
    starts = np.repeat(firsts, [len(own) for own in days])
    columns = {"event_on": np.concatenate([*days, firsts[:0]]), "period_start": starts}
    return pa.table({name: pa.array(values, pa.date32()) for name, values in columns.items()})


def _period_places(days: pd.Series, spans: pd.DataFrame) -> np.ndarray:
    """(n,) place of the span that holds each day, −1 for none; spans are sorted and do not overlap."""
    firsts, lasts = spans["period_start"].to_numpy(), spans["period_end"].to_numpy()
    values = days.to_numpy(dtype="datetime64[s]")
    place = np.searchsorted(firsts.astype("datetime64[s]"), values, side="right") - 1
    inside = (place >= 0) & (values <= lasts.astype("datetime64[s]")[np.maximum(place, 0)]) if len(firsts) else False
    return np.where(inside, place, -1)


def _starts(history: SalesHistory, rows: pd.DataFrame) -> pd.DataFrame:
    enrolments: pd.DataFrame = history.table("enrolments").execute()
    dated = enrolments.assign(
        started_on=pd.to_datetime(enrolments["started_on"]), completed_on=pd.to_datetime(enrolments["completed_on"])
    )
    spans = rows[["period_start", "period_end", "t"]].drop_duplicates().sort_values("period_start")
    place = _period_places(dated["started_on"], spans)
    known = (place >= 0) & dated["rep_id"].isin(rows["rep_id"]).to_numpy()
    started = dated[known].assign(t=spans["t"].to_numpy()[place[known]].astype("int64"))
    return started[list(START_COLUMNS)].sort_values(["rep_id", "started_on", "program_id"], ignore_index=True)
