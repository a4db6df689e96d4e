"""What an audit of burden and benefit has found, stored beside a batch: numbers of groups, never of persons."""

from dataclasses import dataclass
from typing import Literal

from spm_ml.hazards import Abstention
from spm_ml.predictions.checks import require_finite, require_share

FairnessFinding = Literal[
    "reference",
    "clearly below four fifths",
    "reference clearly below four fifths",
    "below four fifths, may be chance",
    "reference below four fifths, may be chance",
    "within four fifths",
    "nobody of either",
    "withheld",
    "too few in all",
]


@dataclass(frozen=True)
class FairnessRow:
    """One group beside the largest of its attribute, for one measure.

    Attributes:
        side: A burden weighs on those who get it, a benefit on those who do not.
        used: Whether anybody decides by it; if not it only stands for comparison.
        measure: Short name.
        label: What a reader sees.
        attribute: One protected attribute, or `one and other` for two.
        people: In the group; None with every other number where the group is withheld.
        rate: Share of them who get it, 0 to 1.
        rate_low: Lower end of its exact 95 % interval.
        rate_high: Upper end.
        reference: The group it is held against.
        ratio: Of the two rates, below 1 to the group's disadvantage; None: nothing can be divided.
        ratio_low: Lower end of its interval, which holds for all groups of the measure at once.
        ratio_high: Upper end; None with a ratio: without end.
    """

    side: Literal["burden", "benefit"]
    used: bool
    measure: str
    label: str
    attribute: str
    group: str
    people: int | None
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    reference: str | None
    reference_rate: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    finding: FairnessFinding

    def __post_init__(self) -> None:
        owner = f"{self.measure!r} of group {self.group!r}"
        rates = {"rate": self.rate, "rate_low": self.rate_low, "rate_high": self.rate_high}
        require_share(owner, **rates, reference_rate=self.reference_rate)
        require_finite(owner, ratio=self.ratio, ratio_low=self.ratio_low, ratio_high=self.ratio_high)


@dataclass(frozen=True)
class FairnessAudit:
    """What was found for a batch and its offers.

    Attributes:
        minimum_group: Persons below which no number of a group is given.
        abstention: Why there is no row.
        notes: What was left out, in words.
    """

    minimum_group: int
    rows: tuple[FairnessRow, ...]
    abstention: Abstention | None = None
    notes: tuple[str, ...] = ()
