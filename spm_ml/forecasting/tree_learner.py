"""Where trees are boosted: one fit of LightGBM, in this process or, by `dask_learner`, on the workers of a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import lightgbm
import numpy as np
from numpy.typing import NDArray

from spm_ml.forecasting.distribution import Array

REPEATABLE: Final[Mapping[str, Any]] = {
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
    "verbose": -1,
}
"""Parameters that every fit has, so that equal rows and seeds give equal trees."""


@dataclass(frozen=True, eq=False)
class TreeData:
    """What trees are fitted to.

    Attributes:
        matrix: (n, p) columns, NaN where unknown.
        target: (n,) what is sought.
        weight: (n,) weights of the loss; None = all alike.
        start: (n,) raw scores that boosting starts from; None = LightGBM's own constant.
    """

    matrix: NDArray[np.floating[Any]]
    target: Array
    weight: Array | None = None
    start: Array | None = None


class TreeLearner(Protocol):
    """Fits boosters; what it was asked to fit stays where it is when a fit fails."""

    @property
    def label(self) -> str:
        """Where it fits, for the record of a training run."""

    def boost(
        self, data: TreeData, parameters: Mapping[str, Any], rounds: int, variants: Sequence[Mapping[str, Any]] = ({},)
    ) -> tuple[lightgbm.Booster, ...]:
        """Gives a booster for each variant of the parameters, all of one binned dataset.

        Args:
            data: What trees are fitted to.
            parameters: LightGBM's; `REPEATABLE` is added.
            rounds: Trees of each booster.
            variants: Parameters in which the boosters differ; none may change how columns are binned.

        Raises:
            ClusterError: A cluster failed.
        """


@dataclass(frozen=True)
class SerialLearner:
    """Fits on one thread of this process: the same trees on every machine."""

    label: str = "this process"

    def boost(
        self, data: TreeData, parameters: Mapping[str, Any], rounds: int, variants: Sequence[Mapping[str, Any]] = ({},)
    ) -> tuple[lightgbm.Booster, ...]:
        """Gives a booster for each variant; see `TreeLearner.boost`."""
        given = {**REPEATABLE, **parameters, "num_threads": 1}
        binned = lightgbm.Dataset(data.matrix, data.target, weight=data.weight, init_score=data.start, params=given)
        binned.construct()
        return tuple(lightgbm.train({**given, **each}, binned, rounds) for each in variants)


HERE: Final = SerialLearner()
