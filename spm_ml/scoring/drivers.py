"""Why the median is what it is, in parts that add up: booked, and what is still to come with what moves it."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from spm_ml.predictions import Driver, ForecastPart
from spm_ml.scoring.groups import CORRECTION, USUAL, group_of, sentence_about
from spm_ml.scoring.words import MoneyWords

BASE_COLUMN: Final = "base"
"""Column of a learner's contributions that holds what it forecasts before it looks at the row."""

SHOWN: Final = 4
"""Drivers shown by name; the others are summed, so that all still add up."""


def parts_of(
    row: Mapping[str, Any],
    median: float,
    contributions: Mapping[str, float] | None,
    *,
    stages: Sequence[str],
    money: MoneyWords,
    forecaster_label: str,
) -> tuple[ForecastPart, ...]:
    """Splits the median of one rep's forecast into parts that add up to it.

    Args:
        row: The row of the dataset, features included.
        median: Median forecast of the period's bookings, minor units.
        contributions: Of each feature to the median of what is still to come, minor units, with `base`; None for
            forecasters that are a rule.
        stages: Names of the open stages in order.
        money: Writes the amounts.
        forecaster_label: What a reader calls the forecaster.

    Returns:
        What is booked, and what is still to come; its drivers are ordered by size, and last comes what is too small
        to be named.
    """
    booked, quota = float(row["booked_to_date"]), float(row["quota"])
    still = median - booked
    left = int(row["period_selling_days"]) - int(row["elapsed_selling_days"])
    moved: list[tuple[str, float, str]] = []
    if contributions is not None and isfinite(sum(contributions.values())):
        moved = _moved(row, still, contributions, stages, money)

    def points(amount: float) -> float | None:
        return amount / quota if quota > 0 else None

    drivers = tuple(Driver(label, points(amount), round(amount), text) for label, amount, text in moved)
    coming = f"{money.amount(still)} by {forecaster_label.lower()}; selling days left: {left}."
    return (
        ForecastPart("booked", "Booked so far", booked, points(booked), _booked_sentence(booked, quota, money)),
        ForecastPart("still_to_come", "Still to come", still, points(still), coming, drivers),
    )


def _moved(
    row: Mapping[str, Any], still: float, contributions: Mapping[str, float], stages: Sequence[str], money: MoneyWords
) -> list[tuple[str, float, str]]:
    """Contributions by group, and what the model's correction adds: together what is still to come."""
    grouped: dict[str, float] = {}
    for feature, amount in contributions.items():
        if feature != BASE_COLUMN:
            label = group_of(feature, stages)
            grouped[label] = grouped.get(label, 0.0) + amount
    grouped[USUAL] = contributions.get(BASE_COLUMN, 0.0)
    grouped[CORRECTION] = still - sum(grouped.values())
    ranked = sorted(grouped.items(), key=lambda item: (-abs(item[1]), item[0]))
    moved = [(label, amount, sentence_about(label, row, stages, money)) for label, amount in ranked[:SHOWN]]
    rest = sum(amount for _, amount in ranked[SHOWN:])
    return [*moved, ("Everything else", rest, "Smaller effects together.")] if round(rest) else moved


def _booked_sentence(booked: float, quota: float, money: MoneyWords) -> str:
    if quota > 0:
        return f"{money.amount(booked)} of a quota of {money.amount(quota)}."
    return f"{money.amount(booked)}; no quota is known."
