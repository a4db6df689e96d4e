"""Whether a new model is due: a period has ended, or the rows are no longer like those it learnt from."""

from collections.abc import Sequence
from datetime import date

from spm_ml.history import SalesHistory
from spm_ml.registry import ModelVersion, Registry
from spm_ml.settings import Workspace


def training_due(workspace: Workspace, *, drifted: Sequence[str] = ()) -> str | None:
    """Why a new version should be trained now, in words; None if the newest one is good for these data.

    The newest version counts, whether or not the gate let it pass: one that was refused on these data would be refused
    again.

    Args:
        workspace: Whose data and registry.
        drifted: Columns in which the rows forecast now are unlike those that the champion learnt from.

    Raises:
        NotReadyError: Nothing was ingested.
    """
    versions = Registry(workspace).versions()
    with SalesHistory.open(workspace) as history:
        if not versions:
            return "there is no model yet"
        newest = versions[-1]
        if newest.data_hash == history.data_hash:
            return None
        ended = _ended_since(newest, history)
    if ended:
        return f"{ended} has ended since version {newest.version} was trained"
    if drifted:
        return f"what is forecast now is unlike what was learnt from in {', '.join(drifted)}"
    return None


def _ended_since(version: ModelVersion, history: SalesHistory) -> str | None:
    """The newest period that the version could not learn from, and that is over; None if there is none."""
    known = date.fromisoformat(version.tags["watermark"])
    over = [period for period in history.periods() if known < period.end <= history.watermark]
    return over[-1].label if over else None
