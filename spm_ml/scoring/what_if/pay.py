"""Pay in what-if questions: every outcome before and after the changes goes through the rep's plan."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from pydantic import TypeAdapter

from spm_ml.compensation import CompensationPlan, Payout, payout_at
from spm_ml.forecasting import distribution
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.scoring.pay import PayLadder

SHOWN: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_AT: Final = tuple(LEVELS.tolist().index(level) for level in SHOWN)
_ENDS: Final = np.array([[0.005, 0.995]])
_MIDDLES: Final = ((np.arange(100) + 0.5) / 100)[None, :]
"""Middles of a hundred equal shares, over which a mean is taken."""

_SO_FAR: Final = TypeAdapter(Payout)


def pay_inputs(ladder: PayLadder | None, booked: float) -> dict[str, Any] | None:
    """What is kept of a rep's plan and payout so far; None where nothing is expected of it.

    Args:
        ladder: The rep's payouts over the forecast.
        booked: Bookings so far, minor units.
    """
    if ladder is None or ladder.payouts is None:
        return None
    return {
        "plan": ladder.pay.plan.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "so_far": _SO_FAR.dump_python(replace(ladder.so_far, lines=()), mode="json", exclude_defaults=True),
        "booked": booked,
        "mean": float(ladder.payouts[::2].mean()),
    }


@dataclass(frozen=True)
class ExpectedPayouts:
    """Payouts of a distribution of bookings, minor units.

    Attributes:
        quantiles: At `SHOWN`.
        mean: Of all.
    """

    quantiles: tuple[int, ...]
    mean: float


@dataclass(frozen=True)
class StoredPay:
    """The plan of one rep and what it pays so far.

    Attributes:
        plan: The plan.
        so_far: On what is credited so far, without its lines.
        booked: Bookings so far, minor units.
        mean: Payout over the published forecast, minor units.
    """

    plan: CompensationPlan
    so_far: Payout
    booked: float
    mean: float

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Reads what `pay_inputs` kept."""
        plan, so_far = CompensationPlan.model_validate(kept["plan"]), _SO_FAR.validate_python(kept["so_far"])
        return cls(plan, so_far, kept["booked"], kept["mean"])

    def over(self, quantiles: Array, floor: float, quota: int | None) -> ExpectedPayouts:
        """The payouts over (19,) quantiles of final bookings; between them, lines are straight.

        Args:
            quantiles: At `LEVELS`, minor units.
            floor: The least that final bookings can be.
            quota: To pay by; None: the rep's own.
        """
        so_far = self.so_far if quota is None else replace(self.so_far, quota=quota)
        ends = distribution.inverse(quantiles[None, :], np.array([floor]), _ENDS)[0]
        final = np.concatenate([ends[:1], quantiles, ends[1:]])
        paid = [payout_at(self.plan, so_far, round(amount)) for amount in (final - self.booked).tolist()]
        middles = distribution.inverse(quantiles[None, :], np.array([floor]), _MIDDLES)[0]
        shown = sorted(paid[1 + place] for place in _AT)
        return ExpectedPayouts(tuple(shown), float(np.interp(middles, final, paid).mean()))
