"""What incentives will cost, in words and on one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.scale import Mark, scale_chart
from serving.formats import Money
from spm_ml.predictions import PayCost

MOST: Final = 40
"""Groups that a page lists; the API has all of them."""

_DRAWN: Final = 8
"""Groups that are drawn; the table beneath has the others too."""


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


def cost_charts(costs: Sequence[PayCost], names: Mapping[str, str], money: Money) -> tuple[Markup, ...]:
    """What everybody's incentives will cost beside what is paid so far, then the largest groups on one scale.

    Args:
        costs: In scope.
        names: Of managers in scope.
        money: Writes amounts.
    """
    everybody = next((cost for cost in costs if not cost.manager_id), None)
    charts = []
    if everybody is not None and everybody.quantiles is not None:
        marks = (
            _range_of("Everybody, P10 – P50 – P90", everybody, everybody.quantiles, money),
            Mark("So far", (float(everybody.so_far),), money.amount(everybody.so_far), "booked"),
            Mark(
                "If average bookings were paid",
                (everybody.of_mean_bookings,),
                money.amount(everybody.of_mean_bookings),
                "said",
            ),
        )
        charts.append(_chart(marks, f"Cost of everybody's incentives, in {money.currency}", "cost-chart"))
    ranges = [
        _range_of(names.get(cost.manager_id, cost.manager_id), cost, cost.quantiles, money)
        for cost in costs
        if cost.manager_id and cost.quantiles is not None
    ][:_DRAWN]
    if ranges:
        charts.append(_chart(ranges, f"Cost of each manager's people, in {money.currency}", "costs-chart"))
    return tuple(charts)


def _range_of(label: str, cost: PayCost, quantiles: tuple[float, ...], money: Money) -> Mark:
    return Mark(label, quantiles, f"{money.amount(cost.p10)} – {money.amount(cost.p90)}", "range")


def _chart(marks: Sequence[Mark], title: str, key: str) -> Markup:
    listed = "; ".join(f"{mark.label} {mark.text}" for mark in marks)
    return scale_chart(marks, title=title, description=f"{listed}.", key=key)


def _note(cost: PayCost) -> str:
    if not cost.not_foreseen:
        return ""
    return f"{cost.not_foreseen} with what is paid so far: nothing is foreseen for them"
