"""Which of the causes decides: the quota, other conditions, luck, or a behaviour that is clear of chance."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from spm_ml.coaching.diagnosis.behaviours import BEHAVIOURS
from spm_ml.coaching.diagnosis.lmdi import Floats
from spm_ml.coaching.diagnosis.parts import CONDITIONS, OWN, Explained

ON_PLAN: Final = -0.02
"""Gap from which a rep counts as on plan."""

CLEAR: Final = 0.90
"""Chance of lying below fair peers from which a behaviour is clear of chance."""

MATERIAL: Final = 0.05
"""Attainment share that a cause must take away to be named."""

HARD: Final = 0.95
"""Share of the quota that fair peers would reach below which it is hard."""

MIN_PEERS: Final = 5
"""Other reps without whom nobody can be called below peers."""

_LEADING: Final = 0.5
"""Share of everything that was lost which the behaviours must make up."""


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts of spans, (n,) each.

    Attributes:
        verdict: A `DiagnosisVerdict`.
        cause: Slug of the part that the verdict names; '' for none.
        fair: Attainment of fair peers with the same quota and conditions.
        usual: Attainment to be expected of the rep's own behaviours under them.
        conditions, luck, behaviours: Sums of their parts.
        p_below: (n,) chance that all behaviours together cost bookings.
    """

    verdict: np.ndarray
    cause: np.ndarray
    fair: Floats
    usual: Floats
    conditions: Floats
    luck: Floats
    behaviours: Floats
    p_below: Floats


def judge(explained: Explained) -> Verdicts:
    """Names the cause of each span's gap.

    A behaviour is named only if it is clear of chance by itself, all behaviours together are, and they make up at least
    half of what was lost. Otherwise the largest loss decides, if it is no behaviour.
    """
    parts, found = explained.parts, explained.behaviours
    fair = (explained.spans["peers"] / explained.spans["quota"]).to_numpy(dtype=np.float64)
    conditions = parts[[*CONDITIONS, "inherited_pipeline"]].sum(axis=1).to_numpy()
    luck = parts[["largest_deal", "chance"]].sum(axis=1).to_numpy()
    behaviours = parts[list(OWN)].sum(axis=1).to_numpy()
    p_below = _together(explained)
    clear = pd.DataFrame({name: found.of[name].p_below > CLEAR for name in OWN}, index=parts.index)
    weakest, loss = _lowest(parts[list(OWN)].where(clear, 0.0))
    is_behaviour = (loss <= -MATERIAL) & (behaviours <= -MATERIAL) & (p_below > CLEAR)
    losses = -np.minimum(np.column_stack([conditions, luck, behaviours]), 0)
    is_behaviour &= losses[:, 2] >= _LEADING * losses.sum(axis=1)
    worst_condition, _ = _lowest(parts[[*CONDITIONS, "inherited_pipeline"]])
    largest = losses.argmax(axis=1)
    is_conditions = (largest == 0) & (losses[:, 0] >= MATERIAL)
    is_hard = is_conditions & (fair < HARD) & (worst_condition == "quota_difficulty")
    is_luck = (largest == 1) & (losses[:, 1] >= MATERIAL)
    on_plan = explained.attainment - 1 >= ON_PLAN
    alone = explained.spans["rep_id"].nunique() <= MIN_PEERS
    nothing = np.full(len(parts), "", dtype=object)
    cases = [on_plan, np.full(len(parts), alone), is_behaviour, is_hard, is_conditions, is_luck]
    names = ["on_plan", "cannot_tell", "behaviour", "hard_quota", "conditions", "bad_luck"]
    causes = [nothing, nothing, weakest, worst_condition, worst_condition, nothing]
    return Verdicts(
        verdict=np.select(cases, names, "cannot_tell"),
        cause=np.select(cases, causes, ""),
        fair=fair,
        usual=1 + parts[[*CONDITIONS, *OWN]].sum(axis=1).to_numpy(),
        conditions=conditions,
        luck=luck,
        behaviours=behaviours,
        p_below=p_below,
    )


def _together(explained: Explained) -> Floats:
    """Chance that the product of the behaviours lies below 1, their logs taken as independent normals."""
    found = explained.behaviours
    logs = np.sum([np.log(found.of[name].ratio) for name in BEHAVIOURS], axis=0)
    sd = np.sqrt(np.sum([found.of[name].log_sd ** 2 for name in BEHAVIOURS], axis=0))
    return np.where(found.without_deals, found.of["own_bookings"].p_below, stats.norm.cdf(-logs / sd))


def _lowest(parts: pd.DataFrame) -> tuple[np.ndarray, Floats]:
    """Name and value of the lowest column of each row."""
    values = parts.to_numpy(dtype=np.float64)
    place = values.argmin(axis=1)
    return parts.columns.to_numpy(dtype=object)[place], values[np.arange(len(values)), place]
