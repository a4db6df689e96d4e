"""Why the median is what it is, in parts that add up: booked, what is usual from here, and what moves it."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from spm_ml.predictions import Driver
from spm_ml.scoring.groups import CORRECTION, USUAL, group_of, sentence_about
from spm_ml.scoring.words import MoneyWords

BASE_COLUMN: Final = "base"
"""Column of a learner's contributions that holds what it forecasts before it looks at the row."""

SHOWN: Final = 5
"""Parts shown by name, what is booked among them; the others are summed, so that all still add up."""


def drivers_of(
    row: Mapping[str, Any],
    median: float,
    contributions: Mapping[str, float] | None,
    *,
    stages: Sequence[str],
    money: MoneyWords,
    forecaster_label: str,
) -> tuple[Driver, ...]:
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
        What is booked first, then the others by size, and last what is too small to be named.
    """
    booked = float(row["booked_to_date"])
    quota = float(row["quota"])
    parts: list[tuple[str, float, str]] = []
    if contributions is None or not isfinite(sum(contributions.values())):
        still = median - booked
        left = int(row["period_selling_days"]) - int(row["elapsed_selling_days"])
        label = f"Still to come by {forecaster_label.lower()}"
        parts.append((label, still, f"{money.amount(still)}; selling days left: {left}."))
    else:
        grouped: dict[str, float] = {}
        for feature, amount in contributions.items():
            if feature != BASE_COLUMN:
                label = group_of(feature, stages)
                grouped[label] = grouped.get(label, 0.0) + amount
        grouped[USUAL] = contributions.get(BASE_COLUMN, 0.0)
        grouped[CORRECTION] = median - booked - sum(grouped.values())
        ranked = sorted(grouped.items(), key=lambda item: (-abs(item[1]), item[0]))
        shown, rest = ranked[: SHOWN - 1], sum(amount for _, amount in ranked[SHOWN - 1 :])
        parts.extend((label, amount, sentence_about(label, row, stages, money)) for label, amount in shown)
        if round(rest):
            parts.append(("Everything else", rest, "Smaller effects together."))
    first = ("Booked so far", booked, _booked_sentence(booked, quota, money))
    return tuple(
        Driver(label=label, points=amount / quota if quota > 0 else None, amount=round(amount), text=text)
        for label, amount, text in (first, *parts)
    )


def _booked_sentence(booked: float, quota: float, money: MoneyWords) -> str:
    if quota > 0:
        return f"{money.amount(booked)} of a quota of {money.amount(quota)}."
    return f"{money.amount(booked)}; no quota is known."
