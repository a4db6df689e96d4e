"""Nuisances where nothing that was known varies: means take the place of regressions."""

import numpy as np
import pytest

from spm_ml.coaching.effects.nuisances import assignment, expected_untreated, folds

NOTHING = np.zeros((40, 0))
FOLD = folds(np.arange(40), 0)


def test_the_expected_outcome_is_the_mean_of_the_untreated() -> None:
    outcomes, untreated = np.arange(40.0), np.arange(40) < 30
    np.testing.assert_allclose(expected_untreated(NOTHING, outcomes, untreated, FOLD), outcomes[:30].mean())


def test_chances_are_shares() -> None:
    sent = np.arange(40) % 2 == 0
    program = np.where(sent, np.arange(40) // 2 % 2, -1)
    found = assignment(NOTHING, sent, program, 2, FOLD)
    np.testing.assert_allclose(found.sent, 0.5)
    np.testing.assert_allclose(found.program.sum(axis=1), 1.0)
    assert found.program[:, 0].mean() == pytest.approx(0.5, abs=0.1)
