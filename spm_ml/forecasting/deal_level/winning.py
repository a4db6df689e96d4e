"""The chance that an open deal is won before the period ends: logistic regression, and trees that start from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from spm_ml.forecasting.boosters import read_trees, shap_of, trees_of
from spm_ml.forecasting.deal_level.deal_inputs import GROUPS, DealInputs, Matrix
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.tree_learner import HERE, TreeData, TreeLearner

MOST_DEALS: Final = 240_000
"""Deals and as-of days that trees are fitted to, drawn evenly from all of them: neighbouring weeks tell the same."""

ROUNDS: Final = 120
FEW_DEALS: Final = 5_000
"""Different deals at which half of the rounds are boosted."""

_REGULARISATION: Final = 0.5
_BOUND: Final = 9.0
_CHUNK: Final = 200_000
_FILE: Final = "winning.txt"

_TREES: Final[dict[str, Any]] = {
    "objective": "binary",
    "num_leaves": 15,
    "extra_trees": True,
    "learning_rate": 0.04,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "lambda_l2": 5.0,
    "max_bin": 63,
}


@dataclass(frozen=True)
class _Logistic:
    """Log-odds that are linear in the design of `DealInputs`.

    Attributes:
        mean, scale, weights: (q,) of the standardised design.
        constant: Log-odds at the mean.
    """

    inputs: DealInputs
    mean: Array
    scale: Array
    weights: Array
    constant: float

    def log_odds(self, matrix: Matrix) -> Array:
        """(m,) log-odds."""
        odds = np.empty(len(matrix))
        for first in range(0, len(matrix), _CHUNK):
            design, _ = self.inputs.design(matrix[first : first + _CHUNK])
            odds[first : first + _CHUNK] = ((design - self.mean) / self.scale) @ self.weights + self.constant
        return np.clip(odds, -_BOUND, _BOUND)

    def contributions(self, matrix: Matrix) -> Array:
        """(m, p) weight × distance from the mean, added up by the column of `GROUPS` that each regressor belongs to."""
        design, owners = self.inputs.design(matrix)
        linear = (design - self.mean) / self.scale * self.weights
        names = list(GROUPS)
        parts = np.zeros((len(matrix), len(names)))
        for place, owner in enumerate(owners):
            parts[:, names.index(owner)] += linear[:, place]
        return parts

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        arrays = {name: getattr(self, name).tolist() for name in ("mean", "scale", "weights")}
        return arrays | {"inputs": self.inputs.to_state(), "constant": self.constant}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        mean, scale, weights = (np.array(state[name], dtype=float) for name in ("mean", "scale", "weights"))
        return cls(DealInputs.of_state(state["inputs"]), mean, scale, weights, state["constant"])


@dataclass(frozen=True)
class WinModel:
    """Log-odds that anything is booked from a deal in the rest of the period.

    The logistic half holds every effect for each stage apart; gradient-boosted trees start from its log-odds and add
    what it cannot say. On few deals the trees add little, on many they matter: measured, this was at least as good as
    either alone and as their average.

    Attributes:
        half: The logistic half.
        trees: Added to it.

    Source: Ke et al. (2017), LightGBM, NeurIPS 30; Bühlmann & Hothorn (2007), Statistical Science 22(4), for boosting
    from an offset.
    """

    half: _Logistic
    trees: lightgbm.Booster

    @classmethod
    def fit(
        cls,
        inputs: DealInputs,
        pipeline: Pipeline,
        record: Array,
        *,
        most: int,
        seed: int,
        learner: TreeLearner = HERE,
    ) -> Self:
        """Fits both halves; deterministic for a seed and a learner.

        Args:
            inputs: Makes the design.
            pipeline: Finished rows; some of their deals must have been won in time, and some not.
            record: (n, moves) of their reps, from `RepRecords.of`.
            most: Rows that trees are fitted to; the logistic half takes a third of them.
            seed: Of what is drawn.
            learner: Where trees are boosted; the logistic half is fitted here.
        """
        random, count = np.random.default_rng(seed), len(pipeline.deals)
        few, many = _some(count, most // 3, random), _some(count, most, random)
        drawn = np.union1d(few, many)
        chosen = pipeline.of_deals(drawn)
        matrix, won = inputs.matrix(chosen, record), chosen.won
        few, many = np.searchsorted(drawn, few), np.searchsorted(drawn, many)
        design, _ = inputs.design(matrix[few])
        scaler = StandardScaler().fit(design)
        # Newton's steps: from 90 regressors and 80 000 deals 5 times as quick as L-BFGS, and nearer to the optimum.
        half_fit = LogisticRegression(C=_REGULARISATION, solver="newton-cholesky")
        fitted = half_fit.fit(scaler.transform(design), won[few])
        scale = np.where(scaler.scale_ > 0, scaler.scale_, 1.0)
        half = _Logistic(inputs, scaler.mean_, scale, fitted.coef_[0], float(fitted.intercept_[0]))
        data = TreeData(matrix[many], won[many], start=half.log_odds(matrix[many]))
        deals = len(np.unique(pipeline.code))
        rounds = max(round(ROUNDS * deals / (deals + FEW_DEALS)), 1)
        (trees,) = learner.boost(data, _TREES | {"seed": seed}, rounds)
        return cls(half, trees)

    @property
    def inputs(self) -> DealInputs:
        """What it sees."""
        return self.half.inputs

    def log_odds(self, matrix: Matrix) -> Array:
        """(m,) log-odds of being won in time."""
        if not len(matrix):
            return np.zeros(0)
        added = np.asarray(self.trees.predict(matrix, raw_score=True, num_threads=1))
        return np.asarray(np.clip(self.half.log_odds(matrix) + added, -_BOUND, _BOUND))

    def contributions(self, matrix: Matrix, *, threads: int = 1) -> tuple[Array, Array]:
        """(m, p) what each column adds to the log-odds, and (m,) the log-odds of a usual deal they are added to.

        The logistic half's part of a column is its weight × distance from the mean; TreeSHAP gives the trees' part,
        row by row, so it does not depend on the threads.

        Source: Lundberg et al. (2020), Nature Machine Intelligence 2.
        """
        parts = self.half.contributions(matrix)
        shap = shap_of(self.trees, matrix, threads=threads)
        return parts + shap[:, :-1], self.half.constant + shap[:, -1]

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the trees as LightGBM's text and gives the rest in JSON form."""
        (folder / _FILE).write_text(self.trees.model_to_string(), encoding="utf-8")
        return self.half.to_state()

    @classmethod
    def load(cls, folder: Path, state: dict[str, Any]) -> Self:
        """Reads what `save` wrote.

        Raises:
            ConfigurationError: The trees' file is missing or broken.
        """
        return cls(_Logistic.of_state(state), read_trees(folder / _FILE))

    def to_state(self) -> dict[str, Any]:
        """Gives the whole model in JSON form, the trees as LightGBM's text."""
        return {"half": self.half.to_state(), "trees": self.trees.model_to_string()}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form.

        Raises:
            ConfigurationError: The trees' text is broken.
        """
        return cls(_Logistic.of_state(state["half"]), trees_of(state["trees"], "the stored model"))


def _some(count: int, most: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Positions, ascending: all, or as many as allowed, drawn evenly."""
    if count <= most:
        return np.arange(count)
    return np.sort(random.choice(count, most, replace=False))
