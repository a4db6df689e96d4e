"""The assignment log: who was offered, held out from or given which program, who decided, why, and what came of it.

It is append-only. What was offered by lot keeps the chance with which it was, so that the value of past plans can be
estimated without assuming why people were chosen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Final, Literal

from sqlalchemy import Connection, Engine, select

from spm_ml.predictions import schema
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.checks import require_finite, require_share
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.rows import Recommendation

AssignmentEvent = Literal["offered", "held_out", "withdrawn", "enrolled", "completed", "outcome"]

OFFER_EVENTS: Final[tuple[AssignmentEvent, ...]] = ("offered", "held_out", "withdrawn")


@dataclass(frozen=True)
class Assignment:
    """One line of the log.

    Attributes:
        happened_on: Day of the event: the as-of day of an offer, the day a program was started or completed, the end
            of the period whose attainment is the outcome.
        batch_id: Published when the offer was made; empty for an enrolment that nobody offered.
        period: Label of the period in which the program was offered or started.
        program_id: The program; of somebody held out, the one that would have been offered.
        event: Offered; held out of an offer by lot; withdrawn: a later plan of the period no longer offers it;
            enrolled: started it; completed it; outcome: attainment of the first full period after.
        actor: Who decided.
        reason: Why.
        propensity: Chance with which the rep got the offer, 1 = no lottery; None = unknown.
        effect: Gain that was expected when it was offered, attainment share; None: none was claimed.
        value: Of an outcome: attainment; None if the rep left before the period ended.
        at: When it was written; None before it is.

    Raises:
        ValueError: A number is not finite, or a propensity lies outside 0–1.
    """

    happened_on: date
    batch_id: str
    period: str
    rep_id: str
    program_id: str
    event: AssignmentEvent
    actor: str
    reason: str
    propensity: float | None = None
    effect: float | None = None
    value: float | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        owner = f"{self.event} of program {self.program_id!r} for rep {self.rep_id!r}"
        require_share(owner, propensity=self.propensity)
        require_finite(owner, effect=self.effect, value=self.value)


_FIELDS: Final = tuple(field.name for field in fields(Assignment))


def log_offers(connection: Connection, batch: Batch, recommendations: Iterable[Recommendation], actor: str) -> None:
    """Appends what is new in a period's offers, and what a later plan no longer offers.

    The connection holds the table already.
    """
    standing = _standing_offers(connection, batch.period)
    lines: list[Assignment] = []
    now: set[tuple[str, str]] = set()
    for row in recommendations:
        if row.abstention is not None and not row.held_out:
            continue
        now.add((row.rep_id, row.program_id))
        line = Assignment(
            happened_on=batch.as_of,
            batch_id=batch.batch_id,
            period=batch.period,
            rep_id=row.rep_id,
            program_id=row.program_id,
            event="held_out" if row.held_out else "offered",
            actor=actor,
            reason=row.reason,
            propensity=row.propensity,
            effect=row.effect,
        )
        earlier = standing.get((row.rep_id, row.program_id))
        if earlier is None or _said(earlier) != _said(line):
            lines.append(line)
    gone = [line for key, line in standing.items() if key not in now]
    reason = "A later plan of the same period no longer offers it."
    lines += [
        replace(line, happened_on=batch.as_of, batch_id=batch.batch_id, event="withdrawn", actor=actor, reason=reason)
        for line in gone
    ]
    _append(connection, lines)


class AssignmentLog:
    """The log as a whole: for the operator of the store, never behind a request."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def lines(self) -> tuple[Assignment, ...]:
        """Every line, oldest first."""
        with reading(self._engine) as connection:
            return read_log(connection)

    def append(self, events: Iterable[Assignment]) -> int:
        """Appends what the log does not say yet.

        Returns:
            How many lines were appended.
        """
        with writing(self._engine) as connection:
            said = {_event_key(line): _rounded(line.value) for line in read_log(connection)}
            new: list[Assignment] = []
            for line in events:
                key, value = _event_key(line), _rounded(line.value)
                if key not in said or said[key] != value:
                    said[key] = value
                    new.append(line)
            _append(connection, new)
        return len(new)


def read_log(connection: Connection, *, period: str | None = None) -> tuple[Assignment, ...]:
    """Every line, or those of one period, oldest first."""
    rows = schema.assignments
    query = select(rows).order_by(rows.c.assignment_id)
    if period is not None:
        query = query.where(rows.c.period == period)
    return tuple(Assignment(**{name: getattr(row, name) for name in _FIELDS}) for row in connection.execute(query))


def standing_offers(log: Iterable[Assignment]) -> dict[tuple[str, str, str], Assignment]:
    """The last word on each offer by (period, rep_id, program_id); those withdrawn are left out."""
    last = {(line.period, line.rep_id, line.program_id): line for line in log if line.event in OFFER_EVENTS}
    return {key: line for key, line in last.items() if line.event != "withdrawn"}


def _standing_offers(connection: Connection, period: str) -> dict[tuple[str, str], Assignment]:
    return {key[1:]: line for key, line in standing_offers(read_log(connection, period=period)).items()}


def _said(line: Assignment) -> tuple[object, ...]:
    return (line.event, _rounded(line.propensity), _rounded(line.effect))


def _event_key(line: Assignment) -> tuple[object, ...]:
    return (line.period, line.rep_id, line.program_id, line.event, line.happened_on)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 9)


def _append(connection: Connection, lines: Sequence[Assignment]) -> None:
    if lines:
        now = datetime.now(UTC)
        rows = [{name: getattr(line, name) for name in _FIELDS} | {"at": now} for line in lines]
        connection.execute(schema.assignments.insert(), rows)
