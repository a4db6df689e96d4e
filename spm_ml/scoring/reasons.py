"""The one phrase beside a forecast: the strongest true reason, else what is missing to the quota, in money a day."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from spm_ml.hazards import Abstention
from spm_ml.predictions import RiskBand
from spm_ml.scoring.explained import Explained
from spm_ml.scoring.part_words import stage_of
from spm_ml.scoring.words import MoneyWords

DECIDES: Final = 0.2
"""Share of the quota by which the median falls without the largest deal, from which that deal is the reason."""

MOVED: Final = 0.1
"""Share of the quota by which the median moved since the day before, from which the event behind it is the reason."""

_NO_ATTAINMENT: Final = {"quota_missing": "No quota is known", "quota_zero": "The quota is zero"}


def main_reason(
    row: Mapping[str, Any],
    *,
    median: float | None,
    risk_band: RiskBand | None,
    abstention: Abstention | None,
    money: MoneyWords,
    why: Explained | None = None,
) -> str:
    """Gives the phrase for one rep on one day.

    Args:
        row: The row of the dataset: `quota` (NaN if missing), `booked_to_date`, `elapsed_selling_days`,
            `period_selling_days`, and the features `open_amount_in_period` and `bookings_last_1`.
        median: Median forecast of the period's bookings, minor units; None where nothing is forecast.
        risk_band: Band of the chance to reach the quota.
        abstention: Why a number is missing.
        money: Writes the amounts.
        why: What the forecast is made of and what changed it, where that is known.
    """
    if abstention is not None:
        if median is None or abstention.reason not in _NO_ATTAINMENT:
            return abstention.detail
        return f"{_NO_ATTAINMENT[abstention.reason]}; bookings of {money.amount(median)} are forecast"
    booked, quota = float(row["booked_to_date"]), float(row["quota"])
    missing = quota - booked
    if missing <= 0:
        return f"Quota reached: booked {money.amount(booked)} of {money.amount(quota)}"
    elapsed = int(row["elapsed_selling_days"])
    left = int(row["period_selling_days"]) - elapsed
    if left <= 0:
        return f"{money.amount(missing)} short of the quota and no selling day left"
    need = money.amount(missing / left)
    if elapsed == 0:
        return _before_the_first_day(row, need, money)
    if why is not None and median is not None:
        strong = _large_deal(why, median, quota) or _news(why, median, quota, money)
        if strong:
            return strong
    pace = booked / elapsed
    if pace >= missing / left:
        return f"On pace: books {money.amount(pace)} a day, needs {need}"
    return f"Needs {need} a day, books {money.amount(pace)}" + _pipeline(row, missing, risk_band, why)


def _large_deal(why: Explained, median: float, quota: float) -> str | None:
    """Says so where one open deal carries much of the forecast (H18)."""
    without = why.without_largest
    if without is None or median - without.median < DECIDES * quota:
        return None
    with_it, alone = median / quota, without.median / quota
    return f"Without deal {without.opportunity_id} the forecast falls from {with_it:.0%} to {alone:.0%} of the quota"


def _news(why: Explained, median: float, quota: float, money: MoneyWords) -> str | None:
    """Names what moved the forecast much since the day before, if an event did."""
    change = why.change
    if change is None or abs(median - change.before) < MOVED * quota:
        return None
    rises = median > change.before
    event = why.happened.news(money, good=rises)
    if not event:
        return None
    points = round(100 * abs(median - change.before) / quota)
    return f"Forecast {'up' if rises else 'down'} {points} points since {change.since.day} {change.since:%b}: {event}"


def _before_the_first_day(row: Mapping[str, Any], need: str, money: MoneyWords) -> str:
    last = _known(row, "bookings_last_1")
    if last is None:
        return f"Needs {need} a day from the first day on"
    return f"Needs {need} a day; booked {money.amount(last / int(row['period_selling_days']))} a day last period"


def _pipeline(row: Mapping[str, Any], missing: float, risk_band: RiskBand | None, why: Explained | None) -> str:
    due = _known(row, "open_amount_in_period")
    if due is None:
        return ""
    if due < missing:
        return f"; open deals due this period cover {due / missing:.0%} of the rest"
    if risk_band == "low":
        return f"; open deals due this period are {due / missing:.1f} times the rest"
    opened = [part.amount for part in (why.parts if why else ()) if stage_of(part.slug)]
    if opened and 0 <= sum(opened) < missing:
        return f"; open deals are expected to bring {sum(opened) / missing:.0%} of the rest"
    return ""


def _known(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return float(value) if value is not None and isfinite(value) else None
