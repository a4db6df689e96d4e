"""Quantile regression by gradient boosting: a LightGBM booster for each of a few levels, over one binned dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from spm_ml.errors import ConfigurationError
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.tree_learner import HERE, TreeData, TreeLearner

FITTED_LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Levels that are fitted; those between are interpolated, which cost no measured accuracy against seven."""

MEDIAN: Final = FITTED_LEVELS.index(0.5)

ROUNDS: Final = 120
"""Trees of each booster. They are small and split at random points (Geurts, Ernst & Wehenkel 2006, Machine Learning
63), because the rows of a rep-period repeat each other, and larger or greedier trees learn them by heart."""


@dataclass(frozen=True)
class QuantileBoosters:
    """Boosters at `FITTED_LEVELS`; each minimises the pinball loss of its level.

    Source: Koenker & Bassett (1978), Econometrica 46(1); Ke et al. (2017), LightGBM, NeurIPS 30.
    """

    boosters: tuple[lightgbm.Booster, ...]

    @classmethod
    def fit(cls, matrix: Array, target: Array, weight: Array, *, seed: int, learner: TreeLearner = HERE) -> Self:
        """Fits all levels; deterministic for a seed and a learner.

        Args:
            matrix: (n, p) columns, NaN where unknown.
            target: (n,) values whose quantiles are sought.
            weight: (n,) weights of the loss.
            seed: Of the columns drawn for each tree.
            learner: Where trees are boosted.
        """
        parameters: dict[str, Any] = {
            "objective": "quantile",
            "num_leaves": 4,
            "extra_trees": True,
            "learning_rate": 0.06,
            "min_data_in_leaf": 50,
            "feature_fraction": 0.5,
            "lambda_l2": 1.0,
            "max_bin": 63,
            "seed": seed,
        }
        levels = [{"alpha": level} for level in FITTED_LEVELS]
        return cls(learner.boost(TreeData(matrix, target, weight), parameters, ROUNDS, levels))

    def predict(self, matrix: Array) -> Array:
        """Gives (n, 19) quantiles of the target at `QUANTILE_LEVELS`, never crossing."""
        fitted = np.column_stack([booster.predict(matrix, num_threads=1) for booster in self.boosters])
        fitted = np.sort(fitted, axis=1)
        known = np.array(FITTED_LEVELS)
        left = np.clip(np.searchsorted(known, LEVELS, side="right") - 1, 0, known.size - 2)
        step = (LEVELS - known[left]) / (known[left + 1] - known[left])
        return np.asarray(fitted[:, left] + step * (fitted[:, left + 1] - fitted[:, left]))

    def median_contributions(self, matrix: Array) -> Array:
        """Gives (n, p + 1) SHAP contributions of the columns to the median's raw score, the base last."""
        return shap_of(self.boosters[MEDIAN], matrix)

    def save(self, folder: Path) -> None:
        """Writes each booster as LightGBM's text."""
        for level, booster in zip(FITTED_LEVELS, self.boosters, strict=True):
            _file(folder, level).write_text(booster.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            ConfigurationError: A file is missing or is not a LightGBM model.
        """
        return cls(tuple(read_trees(_file(folder, level)) for level in FITTED_LEVELS))


def shap_of(trees: lightgbm.Booster, matrix: NDArray[np.floating[Any]], *, threads: int = 1) -> Array:
    """Gives (n, p + 1) SHAP contributions of the columns to the raw score, the base last; n may be 0.

    Source: Lundberg et al. (2020), Nature Machine Intelligence 2 (TreeSHAP).
    """
    if not len(matrix):  # LightGBM divides by their number
        return np.zeros((0, matrix.shape[1] + 1))
    return np.asarray(trees.predict(matrix, pred_contrib=True, num_threads=threads))


def read_trees(file: Path) -> lightgbm.Booster:
    """Reads a booster from LightGBM's text.

    Raises:
        ConfigurationError: The file is missing or is not a LightGBM model.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not a saved LightGBM model ({error}); train anew") from error
    return trees_of(text, str(file))


def trees_of(text: str, owner: str) -> lightgbm.Booster:
    """Makes a booster of LightGBM's text.

    Raises:
        ConfigurationError: It is not a LightGBM model; the message names the owner.
    """
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ConfigurationError(f"{owner} is not a saved LightGBM model ({error}); train anew") from error


def _file(folder: Path, level: float) -> Path:
    return folder / f"quantile_{round(100 * level):02d}.txt"
