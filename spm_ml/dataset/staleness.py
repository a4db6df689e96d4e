"""Which rows of a stored dataset are stale once newer tables are there.

A row depends on what is recorded up to its as-of day and, once its period is finished, on what came of the period. Of
deals and activities the derived tables say what differs between two versions, and since when; people, quotas, what
was submitted and the deals in other currencies are few, and are compared whole.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd

from spm_ml.dataset.flags import foreign_deals
from spm_ml.history import SalesHistory
from spm_ml.history.earlier import BOOKED, FROM

_ = ibis._

_ALWAYS: Final = date.min


@dataclass(frozen=True)
class Staleness:
    """What is stale.

    Attributes:
        reps: By rep_id: the first as-of day whose row is stale.
        rep_periods: `rep_id, period_start`: rows of these are stale whatever their day.
        everything: Why every row is stale; None = the others say which.
    """

    reps: dict[str, date]
    rep_periods: frozenset[tuple[str, date]]
    everything: str | None = None

    @property
    def first(self) -> date | None:
        """The first day on which any row is stale; None = there is none."""
        return min((*self.reps.values(), *(start for _, start in self.rep_periods)), default=None)


def staleness(before: SalesHistory, after: SalesHistory, since: date, written: Collection[str]) -> Staleness:
    """What is stale of a dataset of an earlier version.

    Args:
        before: What that version says beside the derived tables (`SalesHistory.stated_before`).
        after: The newest tables.
        since: The watermark of that version.
        written: Tables of which anything was written since; the others are not compared.
    """
    return _Comparison(before, after, since, written).result()


class _Comparison:
    """The steps of `staleness`."""

    def __init__(self, before: SalesHistory, after: SalesHistory, since: date, written: Collection[str]) -> None:
        self._both, self._since, self._written = (before, after), since, written
        self._reps: dict[str, date] = {}
        self._rep_periods: set[tuple[str, date]] = set()

    def result(self) -> Staleness:
        reason = next(self._steps(), None)
        return Staleness(self._reps, frozenset(self._rep_periods), reason)

    def _steps(self) -> Iterator[str]:
        """Collects what is stale; gives a reason why everything is."""
        before, after = self._both
        until, calendar = after.watermark, after.calendar
        if until < self._since:
            yield "the newest record is of an earlier day than before"
        ended = [each for each in calendar.periods_between(self._since, until) if self._since < each.end <= until]
        if ended:
            yield f"{ended[0].label} has ended, so every row of it has an outcome now"
        differing = after.differing_since(before.version)
        if differing is None:
            yield "what differs from the tables of the stored dataset is not on record"
            return
        if "enrolments" in self._written:
            began = [history.table("enrolments").started_on.min().to_pyarrow().as_py() for history in self._both]
            if began[0] != began[1]:
                yield "the first day with an enrolment has changed"
        self._add_from(differing.filter(_.kind == FROM))
        self._add_in_period(differing.filter(_.kind == BOOKED), finished=True)
        self._compare_people()
        if "opportunities" in self._written and not after.one_currency:
            relabelled = _differing(*(foreign_deals(history) for history in self._both))  # H10, which no amount tells
            self._add_from(after.ledger.semi_join(relabelled, "opportunity_id").select("rep_id", day="recorded_on"))

    def _compare_people(self) -> None:
        before, after = self._both
        if "reps" in self._written:
            profiles = _differing(before.profiles, after.profiles)
            for name in ("rep_id", "manager_id"):
                self._add_from(profiles.select(rep_id=name, day=ibis.literal(_ALWAYS)))
        if "quotas" in self._written:
            quotas = _differing(before.quotas, after.quotas)
            self._add_from(quotas.select("rep_id", day="known_on"))
            self._add_in_period(quotas.select("rep_id", day="period_start"), finished=True)
        if "submissions" in self._written:
            self._add_from(_differing(before.submissions, after.submissions).select("rep_id", day="known_on"))
        if "enrolments" in self._written:
            taken = _differing(*(history.table("enrolments") for history in self._both))
            self._add_from(taken.select("rep_id", day="completed_on"))
        left = after.profiles.filter(_.left_on.between(self._since, after.watermark))
        self._add_in_period(left.select("rep_id", day="left_on"))

    def _add_from(self, rows: ir.Table) -> None:
        for rep, day in _pairs(rows.group_by("rep_id").agg(day=_.day.min())):
            self._reps[rep] = min(day, self._reps.get(rep, day))

    def _add_in_period(self, rows: ir.Table, *, finished: bool = False) -> None:
        """Adds periods whose outcome differs; `finished`: there is none before the period's end."""
        calendar, reached = self._both[1].calendar, self._both[1].watermark
        for rep, day in _pairs(rows.select("rep_id", "day").distinct()):
            period = calendar.period_of(day)
            if period.end <= reached or not finished:
                self._rep_periods.add((rep, period.start))


def _differing(then: ir.Table, now: ir.Table) -> ir.Table:
    """The rows that one side has more often than the other."""
    counted = [rows.group_by(rows.columns).agg(_times=rows.count()) for rows in (then, now)]
    return ibis.union(counted[0].difference(counted[1]), counted[1].difference(counted[0]))


def _pairs(rows: ir.Table) -> Iterator[tuple[str, date]]:
    frame: pd.DataFrame = rows.filter(_.rep_id.notnull() & _.day.notnull()).to_pyarrow().to_pandas(date_as_object=True)
    yield from zip(frame["rep_id"], frame["day"], strict=True)
