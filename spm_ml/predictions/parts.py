"""Why a forecast is what it is, and what changed it: parts that add up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from spm_ml.predictions.checks import require_finite, require_sum

PART_SLUG: Final = re.compile(
    r"booked|open_stage_[1-9]\d*|not_created|undone|skew|recalibration|still_to_come|other", re.ASCII
)
"""What a forecast is made of. Booked: credited already. Open stage k: expected of the deals open in it. Not created:
of deals that nobody has created yet. Undone: expected to be refunded or cancelled of what is booked. Skew: the median
beside the mean. Recalibration: from how far past forecasts were off. Still to come: all that is not booked, of
forecasters that look no further. Other: what is left."""


@dataclass(frozen=True)
class Driver:
    """One reason for a part of a forecast.

    Attributes:
        label: What moved it, in words.
        points: Attainment points it adds or takes, 0.05 = 5 points; None without a quota.
        amount: Bookings it adds or takes, minor units.
        text: One sentence for the person who reads it.
    """

    label: str
    points: float | None
    amount: int | None
    text: str

    def __post_init__(self) -> None:
        require_finite(f"driver {self.label!r}", points=self.points, amount=self.amount)


@dataclass(frozen=True)
class ForecastPart:
    """One part of a forecast, or of a change of it; the parts of a row add up.

    Attributes:
        slug: As `PART_SLUG` says.
        label: What a reader sees, for example `Open pipeline in Proposal`.
        amount: Minor units.
        points: Amount ÷ quota, 0.05 = 5 points; None without a quota.
        text: One sentence for the person who reads it.
        drivers: What moves this part, the strongest first.

    Raises:
        ValueError: A number is not finite, or the slug is unknown.
    """

    slug: str
    label: str
    amount: float
    points: float | None
    text: str
    drivers: tuple[Driver, ...] = ()

    def __post_init__(self) -> None:
        require_finite(f"part {self.slug!r}", amount=self.amount, points=self.points)
        if PART_SLUG.fullmatch(self.slug) is None:
            raise ValueError(f"part {self.slug!r} ({self.label}) is of no known kind; see PART_SLUG")


@dataclass(frozen=True)
class ForecastChange:
    """What changed since an earlier as-of day.

    Attributes:
        since: That day.
        before: What was forecast then, minor units: the median of a rep's bookings, the mean of a group's.
        parts: The parts now minus the parts then; their text names the events (won, lost, pushed, created) behind
            them.

    Raises:
        ValueError: A number is not finite.
    """

    since: date
    before: float
    parts: tuple[ForecastPart, ...]

    def __post_init__(self) -> None:
        require_finite(f"change since {self.since}", before=self.before)


def require_parts(
    owner: str, of: str, total: float | None, parts: Sequence[ForecastPart], change: ForecastChange | None
) -> None:
    """Refuses an explanation that does not add up to what it explains.

    Args:
        owner: Whose row it is, for the message.
        of: What is explained, for the message.
        total: The number that is explained, minor units.
        parts: Add up to it.
        change: Its parts add up to `total` minus what it was before.

    Raises:
        ValueError: They add up to something else, or a kind of part is there twice.
    """
    for named in (parts, change.parts if change else ()):
        slugs = [part.slug for part in named]
        if len(set(slugs)) < len(slugs):
            raise ValueError(f"{owner}: the parts {slugs} name one kind twice; add them together")
    require_sum(owner, [part.amount for part in parts], total, of)
    if change is None:
        return
    if total is None:
        raise ValueError(f"{owner}: a change is given of the {of}, which is unknown; give none")
    require_sum(owner, [part.amount for part in change.parts], total - change.before, f"change of the {of}")
