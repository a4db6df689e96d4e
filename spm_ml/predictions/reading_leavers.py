"""Reads of people who have left: batches know them no more, and their closed statements stay."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, literal, select

from spm_ml.predictions import schema
from spm_ml.predictions.reading_coaching import CoachingReader
from spm_ml.predictions.selection import Listing

_people = schema.people.c
_closing, _statement, _leaver = schema.pay_closings.c, schema.pay_statements.c, schema.pay_leavers.c


@dataclass(frozen=True)
class LeftPayee:
    """Somebody who has left, with the last statement.

    Attributes:
        rep_id: The person.
        name: As known when the person left.
        period: Of the last statement.
        plan_id: The plan.
        amount: What it paid, minor units of `currency`, which has `minor_digits` decimals; negative: what is owed.
    """

    rep_id: str
    name: str
    period: str
    plan_id: str
    amount: int
    currency: str
    minor_digits: int


class LeaverReader(CoachingReader):
    """Whoever has left belongs to the tree of the last manager; those above see the statements, as they did before.

    Where that manager has left too, those who see everybody's pay do.
    """

    def left_payee(self, rep_id: str) -> str | None:
        """The name of somebody in scope who has left; None if there is none."""
        query = select(_LEFT.c.name).where(_LEFT.c.rep_id == rep_id, self._left_in_scope())
        return self._connection.execute(query).scalar()

    def left_payees(self, *, limit: int = 50) -> Listing[LeftPayee]:
        """People in scope who have left, whoever was paid last first.

        Args:
            limit: At most so many.
        """
        last = and_(_LAST.c.rep_id == _LEFT.c.rep_id, _LAST.c.place == 1)
        columns = (_LAST.c.period, _LAST.c.plan_id, _LAST.c.amount, _LAST.c.currency, _LAST.c.minor_digits)
        query = select(_LEFT.c.rep_id, _LEFT.c.name, *columns).join_from(_LEFT, _LAST, last)
        query = query.where(self._left_in_scope())
        rows = self._connection.execute(
            query.order_by(_LAST.c.period_start.desc(), func.lower(_LEFT.c.name), _LEFT.c.rep_id).limit(limit)
        )
        total = self._connection.execute(query.with_only_columns(func.count(), maintain_column_froms=True)).scalar_one()
        return Listing(tuple(LeftPayee(*row) for row in rows), total)

    def _left_in_scope(self) -> ColumnElement[bool]:
        here = exists().where(_people.batch_id == self._tree_batch_id, _people.rep_id == _LEFT.c.rep_id)
        seen = self._may("pay_total", literal(self._tree_batch_id))
        if self.scope.reach("pay") == "tree":
            seen |= self._may("pay", _LEFT.c.manager_id)
        return (_LEFT.c.place == 1) & ~here & seen


def _latest(column: ColumnElement[str]) -> ColumnElement[Any]:
    newest_first = func.row_number().over(partition_by=column, order_by=_closing.period_start.desc())
    return newest_first.label("place")


_LEFT: Final = (
    select(
        _leaver.rep_id,
        func.coalesce(func.nullif(_leaver.name, ""), _leaver.rep_id).label("name"),
        _leaver.manager_id,
        _latest(_leaver.rep_id),
    )
    .join_from(schema.pay_leavers, schema.pay_closings)
    .subquery("leavers")
)
"""Everybody who has left, as last known in the first place."""

_LAST: Final = (
    select(
        _statement.rep_id,
        _statement.period,
        _statement.plan_id,
        _statement.amount,
        _closing.period_start,
        _closing.currency,
        _closing.minor_digits,
        _latest(_statement.rep_id),
    )
    .join_from(schema.pay_statements, schema.pay_closings)
    .where(exists().where(_leaver.rep_id == _statement.rep_id))
    .subquery("statements")
)
"""Their statements, the newest in the first place."""
