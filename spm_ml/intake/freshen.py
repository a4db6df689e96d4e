"""freshen(): one round from what other systems have to the board: pull, events, and those scored whom it concerns."""

from dataclasses import dataclass

from spm_ml.history.store import TableStore
from spm_ml.intake.micro_batch import MicroBatch, ingest_waiting
from spm_ml.only_one import only_one
from spm_ml.predictions import Batch, OvertakenError, PredictionStore
from spm_ml.progress import Progress, silent
from spm_ml.scoring import score, score_touched
from spm_ml.settings import Workspace
from spm_ml.sources import Pulled, pull


@dataclass(frozen=True)
class Round:
    """What a round did.

    Attributes:
        pulled: From declared sources.
        events: From the inbox.
        batch: That was published; None if nothing was new.
        reps: Who were scored; None: everybody.
        said: What scoring says.
    """

    pulled: tuple[Pulled, ...]
    events: MicroBatch
    batch: Batch | None = None
    reps: int | None = None
    said: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """Sources that could not be read, and why."""
        return tuple(f"{one.source}: {one.problem}" for one in self.pulled if one.problem)

    def to_json(self) -> dict[str, object]:
        """The round as plain values."""
        return {
            "pulled": [one.to_json() for one in self.pulled],
            "events": {"looked_at": len(self.events.settled), "version": self.events.version},
            "batch": self.batch and self.batch.batch_id,
            "reps": self.reps,
            "problems": list(self.problems),
        }


def freshen(workspace: Workspace, *, progress: Progress = silent) -> Round:
    """Takes in what is new and publishes what it changes; what was begun before a kill is finished first.

    Args:
        workspace: Whose data and board.
        progress: Told while it runs.

    Raises:
        DataError: A refresh, ingest or pull is running, or the workspace cannot be written.
        NotReadyError: The workspace holds no tables, or no champion.
    """
    with only_one(workspace.root / "refresh.lock", what="refresh"):
        pulled = pull(workspace, progress=progress)
        with PredictionStore.of(workspace) as store:
            events = ingest_waiting(workspace, store, progress=progress)
            published = store.published_batch()
        if published is not None and published.data_version == TableStore(workspace).latest:
            return Round(pulled, events)
        try:
            touched = score_touched(workspace, progress=progress)
        except OvertakenError as error:
            return Round(pulled, events, said=str(error))
        if touched is not None:
            return Round(pulled, events, touched.batch, len(touched.reps), touched.text())
        scored = score(workspace, progress=progress)
        return Round(pulled, events, scored.batch, None, scored.text())
