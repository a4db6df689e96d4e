"""The gap between a rep's attainment and 1 in parts that add up to it.

Attainment = Π conditions × Π behaviours × luck. The product of conditions and behaviours, each behaviour with chance
shrunk away, is what was to be expected; its distance to 1 is split by LMDI, and luck is what attainment is beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.coaching.diagnosis.behaviours import BEHAVIOURS, Behaviours, behaviours_of
from spm_ml.coaching.diagnosis.lmdi import Floats, additive_parts, log_mean
from spm_ml.coaching.diagnosis.quotas import ALLOWED_FOR
from spm_ml.coaching.diagnosis.sums import SUMS, Seen, see
from spm_ml.coaching.rep_periods import RepPeriods

CONDITIONS: Final = ("quota_difficulty", *ALLOWED_FOR)
WHOLE_DEALS: Final = ("inherited_pipeline", "largest_deal")
OWN: Final = (*BEHAVIOURS, "own_bookings")
PARTS: Final = (*CONDITIONS, *WHOLE_DEALS, "chance", *OWN)
"""Columns of parts, in the order in which they are told."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Spans explained.

    Attributes:
        spans: One row a span: `rep_id, …` and `SUMS`.
        parts: (n, PARTS) attainment shares; rows add up to attainment − 1.
        behaviours: What is believed of each span's behaviours.
        weight: (n,) logarithmic mean: points that a small log change of a factor is worth.
    """

    spans: pd.DataFrame
    parts: pd.DataFrame
    behaviours: Behaviours
    weight: Floats

    @property
    def attainment(self) -> Floats:
        """(n,) bookings ÷ quota of each span."""
        return (self.spans["bookings"] / self.spans["quota"]).to_numpy(dtype=np.float64)


def explain(seen: Seen, by: Sequence[str]) -> Explained:
    """Explains spans of rep-periods.

    Args:
        seen: Rep-periods beside fair peers.
        by: Columns of `seen.rows` that name a span: its periods are summed.
    """
    spans = seen.rows.groupby(list(by), as_index=False, sort=True)[list(SUMS)].sum()
    behaviours = behaviours_of(spans, seen.noise, has_deals=seen.has_deals)
    value = {name: spans[name].to_numpy(dtype=np.float64) for name in SUMS}
    logs = {name: value[f"{name}_left_out"] / value["peers"] for name in ALLOWED_FOR}
    logs["quota_difficulty"] = np.log(value["peers"] / value["quota"]) - np.sum(list(logs.values()), axis=0)
    own = {name: np.log(posterior.ratio) for name, posterior in behaviours.of.items()}
    alone = behaviours.without_deals
    logs |= {name: np.where(alone, 0.0, own[name]) for name in BEHAVIOURS}
    logs |= {"own_bookings": np.where(alone, own["own_bookings"], 0.0)}
    factors = np.column_stack([logs[name] for name in (*CONDITIONS, *OWN)]) if len(spans) else np.zeros((0, 0))
    parts = pd.DataFrame(0.0, index=spans.index, columns=list(PARTS))
    parts[[*CONDITIONS, *OWN]] = additive_parts(factors).reshape(len(spans), len(CONDITIONS) + len(OWN))
    own_deals = np.clip(value["bookings"] - value["surprise"], 0, None)
    parts["inherited_pipeline"] = np.where(alone, 0.0, behaviours.inherited * own_deals / value["quota"])
    parts["largest_deal"] = value["surprise"] / value["quota"]
    told = parts.sum(axis=1)
    parts["chance"] = value["bookings"] / value["quota"] - 1 - told
    return Explained(spans, parts, behaviours, log_mean(factors.sum(axis=1)))


def period_parts(periods: RepPeriods) -> pd.DataFrame:
    """Explains each finished period of each rep by itself.

    Returns:
        One row a rep and finished period, sorted: `rep_id, t, attainment` and `PARTS`, which add up to attainment − 1.
        Everything is NaN for a period without a quota and for a rep who left before its end.
    """
    explained = explain(see(periods), ["rep_id", "t"])
    known = pd.concat(
        [explained.spans[["rep_id", "t"]].assign(attainment=explained.attainment), explained.parts], axis=1
    )
    finished = periods.frame.loc[periods.frame["finished"], ["rep_id", "t"]]
    return finished.merge(known, how="left", on=["rep_id", "t"]).sort_values(["rep_id", "t"], ignore_index=True)
