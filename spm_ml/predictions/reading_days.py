"""The as-of days of a batch: the board's, and the earlier weeks of its period."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, func, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema

_rep = schema.predictions.c


class UnknownDayError(DataError):
    """A batch holds no forecasts as of that day."""


def days_of(connection: Connection, batch_id: str) -> tuple[date, ...]:
    """The as-of days of a batch, oldest first.

    Each is found from the one before by the index, so that the thousands of rows of a day are not read.
    """
    own = _rep.batch_id == batch_id
    days = select(func.min(_rep.as_of).label("day")).where(own).cte("days", recursive=True)
    following = select(func.min(_rep.as_of)).where(own, _rep.as_of > days.c.day).scalar_subquery()
    days = days.union_all(select(following).where(days.c.day.is_not(None)))
    return tuple(connection.scalars(select(days.c.day).where(days.c.day.is_not(None))))


def medians_on(connection: Connection, batch_id: str, day: date, rep_ids: Collection[str]) -> dict[str, float]:
    """Median forecast bookings of some reps as of a day, minor units; whoever had none is left out.

    Not scoped: `rep_ids` are of reps that the principal was shown.
    """
    rows = connection.execute(
        select(_rep.rep_id, _rep.quota, _rep.median).where(
            _rep.batch_id == batch_id, _rep.as_of == day, _rep.rep_id.in_(rep_ids), _rep.median.is_not(None)
        )
    )
    return {row.rep_id: row.median * (row.quota or 1) for row in rows}
