"""Reads of pay: statements of closed periods and of the running one, and what incentives will cost."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, literal, select

from spm_ml.predictions import schema
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.pay import PayCost
from spm_ml.predictions.reading_leavers import LeaverReader
from spm_ml.predictions.selection import Listing

_closing, _closed, _running = schema.pay_closings.c, schema.pay_statements.c, schema.running_statements.c
_people, _plans, _costs = schema.people.c, schema.running_plans.c, schema.pay_costs.c


@dataclass(frozen=True)
class StatementHead:
    """A statement without its trace.

    Attributes:
        period: Label of the period.
        plan_id: The plan.
        plan_version: Of its terms.
        amount: What is paid, minor units of `currency`, which has `minor_digits` decimals.
        as_of: As known on this day.
        data_version: Version of the tables.
        closed_at: When the period was closed (UTC); None: it runs, and the amount is what is paid so far.
    """

    period: str
    plan_id: str
    plan_version: str
    amount: int
    currency: str
    minor_digits: int
    as_of: date
    data_version: int
    closed_at: datetime | None


@dataclass(frozen=True)
class StoredStatement:
    """A statement with its trace and plans, as their writer's text.

    Attributes:
        rep_id: Whose.
        name: The person's, in the organisation of now.
        head: What is paid.
        body: The payout.
        plans: The plan is among them.
    """

    rep_id: str
    name: str
    head: StatementHead
    body: str
    plans: str


@dataclass(frozen=True)
class PaidSoFar:
    """What one person is paid for the running period so far."""

    rep_id: str
    name: str
    role: str
    plan_id: str
    amount: int


class PayReader(LeaverReader):
    """Pay, as one principal may see it: one's own, that of one's tree, and that of people who have left it."""

    def payee(self, rep_id: str) -> str | None:
        """The name of a person whose pay the principal may see; None if there is none in scope."""
        row = self._connection.execute(
            select(_people.name).where(
                _people.batch_id == self._tree_batch_id,
                _people.rep_id == rep_id,
                self._may("pay", literal(rep_id)),
            )
        ).first()
        if row is not None:
            return str(row.name)
        return self.left_payee(rep_id)

    def statements(self, rep_id: str) -> tuple[StatementHead, ...]:
        """A person's statements, the running period's first, then the latest; empty if none is in scope."""
        if self.payee(rep_id) is None:
            return ()
        closed = self._connection.execute(
            select(*_HEAD).select_from(_CLOSED).where(_closed.rep_id == rep_id).order_by(_closing.period_start.desc())
        )
        running = self._running_head(rep_id)
        return (*([running] if running else []), *(StatementHead(*row) for row in closed))

    def statement(self, rep_id: str, period: str | None = None) -> StoredStatement | None:
        """A person's statement; None if there is none, or none in scope.

        Args:
            rep_id: Whose.
            period: Label of the period; None: the published one, or the last closed one.
        """
        name, heads = self.payee(rep_id), self.statements(rep_id)
        head = next((one for one in heads if period is None or one.period == period), None)
        if name is None or head is None:
            return None
        if head.closed_at is None:
            together = schema.running_statements.join(schema.running_plans, _running.batch_id == _plans.batch_id)
            query = (
                select(_running.body, _plans.body.label("plans"))
                .select_from(together)
                .where(_running.batch_id == self.batch.batch_id, _running.rep_id == rep_id)
            )
        else:
            query = (
                select(_closed.body, _closing.plans)
                .select_from(_CLOSED)
                .where(_closed.rep_id == rep_id, _closed.period == head.period)
            )
        row = self._connection.execute(query).one()
        return StoredStatement(rep_id, name, head, row.body, row.plans)

    def paid_so_far(self, *, limit: int = 50, offset: int = 0) -> Listing[PaidSoFar]:
        """What everybody in scope is paid for the running period so far, by name."""
        person = and_(_people.batch_id == _running.batch_id, _people.rep_id == _running.rep_id)
        query = (
            select(_running.rep_id, _people.name, _people.role, _running.plan_id, _running.amount)
            .join_from(schema.running_statements, schema.people, person)
            .where(_running.batch_id == self.batch.batch_id, self._may("pay", _running.rep_id))
        )
        rows = self._connection.execute(
            query.order_by(func.lower(_people.name), _running.rep_id).limit(limit).offset(offset)
        )
        total = self._connection.execute(query.with_only_columns(func.count(), maintain_column_froms=True)).scalar_one()
        return Listing(tuple(PaidSoFar(*row) for row in rows), total)

    def pay_costs(self) -> tuple[PayCost, ...]:
        """What the running period's incentives will cost: of the managers in scope, the largest first.

        What everybody costs is for those who see everybody.
        """
        of_managers = (_costs.manager_id != "") & self._may("pay", _costs.manager_id)
        of_all = (_costs.manager_id == "") & self._may("pay_total", _costs.batch_id)
        rows = self._connection.execute(
            select(_costs.body)
            .where(_costs.batch_id == self.batch.batch_id, of_managers | of_all)
            .order_by(_costs.reps.desc(), _costs.manager_id)
        )
        return tuple(decode(PayCost, body) for body in rows.scalars())

    def in_sight(self, rep_ids: Collection[str]) -> set[str]:
        """Those of some people whose figures the principal may see."""
        query = select(_people.rep_id).where(
            _people.batch_id == self._tree_batch_id, _people.rep_id.in_(rep_ids), self._may("figures", _people.rep_id)
        )
        return set(self._connection.execute(query).scalars())

    def _running_head(self, rep_id: str) -> StatementHead | None:
        batch = self.batch
        row = self._connection.execute(
            select(_running.plan_id, _running.plan_version, _running.amount).where(
                _running.batch_id == batch.batch_id, _running.rep_id == rep_id
            )
        ).first()
        if row is None:
            return None
        return StatementHead(
            period=batch.period,
            plan_id=row.plan_id,
            plan_version=row.plan_version,
            amount=row.amount,
            currency=batch.currency,
            minor_digits=batch.minor_digits,
            as_of=batch.as_of,
            data_version=batch.data_version,
            closed_at=None,
        )


_HEAD: Final[tuple[ColumnElement[Any], ...]] = (
    _closed.period,
    _closed.plan_id,
    _closed.plan_version,
    _closed.amount,
    _closing.currency,
    _closing.minor_digits,
    _closing.as_of,
    _closing.data_version,
    _closing.closed_at,
)
_CLOSED: Final = schema.pay_statements.join(schema.pay_closings, _closed.period == _closing.period)
