"""When a deal that will be won in time is won: a discrete-time hazard by week."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.distribution import Array

MOST: Final = 40_000
_FEWEST: Final = 50


@dataclass(frozen=True)
class CloseTiming:
    """The hazard of being won in the h-th week from the day, given that the deal is won before the period ends.

    Together with the chance of that (`WinModel`) it is a mixture cure model: the chance to be won within h weeks is the
    chance to be won in time × the share of such deals that are won by then, for every horizon h at once.

    Attributes:
        weights: Of `_regressors`; None where too few deals were won: then every week is as likely.
        constant: Of the same.

    Source: Farewell (1982), Biometrics 38 (mixture of the cured and the others); Singer & Willett (1993), Journal of
    Educational Statistics 18(2) (discrete-time hazards by logistic regression).
    """

    weights: Array | None
    constant: float

    @classmethod
    def fit(cls, pipeline: Pipeline, *, seed: int) -> Self:
        """Learns from the won deals of finished periods."""
        won = np.flatnonzero(np.nan_to_num(pipeline.won) > 0)
        if len(won) < _FEWEST:
            return cls(None, 0.0)
        if len(won) > MOST:
            won = np.sort(np.random.default_rng(seed).choice(won, MOST, replace=False))
        deals = pipeline.deals.iloc[won]
        waited = (deals["won_on"] - deals["as_of"]).dt.days.to_numpy(dtype=float)
        took = np.maximum(np.ceil(waited / 7), 1).astype(int)
        weeks = np.minimum(took, weeks_left(pipeline)[won])
        person = np.repeat(np.arange(len(won)), weeks)
        ahead = np.arange(len(person)) - np.repeat(np.cumsum(weeks) - weeks, weeks) + 1
        happened = (ahead == weeks[person]).astype(float)
        seen = _regressors(pipeline, won[person], ahead)
        last = ahead >= weeks_left(pipeline)[won[person]]
        if happened[~last].min(initial=1.0) == happened[~last].max(initial=0.0):
            return cls(None, 0.0)
        fitted = LogisticRegression(C=1.0, solver="newton-cholesky").fit(seen[~last], happened[~last])
        return cls(fitted.coef_[0], float(fitted.intercept_[0]))

    def shares(self, pipeline: Pipeline, most: int) -> Array:
        """(m, most) share of the deals won in time that are won within 1 … `most` weeks; 1 from the last week on."""
        count, left = len(pipeline.deals), weeks_left(pipeline)
        surviving, shares = np.ones(count), np.ones((count, most))
        for ahead in range(1, most + 1):
            if self.weights is None:
                hazard = 1.0 / np.maximum(left - ahead + 1, 1)
            else:
                odds = _regressors(pipeline, np.arange(count), np.full(count, ahead)) @ self.weights + self.constant
                hazard = 1.0 / (1.0 + np.exp(-odds))
            surviving = np.where(ahead >= left, 0.0, surviving * (1 - hazard))
            shares[:, ahead - 1] = 1 - surviving
        return shares

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return {"weights": None if self.weights is None else self.weights.tolist(), "constant": self.constant}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        weights = state["weights"]
        return cls(None if weights is None else np.array(weights, dtype=float), state["constant"])


def weeks_left(pipeline: Pipeline) -> np.ndarray:
    """(m,) weeks from the day to the period's end, the last one may be short; at least 1."""
    return np.asarray(np.maximum(np.ceil(pipeline.of_rows("days_left") / 7), 1).astype(int))


def _regressors(pipeline: Pipeline, deal: np.ndarray, ahead: np.ndarray) -> Array:
    """(k, q) of deals and weeks ahead: what is left then, stage, and where the expected close lies from there."""
    deals = pipeline.deals
    left = weeks_left(pipeline)[deal] - ahead
    due = np.nan_to_num(deals["due_days"].to_numpy(dtype=float))[deal] / 7 - ahead
    stage = deals["stage"].to_numpy(dtype=float)[deal]
    return np.column_stack(
        [
            1.0 / np.maximum(left + 1, 1),
            np.log1p(np.maximum(left, 0)),
            left == 0,
            left == 1,
            np.log(ahead),
            stage,
            stage * np.log(ahead),
            np.abs(np.clip(due, -8, 8)) < 1,
            np.clip(due, -8, 8) / 4,
            due < 0,
        ]
    ).astype(float)
