"""What stands above a batch's rows: where they come from, the model behind them and the organisation's tree."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


def _require_zone(owner: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{owner} is {moment}, without a time zone; give it in UTC")


def _without_nan(rows: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
        for row in rows
    )


@dataclass(frozen=True)
class Person:
    """Somebody in the organisation's tree when the batch was scored; who sees whom follows from `manager_id`.

    Attributes:
        rep_id: The person.
        name: Shown on pages.
        manager_id: The manager's `rep_id`; None at the top.
        role: Job role, for example `account executive`.
    """

    rep_id: str
    name: str
    manager_id: str | None
    role: str


@dataclass(frozen=True)
class ModelCard:
    """The model behind a batch, as readers see it. Undefined accuracies (NaN) become None.

    Attributes:
        name: Registered name.
        version: Registered version.
        forecaster: Slug of the forecaster.
        trained_at: UTC.
        data_hash: Hash of the data it was fitted on.
        spm_version: Version of spm-ml that fitted it.
        card_markdown: The generated card.
        value_added: Rows of `Backtest.value_added()`.
        by_week: Rows of `Backtest.by_week()`.
        gate: One row a test of the gate: `test` (str), `passed` (bool), `detail` (str).
    """

    name: str
    version: str
    forecaster: str
    trained_at: datetime
    data_hash: str
    spm_version: str
    card_markdown: str
    value_added: tuple[dict[str, Any], ...]
    by_week: tuple[dict[str, Any], ...]
    gate: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        _require_zone("trained_at of the model card", self.trained_at)
        for name in ("value_added", "by_week", "gate"):
            object.__setattr__(self, name, _without_nan(getattr(self, name)))


@dataclass(frozen=True)
class Batch:
    """One scoring run: what every number in it was computed from.

    Attributes:
        batch_id: Unique; a new one for every run.
        period: Label of the period that is forecast.
        as_of: The day whose rows the board shows.
        created_at: UTC.
        model_name: Registered name of the model.
        model_version: Registered version of the model.
        forecaster: Slug of the forecaster.
        data_version: Version of the ingested tables.
        data_hash: Their hash.
        watermark: Latest recorded day in the data.
        currency: ISO 4217 code of every amount.
        minor_digits: Decimal digits of its minor unit.
        organisation_name: Shown on pages.
        risk_high_below: `p_hit` below which the band is high.
        risk_medium_below: `p_hit` below which the band is medium.
        timezone: IANA name in which days are cut off.
        plans_hash: Names the compensation plans that payouts were worked out with; empty without plans.
        usual_share: Share of a period's bookings that finished periods had by this point; None where none shows it.
        scored_whole_at: When everybody was scored last (UTC), where only those were scored since about whom something
            was recorded; None: everybody was.
    """

    batch_id: str
    period: str
    as_of: date
    created_at: datetime
    model_name: str
    model_version: str
    forecaster: str
    data_version: int
    data_hash: str
    watermark: date
    currency: str
    minor_digits: int
    organisation_name: str
    risk_high_below: float
    risk_medium_below: float
    timezone: str
    plans_hash: str = ""
    usual_share: float | None = None
    scored_whole_at: datetime | None = None

    def __post_init__(self) -> None:
        _require_zone(f"created_at of batch {self.batch_id!r}", self.created_at)
