"""Refreshing the stored dataset: what newer tables leave as it is stays, the rest is computed.

One more day brings a row for each rep, and takes the day before away unless it is one of the weekly days. Rows of
earlier days are computed again for the reps of whom something was recorded late or corrected. Files of periods in which
nothing is stale stay where they are.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from spm_ml.dataset.build import REPS_AT_ONCE, as_of_grid, build_beside, build_dataset, write_dataset
from spm_ml.dataset.deals import BOOKING_ORDER, in_state_order, period_starts_of
from spm_ml.dataset.flags import organisation_hazards
from spm_ml.dataset.organisation import organisation_readings
from spm_ml.dataset.parts import ROWS, Part
from spm_ml.dataset.schema import SchemaError
from spm_ml.dataset.selection import stored_columns, stored_description
from spm_ml.dataset.staleness import Staleness, staleness
from spm_ml.dataset.table import RepPeriodDataset
from spm_ml.dataset.writer import DatasetWriter, made_by
from spm_ml.errors import DataError
from spm_ml.features import FEATURES, AsOfGrid, Row, first_days, period_of_as_of
from spm_ml.history import SalesHistory
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace

FEW: Final = 50_000
"""Stored rows up to which a full build is the quicker one, whatever is stale."""

MOST: Final = 0.3
"""Share of reps and periods from which on computing them apart costs more than building all."""

_STEPS: Final = 4


@dataclass(frozen=True)
class Refreshed:
    """How the stored dataset became one of the newest tables.

    Attributes:
        rows: Rows of it.
        computed: Those that were computed; the others are as they were stored.
        because: Why every row was computed; None = only stale ones were.
    """

    rows: int
    computed: int
    because: str | None = None

    def text(self) -> str:
        """What was done, in one line."""
        if self.because is not None:
            return f"all {self.rows:,} rows built: {self.because}"
        if not self.computed:
            return "nothing new: the stored dataset is of these tables, settings and code"
        return f"refreshed: {self.computed:,} of {self.rows:,} rows computed"


def refresh_dataset(
    workspace: Workspace,
    history: SalesHistory,
    *,
    full: bool = False,
    reps_at_once: int = REPS_AT_ONCE,
    progress: Progress = silent,
) -> Refreshed:
    """Stores the dataset of a history, made of the stored one where that is possible.

    What is stored equals what `write_dataset` writes, bit for bit. A stored dataset of another format, of other code or
    settings, or of tables that are not an earlier state of these, is not used.

    Args:
        workspace: Whose dataset it is.
        history: The workspace's newest tables.
        full: Build all rows whatever is stored.
        reps_at_once: How many reps are in memory at a time, at most.
        progress: Told of the steps.
    """
    said, because = (None, "it was asked for") if full else _stored(workspace)
    if said is not None and said["data_hash"] == history.data_hash:
        return Refreshed(_rows(said), 0)
    if said is not None:
        try:
            refresh = _Refresh(workspace, history, said, progress)
            because = refresh.impossible or ""
            if not because:
                return refresh.write(reps_at_once)
        except SchemaError as error:  # the stored one is only a cache
            because = str(error)
    write_dataset(history, workspace.dataset_file, reps_at_once=reps_at_once, progress=progress)
    rows = _rows(stored_description(workspace.dataset_file))
    return Refreshed(rows, rows, because)


def _stored(workspace: Workspace) -> tuple[dict[str, Any] | None, str]:
    """What is said of the stored dataset if it may be used, or why not."""
    if not workspace.dataset_file.exists():
        return None, "none was stored"
    try:
        said = stored_description(workspace.dataset_file)
    except DataError as error:
        return None, str(error)
    if said.get("definition") != made_by():
        return None, "the stored dataset is of another version of the code"
    return said, ""


def _rows(said: dict[str, Any]) -> int:
    return sum(part.count for part in Part.all_of(said) if part.kind == ROWS)


class _Refresh:
    """What is stale of a stored dataset, and how it is made anew.

    Attributes:
        impossible: Why all rows are to be built; None = they are not.
    """

    def __init__(self, workspace: Workspace, history: SalesHistory, said: dict[str, Any], progress: Progress) -> None:
        self._workspace, self._history, self._said, self._progress = workspace, history, said, progress
        self.impossible = self._look()

    def _look(self) -> str | None:
        """Finds what is stale; why that is of no use."""
        history, said = self._history, self._said
        self._progress("refresh", 0, _STEPS)
        stages = tuple(stage.name for stage in history.organisation.stages)
        names = [name for feature in FEATURES for name in feature.names(len(stages))]
        if said["feature_names"] != names:
            return "the stored dataset is of other features"
        if _rows(said) <= FEW:
            return "so few rows are built as quickly as refreshed"
        before = history.stated_before(self._workspace, int(said["version"]), str(said["data_hash"]))
        if before is None:
            return "the stored dataset is of other settings, or of tables that are no earlier state of these"
        keys = stored_columns(self._workspace.dataset_file, ("as_of", "hazards"))
        by_day = keys[~keys["as_of"].duplicated()]
        grid = as_of_grid(history)
        self._stored_days = frozenset(by_day["as_of"].dt.date)
        self._new = [day for day in grid if day not in self._stored_days]
        self._dropped = self._stored_days - set(grid)
        self._periods = {period_of_as_of(history, day).start: period_of_as_of(history, day) for day in grid}
        self._days_of = {
            start: [day for day in grid if period_of_as_of(history, day).start == start] for start in self._periods
        }
        stale = staleness(
            before,
            history,
            date.fromisoformat(said["watermark"]),
            history.written_since(self._workspace, int(said["version"])),
        )
        if stale.everything is not None:
            return stale.everything
        if said["begins"] != first_days(history):
            return "the day on which records begin has changed"
        if {period_of_as_of(history, day).start for day in (*self._new, *self._dropped)} - {self._last}:
            return "the as-of days of an earlier period have changed"
        if self._dropped and not self._new:
            return "an as-of day is gone"
        first = stale.first
        if first is not None and self._organisation_differs(by_day, [day for day in grid if day >= first]):
            return "what holds for the organisation as a whole has changed on an earlier day"
        self._groups = list(self._stale_groups(stale))
        self._progress("refresh", 1, _STEPS)
        share = sum(len(reps) * len(starts) for reps, starts in self._groups[1:]) / max(self._pairs(), 1)
        return f"{share:.0%} of the stored reps and periods are stale" if share > MOST else None

    @property
    def _last(self) -> date:
        """First day of the running period."""
        return max(self._periods)

    def _pairs(self) -> int:
        """About how many reps and periods there are."""
        return max(_rows(self._said) * len(self._periods) // max(len(self._stored_days), 1), 1)

    def _organisation_differs(self, by_day: pd.DataFrame, days: Sequence[date]) -> bool:
        """Whether a hazard of the organisation as a whole is there now on a day and was not, or the other way round."""
        asked = [day for day in days if day in self._stored_days]
        if not asked:
            return False
        with AsOfGrid(self._history, asked) as grid:
            now = organisation_hazards(Row(organisation_readings(grid)))
        then = dict(zip(by_day["as_of"].dt.date, by_day["hazards"].str.split(";"), strict=True))
        return any(
            flag != (code in then[day]) for code, flags in now.items() for day, flag in zip(asked, flags, strict=True)
        )

    def _stale_groups(self, stale: Staleness) -> Iterator[tuple[list[str], list[date]]]:
        """Reps and the periods of theirs that are computed anew: of the running one alone, and of more."""
        starts = sorted(self._periods)
        first = dict[str, date]()
        newest = {
            start: max(self._stored_days.intersection(self._days_of[start]), default=date.min) for start in starts
        }
        for rep, day in stale.reps.items():
            if some := [start for start in starts if day <= newest[start]]:
                first[rep] = some[0]
        for rep, start in stale.rep_periods:
            if start in self._periods:
                first[rep] = min(start, first.get(rep, start))
        yield sorted(rep for rep, start in first.items() if start == self._last), [self._last]
        deep = {rep: start for rep, start in first.items() if start < self._last}
        yield sorted(deep), [start for start in starts if deep and start >= min(deep.values())]

    def write(self, reps_at_once: int) -> Refreshed:
        """Writes the refreshed dataset some reps at a time; a process that is killed leaves the stored one."""
        file = self._workspace.dataset_file
        dirty = {start for reps, starts in self._groups if reps for start in starts}
        dirty |= {self._last} if self._new else set()
        labels = [self._periods[start].label for start in sorted(dirty)]
        stored = stored_columns(file, ("rep_id",), periods=labels)
        parts = [self._computed(reps, starts) for reps, starts in self._groups if reps]
        self._progress("refresh", 2, _STEPS)
        newest = self._newest()
        self._progress("refresh", 3, _STEPS)
        made = [part.frame["rep_id"] for part in (*parts, newest) if part is not None]
        reps = sorted({rep for own in (stored["rep_id"], *made) for rep in own.unique()})
        blocks = np.array_split(np.array(reps, dtype=object), max(math.ceil(len(reps) / reps_at_once), 1))
        kept = [part for part in Part.all_of(self._said) if part.period not in labels]
        with DatasetWriter(file, kept) as writer:
            writer.begins = self._said["begins"]
            for block in blocks:
                writer.add(self._joined(labels, parts, newest, block))
        self._progress("refresh", _STEPS, _STEPS)
        computed = sum(len(part) for part in parts) + self._of_new_days(newest, parts)
        return Refreshed(_rows(stored_description(file)), computed)

    def _computed(self, reps: Sequence[str], starts: Sequence[date]) -> RepPeriodDataset:
        """All rows of some reps and periods."""
        days = [day for start in starts for day in self._days_of[start]]
        return build_dataset(self._history, as_of_days=days, reps=reps)

    def _newest(self) -> RepPeriodDataset | None:
        """The rows of the new days, with the states and bookings of everybody's running period; None = no new day."""
        if not self._new:
            return None
        label = self._periods[self._last].label
        running = RepPeriodDataset.read(self._workspace.dataset_file, periods=[label]).frame
        kept = running[~self._is_dropped(running)]
        return build_beside(self._history, self._new, kept, progress=self._progress)

    def _is_dropped(self, frame: pd.DataFrame) -> np.ndarray:
        """(rows,) whether there is no longer a row of the day, or a new one instead."""
        gone = pd.to_datetime(sorted({*self._dropped, *self._new}))
        return np.asarray(frame["as_of"].isin(gone), dtype=bool)

    def _joined(
        self,
        labels: Sequence[str],
        parts: Sequence[RepPeriodDataset],
        newest: RepPeriodDataset | None,
        block: Collection[str],
    ) -> RepPeriodDataset:
        """Rows that are kept and rows that were computed as one dataset, as a full build would give it."""
        stored = RepPeriodDataset.read(self._workspace.dataset_file, periods=labels, reps=block)
        starts = np.array(sorted(self._periods), dtype="datetime64[s]")
        anew = [_of_reps(part, block) for part in parts]
        told = pd.MultiIndex.from_frame(pd.concat([_pairs(part.frame) for part in anew] or [_pairs(stored.frame[:0])]))
        rows, states, bookings = [stored.frame[~self._is_dropped(stored.frame)]], [stored.states], [stored.bookings]
        if newest is not None:
            some, last = _of_reps(newest, block), np.datetime64(self._last, "s")
            rows.append(some.frame)
            states = [_not_of(stored.states, period_starts_of(stored.states, starts), last), some.states]
            bookings = [_not_of(stored.bookings, stored.bookings["period_start"].to_numpy(), last), some.bookings]
        frame = _others(pd.concat(rows), told)
        before = pd.concat(states)
        kept_states = before[~_among(before["rep_id"], period_starts_of(before, starts), told)]
        return replace(
            stored,
            frame=pd.concat([frame, *(part.frame for part in anew)]),
            states=in_state_order(pd.concat([kept_states, *(part.states for part in anew)]), starts),
            bookings=pd.concat([_others(pd.concat(bookings), told), *(part.bookings for part in anew)]).sort_values(
                list(BOOKING_ORDER), ignore_index=True
            ),
            version=self._history.version,
            data_hash=self._history.data_hash,
            watermark=self._history.watermark,
        )

    def _of_new_days(self, newest: RepPeriodDataset | None, parts: Sequence[RepPeriodDataset]) -> int:
        """Rows of the new days that no other part has."""
        if newest is None:
            return 0
        told = pd.MultiIndex.from_frame(pd.concat([_pairs(part.frame) for part in parts] or [_pairs(newest.frame[:0])]))
        return len(_others(newest.frame, told))


def _pairs(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["rep_id", "period_start"]].drop_duplicates()


def _among(reps: pd.Series, starts: np.ndarray, told: pd.MultiIndex) -> np.ndarray:
    """(rows,) whether the rep and period of each row are told."""
    return np.asarray(pd.MultiIndex.from_arrays([reps, starts]).isin(told), dtype=bool)


def _others(rows: pd.DataFrame, told: pd.MultiIndex) -> pd.DataFrame:
    """The rows of reps and periods that are not told."""
    others: pd.DataFrame = rows[~_among(rows["rep_id"], rows["period_start"].to_numpy(), told)]
    return others


def _not_of(rows: pd.DataFrame, starts: np.ndarray, start: np.datetime64) -> pd.DataFrame:
    others: pd.DataFrame = rows[starts != start]
    return others


def _of_reps(dataset: RepPeriodDataset, reps: Collection[str]) -> RepPeriodDataset:
    """The same of some reps."""
    wanted = list(reps)
    return replace(
        dataset,
        frame=dataset.frame[dataset.frame["rep_id"].isin(wanted)],
        states=dataset.states[dataset.states["rep_id"].isin(wanted)],
        bookings=dataset.bookings[dataset.bookings["rep_id"].isin(wanted)],
    )
