"""Feature, Stream and AsOf: how one feature is written down, and what it is allowed to read.

A feature is an expression over readings. A reading is the state of a stream at the end of an as-of day. A stream is a
table of spans: an amount that counts for a rep from one day until another. Whoever writes a stream answers for one
thing: no span may start, end or change because of something recorded after its own days. `spm check-leakage` tests it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import ibis
import ibis.expr.types as ir

from spm_ml.errors import DataError

if TYPE_CHECKING:
    from spm_ml.features.grid import AsOfGrid

Unit = Literal["money", "count", "ratio", "days", "number"]
"""`money` is minor units of the organisation's currency; `ratio` has no unit; `number` is a position or a code."""

Log = Literal["ledger", "activity", "enrolments"]
"""Records that begin on some day; what there was before is unknown, not nothing."""

Expression: TypeAlias = Any
"""An Ibis expression over the columns of a row; Ibis ships no types."""

STAGE: Final = "{stage}"
"""Stands in a feature's name for the position of an open stage: such a feature is one column for each stage."""


@dataclass(frozen=True)
class Stream:
    """A table of spans from which features read.

    Attributes:
        name: Names the stream within a build; two streams of one build never share it.
        spans: Gives one row for each span: `rep_id`, `visible_from` (first day at whose end it counts), optionally
            `visible_until` (first day at whose end it no longer counts; NULL = for good), and measures. Measures of
            sums must be exact (integer or decimal), so that no order of adding changes a bit.
        kind: `sum` adds the visible spans, `largest` takes the greatest of them, `latest` the greatest ever begun.
        log: What the stream is read from: before that begins, or without it, nothing is known, and readings are NULL
            rather than 0. Bookings belong to the ledger.
    """

    name: str
    spans: Callable[["AsOfGrid"], ir.Table]
    kind: Literal["sum", "latest", "largest"] = "sum"
    log: Log | None = None


@dataclass(frozen=True)
class Reading:
    """One measure of one stream as it stood some days before the as-of day.

    Attributes:
        stream: What is read.
        measure: Column of its spans.
        days_ago: 0 = at the end of the as-of day.
    """

    stream: Stream
    measure: str
    days_ago: int = 0

    @property
    def column(self) -> str:
        """Column under which the reading is computed."""
        return f"{self.stream.name}__{self.measure}__{self.days_ago}"


@dataclass
class AsOf:
    """What an expression may read about one rep at the end of one as-of day.

    Every reading asked for is noted, so that a build computes what its features need and nothing else.

    Args:
        grid: The rows that are being built.
        readings: What was asked for, by the column it is computed as.
        streams: What it is read from, by name.

    Raises:
        DataError: Two streams share a name.
    """

    grid: "AsOfGrid"
    readings: dict[str, Reading] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)

    @property
    def row(self) -> Expression:
        """Columns of the row itself, such as `as_of, period_start, period_end, hired_on, fte, quota`."""
        return ibis._

    def now(self, stream: Stream, measure: str) -> Expression:
        """The reading at the end of the as-of day; NULL while nothing is known."""
        return self.ago(stream, measure, 0)

    def ago(self, stream: Stream, measure: str, days: int) -> Expression:
        """The reading as it stood `days` before the as-of day; NULL if nothing was known then."""
        return self._from(self._known_from(stream, days), lambda: self._read(stream, measure, days))

    def trailing(self, stream: Stream, measure: str, days: int, *, partly: bool = False) -> Expression:
        """What was added in the last `days` days, the as-of day included: C[as_of] − C[as_of − days].

        Args:
            stream: A stream of sums whose spans never end.
            measure: Column of its spans.
            days: Length of the window.
            partly: Also gives windows that reach back before the first record; for ratios of two such sums.
        """
        known_from = self._known_from(stream, 0 if partly else days)
        return self._from(known_from, lambda: self._read(stream, measure, 0) - self._read(stream, measure, days))

    def _read(self, stream: Stream, measure: str, days_ago: int) -> Expression:
        if self.streams.setdefault(stream.name, stream) != stream:
            raise DataError(f"two streams are named {stream.name!r}: give each a name of its own")
        reading = Reading(stream, measure, days_ago)
        self.readings[reading.column] = reading
        return ibis._[reading.column]

    def _known_from(self, stream: Stream, days: int) -> date | None:
        """First as-of day on which the last `days` days of the stream are known; None = never."""
        if stream.log is None:
            return date.min
        begin = self.grid.first_recorded(stream.log)
        return begin and begin + timedelta(days=max(days - 1, 0))

    def _from(self, known_from: date | None, value: Callable[[], Expression]) -> Expression:
        if known_from is None:
            return ibis.ifelse(ibis._.slot < 0, 0.0, None)  # NULL that is typed, and as lazy as any reading
        if known_from <= self.grid.as_of_days[0]:
            return value()
        return ibis.ifelse(ibis._.as_of >= ibis.literal(known_from), value(), None)


@dataclass(frozen=True)
class Feature:
    """One column that a model may learn from (one column a stage, if the name holds `{stage}`).

    Attributes:
        name: Column name.
        group: File that defines it, or `custom`.
        unit: Unit of its values.
        description: One line for the catalogue and the pages.
        expression: Gives the value from an `AsOf`; takes the stage's position (1 …) too if the name holds `{stage}`.

    >>> feature = Feature("open_amount_stage_{stage}", "pipeline", "money", "Open amount in the stage.", print)
    >>> feature.names(2)
    ('open_amount_stage_1', 'open_amount_stage_2')
    """

    name: str
    group: str
    unit: Unit
    description: str
    expression: Callable[..., Expression]

    @property
    def by_stage(self) -> bool:
        """Whether there is one column for each open stage."""
        return STAGE in self.name

    def names(self, stages: int) -> tuple[str, ...]:
        """Column names, given the number of open stages."""
        if not self.by_stage:
            return (self.name,)
        return tuple(self.name.replace(STAGE, str(position)) for position in range(1, stages + 1))

    def columns(self, at: AsOf) -> dict[str, Expression]:
        """The columns' expressions by name."""
        names = self.names(at.grid.stage_count)
        if not self.by_stage:
            return {self.name: self.expression(at)}
        return {name: self.expression(at, position) for position, name in enumerate(names, start=1)}
