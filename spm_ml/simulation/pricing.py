"""What amounts are written in: the currencies of teams abroad (H10), and amounts on another basis (H15)."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spm_ml.simulation import ledger
from spm_ml.simulation.engine import Course
from spm_ml.simulation.render import dates, numbers, words
from spm_ml.simulation.world import Bools, Floats, Ints

FIRST_RATES = {"EUR": 1.09, "GBP": 1.27, "JPY": 0.0067}
"""Organisation currency (USD) for one unit, on the first day."""
_WEEKLY_SPREAD = 0.009
_MONTHS = 12.0


@dataclass(frozen=True)
class Pricing:
    """In which currency and on which basis each deal's amounts are written.

    Attributes:
        currencies: Codes; the organisation's own is first.
        currency: (deals,) index into them.
        monthly: (deals,) amounts are a month's revenue.
        rates: (weeks, currencies) rates from each week's first day on.
        rate_days: (weeks,) those days.
    """

    currencies: tuple[str, ...]
    currency: Ints
    monthly: Bools
    rates: Floats
    rate_days: Ints

    @classmethod
    def of(cls, course: Course, rng: np.random.Generator) -> "Pricing":
        """Draws who sells abroad, the exchange rates, and which deals are on another basis."""
        world, timeline, people, deals = course.world, course.timeline, course.people, course.deals
        teams, codes = len(people.team_segment), tuple(FIRST_RATES)
        abroad = rng.random(teams) < world.knobs.foreign
        abroad[-1] |= world.knobs.foreign > 0
        of_team = np.where(abroad, 1 + np.arange(teams) % len(codes), 0)
        steps = rng.normal(0, _WEEKLY_SPREAD, (timeline.weeks, len(codes)))
        paths = np.array(list(FIRST_RATES.values())) * np.exp(np.cumsum(steps, axis=0))
        week = np.searchsorted(timeline.week_start, deals.created_on, side="right") - 1
        return cls(
            currencies=(world.organisation.currency, *codes),
            currency=of_team[people.team[timeline.week_period[week], deals.owner]],
            monthly=rng.random(len(deals)) < world.knobs.mixed_basis,
            rates=np.column_stack([np.ones(timeline.weeks), np.round(paths, 6)]),
            rate_days=timeline.week_start,
        )

    def written(self, columns: dict[str, Ints], created_on: Ints) -> dict[str, Ints]:
        """The ledger with amounts as the source system has them: whole units of the deal's currency.

        Args:
            columns: Ledger with amounts in minor units of the organisation's currency.
            created_on: (deals,) the day whose rate a price list was made with.
        """
        deal, amount = columns["deal"], columns["amount"]
        changed = (amount != ledger.UNCHANGED) & ((self.currency[deal] > 0) | self.monthly[deal])
        price = amount / self._rate(created_on[deal], self.currency[deal]) / np.where(self.monthly[deal], _MONTHS, 1.0)
        whole = np.maximum(np.round(price / 100), 1).astype(np.int64) * 100
        return columns | {"amount": np.where(changed, whole, amount)}

    def value(self, columns: dict[str, Ints]) -> Floats:
        """(events,) what a unit of each event's amount is worth: the rate of the day it was booked, and its basis.

        A cancellation takes back what was booked, at the rate of the win.
        """
        rows = np.arange(len(columns["deal"]))
        won = columns["kind"] == ledger.KINDS.index("won")
        booking = np.where(won, rows, 0)
        undone = np.isin(columns["kind"], [ledger.KINDS.index("cancelled"), ledger.KINDS.index("reopened")])
        source = np.where(undone, np.maximum.accumulate(booking), rows)
        rate = self._rate(columns["event_on"][source], self.currency[columns["deal"]])
        return np.asarray(rate * np.where(self.monthly[columns["deal"]], _MONTHS, 1.0))

    def table(self, last_day: int) -> pa.Table | None:
        """`fx_rates` back to the oldest deal; None where only one currency is used."""
        used = np.unique(self.currency[self.currency > 0])
        if not len(used):
            return None
        weeks = np.arange(int(np.searchsorted(self.rate_days, last_day, side="right")))
        code, week = np.repeat(used, len(weeks)), np.tile(weeks, len(used))
        return pa.table(
            {
                "currency": words(self.currencies, code),
                "rate_on": dates(self.rate_days[week]),
                "rate": numbers(self.rates[week, code]),
            }
        )

    def _rate(self, days: Ints, currency: Ints) -> Floats:
        week = np.clip(np.searchsorted(self.rate_days, days, side="right") - 1, 0, None)
        return np.asarray(self.rates[week, currency])
