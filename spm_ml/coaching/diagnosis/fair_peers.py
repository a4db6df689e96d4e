"""What fair peers would have under a rep's conditions: regularised log-linear models over all rep-periods.

Peers are of the same segment, tenure band and period, with the territory's potential allowed for. A group with few reps
is drawn towards everyone. Source: McCullagh & Nelder (1989), *Generalized Linear Models*, ch. 6 and 9 (quasi-Poisson
with log link: right on average in every group, whatever the distribution).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from sklearn.linear_model import PoissonRegressor

from spm_ml.coaching.diagnosis.lmdi import Floats

TENURE_BANDS: Final = (91, 182, 273, 365, 730)
"""Days since hired at which a new band begins; the last one is the fully ramped."""

LEAST_POTENTIAL, MOST_POTENTIAL = 0.05, 20.0
LEAST_PRESENCE: Final = 0.02

_PRIOR_SD: Final = {"segment": 0.5, "territory": 1.0, "ramp": 1.5, "season": 0.3}
"""How far groups are expected to lie apart, in log units, before anything is seen."""


@dataclass(frozen=True)
class Design:
    """Conditions of rep-periods as numbers.

    Attributes:
        columns: (n, k) one-hot groups and the log potential.
        groups: (k,) condition that each column belongs to, a key of `_PRIOR_SD`.
        presence: (n,) full-time periods worked.
        rep: (n,) code of the rep.
    """

    columns: Floats
    groups: np.ndarray
    presence: Floats
    rep: np.ndarray


@dataclass(frozen=True)
class Expectation:
    """A log-linear model of a rate.

    Attributes:
        rate: (n,) what fair peers have for one unit of exposure, > 0.
        logs: Contribution of each condition to the log rate, (n,) each.
        noise: Variance ÷ mean of a rep-period around the rep's own level.
    """

    rate: Floats
    logs: dict[str, Floats]
    noise: float


def design_of(frame: pd.DataFrame, lost_share: Floats) -> Design:
    """Reads the conditions from rep-periods.

    Args:
        frame: Rows of `RepPeriods.frame`; unknown conditions count as the usual ones.
        lost_share: (n,) share of the period lost to programs.
    """
    tenure = frame["tenure_days"].fillna(np.inf).to_numpy(dtype=np.float64)
    band = np.searchsorted(TENURE_BANDS, tenure, side="right")
    potential = frame["territory_potential"].fillna(1.0).clip(LEAST_POTENTIAL, MOST_POTENTIAL)
    parts = {
        "segment": _one_hot(frame["segment"].astype("object").fillna("").to_numpy()),
        "territory": np.log(potential.to_numpy(dtype=np.float64))[:, None],
        "ramp": (band[:, None] == np.arange(len(TENURE_BANDS))).astype(np.float64),
        "season": _one_hot(frame["t"].to_numpy()),
    }
    exposure = frame["exposure"].fillna(1.0).to_numpy(dtype=np.float64)
    return Design(
        columns=np.hstack(list(parts.values())),
        groups=np.repeat(list(parts), [part.shape[1] for part in parts.values()]),
        presence=np.maximum(exposure * (1 - lost_share), LEAST_PRESENCE),
        rep=pd.factorize(frame["rep_id"])[0],
    )


def expect(design: Design, amount: Floats, exposure: Floats) -> Expectation:
    """Fits what fair peers have.

    Args:
        design: Conditions of all rows.
        amount: (n,) count or amount of each row; negative ones count as 0, NaN is not learnt from.
        exposure: (n,) what it is counted over; rows without any are not learnt from.
    """
    fitted = np.isfinite(amount) & (exposure > 0)
    scale = float(np.clip(amount[fitted], 0, None).sum() / max(exposure[fitted].sum(), 1e-12)) if fitted.any() else 0.0
    spread = np.array([_PRIOR_SD[group] for group in design.groups])
    if scale <= 0:
        return _flat(design)
    columns, weight = design.columns[fitted] * spread, exposure[fitted]
    rate = np.clip(amount[fitted], 0, None) / weight / scale
    rep = design.rep[fitted]
    dispersion = _dispersion(rate, np.ones_like(rate), weight, rep)
    for _ in range(2):
        model = PoissonRegressor(alpha=dispersion / weight.sum(), solver="newton-cholesky", max_iter=100, tol=1e-5)
        model.fit(columns, rate, sample_weight=weight)
        dispersion = _dispersion(rate, model.predict(columns), weight, rep)
    effects = design.columns * (spread * model.coef_)
    logs = {name: effects[:, design.groups == name].sum(axis=1) for name in _PRIOR_SD}
    total = model.intercept_ + np.log(scale) + np.sum(list(logs.values()), axis=0)
    return Expectation(np.exp(total), logs, scale * _noise(rate, model.predict(columns), weight, rep))


def _flat(design: Design) -> Expectation:
    """Nothing was ever seen: the rate is too small to matter and no condition changes it."""
    zero = np.zeros(len(design.presence))
    return Expectation(np.full(len(zero), 1e-9), dict.fromkeys(_PRIOR_SD, zero), 1.0)


def _dispersion(rate: Floats, expected: Floats, weight: Floats, rep: np.ndarray) -> float:
    """Squared residuals of reps' sums ÷ what was expected of them: what a rep's periods share counts once."""
    residual = np.bincount(rep, weight * (rate - expected))
    return float(max((residual**2).sum() / (weight * expected).sum(), 1e-9))


def _noise(rate: Floats, expected: Floats, weight: Floats, rep: np.ndarray) -> float:
    """Squared residuals of rep-periods around what was expected × the rep's own ratio to it, ÷ that."""
    seen, mean = weight * rate, weight * expected
    own = mean * (np.bincount(rep, seen) / np.maximum(np.bincount(rep, mean), 1e-12))[rep]
    freedom = 1 - min(len(np.unique(rep)) / len(rep), 0.5)
    return float(max(((seen - own) ** 2).sum() / max(own.sum(), 1e-12) / freedom, 1e-9))


def _one_hot(values: np.ndarray) -> Floats:
    codes, labels = pd.factorize(values, sort=True)
    return np.asarray(codes[:, None] == np.arange(len(labels)), dtype=np.float64)
