"""What people said as forecasters: the rep's commit and best case, and the manager's override.

They are measured beside the models and never served: nobody can train what somebody will say.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting.baseline import PointForecaster
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.patterns import Learnt
from spm_ml.forecasting.protocol import Forecaster, Kind
from spm_ml.hazards import Abstention


class SubmittedNumber(PointForecaster):
    """A number that somebody submitted, with intervals as wide as such numbers were off at that week.

    The median is the number as it was said, so that its bias shows and is not taken out of it; only where more is
    booked already does that count instead. Rows of periods for which nothing was submitted yet abstain.

    Attributes:
        column: Where the dataset holds it.
    """

    kind: ClassVar[Kind] = "submission"
    is_baseline: ClassVar[bool] = False
    corrects: ClassVar[bool] = False
    column: ClassVar[str]

    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:  # noqa: ARG002
        """Repeats what was said."""
        return frame[self.column].to_numpy(dtype=float)

    def lacking(self) -> Abstention:
        """Says that nothing was submitted."""
        return Abstention("no_submission")


class RepCommit(SubmittedNumber):
    """What the rep committed to."""

    name = "rep_commit"
    label = "Rep's commit"
    column = "commit"


class RepBestCase(SubmittedNumber):
    """What the rep called the best case."""

    name = "rep_best_case"
    label = "Rep's best case"
    column = "best_case"


class ManagerOverride(SubmittedNumber):
    """What the manager said instead of the rep."""

    name = "manager_override"
    label = "Manager's override"
    column = "manager_override"


def without_silent(forecasters: Sequence[type[Forecaster]], dataset: RepPeriodDataset) -> list[type[Forecaster]]:
    """Leaves out the submissions of which a dataset holds none, so that no table is filled with their silence."""
    return [
        each
        for each in forecasters
        if not issubclass(each, SubmittedNumber) or bool(np.isfinite(dataset.frame[each.column]).any())
    ]
