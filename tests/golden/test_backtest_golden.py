"""One backtest table on a small seeded organisation, kept as a file: a change of any forecaster shows here.

Rules are plain arithmetic and must agree closely on every machine; boosted trees may differ in their last digits. After
an intended change: `SPM_GOLDEN=write pytest tests/golden/test_backtest_golden.py`, then read the difference.
"""

import os
import runpy
from pathlib import Path

import pandas as pd
import pytest

from spm_ml.backtest import Backtest, run_backtest
from spm_ml.backtest.measures import MEASURES

GOLDEN = Path(__file__).with_name("backtest_table.csv")
make_dataset = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))["make_dataset"]


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return run_backtest(make_dataset(16, 8, 20), periods=2)


def test_the_backtest_table_is_the_one_on_file(backtest: Backtest) -> None:
    table = backtest.value_added().sort_values("forecaster").set_index("forecaster")
    if os.environ.get("SPM_GOLDEN") == "write":
        table.round(6).to_csv(GOLDEN)
    golden = pd.read_csv(GOLDEN, index_col="forecaster")
    assert list(table.columns) == list(golden.columns)
    assert list(table.index) == list(golden.index)
    learnt = (golden["kind"] == "model").to_numpy()
    counts = ["unit", "n", "censored", "abstained"]
    pd.testing.assert_frame_equal(table[counts], golden[counts], check_dtype=False)
    measures = list(MEASURES)
    pd.testing.assert_frame_equal(table.loc[~learnt, measures], golden.loc[~learnt, measures], rtol=1e-4, atol=2e-6)
    pd.testing.assert_frame_equal(table.loc[learnt, measures], golden.loc[learnt, measures], rtol=0.05, atol=0.005)


def test_two_runs_agree_bit_for_bit(backtest: Backtest) -> None:
    again = run_backtest(make_dataset(16, 8, 20), periods=2)
    pd.testing.assert_frame_equal(again.frame, backtest.frame, check_exact=True)
