"""Before: what the batch before read of the deals that have changed since, to tell whom and what the changes reach."""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

import ibis.expr.types as ir
import pyarrow as pa

from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace

_TABLES: Final = ("opportunities", "opportunity_events", "credits")
_MOVES_ON: Final = "next_recorded_on"
"""What a later entry writes into an earlier one."""


@dataclass(frozen=True)
class Before:
    """The tables at an earlier version.

    Attributes:
        history: Of them; of deals only those that have changed since.
        deals: Their ids.
    """

    history: SalesHistory
    deals: Set[str]

    @classmethod
    @contextmanager
    def opened(cls, workspace: Workspace, version: int, deals: Set[str]) -> Iterator[Self]:
        """Opens the tables at a version.

        Args:
            workspace: Whose.
            version: Of the tables.
            deals: That have changed since.
        """
        with SalesHistory.open(workspace, version=version) as then:
            yield cls(then.replacing({name: _of(then.source(name), deals) for name in _TABLES}), deals)

    def unlike(self, now: SalesHistory) -> bool:
        """Whether what the source as a whole records has changed: then every deal may be read otherwise."""
        return self.history.facts != now.facts

    def reps(self) -> set[str]:
        """Who owned the deals or was credited with them then."""
        return named_in(self.history, self.deals)

    def same_past(self, now: SalesHistory, start: date) -> bool:
        """Whether everything that finished periods are measured by is what it was.

        Args:
            now: The tables as they are now.
            start: First day of the running period.
        """
        both = zip(self._past(self.history, start), self._past(now, start), strict=True)
        return all(then.equals(here) for then, here in both)

    def _past(self, history: SalesHistory, start: date) -> Iterator[pa.Table]:
        """What happened before a day to the deals, in an order; their accounts and kinds; and quotas."""
        ledger, bookings = _of(history.ledger, self.deals), _of(history.bookings, self.deals)
        entries = ledger.filter(ledger.event_on < start).drop(_MOVES_ON)
        yield entries.order_by("opportunity_id", "event_number").to_pyarrow()
        booked = bookings.filter(bookings.booked_on < start)
        yield booked.order_by(list(booked.columns)).to_pyarrow()
        known = _of(history.source("opportunities"), self.deals).semi_join(entries, "opportunity_id")
        yield known.select("opportunity_id", "account_id", "kind").order_by("opportunity_id").to_pyarrow()
        quotas = history.quotas.filter(history.quotas.period_start < start)
        yield quotas.order_by(list(quotas.columns)).to_pyarrow()


def named_in(history: SalesHistory, deals: Set[str]) -> set[str]:
    """Who ever owned some deals, or is or was credited with them."""
    tables = (history.ledger, history.bookings, history.source("credits"))
    names = (_of(rows, deals).select("rep_id").distinct().to_pyarrow()["rep_id"].to_pylist() for rows in tables)
    return {name for some in names for name in some if name is not None}


def _of(rows: ir.Table, deals: Set[str]) -> ir.Table:
    return rows.filter(rows.opportunity_id.isin(sorted(deals)))
