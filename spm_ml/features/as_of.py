"""AsOf: what is known about each row at the end of its as-of day, as arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from spm_ml.errors import DataError
from spm_ml.features.day_numbers import number_of
from spm_ml.features.feature import Stream
from spm_ml.features.grid import AsOfGrid
from spm_ml.features.running_sums import Readings, RunningSums


class Row:
    """Columns of the rows, each (rows,), as attributes.

    Days are numbers since 1970-01-01, as float64 where they may be unknown (NaN), so that their differences are days.

    Args:
        columns: What the rows start with.

    Raises:
        AttributeError: There is no such column; the message names those that are there.
    """

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self._columns = dict(columns)

    def __getattr__(self, name: str) -> np.ndarray:
        columns: dict[str, np.ndarray] = self.__dict__.get("_columns", {})
        if name not in columns:
            raise AttributeError(f"a row has no column {name!r}: it has {sorted(columns)}")
        return columns[name]

    def add(self, columns: Mapping[str, np.ndarray]) -> None:
        """Adds columns that later ones may read."""
        self._columns |= columns


@dataclass(frozen=True)
class AsOf:
    """What a feature may read about each row: one rep at the end of one as-of day.

    Attributes:
        grid: The as-of days and reps.
        row: Columns of the row itself, such as `as_of, period_start, period_end, hired_on, fte, quota`; at least
            `rep_index` and `as_of`.
        sums: What the streams stood at.
    """

    grid: AsOfGrid
    row: Row
    sums: RunningSums
    _readings: dict[tuple[Stream, int], Readings] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.row.as_of)

    def now(self, stream: Stream, measure: str) -> np.ndarray:
        """The reading at the end of the as-of day, float64; NaN while nothing is known."""
        return self.ago(stream, measure, 0)

    def ago(self, stream: Stream, measure: str, days: int) -> np.ndarray:
        """The reading as it stood `days` before the as-of day; NaN if nothing was known then.

        Raises:
            DataError: The stream is of windows.
        """
        if stream.windows:
            raise DataError(f"stream {stream.name!r} is read over windows alone: take AsOf.trailing")
        return self._known(stream, measure, days, lambda: self.exactly(stream, measure, days))

    def trailing(self, stream: Stream, measure: str, days: int, *, partly: bool = False) -> np.ndarray:
        """What was added in the last `days` days, the as-of day included: C[as_of] − C[as_of − days].

        Args:
            stream: A stream of sums whose spans never end.
            measure: Column of its spans.
            days: Length of the window.
            partly: Also gives windows that reach back before the first record; for ratios of two such sums.
        """
        return self._known(
            stream,
            measure,
            0 if partly else days,
            lambda: self.exactly(stream, measure, 0) - self.exactly(stream, measure, days),
        )

    def exactly(self, stream: Stream, measure: str, days: int = 0) -> np.ndarray:
        """The reading without loss, whether or not it was known by then; see `RunningSums.values` for the type.

        Raises:
            DataError: Two streams share a name, or the stream lacks something it must have.
        """
        return self.sums.values(self._read(stream, days), measure)

    def _read(self, stream: Stream, days: int) -> Readings:
        where = (stream, days)
        if where not in self._readings:
            self._readings[where] = self.sums.readings(stream, self.row.rep_index, self.row.as_of, days)
        return self._readings[where]

    def _known(self, stream: Stream, measure: str, days: int, value: Callable[[], np.ndarray]) -> np.ndarray:
        """The value as float64 where the last `days` days of the stream are known, else NaN."""
        known_from = self._known_from(stream, days)
        if known_from is None:
            return np.full(len(self), np.nan)
        values = self.sums.as_floats(self._read(stream, days), measure, value())
        known = self.row.as_of >= number_of(known_from)
        return values if known.all() else np.where(known, values, np.nan)

    def _known_from(self, stream: Stream, days: int) -> date | None:
        """First as-of day on which the last `days` days of the stream are known; None = never."""
        if stream.log is None:
            return date.min
        begin = self.grid.first_recorded(stream.log)
        return begin and begin + timedelta(days=max(days - 1, 0))
