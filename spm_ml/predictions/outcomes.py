"""What came of the forecasts of finished periods: results by rep, each restatement beside what was said before."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Row, func, select

from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.publishing_coaching import insert

_said = schema.outcomes.c


@dataclass(frozen=True)
class Outcome:
    """What a rep booked in a finished period. Money is minor units.

    Attributes:
        rep_id: The rep.
        period: Label of the period.
        bookings: Credited bookings of the whole period: what a forecast of the rep is held against.
        revenue: Those of them that count in sums, where a deal counts once: overlay credit does not.
        quota: Quota in force at its end; None: none was known.
        censored: The rep left before its end: the bookings are not those of a whole period.
    """

    rep_id: str
    period: str
    bookings: int
    revenue: int
    quota: int | None
    censored: bool

    @property
    def attainment(self) -> float | None:
        """Bookings ÷ the final quota; None without a quota."""
        return self.bookings / self.quota if self.quota else None

    @property
    def hit(self) -> bool | None:
        """Whether the quota was reached; None without a quota or where the rep left."""
        return None if self.censored or not self.quota else self.bookings >= self.quota

    def inside(self, low: float | None, high: float | None) -> bool | None:
        """Whether a range of bookings held it; None where nothing was forecast or the rep left."""
        return None if self.censored or low is None or high is None else low <= self.bookings <= high


@dataclass(frozen=True)
class OutcomeVersion:
    """An outcome as one batch said it.

    Attributes:
        outcome: The result.
        batch_id: The scoring run that said it first.
        data_version: Version of the tables.
        as_known_on: Watermark of the data that say so.
        said_at: UTC.
    """

    outcome: Outcome
    batch_id: str
    data_version: int
    as_known_on: date
    said_at: datetime

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """The version of a row of `outcomes`."""
        outcome = Outcome(**{name: getattr(row, name) for name in _FIELDS})
        return cls(outcome, row.batch_id, row.data_version, row.watermark, row.said_at)


_FIELDS: Final = tuple(field.name for field in fields(Outcome))


def publish_outcomes(connection: Connection, batch: Batch, outcomes: Sequence[Outcome], actor: str) -> int:
    """Adds what is not said yet, in the connection's transaction, which must write alone.

    What was said stays; the newest of a rep and period counts. The same said again adds nothing, and neither does what
    older data say than those that were heard last.

    Returns:
        How many rows were added.
    """
    standing = {
        (row.period, row.rep_id): row for row in newest_rows(connection, {one.period for one in outcomes}, batch)
    }
    new, restated = [], Counter[str]()
    for outcome in outcomes:
        before = standing.get((outcome.period, outcome.rep_id))
        if before is not None:
            if (batch.watermark, batch.data_version) < (before.watermark, before.data_version):
                continue
            if OutcomeVersion.from_row(before).outcome == outcome:
                continue
            restated[outcome.period] += 1
        new.append(outcome)
    if not new:
        return 0
    origin = {
        "batch_id": batch.batch_id,
        "data_version": batch.data_version,
        "watermark": batch.watermark,
        "currency": batch.currency,
        "minor_digits": batch.minor_digits,
        "said_at": datetime.now(UTC),
    }
    insert(connection, schema.outcomes, [origin | {name: getattr(one, name) for name in _FIELDS} for one in new])
    added = Counter(one.period for one in new)
    periods = {period: {"added": added[period], "restated": restated[period]} for period in sorted(added)}
    record(
        connection,
        actor=actor,
        action="outcomes published",
        subject=batch.batch_id,
        batch=batch,
        detail={"periods": periods},
    )
    return len(new)


def newest_rows(connection: Connection, periods: Collection[str], batch: Batch) -> Sequence[Row[Any]]:
    """The rows that count for whole periods, in the currency of a batch."""
    return connection.execute(select(schema.outcomes).where(newest(periods, batch))).all()


def newest(periods: Collection[str], batch: Batch) -> ColumnElement[bool]:
    """Keeps the rows of `outcomes` that count for some periods: of each rep the last in the currency of a batch."""
    rows = schema.outcomes.alias("newest").c
    last = select(func.max(rows.outcome_id)).where(
        rows.period.in_(periods), rows.currency == batch.currency, rows.minor_digits == batch.minor_digits
    )
    return _said.outcome_id.in_(last.group_by(rows.period, rows.rep_id))
