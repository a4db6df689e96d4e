"""The fitted parts of the deal-level model, and how they turn a pipeline into what is simulated."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from spm_ml.forecasting.deal_level.arrivals import ArrivalModel
from spm_ml.forecasting.deal_level.deal_inputs import DealInputs
from spm_ml.forecasting.deal_level.monte_carlo import Parameters
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.deal_level.rep_records import RepRecords
from spm_ml.forecasting.deal_level.timing import CloseTiming
from spm_ml.forecasting.deal_level.winning import WinModel
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.draws import keys_of
from spm_ml.forecasting.tree_learner import HERE, TreeLearner

SHARES: Final = 256
_MOST_AT_ONCE: Final = 400_000


@dataclass(frozen=True)
class DealParts:
    """Everything that is learnt from deals and bookings.

    Attributes:
        records: What each rep's deals did against what is usual.
        winning: Chance that an open deal is won in time.
        timing: When, if it is.
        arrivals: What is booked beyond the open deals.
        shares: (SHARES,) quantiles of booked ÷ stated amount of won deals: discounts, late changes and split credit.
    """

    records: RepRecords
    winning: WinModel
    timing: CloseTiming
    arrivals: ArrivalModel
    shares: Array

    @classmethod
    def fit(cls, pipeline: Pipeline, stages: int, *, most: int, seed: int, learner: TreeLearner = HERE) -> Self:
        """Learns from finished rows; some of their deals must have been won in time, and some not.

        Args:
            pipeline: The rows.
            stages: Open stages.
            most: Deals and as-of days that chances are fitted to, drawn evenly.
            seed: Of what is drawn.
            learner: Where trees are boosted.
        """
        records = RepRecords.fit(pipeline)
        record = records.of(pipeline.frame)
        inputs = DealInputs.fit(pipeline, stages)
        usual = inputs.usual_size(pipeline.frame, record)
        return cls(
            records=records,
            winning=WinModel.fit(inputs, pipeline, record, most=most, seed=seed, learner=learner),
            timing=CloseTiming.fit(pipeline, seed=seed),
            arrivals=ArrivalModel.fit(pipeline, record, usual, seed=seed, learner=learner),
            shares=_shares(pipeline, usual),
        )

    def knowing(self, others: RepRecords) -> Self:
        """The same, with the records of reps that it was not fitted to."""
        return replace(self, records=self.records.joined(others))

    def parameters(self, pipeline: Pipeline, *, may_fall: bool, without: NDArray[np.bool_] | None = None) -> Parameters:
        """What the rows are drawn from.

        Args:
            pipeline: n rows and m open deals.
            may_fall: Whether refunds may take final bookings below what is booked.
            without: (m,) deals that are left out, to see what depends on them.
        """
        frame, deals = pipeline.frame, pipeline.deals
        record = self.records.of(frame)
        sizes = self.winning.inputs.usual_size(frame, record)
        odds = self.log_odds(pipeline, record)
        amounts = _stated(pipeline, sizes)
        kept = np.ones(len(deals), dtype=bool) if without is None else ~without
        return Parameters(
            row=pipeline.row[kept],
            deal_keys=pipeline.keys[kept],
            log_odds=odds[kept],
            amounts=amounts[kept],
            shares=self.shares,
            row_keys=keys_of(frame["rep_id"], frame["period"]),
            booked=frame["booked_to_date"].to_numpy(dtype=float),
            log_counts=self.arrivals.log_count(frame, record),
            dispersion=self.arrivals.dispersion,
            sizes=sizes,
            ratios=self.arrivals.ratios,
            shared=self.arrivals.shared_count(frame),
            shared_ratios=self.arrivals.shared_ratios,
            undone=self.arrivals.undone_count(frame),
            undone_ratios=self.arrivals.undone_ratios,
            may_fall=may_fall,
        )

    def log_odds(self, pipeline: Pipeline, record: Array) -> Array:
        """(m,) log-odds of being won in time, of any number of deals in bounded memory."""
        count = len(pipeline.frame)
        ends = np.searchsorted(pipeline.row, np.arange(count + 1))
        odds, first = np.empty(len(pipeline.deals)), 0
        while first < count:
            last = int(np.searchsorted(ends, ends[first] + _MOST_AT_ONCE, side="right")) - 1
            last = min(max(last, first + 1), count)
            chosen = np.zeros(count, dtype=bool)
            chosen[first:last] = True
            matrix = self.winning.inputs.matrix(pipeline.where(chosen), record[first:last])
            odds[ends[first] : ends[last]] = self.winning.log_odds(matrix)
            first = last
        return odds

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes trees as text and gives the rest in JSON form."""
        return {
            "records": self.records.to_state(),
            "winning": self.winning.save(folder),
            "timing": self.timing.to_state(),
            "arrivals": self.arrivals.save(folder),
            "shares": self.shares.tolist(),
        }

    @classmethod
    def load(cls, folder: Path, state: dict[str, Any]) -> Self:
        """Reads what `save` wrote.

        Raises:
            ConfigurationError: A file is missing or broken.
        """
        return cls(
            records=RepRecords.of_state(state["records"]),
            winning=WinModel.load(folder, state["winning"]),
            timing=CloseTiming.of_state(state["timing"]),
            arrivals=ArrivalModel.load(folder, state["arrivals"]),
            shares=np.array(state["shares"], dtype=float),
        )


def _stated(pipeline: Pipeline, sizes: Array) -> Array:
    """(m,) the deals' amounts; the usual size of the rep's deals where none is stated."""
    amount = pipeline.deals["amount"].to_numpy(dtype=float)
    return np.where(amount > 0, amount, sizes[pipeline.row])


def _shares(pipeline: Pipeline, usual: Array) -> Array:
    won = np.nan_to_num(pipeline.won) > 0
    booked = pipeline.deals["booked_later"].to_numpy(dtype=float)[won]
    share = booked / _stated(pipeline, usual)[won]
    return np.asarray(np.quantile(share, (np.arange(SHARES) + 0.5) / SHARES))
