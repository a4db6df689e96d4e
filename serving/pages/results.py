"""What came of the forecasts of a finished period, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from serving import formats
from serving.formats import Money
from spm_ml.predictions import BatchReader, GroupOutcome, HeldRanges, Outcome, OutcomeVersion, TeamPrediction

EXPECTED: Final = 0.8
"""Share of the results that should lie from P10 to P90."""


class Forecast(Protocol):
    """What a result is held against."""

    @property
    def as_of(self) -> date:
        """Day of the forecast."""

    def quantile(self, level: float) -> float | None:
        """Bookings at a level, in minor units."""


@dataclass(frozen=True)
class Result:
    """What came of a rep's forecast.

    Attributes:
        amount: What was booked, without the currency.
        share: The same of the final quota; empty without one.
        verdict: Where the result lies, in two words: in the range from P10 to P90, below or above it.
        sentence: The result and what had been said, for the top of a page.
        restated: What was said before newer records restated it, oldest first.
    """

    amount: str
    share: str
    verdict: str
    sentence: str
    restated: tuple[str, ...] = ()


def result_of(versions: Sequence[OutcomeVersion], forecast: Forecast, money: Money) -> Result | None:
    """A rep's result beside a forecast; None while it is not known.

    Args:
        versions: Everything that was said of the result, oldest first; the last counts.
        forecast: What it is held against.
        money: Writes amounts.
    """
    if not versions:
        return None
    outcome = versions[-1].outcome
    return Result(
        amount=money.amount(outcome.bookings),
        share="" if outcome.attainment is None else formats.percent(outcome.attainment),
        verdict=_verdict(outcome, forecast),
        sentence=_sentence(outcome, forecast, money),
        restated=tuple(_said(version, money) for version in versions[:-1]),
    )


def held_words(held: HeldRanges | None) -> tuple[str, str]:
    """How many ranges held and how many should have, as a number and its detail; empty where none can be compared."""
    if held is None or not held.compared:
        return "", ""
    left = f"; {held.left} left early" if held.left else ""
    return f"{held.held} of {held.compared}", f"held the result; {EXPECTED * held.compared:.0f} expected{left}"


def group_result(outcome: GroupOutcome | None, group: TeamPrediction, money: Money) -> Result | None:
    """A group's result beside its forecast; None while that of any member is not known."""
    if outcome is None:
        return None
    low, high = group.quantile(0.1), group.quantile(0.9)
    return Result(
        amount=money.amount(outcome.revenue),
        share=formats.percent(outcome.revenue / group.quota) if group.quota else "",
        verdict=_place(outcome.revenue, low, high),
        sentence=f"Ended at {money.full(outcome.revenue)}, as known on {formats.day(outcome.as_known_on)}.",
    )


def over_notice(batch: BatchReader, known_on: date | None) -> str:
    """What an earlier period's numbers are; empty for the one that is published now.

    Args:
        batch: The reader's view.
        known_on: Day on which the results were known that the page shows; None: none is known.
    """
    period = batch.batch.period
    if known_on is not None:
        return (
            f"{period} is over. Beside what had been forecast stands what came of it, as known on "
            f"{formats.day(known_on)}; late records can change it."
        )
    if batch.is_current:
        return ""
    return f"{period} is not the period that is published now. Its result is not known yet: {WHEN_KNOWN}"


WHEN_KNOWN: Final = "it comes with the next 'spm score' after the period's end."


def _verdict(outcome: Outcome, forecast: Forecast) -> str:
    if outcome.censored:
        return "left early"
    return _place(outcome.bookings, forecast.quantile(0.1), forecast.quantile(0.9))


def _place(amount: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no range"
    return "below P10" if amount < low else "above P90" if amount > high else "in range"


def _sentence(outcome: Outcome, forecast: Forecast, money: Money) -> str:
    booked = money.full(outcome.bookings)
    if outcome.censored:
        return f"Left before the period's end, with {booked} booked by then: that is no result of a whole period."
    share = "" if outcome.attainment is None else f", {formats.percent(outcome.attainment)} of quota"
    low, high, day = forecast.quantile(0.1), forecast.quantile(0.9), formats.day(forecast.as_of)
    if low is None or high is None:
        return f"Ended at {booked}{share}. Nothing was forecast on {day}."
    ends = (
        [formats.percent(value / outcome.quota) for value in (low, high)]
        if outcome.quota
        else [money.amount(value) for value in (low, high)]
    )
    place = {"in range": "inside", "below P10": "below", "above P90": "above"}[_place(outcome.bookings, low, high)]
    return f"Ended at {booked}{share}. The forecast of {day} said {ends[0]} to {ends[1]}: the result lies {place} it."


def _said(version: OutcomeVersion, money: Money) -> str:
    outcome = version.outcome
    quota = "no quota" if outcome.quota is None else f"a quota of {money.full(outcome.quota)}"
    left = ", left early" if outcome.censored else ""
    return f"As known on {formats.day(version.as_known_on)}: {money.full(outcome.bookings)}, {quota}{left}."
