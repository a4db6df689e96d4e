"""From forecast rows to what a manager reads: one Prediction a rep and as-of day."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import Any, Final

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import AttainmentForecast
from spm_ml.hazards import Abstention
from spm_ml.predictions import MetricValue, PayOutlook, Prediction, Submission
from spm_ml.scoring.beside import MetricsByKey, pace_of
from spm_ml.scoring.explained import Explained
from spm_ml.scoring.reasons import main_reason
from spm_ml.scoring.words import MoneyWords
from spm_ml.settings import QUANTILE_LEVELS, RiskBands

_MEDIAN: Final = QUANTILE_LEVELS.index(0.5)
_STALE: Final = "H25"
_NOTHING: Final = Explained()


@dataclass(frozen=True)
class Board:
    """What turns forecasts into the rows of one batch.

    Metrics, explanations and submissions are given for the board's day. Earlier days, which are there for the fan chart
    and for looking back, have the linear pace alone.

    Attributes:
        as_of: The as-of day that the board shows.
        currency: ISO 4217 code of the amounts.
        metrics: Baseline metrics of each rep on that day.
        bands: Thresholds of the risk bands.
        explained: Why each rep's forecast is what it is, by rep_id.
        submissions: What people said about the period, by rep_id.
        pay: What compensation plans pay, by rep_id.
        stale: Why no forecast may be given at all, if the data are too old (H25).
    """

    as_of: date
    currency: str
    metrics: MetricsByKey
    bands: RiskBands
    explained: Mapping[str, Explained] = field(default_factory=dict)
    submissions: Mapping[str, tuple[Submission, ...]] = field(default_factory=dict)
    pay: Mapping[str, PayOutlook] = field(default_factory=dict)
    stale: Abstention | None = None

    def predictions(self, dataset: RepPeriodDataset, forecast: AttainmentForecast) -> tuple[Prediction, ...]:
        """Gives one row a row of the dataset.

        Args:
            dataset: The n rows that were forecast.
            forecast: n answers.
        """
        chances = forecast.p_hit
        return tuple(
            self._prediction(
                row,
                _numbers(forecast.bookings[at]),
                mean=_number(forecast.mean_bookings[at]),
                p_hit=_number(chances[at]),
                abstention=forecast.abstentions[at],
            )
            if self.stale is None
            else self._prediction(row, None, abstention=self.stale)
            for at, row in enumerate(map(_named, dataset.frame.to_dict("records")))
        )

    def _prediction(
        self,
        row: Mapping[str, Any],
        quantiles: tuple[float, ...] | None,
        *,
        abstention: Abstention | None,
        mean: float | None = None,
        p_hit: float | None = None,
    ) -> Prediction:
        day = row["as_of"].date()
        on_board = day == self.as_of
        why = self.explained.get(row["rep_id"], _NOTHING) if on_board and quantiles is not None else _NOTHING
        money = MoneyWords(self.currency)
        median = None if quantiles is None else quantiles[_MEDIAN]
        band = None if p_hit is None else self.bands.band(p_hit)
        return Prediction(
            rep_id=row["rep_id"],
            period=row["period"],
            period_start=row["period_start"].date(),
            period_end=row["period_end"].date(),
            as_of=day,
            week=int(row["week"]),
            name=_text(row["name"]) or row["rep_id"],
            role=_text(row["role"]),
            manager_id=_text(row["manager_id"]) or None,
            team=_text(row["team"]),
            region=_text(row["region"]),
            segment=_text(row["segment"]),
            quota=int(row["quota"]) if isfinite(row["quota"]) else None,
            booked=int(row["booked_to_date"]),
            bookings_quantiles=quantiles,
            mean_bookings=mean,
            p_hit=p_hit,
            risk_band=band,
            main_reason=main_reason(row, median=median, risk_band=band, abstention=abstention, money=money, why=why),
            parts=why.parts,
            hazards=self._hazards(row["hazards"]),
            abstention=abstention,
            exposure=float(row["exposure"]) if isfinite(row["exposure"]) else 0.0,
            metrics=self.metrics.get(row["rep_id"], ()) if on_board else (_pace(row),),
            history_reconstructed=bool(row["history_reconstructed"]),
            change=why.change,
            deals=why.deals,
            without_largest=why.without_largest,
            submissions=self.submissions.get(row["rep_id"], ()) if on_board else (),
            pay=self.pay.get(row["rep_id"]) if on_board else None,
        )

    def _hazards(self, codes: str) -> tuple[str, ...]:
        found = {code for code in codes.split(";") if code}
        return tuple(sorted(found if self.stale is None else found | {_STALE}))


def _pace(row: Mapping[str, Any]) -> MetricValue:
    return pace_of(float(row["booked_to_date"]), int(row["elapsed_selling_days"]), int(row["period_selling_days"]))


def _named(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _numbers(values: Sequence[float]) -> tuple[float, ...] | None:
    return tuple(float(value) for value in values) if all(map(isfinite, values)) else None
