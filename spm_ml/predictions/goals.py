"""What the company is to book in a period: appended, never edited; the newest of a period counts."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, select

from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.engine import reading, writing

_goal = schema.company_goals.c


@dataclass(frozen=True)
class NewGoal:
    """What is to be booked, and who says so.

    Attributes:
        period: Label of the period.
        amount: Minor units, above 0.
        currency: ISO 4217 code.
        minor_digits: Decimal digits of its minor unit.
        reason: Why, in the words of whoever sets it.
        actor: Who sets it.
        proposal_id: The quota proposal that was accepted with it; None: it was set by itself.
        data_version: Version of the tables that holds the quotas of the proposal.
    """

    period: str
    amount: int
    currency: str
    minor_digits: int
    reason: str
    actor: str
    proposal_id: int | None = None
    data_version: int | None = None


@dataclass(frozen=True)
class CompanyGoal:
    """A goal as it stands, and when it was set (UTC)."""

    goal: NewGoal
    set_at: datetime


_NEW: Final = tuple(field.name for field in fields(NewGoal))
_STORED: Final = (*(_goal[name] for name in _NEW), _goal.set_at)


def goal_of(connection: Connection, period: str, currency: str, minor_digits: int) -> CompanyGoal | None:
    """The goal of a period that counts, in a currency; None if none was set."""
    own = (_goal.period == period, _goal.currency == currency, _goal.minor_digits == minor_digits)
    row = connection.execute(select(*_STORED).where(*own).order_by(_goal.goal_id.desc()).limit(1)).first()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> CompanyGoal:
    return CompanyGoal(NewGoal(**{name: getattr(row, name) for name in _NEW}), row.set_at)


def _said(goal: NewGoal) -> tuple[int, int | None]:
    return goal.amount, goal.proposal_id


class Goals:
    """Each call is a transaction of its own, or a part of the one whose connection is given."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def set(self, goal: NewGoal) -> bool:
        """Puts a goal on record with its audit line; the same as the one that stands adds nothing.

        Returns:
            Whether it was added.

        Raises:
            ValueError: The amount is not above 0.
        """
        if goal.amount <= 0:
            raise ValueError(f"a goal of {goal.amount} is no goal: choose one above 0")
        with writing(self._engine) as connection:
            standing = goal_of(connection, goal.period, goal.currency, goal.minor_digits)
            if standing is not None and _said(standing.goal) == _said(goal):
                return False
            values = {name: getattr(goal, name) for name in _NEW}
            connection.execute(schema.company_goals.insert().values(**values, set_at=datetime.now(UTC)))
            record(
                connection,
                actor=goal.actor,
                action="goal set" if goal.proposal_id is None else "quota proposal accepted",
                subject=goal.period,
                detail={name: values[name] for name in _NEW if name not in ("period", "actor")},
            )
        return True

    def history(self, period: str) -> tuple[CompanyGoal, ...]:
        """Every goal that was set for a period, the newest first."""
        query = select(*_STORED).where(_goal.period == period).order_by(_goal.goal_id.desc())
        with reading(self._engine) as connection:
            return tuple(_read(row) for row in connection.execute(query))
