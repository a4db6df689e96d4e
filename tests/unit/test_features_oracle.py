"""Every column of the dataset equals a plain recomputation, on random histories of several shapes."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import as_of_grid, build_dataset
from spm_ml.history import SalesHistory
from spm_ml.settings import FiscalSettings
from tests.feature_oracle import Oracle
from tests.feature_world import World, organisation

MONTHS = FiscalSettings(period="month", start_month=4)
RETAIL = FiscalSettings(pattern="4-4-5", start_month=2, holidays="US")
SHAPES = {
    "quarters": World(1),
    "4-4-5": World(3, organisation(RETAIL, timezone="America/New_York", min_history_periods=3)),
    "two years of months": World(
        4, organisation(MONTHS, stale_after_days=6, zombie_after_days=25), days=500, reps=2, deals=14
    ),
    "one rep": World(5, reps=1, deals=5, days=150),
    "no deals": World(6, deals=0),
}
OPTIONAL = ("opportunity_events", "credits", "activities", "programs", "enrolments")


def compare(history: SalesHistory, days: list) -> pd.DataFrame:
    """Builds the days and holds every column to the oracle; gives the built frame."""
    built = build_dataset(history, as_of_days=days).frame
    expected = Oracle(history).frame(days).reindex(columns=built.columns)
    assert len(built) == len(expected)
    for name, column in built.items():
        wanted = expected[name]
        if column.dtype.kind == "f":
            np.testing.assert_allclose(column, wanted.astype(float), rtol=1e-12, atol=1e-8, err_msg=str(name))
        elif column.dtype.kind == "M":
            assert list(column.dt.date) == list(wanted), name
        else:
            pairs = zip(column, wanted, strict=True)
            wrong = [pair for pair in pairs if pair[0] != pair[1] and not (pd.isna(pair[0]) and pd.isna(pair[1]))]
            assert not wrong, (name, wrong[:5])
    return built


@pytest.mark.parametrize("shape", SHAPES)
def test_every_column_equals_the_plain_recomputation(shape: str) -> None:
    world = SHAPES[shape]
    with SalesHistory.from_frames(world.frames(), world.settings) as history:
        grid = as_of_grid(history)
        chosen = sorted({*grid[:3], *grid[3::5], *grid[-2:], grid[-1] - timedelta(days=3)})
        built = compare(history, chosen)
    assert len(built)


def test_without_optional_tables_what_is_unknown_is_empty() -> None:
    frames = {name: frame for name, frame in World(8).frames().items() if name not in OPTIONAL}
    with SalesHistory.from_frames(frames, organisation()) as history:
        built = compare(history, list(as_of_grid(history)[::6]))
    assert built[["activity_28", "programs_taken", "days_since_activity"]].isna().all(axis=None)
    assert built["history_reconstructed"].any()
