"""What the pages of the model room share: their navigation, and what stands where nothing was published."""

from dataclasses import dataclass
from typing import Final

from serving import formats
from spm_ml.predictions import MeasuredShare

_ROOMS: Final = (
    ("Champion and value", "/model"),
    ("Calibration", "/model/calibration"),
    ("Drift", "/model/drift"),
    ("Data", "/model/data"),
    ("People's words", "/model/voices"),
    ("Lineage", "/model/lineage"),
)

NOT_PUBLISHED: Final = "Nothing of this was published with the batch. Run 'spm score' with this version of spm-ml."


@dataclass(frozen=True)
class RoomLink:
    """A page of the room."""

    label: str
    href: str
    current: bool


def room_links(current: str) -> tuple[RoomLink, ...]:
    """The pages of the room; `current` is the address of the one that is shown."""
    return tuple(RoomLink(label, href, href == current) for label, href in _ROOMS)


def interval(measured: MeasuredShare) -> str:
    """The interval of a share in words."""
    return f"{formats.percent(measured.low)} to {formats.percent(measured.high)}"


def slug_words(slug: str) -> str:
    """A slug as words that begin with a capital.

    >>> slug_words("beats_last_period")
    'Beats last period'
    """
    return slug.replace("_", " ").capitalize().replace("Lightgbm", "LightGBM").replace("crps", "CRPS")
