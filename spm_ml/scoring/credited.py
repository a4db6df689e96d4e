"""What of each rep's bookings counts in a sum: a deal counts once, so overlay credit does not (H05)."""

from dataclasses import dataclass
from datetime import date
from typing import Self

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.history import SalesHistory
from spm_ml.scoring.target import ScoringTarget

_ = ibis._

_COLUMNS = ("now", "before", "revenue", "credited")


@dataclass(frozen=True)
class Credited:
    """Sums over each rep's bookings.

    Attributes:
        table: By rep_id, minor units: `now` and `before`, revenue of the period up to the board's day and up to the
            day before it; `revenue` and `credited`, of all gains ever and of those that are not overlay.
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, history: SalesHistory, target: ScoringTarget) -> Self:
        """Adds up what is known on the target's day."""
        before = target.days[-2] if len(target.days) > 1 else date.min
        in_period = (_.booked_on >= target.period.start) & (_.booked_on <= target.as_of)
        revenue = _.credit == "revenue"
        known_before = (_.recorded_on <= before) & (_.booked_on <= before)
        gained = (_.recorded_on <= target.as_of) & (_.amount > 0)
        rows = history.bookings.group_by("rep_id").agg(
            now=_.amount.sum(where=revenue & in_period & (_.recorded_on <= target.as_of)),
            before=_.amount.sum(where=revenue & in_period & known_before),
            revenue=_.amount.sum(where=revenue & gained),
            credited=_.amount.sum(where=gained),
        )
        frame = rows.to_pyarrow().to_pandas().set_index("rep_id").fillna(0)
        return cls(frame[list(_COLUMNS)].astype(float))

    def column(self, name: str, reps: "pd.Index[str]") -> NDArray[np.float64]:
        """(reps,) one of the sums; 0 for reps without bookings."""
        return self.table[name].reindex(reps).fillna(0.0).to_numpy(dtype=float)

    def share(self, reps: "pd.Index[str]") -> NDArray[np.float64]:
        """(reps,) share of what a rep will be credited that is revenue, as it was so far.

        The organisation's share where a rep was never credited, 1 where nobody was.
        """
        revenue, credited = self.column("revenue", reps), self.column("credited", reps)
        total = float(self.table["credited"].sum())
        usual = float(self.table["revenue"].sum()) / total if total > 0 else 1.0
        return np.where(credited > 0, revenue / np.where(credited > 0, credited, 1.0), usual)
