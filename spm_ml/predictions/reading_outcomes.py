"""Reads of what came of a period's forecasts, all through one scope."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select

from spm_ml.predictions import schema
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.outcomes import OutcomeVersion, newest
from spm_ml.predictions.reading_coaching import CoachingReader
from spm_ml.predictions.rows import NO_REGION, NO_SEGMENT, TeamPrediction, WeekForecast
from spm_ml.predictions.scope import tree_of

_rep, _said = schema.predictions.c, schema.outcomes.c


@dataclass(frozen=True)
class HeldRanges:
    """How many forecast ranges, P10 to P90, held the result; of ten, eight should.

    Attributes:
        held: Ranges with the result inside.
        compared: Ranges of reps who stayed to the end, with a result.
        left: Reps who left before the end: no result of a whole period.
    """

    held: int
    compared: int
    left: int


@dataclass(frozen=True)
class GroupOutcome:
    """What the members of a group booked together in a finished period.

    Attributes:
        revenue: Sum of their bookings, each deal counted once; minor units.
        reps: How many they are.
        left: Those who left before the end; what they booked until then is in the sum.
        as_known_on: Watermark of the newest data that say so.
    """

    revenue: int
    reps: int
    left: int
    as_known_on: date


class OutcomeReader(CoachingReader):
    """What came of the batch's period, as one principal may see it; whoever sees a rep's figures sees the result."""

    @cached_property
    def results_known_on(self) -> date | None:
        """Watermark of the newest data that say a result of the period; None: it runs, or no later batch said any."""
        known: date | None = self._connection.execute(
            select(func.max(_said.watermark)).where(*self._of_period())
        ).scalar()
        return known

    def outcomes(self, rep_ids: Collection[str]) -> dict[str, OutcomeVersion]:
        """The results that count, by rep, of reps in scope."""
        if self.results_known_on is None:
            return {}
        rows = self._connection.execute(
            self._newest(schema.outcomes).where(_said.rep_id.in_(rep_ids), self._may("figures", _said.rep_id))
        )
        return {row.rep_id: OutcomeVersion.from_row(row) for row in rows}

    def outcome_versions(self, rep_id: str) -> tuple[OutcomeVersion, ...]:
        """Everything that was said of one rep's result, oldest first; the last counts. Empty if none is in scope."""
        if self.results_known_on is None:
            return ()
        rows = self._connection.execute(
            select(schema.outcomes)
            .where(*self._of_period(), _said.rep_id == rep_id, self._may("figures", _said.rep_id))
            .order_by(_said.outcome_id)
        )
        return tuple(OutcomeVersion.from_row(row) for row in rows)

    def held_ranges(self, manager_id: str | None = None) -> HeldRanges | None:
        """How many ranges forecast as of the day held the result, of reps in scope; None while results are unknown.

        Args:
            manager_id: Only of this manager's tree.
        """
        if self.results_known_on is None:
            return None
        own = and_(_said.rep_id == _rep.rep_id, _said.period == self.batch.period)
        query = (
            self._newest(_rep.body, *schema.outcomes.c)
            .join_from(schema.predictions, schema.outcomes, own)
            .where(self._on_the_day(), self._may("figures", _rep.rep_id))
        )
        if manager_id is not None:
            query = query.where(_rep.rep_id.in_(tree_of(manager_id, self._tree_batch_id, name="team")))
        inside, left = [], 0
        for row in self._connection.execute(query):
            forecast, outcome = decode(WeekForecast, row.body), OutcomeVersion.from_row(row).outcome
            left += outcome.censored
            inside.append(outcome.inside(forecast.quantile(0.1), forecast.quantile(0.9)))
        known = [one for one in inside if one is not None]
        return HeldRanges(sum(known), len(known), left)

    def group_outcome(self, group: TeamPrediction) -> GroupOutcome | None:
        """What a group's members booked together; None while that is not known of every one of them.

        Not scoped: the group is one that the principal was shown, and its sum of bookings is about the same people.
        """
        if self.results_known_on is None:
            return None
        said = self._newest(schema.outcomes).subquery()
        query = (
            select(
                func.count().label("reps"),
                func.count(said.c.rep_id).label("known"),
                func.sum(said.c.revenue).label("revenue"),
                func.count().filter(said.c.censored).label("left"),
                func.max(said.c.watermark).label("watermark"),
            )
            .select_from(schema.predictions.outerjoin(said, said.c.rep_id == _rep.rep_id))
            .where(self._on_the_day(), *self._members(group))
        )
        row = self._connection.execute(query).one()
        if not row.reps or row.known < row.reps:
            return None
        return GroupOutcome(int(row.revenue), row.reps, row.left, row.watermark)

    def _of_period(self) -> tuple[ColumnElement[bool], ...]:
        """Everything that was said of the period, in the batch's currency: other amounts cannot be compared."""
        batch = self.batch
        currency = (_said.currency == batch.currency, _said.minor_digits == batch.minor_digits)
        return (_said.period == batch.period, *currency)

    def _newest(self, *columns: Any) -> Select[Any]:
        """What counts of the period."""
        return select(*columns).where(newest((self.batch.period,), self.batch))

    def _on_the_day(self) -> ColumnElement[bool]:
        return and_(_rep.batch_id == self.batch.batch_id, _rep.as_of == self.as_of)

    def _members(self, group: TeamPrediction) -> tuple[ColumnElement[bool], ...]:
        """The rows that scoring added up to the group."""
        if group.level == "team":
            return (_rep.rep_id.in_(tree_of(group.key, self.batch.batch_id, name="team")),)
        if group.level == "region":
            return (_rep.region == ("" if group.key == NO_REGION else group.key),)
        if group.level == "segment":
            return (_rep.segment == ("" if group.key == NO_SEGMENT else group.key),)
        return ()
