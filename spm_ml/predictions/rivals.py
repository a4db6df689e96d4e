"""The champion beside the newest version after it, as published with a batch; it is about nobody."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class GateRow:
    """One test of the gate: the number looked at, what it was held against, and both in words."""

    test: str
    passed: bool
    value: float | None
    threshold: float | None
    detail: str


@dataclass(frozen=True)
class Contender:
    """A registered version.

    Attributes:
        name: Registered name.
        version: Registered version.
        label: What readers call its forecaster.
        registered_at: UTC.
        data_version: Version of the tables it was fitted on; empty: unknown.
        crps: In its own backtest; None: unknown.
        gate: What the gate said of it; empty: it was not asked.
        judged: When the gate was asked: at promotion, or when it was trained.
    """

    name: str
    version: str
    label: str
    registered_at: datetime
    data_version: str
    crps: float | None
    gate: tuple[GateRow, ...]
    judged: Literal["promotion", "training", "never"]

    @property
    def passes(self) -> bool:
        """Whether the gate was asked and every test was passed."""
        return bool(self.gate) and all(test.passed for test in self.gate)


@dataclass(frozen=True)
class PairedDifference:
    """CRPS of the challenger − CRPS of the champion on the same rows; below 0 the challenger is better.

    Attributes:
        mean: In the unit of the backtest.
        low: Lower end of the 95 % interval; None where it cannot be drawn.
        high: Upper end.
        rows: Rows compared.
        reps: Reps they belong to.
        periods: Periods they belong to.
        same_backtest: Both were tested on the same data; else each in its own backtest, on the rows they share.
    """

    mean: float
    low: float | None
    high: float | None
    rows: int
    reps: int
    periods: int
    same_backtest: bool


@dataclass(frozen=True)
class Rivals:
    """The champion beside the newest version after it.

    Attributes:
        champion: The version in use.
        challenger: The newest version registered after it; None: there is none.
        difference: Between the two; None where no row can be compared.
        compared_at: UTC.
    """

    champion: Contender
    challenger: Contender | None
    difference: PairedDifference | None
    compared_at: datetime
