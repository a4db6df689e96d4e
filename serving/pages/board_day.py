"""As of which day the risk board shows what was known: any stored week of the period."""

from dataclasses import dataclass
from datetime import date

from serving import formats
from serving.pages.choices import Choice
from serving.pages.queries import BoardQuery
from spm_ml.predictions import BatchReader

_DAYS_A_WEEK = 7


@dataclass(frozen=True)
class DayPicker:
    """The days to choose from, oldest first, and what an earlier one means.

    Attributes:
        choices: The newest day has no value: it is what the board shows unasked.
        period: The period that they are days of.
        words: The chosen day.
        notice: What the numbers of an earlier day are; empty on the newest.
        newest: Address of the same board on the newest day.
    """

    choices: tuple[Choice, ...]
    period: str
    words: str
    notice: str
    newest: str


def day_picker(batch: BatchReader, query: BoardQuery) -> DayPicker:
    """The picker for the day of the reader."""
    days = batch.days() or (batch.as_of,)
    choices = tuple(
        Choice(_label(day, days), "" if day == days[-1] else day.isoformat(), day == batch.as_of) for day in days
    )
    return DayPicker(
        choices=choices,
        period=batch.batch.period,
        words=_label(batch.as_of, days),
        notice="" if batch.as_of == batch.batch.as_of else _notice(batch),
        newest=query.href("/", as_of=None),
    )


def _label(day: date, days: tuple[date, ...]) -> str:
    newest = ", newest" if day == days[-1] else ""
    return f"{formats.day(day)} (week {(day - days[0]).days // _DAYS_A_WEEK}{newest})"


def _notice(batch: BatchReader) -> str:
    return (
        f"As of {formats.day(batch.as_of)}. This is what today's model, version {batch.batch.model_version}, says of "
        "what was recorded by the end of that day. It is not what was published then, and the model may have learnt "
        "from later results. Reps stand under the manager they have now. Offers, commits and reasons for changes are "
        "kept for the newest day only and are left out."
    )
