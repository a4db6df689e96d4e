"""One rep as stored for what-if questions, ready to be changed."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from pydantic_core import from_json

from spm_ml.forecasting import distribution
from spm_ml.forecasting.deal_level import FuturesModel, RepFutures
from spm_ml.forecasting.deal_level.monte_carlo import DRAWS, at_levels
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.scoring.what_if.pay import ExpectedPayouts, StoredPay

MEDIAN: Final = LEVELS.tolist().index(0.5)
_PLACES: Final = ((np.arange(DRAWS) + 0.5) / DRAWS)[None, :]


@dataclass(frozen=True)
class StoredRep:
    """The forecast of one rep as published, and its futures.

    Attributes:
        as_of: What was known at the end of this day was used.
        period_end: Last day of the period.
        quota: Minor units; None if missing.
        floor: The least that final bookings can be, minor units; minus infinity where refunds are usual.
        abstention: Why there is no forecast, or no attainment.
        share_left: Share of the period's selling days still to come.
        quantiles: (19,) as published; None where there is no forecast.
        mean: As published.
        p_hit: As published.
        futures: None where the forecaster does not forecast from deals.
        pay: The rep's plan; None where no payout is expected.
    """

    as_of: date
    period_end: date
    quota: int | None
    floor: float
    abstention: str | None
    share_left: float
    quantiles: Array | None
    mean: float | None
    p_hit: float | None
    futures: RepFutures | None
    pay: StoredPay | None = None

    @classmethod
    def of_text(cls, text: str | bytes, model: FuturesModel | None) -> Self:
        """Reads what `what_if_inputs` wrote."""
        body: dict[str, Any] = from_json(text)
        state, quantiles, pay = body["futures"], body["quantiles"], body.get("pay")
        return cls(
            as_of=date.fromisoformat(body["as_of"]),
            period_end=date.fromisoformat(body["period_end"]),
            quota=body["quota"],
            floor=-np.inf if body["floor"] is None else body["floor"],
            abstention=body["abstention"],
            share_left=body["share_left"],
            quantiles=None if quantiles is None else np.array(quantiles, dtype=float),
            mean=body["mean"],
            p_hit=body["p_hit"],
            futures=None if state is None or model is None else RepFutures(model, state),
            pay=None if pay is None else StoredPay.of(pay),
        )

    def draws(self, changed: Array | None) -> Array:
        """(DRAWS,) final bookings in ascending order; of the published distribution where no deals are known.

        Args:
            changed: (deals, DRAWS) bookings from open deals.
        """
        if self.futures is not None and changed is not None:
            return self.futures.draws(changed)
        assert self.quantiles is not None  # noqa: S101 - whoever has none is not asked
        return np.asarray(distribution.inverse(self.quantiles[None, :], np.array([self.floor]), _PLACES)[0])

    def read(self, draws: Array) -> Array:
        """(19,) quantiles of ordered draws, as the forecaster reads them."""
        if self.futures is not None:
            return self.futures.read(draws)
        return np.asarray(at_levels(draws[None, :], LEVELS[None, :])[0])

    @cached_property
    def base(self) -> Array:
        """(19,) quantiles of the draws before any change: those published, but for draws of a distribution."""
        return self.read(self.draws(None if self.futures is None else self.futures.base))

    @cached_property
    def published_pay(self) -> ExpectedPayouts | None:
        """The payouts over the forecast as published; None where none is expected."""
        if self.pay is None or self.quantiles is None:
            return None
        return self.pay.over(self.quantiles, self.floor, None)
