"""Tables derived of what changed alone equal those derived of everything, whatever came late or was corrected."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spm_ml.history import SalesHistory, derived
from spm_ml.settings import Workspace
from tests.refresh_world import CHANGES, ExportedWorld

STEPS = st.lists(st.tuples(st.integers(0, 25), st.lists(st.sampled_from(CHANGES), max_size=4)), min_size=2, max_size=2)


@pytest.mark.slow
@settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), first=st.integers(120, 200), steps=STEPS)
def test_deriving_what_changed_equals_deriving_everything(
    seed: int, first: int, steps: list[tuple[int, list[str]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(derived, "MERGED_FROM", 10.0)  # what came stays apart however much it is
        world, workspace = ExportedWorld(seed), Workspace(Path(folder) / "workspace")
        day = first
        for number, (days, changes) in enumerate([(0, []), *steps]):
            day += days
            for change in changes:
                world.change(change)
            world.ingest(workspace, Path(folder) / f"export-{number}", day)
            found = rows_of(workspace)
        shutil.rmtree(workspace.derived)
        for made, expected in zip(found, rows_of(workspace), strict=True):
            assert made == expected


def rows_of(workspace: Workspace) -> list[list[str]]:
    """The rows of every derived table as text, in one order."""
    with SalesHistory.open(workspace) as history:
        history.derive()
        tables = (history.ledger, history.bookings, history.activity_days)
        return [sorted(map(repr, rows.to_pyarrow().to_pylist())) for rows in tables]
