"""Whether what people say makes the model's forecasts better, published with a batch; it is about nobody."""

from dataclasses import dataclass
from typing import Literal

from spm_ml.hazards import Abstention
from spm_ml.predictions.rivals import PairedDifference

VoiceSignal = Literal["commit", "best_case", "manager_override", "self_rating", "manager_rating", "pulse"]


@dataclass(frozen=True)
class VoiceValue:
    """What one kind of words added in the model's backtest.

    Attributes:
        signal: What people said.
        difference: Error of the forecast moved by it − that of the forecast moved without; below 0 it helps. None where
            it abstains.
        slope: How far words one standard deviation higher moved the forecast, in widths of its 80 % interval.
        known: Reps and periods in which it was said and the result is known; up to `FEWER` where they are few.
        needed: How many it takes.
        abstention: Why nothing was compared.
    """

    signal: VoiceSignal
    difference: PairedDifference | None
    slope: float | None
    known: int
    needed: int
    abstention: Abstention | None = None


@dataclass(frozen=True)
class VoicesValue:
    """Every kind of words, held against the same forecaster.

    Attributes:
        forecaster: Slug of the model's.
        signals: In a fixed order.
    """

    forecaster: str
    signals: tuple[VoiceValue, ...]
