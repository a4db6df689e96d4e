"""What is booked beyond the deals that are open now: how many such bookings come, how large, and what is undone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import lightgbm
import numpy as np
import pandas as pd
from sklearn.linear_model import PoissonRegressor
from sklearn.preprocessing import StandardScaler

from spm_ml.forecasting.boosters import read_trees, shap_of
from spm_ml.forecasting.deal_level.arrival_inputs import (
    READ,
    curve_of,
    curves_of,
    owners_of,
    paces_of,
    regressors_of,
    seen_of,
    usual_count_of,
    weekly_days,
)
from spm_ml.forecasting.deal_level.later import kinds_of_bookings, later_bookings
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.tree_learner import HERE, TreeData, TreeLearner

ROUNDS: Final = 40
MOST_ROWS: Final = 60_000
"""Rows that counts are fitted to, drawn evenly from all: neighbouring weeks tell the same."""

SIZES: Final = 256
"""Points at which distributions of sizes are kept."""

ENOUGH_ROWS: Final = 12_000
"""Rows from which trees are added: on fewer they made counts worse."""

_LEAST: Final = 1e-3
_RIDGE: Final = 0.1
_FILE: Final = "arrivals.txt"
_SEASONS: Final = 12

_TREES: Final[dict[str, Any]] = {
    "objective": "poisson",
    "num_leaves": 6,
    "learning_rate": 0.05,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "lambda_l2": 10.0,
    "max_bin": 63,
}


@dataclass(frozen=True)
class ArrivalModel:
    """Counts and sizes of bookings from deals that the rep does not have open on the day.

    Deals created later and won in time, with those taken over: count = creation × chance to be won in time, that is the
    organisation's usual count by segment and days left, times what the rep's own records (creation, wins, losses,
    speed; all shrunk), recent creation, ramp, territory and season make of it, by a log-linear Poisson model and
    boosted trees that start from it. Counts are negative binomial. Shares of colleagues' deals and bookings that are
    taken back come at the usual rates. Sizes are drawn from what such bookings were, against the usual size of the
    rep's deals.

    Attributes:
        curves: By segment ('' = all): `days_left` ascending and the usual `count` of a fully present rep.
        paces: By segment ('' = all): deals that a fully present, ramped rep creates in 28 and in 91 days.
        constant: Of the log-linear model.
        mean, scale, weights: (q,) of its standardised regressors.
        seasons: Numbers of periods that have a regressor of their own.
        dispersion: 1 ÷ size of the negative binomial, 0 = Poisson.
        ratios: (SIZES,) quantiles of size ÷ usual size of the rep's deals.
        shared: By segment, like `curves`: shares of others' deals.
        shared_ratios: (SIZES,) quantiles of their size ÷ usual size; zeros where there never were any.
        undone: `days_left` and `count` of bookings taken back in the rest of a period.
        undone_ratios: (SIZES,) quantiles of their size ÷ usual size; zeros where nothing was ever undone.
        trees: Added to the log count; None where there were too few rows.
    """

    curves: dict[str, dict[str, list[float]]]
    paces: dict[str, list[float]]
    constant: float
    mean: Array
    scale: Array
    weights: Array
    seasons: tuple[int, ...]
    dispersion: float
    ratios: Array
    shared: dict[str, dict[str, list[float]]]
    shared_ratios: Array
    undone: dict[str, list[float]]
    undone_ratios: Array
    trees: lightgbm.Booster | None

    @classmethod
    def fit(cls, pipeline: Pipeline, record: Array, usual: Array, *, seed: int, learner: TreeLearner = HERE) -> Self:
        """Learns from finished rows.

        Args:
            pipeline: Finished rows.
            record: (n, moves) of their reps, from periods before.
            usual: (n,) usual size of their reps' deals.
            seed: Of the trees.
            learner: Where they are boosted.
        """
        frame = pipeline.frame
        won = np.bincount(pipeline.row, np.nan_to_num(pipeline.won), len(frame))
        owned, foreign, undone = kinds_of_bookings(pipeline)
        count = np.maximum(later_bookings(frame, owned) - won, 0)
        curves = curves_of(frame, count)
        usual_count = usual_count_of(frame, curves)
        numbers = np.unique(np.nan_to_num(frame["period_number"].to_numpy(dtype=float))).astype(int)
        seasons = tuple(int(number) for number in numbers[1:_SEASONS])
        paces = paces_of(frame)
        regressors = regressors_of(frame, record, usual_count, seasons, paces)
        scaler = StandardScaler().fit(regressors)
        scale = np.where(scaler.scale_ > 0, scaler.scale_, 1.0)
        standard = (regressors - scaler.mean_) / scale
        some = np.sort(np.random.default_rng(seed).permutation(len(frame))[:MOST_ROWS])
        poisson = PoissonRegressor(alpha=_RIDGE, max_iter=300)
        fitted = poisson.fit(standard[some], (count / usual_count)[some], sample_weight=usual_count[some])
        young = owned[owned["created_on"].to_numpy() >= owned["period_start"].to_numpy()]
        half = cls(
            curves=curves,
            paces=paces,
            constant=float(fitted.intercept_),
            mean=scaler.mean_,
            scale=scale,
            weights=fitted.coef_,
            seasons=seasons,
            dispersion=0.0,
            ratios=_ratios(frame, young if len(young) else owned, usual),
            shared=curves_of(frame, later_bookings(frame, foreign)),
            shared_ratios=_ratios(frame, foreign, usual),
            undone=curve_of(weekly_days(frame), later_bookings(frame, undone), np.ones(len(frame))),
            undone_ratios=_ratios(frame, undone, usual),
            trees=None,
        )
        start = half.log_count(frame, record)
        trees = None
        if len(frame) >= ENOUGH_ROWS:
            data = TreeData(seen_of(frame.iloc[some], regressors[some]), count[some], start=start[some])
            (trees,) = learner.boost(data, _TREES | {"seed": seed}, ROUNDS)
        whole = cls(**{**vars(half), "trees": trees})
        expected = np.exp(whole.log_count(frame, record))
        spread = float(((count - expected) ** 2 - expected).sum() / max(float((expected**2).sum()), _LEAST))
        return cls(**{**vars(whole), "dispersion": float(np.clip(spread, 0.0, 2.0))})

    def log_count(self, frame: pd.DataFrame, record: Array) -> Array:
        """(n,) log of the expected count in the rest of the period."""
        usual_count = usual_count_of(frame, self.curves)
        regressors = regressors_of(frame, record, usual_count, self.seasons, self.paces)
        log = np.log(usual_count) + self.constant + ((regressors - self.mean) / self.scale) @ self.weights
        if self.trees is not None:
            log = log + self.trees.predict(seen_of(frame, regressors), raw_score=True, num_threads=1)
        return np.asarray(np.clip(log, -12.0, 6.0))

    def contributions(self, frame: pd.DataFrame, record: Array) -> tuple[Array, Array, list[str]]:
        """What moves the log count: (n, labels) contributions, (n,) the log count of a usual rep, and the labels."""
        usual_count = usual_count_of(frame, self.curves)
        regressors = regressors_of(frame, record, usual_count, self.seasons, self.paces)
        linear = (regressors - self.mean) / self.scale * self.weights
        owners = owners_of(len(self.seasons))
        labels = list(dict.fromkeys([*owners, *READ.values()]))
        parts = np.zeros((len(frame), len(labels)))
        for place, owner in enumerate(owners):
            parts[:, labels.index(owner)] += linear[:, place]
        base = np.log(usual_count) + self.constant
        if self.trees is not None:
            seen = seen_of(frame, regressors)
            shap = shap_of(self.trees, seen)
            for place, owner in enumerate([*owners, *READ.values()]):
                parts[:, labels.index(owner)] += shap[:, place]
            base = base + shap[:, -1]
        return parts, base, labels

    def shared_count(self, frame: pd.DataFrame) -> Array:
        """(n,) expected number of shares of others' deals in the rest of the period."""
        return usual_count_of(frame, self.shared)

    def undone_count(self, frame: pd.DataFrame) -> Array:
        """(n,) expected number of bookings that are taken back in the rest of the period."""
        days = frame["days_left"].to_numpy(dtype=float)
        return np.asarray(np.interp(days, self.undone["days_left"], self.undone["count"]))

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the trees as LightGBM's text and gives the rest in JSON form."""
        if self.trees is not None:
            (folder / _FILE).write_text(self.trees.model_to_string(), encoding="utf-8")
        state = {name: value for name, value in vars(self).items() if name != "trees"}
        arrays = {name: value.tolist() for name, value in state.items() if isinstance(value, np.ndarray)}
        return state | arrays | {"seasons": list(self.seasons), "has_trees": self.trees is not None}

    @classmethod
    def load(cls, folder: Path, state: dict[str, Any]) -> Self:
        """Reads what `save` wrote.

        Raises:
            ConfigurationError: The trees' file is missing or broken.
        """
        trees = read_trees(folder / _FILE) if state["has_trees"] else None
        arrays = {name: np.array(state[name], dtype=float)
                  for name in ("mean", "scale", "weights", "ratios", "shared_ratios", "undone_ratios")}  # fmt: skip
        rest: dict[str, Any] = {
            name: state[name] for name in ("curves", "paces", "constant", "dispersion", "shared", "undone")
        }
        return cls(**(rest | arrays), seasons=tuple(state["seasons"]), trees=trees)


def _ratios(frame: pd.DataFrame, bookings: pd.DataFrame, usual: Array) -> Array:
    """(SIZES,) quantiles of size ÷ usual size of the rep's deals; zeros without any."""
    size = pd.Series(usual).groupby([frame["rep_id"], frame["period_start"]]).first()
    own = size.reindex(pd.MultiIndex.from_frame(bookings[["rep_id", "period_start"]])).to_numpy(dtype=float)
    ratio = np.abs(bookings["amount"].to_numpy(dtype=float)) / own
    known = ratio[np.isfinite(ratio)]
    return np.asarray(np.quantile(known, (np.arange(SIZES) + 0.5) / SIZES)) if len(known) else np.zeros(SIZES)
