"""What is known differently about a day since it was forecast, and what that would have changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from spm_ml.errors import ConfigurationError, DataError, NotReadyError
from spm_ml.history import SalesHistory
from spm_ml.predictions import Prediction
from spm_ml.replay.late_rows import LateRows


@dataclass(frozen=True)
class RepChange:
    """One rep's row on the board, as it was rebuilt and as the newest data give it. Money is minor units.

    Attributes:
        rep_id: The rep.
        name: As now known.
        booked: Credited bookings up to the day, then and now; None: the rep had, or has, no row.
        quota: Quota in force on the day, then and now; None: none was known.
        median: Median forecast, then and now; None: nothing was forecast.
        p_hit: Chance to reach the quota, then and now.
    """

    rep_id: str
    name: str
    booked: tuple[int | None, int | None]
    quota: tuple[int | None, int | None]
    median: tuple[float | None, float | None]
    p_hit: tuple[float | None, float | None]

    @property
    def differs(self) -> bool:
        """Whether anything of it changed."""
        return any(then != now for then, now in (self.booked, self.quota, self.median, self.p_hit))


@dataclass(frozen=True)
class Restatement:
    """The same day, seen with the newest data.

    Attributes:
        version: Newest version of the tables.
        watermark: Latest recorded day in it.
        settings: Names of the settings that are others now; None: it is not known which.
        tables: Tables that differ as known on the day.
        reps: Reps whose row on the board differs, the largest change of the median first.
        refused: Why the model cannot read the newest data; empty if it can.
    """

    version: int
    watermark: date
    settings: tuple[str, ...] | None
    tables: tuple[LateRows, ...] = ()
    reps: tuple[RepChange, ...] = ()
    refused: str = ""


def restated(
    newest: SalesHistory,
    board: Sequence[Prediction],
    late: tuple[LateRows, ...],
    settings: tuple[str, ...] | None,
    again: Callable[[], Sequence[Prediction]],
) -> Restatement:
    """Says what the newest data make of a board.

    Args:
        newest: All that is known now.
        board: The rebuilt rows of the day.
        late: Tables that differ as known on the day.
        settings: Settings that differ; None: it is not known which.
        again: Computes the same rows from the newest data. Not called where neither tables nor settings differ, since
            a forecast depends on nothing else.
    """
    reps: tuple[RepChange, ...] = ()
    refused = ""
    if late or settings:
        try:
            reps = changes_of_reps(board, again())
        except (ConfigurationError, DataError, NotReadyError) as error:
            refused = str(error)
    return Restatement(newest.version, newest.watermark, settings, late, reps, refused)


def changes_of_reps(then: Sequence[Prediction], now: Sequence[Prediction]) -> tuple[RepChange, ...]:
    """Compares the rows of one as-of day by rep; reps without any change are left out."""
    before, after = ({row.rep_id: row for row in rows} for rows in (then, now))
    changes = [_change(rep_id, before.get(rep_id), after.get(rep_id)) for rep_id in sorted({*before, *after})]
    return tuple(sorted((one for one in changes if one.differs), key=_size, reverse=True))


def _change(rep_id: str, then: Prediction | None, now: Prediction | None) -> RepChange:
    newest = now or then
    return RepChange(
        rep_id,
        newest.name if newest else rep_id,
        booked=(then.booked if then else None, now.booked if now else None),
        quota=(then.quota if then else None, now.quota if now else None),
        median=(then.quantile(0.5) if then else None, now.quantile(0.5) if now else None),
        p_hit=(then.p_hit if then else None, now.p_hit if now else None),
    )


def _size(change: RepChange) -> float:
    then, now = change.median
    return abs((now or 0.0) - (then or 0.0))
