"""The numbers at the top of a rep's page."""

from dataclasses import dataclass

from serving import formats
from serving.formats import Money
from serving.pages.results import Result
from spm_ml.predictions import Outcome, Prediction


@dataclass(frozen=True)
class Fact:
    """A number at the top of the page."""

    label: str
    value: str
    detail: str


def facts_of_rep(row: Prediction, outcome: Outcome | None, result: Result | None, money: Money) -> tuple[Fact, ...]:
    """Quota, bookings, the result of a finished period, forecast and chance.

    Args:
        row: The forecast as of the day.
        outcome: What came of it; None while it is not known.
        result: The same in words.
        money: Writes amounts.
    """
    low, median, high = (row.quantile(level) for level in (0.1, 0.5, 0.9))
    quota = row.quota
    facts = [
        _quota(row, outcome, money),
        Fact(
            "Booked so far" if outcome is None else f"Booked by {formats.short_day(row.as_of)}",
            money.full(row.booked),
            f"{formats.percent(row.booked / quota)} of quota" if quota else "",
        ),
    ]
    if outcome is not None and result is not None:
        share = f"{result.share} of quota, " if result.share else ""
        facts.append(
            Fact(
                "Booked until leaving" if outcome.censored else "Ended at",
                money.full(outcome.bookings),
                f"{share}{result.verdict}",
            )
        )
    if low is not None and median is not None and high is not None:
        shares = [formats.percent(value / quota) for value in (median, low, high)] if quota else []
        facts.append(
            Fact(
                "Forecast, P50",
                money.full(median),
                f"{shares[0]} of quota; P10\xa0{shares[1]}, P90\xa0{shares[2]}"
                if shares
                else f"P10 {money.amount(low)}, P90 {money.amount(high)}",
            )
        )
    facts.append(Fact("Chance of quota", formats.chance(row.p_hit), "" if row.p_hit is not None else "not rated"))
    return tuple(facts)


def _quota(row: Prediction, outcome: Outcome | None, money: Money) -> Fact:
    """The quota in force; once the period is over, that of its end, and what it was on the day where that differs."""
    if outcome is None or outcome.quota == row.quota:
        return Fact("Quota", money.full(row.quota), "" if row.quota else "none is known")
    return Fact(
        "Quota at the end", money.full(outcome.quota), f"{money.full(row.quota)} on {formats.short_day(row.as_of)}"
    )
