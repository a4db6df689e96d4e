"""How much the reps of one period share: the size of common shocks, estimated from past errors."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.recalibration import scores_within

BANDS: Final = 3
"""Parts of the period, by elapsed share, whose dependence is told apart."""

PRIOR: Final = (0.02, 0.01)
"""Shares of a period's and of a team's shock that are assumed like `PRIOR_PERIODS` periods of evidence."""

PRIOR_PERIODS: Final = 2.0

_MOST: Final = 0.8


@dataclass(frozen=True)
class Dependence:
    """Shares of the variance of the reps' normal scores that are common to a period and to a team in it.

    A rep's score is √period × (the period's shock) + √team × (the team's) + the rest of its own. The shares are mean
    products of scores of two reps of one as-of day: of different teams (period), and what reps of one team have beyond
    it. Few periods were seen, so the shocks are drawn from Student's t with as many degrees of freedom.

    Attributes:
        period: (BANDS,) shares, 0–1.
        team: (BANDS,) shares, 0–1.
        freedom: Degrees of freedom of the shocks' distribution.

    Source: McNeil, Frey & Embrechts (2015), Quantitative Risk Management, ch. 11 (one-factor models of dependence).
    """

    period: Array
    team: Array
    freedom: float

    @classmethod
    def usual(cls) -> Self:
        """What is assumed before anything was measured."""
        return cls(np.full(BANDS, PRIOR[0]), np.full(BANDS, PRIOR[1]), PRIOR_PERIODS + 1)

    @classmethod
    def none(cls) -> Self:
        """Reps who have nothing in common: for comparison, nobody's are."""
        return cls(np.zeros(BANDS), np.zeros(BANDS), PRIOR_PERIODS + 1)

    @classmethod
    def fit(cls, frame: pd.DataFrame, score: Array) -> Self:
        """Learns from past rows and the normal scores of their outcomes within honest forecasts.

        Args:
            frame: (n rows) `period_start, as_of, team, elapsed_share`.
            score: (n,) NaN is left out.
        """
        known = np.isfinite(score)
        if not known.any():
            return cls.usual()
        frame, score = frame.loc[known], score[known]
        days = pd.factorize(frame["as_of"])[0]
        teams = pd.factorize(pd.MultiIndex.from_arrays([days, frame["team"].fillna("")]))[0]
        of_team = pd.DataFrame({"day": days, "team": teams, "score": score, "square": score**2, "count": 1.0})
        team = of_team.groupby("team").agg({"day": "first", "score": "sum", "square": "sum", "count": "sum"})
        team["same"] = team["score"] ** 2 - team["square"]
        team["same_pairs"] = team["count"] ** 2 - team["count"]
        team["squared"], team["counts"] = team["score"] ** 2, team["count"] ** 2
        day = team.groupby("day")[["score", "count", "same", "same_pairs", "squared", "counts"]].sum()
        first = frame[["period_start", "elapsed_share"]].assign(day=days).drop_duplicates("day").set_index("day")
        day = day.join(first)
        day["other"] = (day["score"] ** 2 - day["squared"]) / (day["count"] ** 2 - day["counts"]).where(lambda n: n > 0)
        day["within"] = day["same"] / day["same_pairs"].where(day["same_pairs"] > 0)
        day["within"] -= day["other"].fillna(0.0)
        band = band_of(day["elapsed_share"].to_numpy(dtype=float))
        periods = day["period_start"].nunique()
        shares = [
            np.array([_shrunk(day[column].to_numpy(dtype=float), band == own, prior, periods) for own in range(BANDS)])
            for column, prior in zip(("other", "within"), PRIOR, strict=True)
        ]
        return cls(shares[0], np.minimum(shares[1], _MOST - np.minimum(shares[0], _MOST)), periods + PRIOR_PERIODS)

    @classmethod
    def of_quantiles(cls, frame: pd.DataFrame, quantiles: Array, *, may_fall: bool) -> Self:
        """The same for forecasts that are written as quantiles.

        Args:
            frame: (n past rows) of `readable_rows`.
            quantiles: (n, 19) what was, or would have been, forecast of each; rows with NaN are left out.
            may_fall: Whether final bookings can end below what is booked.
        """
        booked = frame["booked_to_date"].to_numpy(dtype=float)
        floor = np.full(len(frame), -np.inf) if may_fall else booked
        ordered = np.maximum(np.sort(quantiles, axis=1), floor[:, None])
        return cls.fit(frame, scores_within(ordered, floor, frame["actual_bookings"].to_numpy(dtype=float)))

    def shares(self, elapsed_share: Array) -> tuple[Array, Array]:
        """(n,) period and (n,) team share of rows by how much of the period has elapsed."""
        band = band_of(elapsed_share)
        return self.period[band], self.team[band]

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return {"period": self.period.tolist(), "team": self.team.tolist(), "freedom": self.freedom}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        return cls(np.array(state["period"]), np.array(state["team"]), state["freedom"])


def band_of(elapsed_share: Array) -> NDArray[np.int64]:
    """(n,) 0 … BANDS − 1."""
    share = np.clip(np.nan_to_num(elapsed_share), 0, 1)
    return np.minimum((share * BANDS).astype(np.int64), BANDS - 1)


def _shrunk(values: Array, own: NDArray[np.bool_], prior: float, periods: int) -> float:
    """Mean of a band's days, pulled half-way to all days and then to the prior; 0 … 0.8."""
    if np.isnan(values).all():
        return prior
    everywhere = float(np.nanmean(values))
    here = float(np.nanmean(values[own])) if np.isfinite(values[own]).any() else everywhere
    found = (here + everywhere) / 2
    return float(np.clip((periods * found + PRIOR_PERIODS * prior) / (periods + PRIOR_PERIODS), 0.0, _MOST))
