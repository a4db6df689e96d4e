"""Adjustments: what a closed period paid too much or too little, paid with the next one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from spm_ml.compensation.trace import Payout, TraceLine

Place = tuple[str, str, str]
"""Component, whose credit, deal."""


@dataclass
class _Sums:
    """What lines of one place add up to."""

    credit: int = 0
    amount: int = 0
    withheld: int = 0
    booked_on: date = date.min

    def add(self, line: TraceLine, sign: int) -> None:
        self.credit += sign * line.credit
        self.amount += sign * line.amount
        self.withheld += sign * line.withheld
        self.booked_on = max(self.booked_on, line.booked_on)


def adjustment_lines(earlier: Sequence[Payout], restated: Sequence[Payout]) -> list[TraceLine]:
    """One line for each component and deal of a closed period that is worth something else now.

    A closed payout is never changed. Deals that were entered late, corrected or reversed are worked out anew together
    with the whole closed period, so that tiers and caps hold as they would have, and the difference to what was paid
    for it, earlier adjustments included, is paid now.

    Args:
        earlier: Payouts as they were closed; a closed period without one paid nothing.
        restated: What closed periods would pay with what is known now.
    """
    lines: list[TraceLine] = []
    for now in sorted(restated, key=lambda paid: paid.period_start):
        made = (line for paid in earlier for line in paid.lines if (line.of_period or paid.period) == now.period)
        lines += _differences(now, made)
    return lines


def _differences(now: Payout, paid: Iterable[TraceLine]) -> list[TraceLine]:
    places: dict[Place, _Sums] = defaultdict(_Sums)
    for sign, lines in ((-1, paid), (1, (line for line in now.lines if not line.of_period))):
        for line in lines:
            places[line.component, line.owner, line.opportunity_id].add(line, sign)
    return [
        TraceLine(
            kind="adjustment",
            opportunity_id=opportunity_id,
            entry="",
            booked_on=sums.booked_on,
            credit=sums.credit,
            tier=f"adjustment of {now.period}",
            rate=None,
            amount=sums.amount,
            component=component,
            owner=owner,
            withheld=sums.withheld,
            of_period=now.period,
        )
        for (component, owner, opportunity_id), sums in places.items()
        if sums.credit or sums.amount or sums.withheld
    ]
