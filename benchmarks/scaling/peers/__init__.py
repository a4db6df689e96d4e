"""The same features by other means, on the same rows, every value held to ours."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.scaling.processes import FailedError, Limits, measure
from benchmarks.scaling.results import Peer
from benchmarks.scaling.steps import Measured, fitting
from spm_ml.settings import Workspace

_HERE: Final = Path(__file__).parent
_THREADS: Final = "2"

ACTIVITY: Final = (
    *("activity_7", "activity_28", "activity_91", "meetings_7", "meetings_28", "meetings_91", "activity_on_deals_28"),
)
"""Trailing sums of activities: what mlforecast's engine has too."""
COMMON: Final = (
    *(*ACTIVITY, "days_since_activity", "created_count_28", "created_count_91", "won_count_28", "lost_count_28"),
    *("pushed_count_28", "received_count_91"),
)
"""Features whose definition fits into a page of pandas."""

TOLERANCE: Final = 1e-9
"""Relative difference up to which two values are the same."""

MLFORECAST: Final = "1.0.31"

PEERS: Final = {
    "ours": COMMON,
    "pandas": COMMON,
    "ours, activities": ACTIVITY,
    "mlforecast": ACTIVITY,
}
"""Who is measured, and on which of our features; peers are held to the one of ours before them."""


def measure_peers(workspace: Workspace, limits: Limits, keep: Callable[[Peer], None]) -> None:
    """Measures everybody on the features of a workspace.

    Args:
        workspace: Whose derived tables are removed: ours starts from the tables as the others do.
        limits: Of each.
        keep: Told of each as soon as it is measured.

    Raises:
        FailedError: Somebody ended with an error or gave other values than ours.
    """
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs, daily = (Path(scratch) / f"{name}.parquet" for name in ("ours", "theirs", "daily"))

        def hold(name: str, own: Measured, command: Sequence[str]) -> None:
            taken = Measured(not_run="needs our values to be held to") if own.not_run else fitting(command, limits)[0]
            difference = 0.0 if taken.not_run else greatest_difference(ours, theirs, PEERS[name])
            if difference > TOLERANCE:
                raise FailedError(f"{name} differs from our values by {difference}")
            keep(Peer(name, len(PEERS[name]), taken, difference))

        def own(name: str) -> Measured:
            shutil.rmtree(workspace.derived, ignore_errors=True)
            taken, _ = fitting(_module("ours", workspace.root, ours, ",".join(PEERS[name])), limits)
            keep(Peer(name, len(PEERS[name]), taken))
            return taken

        hold("pandas", own("ours"), _module("with_pandas", workspace.root, ours, theirs, ",".join(COMMON)))
        made = own("ours, activities")
        missing = _without_mlforecast(limits) or fitting(_module("daily", workspace.root, daily), limits)[0].not_run
        if missing:
            keep(Peer("mlforecast", len(ACTIVITY), Measured(not_run=missing)))
            return
        script = [str(_HERE / "with_mlforecast.py"), str(daily), str(ours), str(theirs), ",".join(ACTIVITY), _THREADS]
        hold("mlforecast", made, [*_environment(), *script])


def greatest_difference(ours: Path, theirs: Path, names: Sequence[str]) -> float:
    """Greatest difference of two files of features, relative to the larger of 1 and our value; inf if one is empty.

    Raises:
        FailedError: They are not about the same rows.
    """
    own, other = pd.read_parquet(ours), pd.read_parquet(theirs)
    if not own[["rep_id", "as_of"]].equals(other[["rep_id", "as_of"]]):
        raise FailedError(f"{theirs} holds other rows than {ours}")
    expected, given = (frame[list(names)].to_numpy(dtype=np.float64) for frame in (own, other))
    both_empty = np.isnan(expected) & np.isnan(given)
    apart = np.where(both_empty, 0.0, np.abs(expected - given) / np.maximum(1.0, np.abs(expected)))
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))


def _module(name: str, *arguments: Path | str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.scaling.peers.{name}", *map(str, arguments)]


def _environment() -> list[str]:
    """Python with mlforecast, which uv installs into its cache: it wants an older pandas than ours."""
    packages = (f"mlforecast=={MLFORECAST}", "pyarrow")
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}") or shutil.which("uv") or "uv"
    given = [option for package in packages for option in ("--with", package)]
    return [uv, "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable, *given, "python"]


def _without_mlforecast(limits: Limits) -> str | None:
    """Why mlforecast cannot be run, or None; installs it, which is not counted."""
    try:
        measure([*_environment(), "-c", "import mlforecast"], limits)
    except (FailedError, FileNotFoundError):
        return f"needs uv and mlforecast {MLFORECAST} from a package index"
    return None
