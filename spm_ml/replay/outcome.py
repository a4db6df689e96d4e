"""What came of a forecast once its period was over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite

from spm_ml.dataset import build_dataset
from spm_ml.history import SalesHistory
from spm_ml.predictions import Prediction
from spm_ml.progress import Progress, silent


@dataclass(frozen=True)
class RepOutcome:
    """One rep's forecast and what was booked. Money is minor units.

    Attributes:
        rep_id: The rep.
        name: Shown to people.
        forecast: The row that was served, or rebuilt.
        bookings: Credited bookings of the whole period.
        quota: Quota in force at its end; None: none was known.
        left: The rep left before its end, so that the bookings are censored.
    """

    rep_id: str
    name: str
    forecast: Prediction
    bookings: int
    quota: int | None
    left: bool

    @property
    def inside(self) -> bool | None:
        """Whether the 80 % interval held it; None where nothing was forecast or the rep left."""
        low, high = self.forecast.quantile(0.1), self.forecast.quantile(0.9)
        return None if self.left or low is None or high is None else low <= self.bookings <= high

    @property
    def hit(self) -> bool | None:
        """Whether the quota was reached; None without a quota or where the rep left."""
        return None if self.left or not self.quota else self.bookings >= self.quota


@dataclass(frozen=True)
class Outcome:
    """What came of a batch.

    Attributes:
        as_known_on: Watermark of the data that say so.
        reps: One entry a rep with a row on the board.
    """

    as_known_on: date
    reps: tuple[RepOutcome, ...]

    @property
    def forecast(self) -> tuple[RepOutcome, ...]:
        """Those for whom an interval was served and who stayed."""
        return tuple(one for one in self.reps if one.inside is not None)

    @property
    def chances(self) -> tuple[tuple[float, bool], ...]:
        """Chance to hit that was served, and whether the quota was reached, where both are known."""
        return tuple(
            (one.forecast.p_hit, one.hit) for one in self.reps if one.forecast.p_hit is not None and one.hit is not None
        )


def outcome_of(newest: SalesHistory, board: Sequence[Prediction], *, progress: Progress = silent) -> Outcome | None:
    """Looks up what was booked in the period of a board's rows; None while the period runs.

    Args:
        newest: All that is known now.
        board: Rows of one as-of day.
        progress: Told while it runs.
    """
    if not board or board[0].period_end > newest.watermark:
        return None
    rows = build_dataset(newest, as_of_days=(board[0].as_of,), features=(), progress=progress).frame
    columns = (rows[name].tolist() for name in ("rep_id", "actual_bookings", "quota_final", "censored"))
    actual = {rep_id: (booked, quota, left) for rep_id, booked, quota, left in zip(*columns, strict=True)}
    return Outcome(
        newest.watermark,
        tuple(
            RepOutcome(
                row.rep_id,
                row.name,
                row,
                bookings=int(actual[row.rep_id][0]),
                quota=int(actual[row.rep_id][1]) if isfinite(actual[row.rep_id][1]) else None,
                left=bool(actual[row.rep_id][2]),
            )
            for row in board
            if row.rep_id in actual
        ),
    )
