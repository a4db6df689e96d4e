"""The as-of days of a batch: the board's, and the earlier weeks of its period."""

from collections.abc import Collection
from datetime import date
from operator import itemgetter

from sqlalchemy import Connection, func, literal, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.reading_coaching import CoachingReader

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


class DayReader(CoachingReader):
    """What of a rep goes from day to day, as one principal may see it."""

    def days(self) -> tuple[date, ...]:
        """The days as of which forecasts are kept, oldest first; the last is the batch's own."""
        return days_of(self._connection, self.batch.batch_id)

    def chances(self, rep_ids: Collection[str]) -> dict[str, tuple[tuple[date, float | None], ...]]:
        """Chances of reps in scope to reach their quota on each day up to the reader's, oldest first; None: unrated."""
        own = (_rep.batch_id == self.batch.batch_id, _rep.rep_id.in_(rep_ids))
        query = select(_rep.rep_id, _rep.as_of, _rep.p_hit).where(*own, self._may("figures", _rep.rep_id))
        found: dict[str, list[tuple[date, float | None]]] = {}
        # Sorted here: asked for by day, a database reads the rows of everybody on all days for those of a few reps.
        for rep_id, as_of, p_hit in sorted(self._connection.execute(query), key=itemgetter(1)):
            if as_of <= self.as_of:
                found.setdefault(rep_id, []).append((as_of, p_hit))
        return {rep_id: tuple(chances) for rep_id, chances in found.items()}

    def batches_with(self, rep_id: str, batch_ids: Collection[str]) -> frozenset[str]:
        """Those of some batches that hold forecasts of a rep; none if the rep is not in scope."""
        own = (_rep.batch_id.in_(batch_ids), _rep.rep_id == rep_id, self._may("figures", literal(rep_id)))
        return frozenset(self._connection.scalars(select(_rep.batch_id).where(*own).distinct()))
