"""What is derived and refreshed equals everything made anew, bit for bit, whatever came late, changed or went."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spm_ml.dataset import RepPeriodDataset, build_dataset, refresh, refresh_dataset
from spm_ml.history import SalesHistory, derived
from spm_ml.settings import Workspace
from tests.refresh_world import CHANGES, ExportedWorld

STEPS = st.lists(st.tuples(st.integers(0, 9), st.lists(st.sampled_from(CHANGES), max_size=3)), min_size=2, max_size=2)


@pytest.mark.slow
@settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), first=st.integers(120, 200), steps=STEPS)
def test_what_changed_makes_what_everything_makes(seed: int, first: int, steps: list[tuple[int, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(derived, "MERGED_FROM", 10.0)  # what came stays apart however much it is
        for bound, value in {"FEW": 0, "MOST": 10.0}.items():  # what is quicker is no matter of equality
            patch.setattr(refresh, bound, value)
        check(Path(folder), seed, first, steps)


def check(folder: Path, seed: int, first: int, steps: list[tuple[int, list[str]]]) -> None:
    """Derives and refreshes after every step, and compares with a full build in the end."""
    world, workspace, said, day = ExportedWorld(seed), Workspace(folder / "workspace"), [], first
    for number, (days, changes) in enumerate([(0, []), *steps]):
        day += days
        for change in changes:
            world.change(change)
        world.ingest(workspace, folder / f"export-{number}", day)
        with SalesHistory.open(workspace) as history:
            said.append(refresh_dataset(workspace, history, reps_at_once=2).text())
            found = rows_of(history)
    shutil.rmtree(workspace.derived)
    with SalesHistory.open(workspace) as history:
        for made, expected in zip(found, rows_of(history), strict=True):
            assert made == expected
        full = build_dataset(history)
    refreshed = RepPeriodDataset.read(workspace.dataset_file)
    for name in ("frame", "states", "bookings"):
        assert getattr(refreshed, name).equals(getattr(full, name)), (name, said)
    assert refreshed.content_hash == full.content_hash


def rows_of(history: SalesHistory) -> list[list[str]]:
    """The rows of every derived table as text, in one order."""
    tables = (history.ledger, history.bookings, history.activity_days)
    return [sorted(map(repr, rows.to_pyarrow().to_pylist())) for rows in tables]
