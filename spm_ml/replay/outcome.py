"""What came of a forecast once its period was over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from spm_ml.history import SalesHistory
from spm_ml.predictions import Outcome as RepResult
from spm_ml.predictions import Prediction
from spm_ml.progress import Progress, silent
from spm_ml.scoring.outcomes import outcomes_of


@dataclass(frozen=True)
class RepOutcome:
    """One rep's forecast and what was booked.

    Attributes:
        rep_id: The rep.
        name: Shown to people.
        forecast: The row that was served, or rebuilt.
        result: Of the whole period.
    """

    rep_id: str
    name: str
    forecast: Prediction
    result: RepResult

    @property
    def inside(self) -> bool | None:
        """Whether the 80 % interval held it; None where nothing was forecast or the rep left."""
        return self.result.inside(self.forecast.quantile(0.1), self.forecast.quantile(0.9))


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
            (one.forecast.p_hit, one.result.hit)
            for one in self.reps
            if one.forecast.p_hit is not None and one.result.hit is not None
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
    results = outcomes_of(newest, {board[0].period: board[0].as_of}, progress=progress)
    actual = {result.rep_id: result for result in results}
    return Outcome(
        newest.watermark,
        tuple(RepOutcome(row.rep_id, row.name, row, actual[row.rep_id]) for row in board if row.rep_id in actual),
    )
