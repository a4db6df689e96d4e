"""compute(): every row of a batch, from a history as it was known and one model version; nothing is published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from spm_ml.dataset import RepPeriodDataset, build_dataset
from spm_ml.errors import NotReadyError
from spm_ml.forecasting import Forecaster, LightGbmQuantiles
from spm_ml.hazards import Abstention
from spm_ml.history import SalesHistory
from spm_ml.predictions import Person, Prediction, TeamPrediction
from spm_ml.progress import Progress, silent
from spm_ml.scoring.beside import metrics_beside
from spm_ml.scoring.board import Board
from spm_ml.scoring.model import ScoringModel
from spm_ml.scoring.target import ScoringTarget, scoring_target
from spm_ml.scoring.teams import build_people, build_teams
from spm_ml.settings import RiskBands


@dataclass(frozen=True)
class Known:
    """A history as it was known on a day, and what is forecast from it.

    Attributes:
        history: Nothing recorded after the target's day is in it.
        target: Period and as-of days.
    """

    history: SalesHistory
    target: ScoringTarget

    @classmethod
    def on(cls, history: SalesHistory, as_of: date | None = None) -> "Known":
        """Looks back to a day; default, and at most, the watermark of the history."""
        target = scoring_target(history.calendar, history.watermark, as_of)
        return cls(history if target.as_of == history.watermark else history.as_of(target.as_of), target)


@dataclass(frozen=True)
class ScoredRows:
    """The rows of one batch.

    Attributes:
        people: The organisation's tree on the as-of day.
        predictions: One row a rep and as-of day of the period.
        teams: One row a group, on the board's day.
    """

    people: Sequence[Person]
    predictions: tuple[Prediction, ...]
    teams: tuple[TeamPrediction, ...]


def compute(
    known: Known,
    model: ScoringModel,
    *,
    bands: RiskBands | None = None,
    stale: Abstention | None = None,
    progress: Progress = silent,
) -> ScoredRows:
    """Computes what would be published; the same arguments give the same rows, bit for bit.

    Everything that a row depends on comes in through the arguments: no clock, no alias and no file that may change is
    read. That is what makes a batch replayable.

    Args:
        known: What was known, and the period to forecast.
        model: The model version.
        bands: Thresholds of the risk bands; default: the organisation's.
        stale: Why no forecast may be given at all, if the data are too old (H25).
        progress: Told while it runs.

    Raises:
        NotReadyError: No rep is employed in the period.
        ConfigurationError: The model cannot read these data, for example because a stage was added.
    """
    history, target, forecaster = known.history, known.target, model.forecaster
    dataset = build_dataset(history, as_of_days=target.days, progress=progress)
    if not len(dataset):
        raise NotReadyError(
            f"no rep is employed in {target.period.label} as of {target.as_of}: check hired_on and left_on in the "
            "table reps, or score another day"
        )
    progress("forecast", 0, 3)
    of_reps, of_teams = metrics_beside(history, target)
    board = Board(
        as_of=target.as_of,
        currency=dataset.currency,
        stages=dataset.stages,
        metrics=of_reps,
        bands=bands or history.organisation.risk_bands,
        forecaster_label=forecaster.label,
        stale=stale,
    )
    progress("forecast", 1, 3)
    predictions = board.predictions(dataset, forecaster.predict(dataset), _contributions(forecaster, dataset))
    progress("forecast", 2, 3)
    people = build_people(history, target, predictions)
    teams = build_teams(history, target, predictions, people, of_teams)
    progress("forecast", 3, 3)
    return ScoredRows(people, predictions, teams)


def _contributions(forecaster: Forecaster, dataset: RepPeriodDataset) -> pd.DataFrame | None:
    return forecaster.contributions(dataset) if isinstance(forecaster, LightGbmQuantiles) else None
