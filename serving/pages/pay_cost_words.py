"""What incentives will cost, in words and on one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.formats import Money
from spm_ml.predictions import PayCost

MOST: Final = 40
"""Groups that a page lists; the API has all of them."""


@dataclass(frozen=True)
class CostWords:
    """The cost of one manager's people, or of everybody."""

    label: str
    reps: str
    so_far: str
    low: str
    median: str
    high: str
    mean: str
    note: str


def cost_words(costs: Sequence[PayCost], names: Mapping[str, str], money: Money) -> tuple[CostWords, ...]:
    """The largest groups first.

    Args:
        costs: In scope.
        names: Of managers in scope.
        money: Writes amounts.
    """
    return tuple(
        CostWords(
            label=names.get(cost.manager_id, cost.manager_id) if cost.manager_id else "Everybody",
            reps=str(cost.reps),
            so_far=money.amount(cost.so_far),
            low=money.amount(cost.p10),
            median=money.amount(cost.p50),
            high=money.amount(cost.p90),
            mean=money.amount(cost.mean),
            note=_note(cost),
        )
        for cost in costs[:MOST]
    )


def _note(cost: PayCost) -> str:
    if not cost.not_foreseen:
        return ""
    return f"{cost.not_foreseen} with what is paid so far: nothing is foreseen for them"
