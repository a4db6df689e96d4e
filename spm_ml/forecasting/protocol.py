"""What a forecaster is, the settings all of them share, and the text file that keeps one."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml import __version__
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.forecasting.explanation import Explanation
from spm_ml.forecasting.forecast import WHOLE_ABSTENTIONS, AttainmentForecast
from spm_ml.forecasting.tree_learner import HERE, TreeLearner
from spm_ml.hazards import Abstention
from spm_ml.settings import QUANTILE_LEVELS, Organisation

Kind: TypeAlias = Literal["rule", "submission", "model"]
"""A simple rule that a model has to beat, a number that somebody submitted, or a model that learns."""

FORMAT: Final = 1
"""Version of the saved form; raised when an older file can no longer be read as it is."""

_STATE_FILE: Final = "forecaster.json"

READ_BY_NAME: Final = (
    "bookings_last_1",
    "bookings_same_last_year",
    "bookings_mean",
    "periods_of_history",
    "open_amount",
)
"""Features that every forecaster may read."""


@dataclass(frozen=True)
class FitSettings:
    """What every forecaster is fitted with.

    Attributes:
        threads: Threads that fitting may use; the result does not depend on it.
        seed: Of everything random.
        min_training_rows: Finished rep-periods below which a learner is not fitted and abstains (H19).
        most_reps: Reps that are learnt from at a time, in whole teams. What more of them would add to rates, trees and
            corrections is small beside what changes from period to period, but memory grows with them.
        learner: Where trees over rows and deals are boosted.
    """

    threads: int = 1
    seed: int = 0
    min_training_rows: int = 60
    most_reps: int = 2_000
    learner: TreeLearner = field(default=HERE, compare=False)

    @classmethod
    def of(cls, organisation: Organisation, *, seed: int = 0, learner: TreeLearner = HERE) -> Self:
        """Takes threads and floor from what the organisation declared."""
        return cls(organisation.threads, seed, organisation.min_training_rows, learner=learner)

    def to_state(self) -> dict[str, int]:
        """The numbers, from which a saved forecaster's settings are made again; where it was fitted is left out."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "learner"}


class Forecaster(Protocol):
    """Forecasts final bookings of rep-periods, and attainment where there is a quota.

    Args:
        settings: Threads, seed and floors; the default ones when left out.

    Attributes:
        name: Slug, as in every output.
        label: What a page shows.
        kind: What sort of forecaster it is.
        is_baseline: Whether it is one of the simple rules a model has to beat.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    kind: ClassVar[Kind]
    is_baseline: ClassVar[bool]

    def __init__(self, settings: FitSettings = ...) -> None: ...

    def fit(self, dataset: RepPeriodDataset) -> Self:
        """Learns from rows of finished periods; others are left out. Too few of them: predictions abstain."""

    def know(self, dataset: RepPeriodDataset) -> Self:
        """Takes up the records of reps that it was not fitted to, from their finished periods; nothing else changes.

        Called after `fit`, once for each block of other reps. Where a row says all that is known of its rep there is
        nothing to take up.
        """

    def predict(self, dataset: RepPeriodDataset) -> AttainmentForecast:
        """Forecasts every row, or abstains with a reason.

        Raises:
            NotReadyError: It was not fitted.
        """

    def explain(
        self, dataset: RepPeriodDataset, forecast: AttainmentForecast, *, driven: NDArray[np.bool_] | None = None
    ) -> Explanation:
        """Says what each median is made of; the forecast is what `predict` answered for the same rows.

        Args:
            dataset: n rows.
            forecast: n answers.
            driven: (n,) rows whose drivers are wanted, the costly part; default: all.

        Raises:
            NotReadyError: It was not fitted.
        """

    def save(self, folder: Path) -> None:
        """Writes the fitted forecaster as text into a folder, which is made."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; its predictions are equal bit for bit.

        Raises:
            ConfigurationError: The file is missing, broken, of another forecaster or of another format.
        """


def readable_rows(dataset: RepPeriodDataset) -> pd.DataFrame:
    """Gives the dataset's rows with `elapsed_share`, and with NaN for each feature forecasters read that it lacks."""
    frame = dataset.frame
    selling_days = frame["period_selling_days"].where(frame["period_selling_days"] > 0)
    lacking = [name for name in READ_BY_NAME if name not in frame]
    return frame.assign(elapsed_share=frame["elapsed_selling_days"] / selling_days, **dict.fromkeys(lacking, np.nan))


def may_be_learnt_from(dataset: RepPeriodDataset) -> NDArray[np.bool_]:
    """(n,) which rows a forecaster may learn from: finished, not censored, employed."""
    frame = dataset.frame
    known = frame["actual_bookings"].notna() & ~frame["censored"] & ~frame["abstention"].isin(WHOLE_ABSTENTIONS)
    return known.to_numpy(dtype=bool)


def training_rows(dataset: RepPeriodDataset) -> pd.DataFrame:
    """Gives the rows a forecaster may learn from, as `readable_rows`; the index is renewed."""
    return readable_rows(dataset).loc[may_be_learnt_from(dataset)].reset_index(drop=True)


def unknown_reps(frame: pd.DataFrame) -> list[Abstention | None]:
    """Gives a reason for each row of whose rep neither history nor quota nor pipeline is known."""
    why = Abstention("thin_history", "Neither history nor quota nor pipeline of this rep is known.")
    known = frame.loc[:, ["bookings_mean", "quota", "open_amount"]].notna().any(axis=1)
    return [None if any_known else why for any_known in known]


def falls_below_booked(frame: pd.DataFrame) -> bool:
    """Says whether refunds are so usual that even the lowest quantile has to allow for them (H13).

    They are when more rows than the lowest level (5 %) ended below what was booked on their as-of day.
    """
    return len(frame) > 0 and float((frame["actual_bookings"] < frame["booked_to_date"]).mean()) > QUANTILE_LEVELS[0]


def count_rep_periods(frame: pd.DataFrame) -> int:
    """Gives the number of different rep-periods among the rows."""
    return len(frame.loc[:, ["rep_id", "period"]].drop_duplicates())


def write_state(folder: Path, name: str, state: dict[str, Any]) -> None:
    """Writes a forecaster's state as JSON, stamped with its name, the format and the version of spm-ml."""
    folder.mkdir(parents=True, exist_ok=True)
    stamped = {"forecaster": name, "format": FORMAT, "spm_version": __version__, "state": state}
    (folder / _STATE_FILE).write_text(json.dumps(stamped, indent=1, allow_nan=False), encoding="utf-8")


def read_state(folder: Path, name: str | None = None) -> tuple[str, dict[str, Any]]:
    """Gives the name and the state of a saved forecaster.

    Raises:
        ConfigurationError: The file is missing, broken, of a forecaster other than `name`, or of another format.
    """
    file = folder / _STATE_FILE
    try:
        stamped = json.loads(file.read_text(encoding="utf-8"))
        found, form, state = str(stamped["forecaster"]), stamped["format"], dict(stamped["state"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is not a saved forecaster ({error}); save it again or train anew") from error
    if form != FORMAT:
        raise ConfigurationError(
            f"{file} was written by spm-ml {stamped.get('spm_version')} in format {form}, this is {__version__} with "
            f"format {FORMAT}: train anew"
        )
    if name is not None and found != name:
        raise ConfigurationError(f"{file} holds the forecaster {found!r}, not {name!r}")
    return found, state


def not_fitted(name: str) -> NotReadyError:
    """Gives the error of a forecaster that is asked before it was fitted."""
    return NotReadyError(f"forecaster {name!r} was not fitted: call fit() with finished periods, or load a saved one")
