"""What a fitted forecaster is made of, for its card: floors, findings, corrections, and what reps share."""

import inspect
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import Forecaster
from spm_ml.forecasting.dependence import BANDS, Dependence

_PARTS: Final = ("first", "middle", "last")


@dataclass(frozen=True)
class Insides:
    """What a reader of the card should know of a fitted forecaster.

    Attributes:
        made_of: How it forecasts, and below what it abstains, in the words of its own documentation (Markdown).
        floor: Finished rep-periods below which learners abstain.
        findings: What it found about this organisation's data, in sentences; empty when it looks for nothing.
        corrections: A row a week: `week`, `shift` and `spread` in normal scores (0 and 1: the forecasts were right as
            they were); empty where it corrects otherwise or not at all.
        shared: A row a part of the period: `part`, `period` and `team`, the shares (0–1) of the variance of reps'
            errors that all reps of a period, and beyond that those of a team, have in common.
    """

    made_of: str
    floor: int
    findings: tuple[str, ...]
    corrections: pd.DataFrame
    shared: pd.DataFrame


def look_inside(fitted: Forecaster, rows: RepPeriodDataset, *, floor: int) -> Insides:
    """Reads it off a fitted forecaster.

    Args:
        fitted: The forecaster.
        rows: Rows it can forecast, of which one is; its forecast carries what reps share.
        floor: Finished rep-periods below which learners abstain.
    """
    first = rows.where(np.arange(len(rows)) < 1)
    recalibration = getattr(fitted, "recalibration", None)
    weeks = (
        {"week": (), "shift": (), "spread": ()}
        if recalibration is None
        else {"week": recalibration.weeks, "shift": recalibration.shift, "spread": recalibration.spread}
    )
    return Insides(
        made_of=_words_of(type(fitted)),
        floor=floor,
        findings=tuple(getattr(fitted, "findings", ())),
        corrections=pd.DataFrame({name: list(values) for name, values in weeks.items()}),
        shared=_shared(fitted.predict(first).dependence),
    )


def _shared(dependence: Dependence) -> pd.DataFrame:
    names = [f"{_PARTS[band]} third" for band in range(BANDS)]
    return pd.DataFrame({"part": names, "period": dependence.period, "team": dependence.team})


def _words_of(kind: type[Forecaster]) -> str:
    """A class's own documentation without its lists of attributes."""
    text = inspect.getdoc(kind) or ""
    kept = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(("Args:", "Attributes:", "Source:", "Raises:")):
            break
        kept.append(" ".join(paragraph.split()))
    return "\n\n".join(kept)
