"""Why each rep's median is what it is, what changed it, and which open deals matter, as rows of the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from typing import Any, Final

import pandas as pd

from spm_ml.predictions import DealOutlook, Driver, ForecastChange, ForecastPart, WithoutLargest
from spm_ml.predictions.rows import MOST_DEALS
from spm_ml.scoring.drivers import drivers_of
from spm_ml.scoring.events import Happened
from spm_ml.scoring.part_words import Figures, PartWords, Since
from spm_ml.scoring.two_days import TwoDays

ALWAYS_TOLD: Final = ("booked", "still_to_come")
"""Parts, and changes of them, that are told even where they are 0."""

_WHALE: Final = "H18"


@dataclass(frozen=True)
class Explained:
    """What is said beside one rep's forecast on the board's day.

    Attributes:
        parts: What the median is made of; empty where there is none.
        change: What changed it since the day before; None where there is nothing to compare.
        deals: Open deals that matter, the one that matters most first; chances are withheld where forecasts are.
        without_largest: The forecast without the largest open deal, where one deal decides (H18).
        happened: To the rep's deals since the day before.
    """

    parts: tuple[ForecastPart, ...] = ()
    change: ForecastChange | None = None
    deals: tuple[DealOutlook, ...] = ()
    without_largest: WithoutLargest | None = None
    happened: Happened = Happened()  # noqa: RUF009 - frozen


def explain_reps(days: TwoDays, happened: Mapping[str, Happened], words: PartWords) -> dict[str, Explained]:
    """Explains every rep of the board's day, by rep_id.

    Args:
        days: The board's day and the one before it.
        happened: To each rep's deals in between.
        words: Names parts and says what is behind them.
    """
    records = dict(enumerate(days.dataset.frame.to_dict("records")))
    amounts = _amounts(days.explanation.parts)
    drivers = drivers_of(
        days.explanation.drivers,
        {int(row): _named(records[int(row)]) for row in days.now},
        stages=words.stages,
        money=words.money,
    )
    outlooks = _outlooks(days, words)
    without = _without_largest(days, records)
    found = {}
    for row, earlier in zip(days.now.tolist(), days.before.tolist(), strict=True):
        record = records[row]
        figures = figures_of(days, row, record)
        events = happened.get(record["rep_id"], Happened())
        now = amounts.get(row, {})
        parts = tuple(
            _part(words, slug, amount, words.text(slug, amount, figures), figures, drivers.get((row, slug), ()))
            for slug, amount in now.items()
            if amount or slug in ALWAYS_TOLD or _is_open(slug, figures)
        )
        change = None
        if days.since is not None and now and earlier in amounts:
            then = amounts[earlier]
            since = Since(events, _passed(record, records[earlier]), _quota(records[earlier]))
            moved = {slug: amount - then.get(slug, 0.0) for slug, amount in now.items()}
            change = ForecastChange(
                days.since,
                float(days.forecast.bookings[earlier, days.forecast.levels.index(0.5)]),
                tuple(
                    _part(words, slug, amount, words.change(slug, amount, figures, since), figures)
                    for slug, amount in moved.items()
                    if amount or slug in ALWAYS_TOLD
                ),
            )
        deals = outlooks.get(row, ()) if now else ()
        found[str(record["rep_id"])] = Explained(parts, change, deals, without.get(row), events)
    return found


def _is_open(slug: str, figures: Figures) -> bool:
    """Whether a part is about a stage that holds open deals, worth telling even if nothing is expected of them."""
    return any(slug == f"open_stage_{stage}" for stage in figures.opened)


def figures_of(days: TwoDays, row: int, record: Mapping[Any, Any]) -> Figures:
    """What the sentences about a row are made of."""
    created = record.get("created_count_28")
    return Figures(
        booked=float(record["booked_to_date"]),
        quota=_quota(record),
        days_left=int(record["period_selling_days"]) - int(record["elapsed_selling_days"]),
        opened=days.opened.get(row, {}),
        created=float(created) if created is not None and isfinite(created) else None,
    )


def _amounts(parts: pd.DataFrame) -> dict[int, dict[str, float]]:
    """Parts of each row that has a forecast."""
    known, slugs = parts.notna().all(axis=1).to_numpy(), [str(slug) for slug in parts]
    rows = parts.to_numpy(dtype=float).tolist()
    return {place: dict(zip(slugs, row, strict=True)) for place, row in enumerate(rows) if known[place]}


def _part(
    words: PartWords, slug: str, amount: float, text: str, figures: Figures, drivers: tuple[Driver, ...] = ()
) -> ForecastPart:
    points = amount / figures.quota if figures.quota else None
    return ForecastPart(slug, words.label(slug), amount, points, text, drivers)


def _outlooks(days: TwoDays, words: PartWords) -> dict[int, tuple[DealOutlook, ...]]:
    deals = days.explanation.deals
    if not len(deals):
        return {}
    shown = deals[deals["row"].isin(days.now)].groupby("row", sort=False).head(MOST_DEALS)
    found: dict[int, list[DealOutlook]] = {}
    columns = (
        shown[name].tolist()
        for name in ("row", "opportunity_id", "stage", "amount", "p_win", "due_days", "likely_week")
    )
    for row, opportunity_id, stage, amount, p_win, due, week in zip(*columns, strict=True):
        found.setdefault(int(row), []).append(
            DealOutlook(
                opportunity_id=str(opportunity_id),
                stage=words.stages[int(stage) - 1],
                amount=round(amount),
                p_win=float(p_win),
                expected_close_on=_day(days.as_of, due),
                likely_week=int(week) if isfinite(week) else None,
            )
        )
    return {row: tuple(several) for row, several in found.items()}


def _day(as_of: date, ahead: float) -> date | None:
    return as_of + timedelta(days=int(ahead)) if isfinite(ahead) else None


def _without_largest(days: TwoDays, records: Mapping[int, Mapping[Any, Any]]) -> dict[int, WithoutLargest]:
    table, now = days.explanation.without_largest, set(days.now.tolist())
    columns = (table[name].tolist() for name in ("row", "opportunity_id", "amount", "median", "p_hit"))
    return {
        int(row): WithoutLargest(str(opportunity_id), round(amount), float(median), _share(p_hit))
        for row, opportunity_id, amount, median, p_hit in zip(*columns, strict=True)
        if row in now and days.is_forecast[row] and _WHALE in str(records[row]["hazards"]).split(";")
    }


def _share(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _quota(record: Mapping[Any, Any]) -> float | None:
    return float(record["quota"]) if record["quota"] > 0 else None


def _passed(record: Mapping[Any, Any], earlier: Mapping[Any, Any]) -> int:
    return int(record["elapsed_selling_days"]) - int(earlier["elapsed_selling_days"])


def _named(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in record.items()}
