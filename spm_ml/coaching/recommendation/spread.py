"""How much a rep's attainment varies beyond what was known: what a hold-out's effect must be told apart from."""

from __future__ import annotations

from typing import Final

import numpy as np

from spm_ml.coaching.rep_periods import RepPeriods

MIN_ROWS: Final = 20
"""Finished rep-periods below which the spread is not known."""

_KNOWN: Final = ("attainment_last_1", "attainment_mean")


def outcome_spread(periods: RepPeriods) -> float | None:
    """Gives the residual standard deviation of attainment after a least-squares fit on the rep's own past.

    A comparison of two random groups may be adjusted for what was known before the draw, and is as precise as the
    residuals allow (Bloom 1995, Minimum Detectable Effects, section on covariates). None: too few finished periods.
    """
    frame = periods.frame
    names = [name for name in _KNOWN if name in frame]
    rows = frame.loc[frame["finished"], [*names, "attainment"]].astype("float64").dropna(subset=["attainment"])
    if len(rows) < MIN_ROWS:
        return None
    past = rows[names].fillna(rows[names].mean()).fillna(0.0).to_numpy()
    design = np.column_stack([np.ones(len(rows)), past])
    outcome = rows["attainment"].to_numpy()
    fit, _, rank, _ = np.linalg.lstsq(design, outcome, rcond=None)
    residual = outcome - design @ fit
    return float(np.sqrt((residual**2).sum() / max(len(rows) - int(rank), 1)))
