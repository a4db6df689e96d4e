"""Which period is forecast, and on which as-of days, given what is known when."""

from dataclasses import dataclass
from datetime import date, timedelta

from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.registry import ModelVersion


@dataclass(frozen=True)
class ScoringTarget:
    """The period to forecast and the days whose knowledge is used.

    Attributes:
        period: The period that is forecast.
        as_of: The day that the board shows; the newest of `days`.
        days: As-of days, ascending: the weekly grid up to `as_of`, and `as_of` itself.
        note: What the person who asked should know about the choice; empty if it is what was asked for.
    """

    period: Period
    as_of: date
    days: tuple[date, ...]
    note: str = ""

    def earlier(self) -> "tuple[ScoringTarget, ...]":
        """The same period as seen on each of the days before, oldest first."""
        return tuple(
            ScoringTarget(self.period, day, self.days[:place]) for place, day in enumerate(self.days[:-1], start=1)
        )


def scoring_target(calendar: FiscalCalendar, watermark: date, as_of: date | None = None) -> ScoringTarget:
    """Chooses the running period at the as-of day.

    When the day is the last of its period, nothing of that period is open any more: the next period is forecast, with
    nothing of it seen yet (week 0).

    Args:
        calendar: The organisation's fiscal calendar.
        watermark: Latest day that the data know.
        as_of: Day to forecast from; default, and at most, the watermark.
    """
    day = watermark if as_of is None else min(as_of, watermark)
    period = calendar.period_of(day)
    notes = []
    if as_of is not None and as_of > watermark:
        notes.append(f"The data end on {watermark}; the forecast is as of that day, not {as_of}.")
    if day == period.end:
        notes.append(f"{period.label} ends on {day}; the period after it is forecast.")
        period = calendar.next(period)
    grid = [one for one in calendar.as_of_days(period) if one <= day]
    return ScoringTarget(period, day, tuple(sorted({*grid, day})), " ".join(notes))


def week_of(period: Period, as_of: date) -> int:
    """Whole weeks of the period that are seen at the end of the day; 0 before its first week is over."""
    return (as_of - (period.start - timedelta(days=1))).days // 7


def knew_the_outcome(version: ModelVersion, target: ScoringTarget) -> bool:
    """Whether a model was fitted on data that hold what came of the period that is forecast, as in a look back."""
    until = version.tags.get("watermark", "")
    learnt_until = date.fromisoformat(until) if until else date.min
    return target.as_of < learnt_until and target.period.end <= learnt_until
