"""What a proposed quota rests on: the forecast's parts, and the conditions behind them in plain words."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import AttainmentForecast, Forecaster
from spm_ml.predictions import Driver, ForecastPart, QuotaReason
from spm_ml.scoring.explained import explain_reps
from spm_ml.scoring.groups import PROFILE, RECORD, TIME, Fact, sentence_about
from spm_ml.scoring.part_words import PartWords
from spm_ml.scoring.target import ScoringTarget
from spm_ml.scoring.two_days import TwoDays
from spm_ml.scoring.words import MoneyWords

_PARTS: Final = 3
"""Parts of the forecast that are told, the strongest."""

_RAMP: Final = "Ramp, territory and hours"
_CONDITIONS: Final[dict[str, frozenset[str]]] = {
    "Territory, ramp and hours": frozenset({_RAMP, "Territory", PROFILE}),
    "Season": frozenset({"Season", TIME}),
    "Own record": frozenset({RECORD, "The rep's record"}),
}
"""What quotas must be fair about, and the drivers of a forecast that tell of it."""

_SEASON: Final = (
    Fact("bookings_same_last_year", "money", "{} in the same period a year before"),
    Fact("bookings_mean", "money", "{} on average"),
)


def reasons_of(
    dataset: RepPeriodDataset, forecast: AttainmentForecast, forecaster: Forecaster, target: ScoringTarget
) -> dict[str, tuple[QuotaReason, ...]]:
    """Gives what each rep's forecast, and hence quota, rests on, by rep_id.

    Conditions come first: the sentence is about the rep's own figures, the amount is what the model's drivers of that
    kind add to the forecast or take from it. Then the strongest parts of the forecast.

    Args:
        dataset: Rows of the target's day.
        forecast: Of the same rows.
        forecaster: Explains it.
        target: Period and day.
    """
    words = MoneyWords(dataset.currency)
    days = TwoDays.of(dataset, forecast, forecaster, replace(target, days=(target.as_of,)))
    explained = explain_reps(days, {}, PartWords(dataset.stages, words, forecaster.label))
    records = ({str(name): value for name, value in row.items()} for row in dataset.frame.to_dict("records"))
    return {
        str(row["rep_id"]): (
            *_conditions(explained[row["rep_id"]].parts, row, dataset.stages, words),
            *_strongest(explained[row["rep_id"]].parts),
        )
        for row in records
        if row["rep_id"] in explained
    }


def _conditions(
    parts: Iterable[ForecastPart], row: Mapping[str, Any], stages: tuple[str, ...], money: MoneyWords
) -> tuple[QuotaReason, ...]:
    drivers = [driver for part in parts for driver in part.drivers]
    season = (
        ", ".join(said for fact in _SEASON if (said := fact.read(row, money))) or "no earlier period to compare with"
    )
    sentences = {
        "Territory, ramp and hours": sentence_about(_RAMP, row, stages, money),
        "Season": f"{season[0].upper()}{season[1:]}.",
        "Own record": sentence_about("The rep's record", row, stages, money),
    }
    return tuple(
        QuotaReason(label, _added(driver for driver in drivers if driver.label in kinds), sentences[label])
        for label, kinds in _CONDITIONS.items()
    )


def _added(drivers: Iterable[Driver]) -> int | None:
    """What they add together; None where the model tells of none."""
    amounts = [driver.amount for driver in drivers if driver.amount is not None]
    return sum(amounts) if amounts else None


def _strongest(parts: Iterable[ForecastPart]) -> tuple[QuotaReason, ...]:
    told = sorted((part for part in parts if round(part.amount)), key=lambda part: -abs(part.amount))[:_PARTS]
    return tuple(QuotaReason(part.label, round(part.amount), part.text) for part in told)
