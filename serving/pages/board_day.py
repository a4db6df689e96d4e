"""As of which day a page shows what was known: any stored week of any period that is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from serving import formats
from serving.pages.choices import Choice
from serving.pages.results import over_notice
from spm_ml.predictions import BatchReader, StoredPeriod

_DAYS_A_WEEK: Final = 7
_LOST_ON_BOARD: Final = (
    "Reps stand under the manager they have now. Offers, commits and reasons for changes are kept for the newest day "
    "only and are left out."
)


@dataclass(frozen=True)
class DayPicker:
    """The days to choose from, oldest first, and what an earlier one means.

    Attributes:
        choices: The newest day has no value: it is what the page shows unasked.
        period: The period that they are days of.
        words: The chosen day.
        notice: What the numbers of an earlier day or period are; empty on the newest.
        back: What the link below the notice says.
        newest: Address of the same page on the newest day, of the period or, if it shows that, of the published one.
    """

    choices: tuple[Choice, ...]
    period: str
    words: str
    notice: str
    back: str
    newest: str


def day_picker(
    batch: BatchReader, href: Callable[..., str], *, known_on: date | None = None, lost: str = _LOST_ON_BOARD
) -> DayPicker:
    """The picker for the day of the reader.

    Args:
        batch: The reader's view.
        href: Gives the address of the page with `as_of` or `period` changed.
        known_on: Day on which the results were known that the page shows; None: none is known.
        lost: What is kept for the newest day alone, in a sentence.
    """
    days = batch.days() or (batch.as_of,)
    choices = tuple(
        Choice(_label(day, days), "" if day == days[-1] else day.isoformat(), day == batch.as_of) for day in days
    )
    earlier = batch.as_of != batch.batch.as_of
    notices = (_earlier_day(batch, lost) if earlier else "", over_notice(batch, known_on))
    return DayPicker(
        choices=choices,
        period=batch.batch.period,
        words=_label(batch.as_of, days),
        notice=" ".join(notice for notice in notices if notice),
        back="Back to the newest day" if earlier else "Back to the published period",
        newest=href(as_of=None) if earlier else href(as_of=None, period=None),
    )


def period_choices(stored: Sequence[StoredPeriod], asked: str | None) -> tuple[Choice, ...]:
    """The periods that can be opened, the published one first."""
    return tuple(
        Choice(
            f"{one.batch.period}{' (current)' if one.current else ''}",
            one.batch.period,
            one.batch.period == asked or (asked is None and one.current),
        )
        for one in stored
    )


def _label(day: date, days: tuple[date, ...]) -> str:
    newest = ", newest" if day == days[-1] else ""
    return f"{formats.day(day)} (week {(day - days[0]).days // _DAYS_A_WEEK}{newest})"


def _earlier_day(batch: BatchReader, lost: str) -> str:
    model = "today's model" if batch.is_current else "the period's last model"
    return (
        f"As of {formats.day(batch.as_of)}. This is what {model}, version {batch.batch.model_version}, says of "
        "what was recorded by the end of that day. It is not what was published then, and the model may have learnt "
        f"from later results. {lost}"
    )
