"""Properties of the diagnosis that hold whatever the figures are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spm_ml.coaching.diagnosis import PARTS, diagnose, period_parts
from spm_ml.coaching.diagnosis.lmdi import additive_parts
from spm_ml.coaching.rep_periods import RepPeriods
from tests.diagnosis_world import changed, make_periods

LOGS = st.floats(-20, 20)
DAMAGE = st.sampled_from([0.0, -1.0, 1e-6, 1e6, np.nan])
COLUMNS = (
    "bookings",
    "quota_final",
    "kpi_created_count",
    "kpi_won_count",
    "kpi_lost_count",
    "kpi_won_amount",
    "kpi_cycle_days",
    "kpi_largest_won",
    "kpi_inherited_won",
    "territory_potential",
    "exposure",
    "tenure_days",
)
FEW = settings(max_examples=25, deadline=None)


@settings(max_examples=200, deadline=None)
@given(logs=arrays(np.float64, (3, 4), elements=LOGS))
def test_parts_add_up_keep_their_signs_and_are_finite(logs: np.ndarray) -> None:
    parts = additive_parts(logs)
    product = np.expm1(logs.sum(axis=1))
    assert parts.sum(axis=1) == pytest.approx(product, rel=1e-9, abs=1e-9)
    assert (np.sign(parts) * np.sign(logs) >= 0).all()


@FEW
@given(
    rep=st.integers(0, 11), t=st.integers(0, 3), column=st.sampled_from(COLUMNS), value=DAMAGE, everybody=st.booleans()
)
def test_any_damage_leaves_finite_parts_that_add_up(
    rep: int, t: int, column: str, value: float, everybody: bool
) -> None:
    periods = make_periods(reps=12, finished=4)
    rows = (periods.frame["rep_id"] == f"R{rep:03d}") & (periods.frame["t"] == t)
    damaged = changed(periods, periods.frame["t"] == t if everybody else rows, **{column: value})
    table = period_parts(damaged)
    known = table[table["attainment"].notna()]
    parts = known[list(PARTS)].to_numpy()
    assert np.isfinite(parts).all()
    gap = (known["attainment"] - 1).to_numpy()
    assert np.allclose(parts.sum(axis=1), gap, rtol=1e-9, atol=1e-9 * max(1.0, float(np.abs(parts).max(initial=0))))
    assert len(diagnose(damaged)) == 12


@settings(max_examples=8, deadline=None)
@given(factor=st.sampled_from([1e-2, 1e2, 1e4]), seed=st.integers(0, 20))
def test_the_unit_of_money_does_not_matter(factor: float, seed: int) -> None:
    periods = make_periods(reps=12, finished=4, seed=seed)
    frame = periods.frame.copy()
    money = ["bookings", "quota_final", "kpi_won_amount", "kpi_created_amount", "kpi_largest_won", "kpi_inherited_won"]
    frame[money] *= factor
    one, other = (period_parts(each)[list(PARTS)].to_numpy() for each in (periods, replace(periods, frame=frame)))
    assert other == pytest.approx(one, abs=2e-3)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 100))
def test_names_and_teams_do_not_matter(seed: int) -> None:
    periods = make_periods(reps=12, finished=4)
    renamed = _renamed(periods, seed)
    before, after = (
        period_parts(each).sort_values(["attainment", "t"])[list(PARTS)].to_numpy() for each in (periods, renamed)
    )
    assert after == pytest.approx(before, abs=1e-4)


def _renamed(periods: RepPeriods, seed: int) -> RepPeriods:
    reps = pd.unique(periods.frame["rep_id"])
    names = dict(zip(reps, np.random.default_rng(seed).permutation(reps), strict=True))
    frame = periods.frame.assign(rep_id=periods.frame["rep_id"].map(names), team="Blue", name="Anonymous", gender="x")
    return replace(periods, frame=frame.sort_values(["rep_id", "t"], ignore_index=True))
