"""Weekly conformal shifts: they cover at their level, stay within their week, and are trusted as told."""

import numpy as np
import pytest

from spm_ml.accuracy import coverage
from spm_ml.forecasting.calibration import ENOUGH, WeeklyShifts
from spm_ml.forecasting.distribution import LEVELS


def test_errors_of_a_point_forecast_become_quantiles_by_week() -> None:
    random = np.random.default_rng(1)
    week = np.repeat([0, 5], 4_000)
    error = random.normal(size=8_000) * np.where(week == 0, 3.0, 1.0)
    shifts = WeeklyShifts.fit(week, error[:, None])
    wide, narrow = shifts.at(np.array([0, 5]))
    assert wide[[1, 9, 17]] == pytest.approx([-3.84, 0, 3.84], abs=0.2)
    assert narrow[[1, 9, 17]] == pytest.approx([-1.28, 0, 1.28], abs=0.1)


def test_overconfident_quantiles_are_moved_until_they_cover() -> None:
    random = np.random.default_rng(2)
    narrow = 0.4 * np.log(LEVELS / (1 - LEVELS))
    past, fresh = random.logistic(size=(2, 3_000))
    shifts = WeeklyShifts.fit(np.zeros(3_000), past[:, None] - narrow)
    moved = narrow + shifts.at(np.zeros(3_000))
    before = coverage(fresh, np.full(3_000, narrow[1]), np.full(3_000, narrow[17]))
    assert before is not None
    assert before < 0.6
    assert coverage(fresh, moved[:, 1], moved[:, 17]) == pytest.approx(0.8, abs=0.02)


def test_trust_says_how_much_of_the_shift_is_made() -> None:
    error = np.random.default_rng(3).normal(size=(500, 1))
    full = WeeklyShifts.fit(np.zeros(500), error).at(np.zeros(1))
    assert WeeklyShifts.fit(np.zeros(500), error, trust=0.25).at(np.zeros(1)) == pytest.approx(full / 4)


def test_a_thin_week_borrows_from_its_neighbours_and_an_unseen_one_takes_the_nearest() -> None:
    week = np.concatenate([np.zeros(ENOUGH), [1.0]])
    error = np.concatenate([np.linspace(-1, 1, ENOUGH), [50.0]])
    shifts = WeeklyShifts.fit(week, error[:, None])
    borrowed = shifts.at(np.array([1.0]))[0]
    assert borrowed[9] == pytest.approx(0, abs=0.05)
    assert (shifts.at(np.array([7.0]))[0] == borrowed).all()


def test_errors_that_are_unknown_are_left_out() -> None:
    error = np.array([[np.nan], [2.0]])
    assert (WeeklyShifts.fit(np.array([0.0, 0.0]), error).at(np.zeros(1)) == 2.0).all()


def test_the_state_is_plain_and_complete() -> None:
    shifts = WeeklyShifts.fit(np.arange(300) % 3, np.random.default_rng(4).normal(size=(300, 1)))
    again = WeeklyShifts.of_state(shifts.to_state())
    assert again.weeks == shifts.weeks
    assert (again.shifts == shifts.shifts).all()
