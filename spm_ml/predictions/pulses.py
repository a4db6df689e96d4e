"""The pulse: five short answers of a rep about the period, given of their own free will and taken back at any time.

Answers are kept while the rep agrees, and erased when the rep withdraws them: the audit says that somebody answered and
withdrew, never what. Each row holds a random salt, without which its digest in the audit could be guessed back from the
few answers there are; it goes with the row. Managers read answers that the rep shares; HR is told counts.
"""

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, exists, func, or_, select

from spm_ml.predictions import lookup, schema, threads
from spm_ml.predictions.audit import append, record_act
from spm_ml.predictions.engine import overwrite_what_is_deleted, reading, writing
from spm_ml.predictions.principal import Principal
from spm_ml.predictions.scope import SMALLEST_GROUP, Scope

PulseQuestion = Literal["pipeline", "quota", "workload", "support", "focus"]

QUESTIONS: Final[dict[PulseQuestion, str]] = {
    "pipeline": "My pipeline is enough for this period",
    "quota": "My quota can be reached",
    "workload": "My workload can be managed",
    "support": "I get the help I need",
    "focus": "I know what to work on first",
}
"""What is asked, in its order: from 1, not at all, to 5, completely."""

LOWEST: Final = 1
HIGHEST: Final = 5

TERMS: Final = "2026-11"
"""Which wording of the consent was agreed to; a new wording gets a new name."""

_rows, _gone, _keys = schema.pulses.c, schema.pulse_withdrawals.c, schema.idempotency.c
_later = schema.pulses.alias("later")
_STANDS: Final = ~exists().where(
    _later.c.rep_id == _rows.rep_id, _later.c.period == _rows.period, _later.c.pulse_id > _rows.pulse_id
)
_people = schema.people.c


class ConsentMissingError(ValueError):
    """Nobody's answers are kept without their consent."""


@dataclass(frozen=True)
class Pulse:
    """The answers of one rep.

    Attributes:
        name: Of the rep; None if the rep is no longer in the organisation.
        answers: By question, 1 to 5.
        shared: Whether the managers above may read them.
        terms: Which wording of the consent the rep agreed to.
        stands: Whether the rep gave no later ones for the period.
    """

    pulse_id: int
    at: datetime
    batch_id: str
    period: str
    rep_id: str
    name: str | None
    answers: dict[PulseQuestion, int]
    shared: bool
    terms: str
    stands: bool


@dataclass(frozen=True)
class PulseCount:
    """What people answered to one question in a period, together.

    Attributes:
        people: How many answered when it was last told; None: too few to tell.
        mean: Of their answers; None where `people` is.
        answers: How many gave each answer, from `LOWEST` to `HIGHEST`; None where `people` is.
    """

    question: PulseQuestion
    people: int | None
    mean: float | None
    answers: tuple[int, ...] | None


@dataclass(frozen=True)
class PulseRow:
    """What stands of a rep's answers, as data.

    Attributes:
        answered_on: Local day on which it was known.
    """

    rep_id: str
    period: str
    answered_on: date
    answers: dict[PulseQuestion, int]


class Pulses:
    """Takes answers and erases them, each in one transaction with its line of the audit."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def give(
        self, principal: Principal, answers: dict[PulseQuestion, int], *, consent: bool, shared: bool = False
    ) -> Pulse | None:
        """Keeps the principal's own answers for the published period; None if there is no forecast of theirs.

        Args:
            principal: Who answers, about themselves.
            answers: One for each question.
            consent: Whether they agree that the answers are kept and used as `docs/security.md` says.
            shared: Whether the managers above may read them.

        Raises:
            NotReadyError: Nothing is published.
            ConsentMissingError: They do not agree.
            ValueError: A question has no answer, or one that is not on the scale.
        """
        if not consent:
            raise ConsentMissingError("answers are kept only of who agrees to it")
        if answers.keys() != QUESTIONS.keys() or not all(LOWEST <= one <= HIGHEST for one in answers.values()):
            raise ValueError(f"answer every question, from {LOWEST} to {HIGHEST}")
        rep_id = principal.scope.rep_id
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            if rep_id is None or not lookup.has_forecast(connection, batch, principal.scope, "own_pulse", rep_id):
                return None
            row: dict[str, Any] = {
                "at": datetime.now(UTC),
                "batch_id": batch.batch_id,
                "period": batch.period,
                "rep_id": rep_id,
                **{str(question): answer for question, answer in answers.items()},
                "shared": shared,
                "terms": TERMS,
                "salt": secrets.token_hex(16),
                "account_id": principal.account_id,
            }
            pulse_id, named = append(connection, "pulses", row)
            detail = {"terms": TERMS, "shared": shared} | named
            record_act(connection, principal, "pulse given", rep_id, detail, batch=batch)
            (given,) = find_pulses(connection, batch.batch_id, _rows.pulse_id == pulse_id, limit=1)
            return given

    def withdraw(self, principal: Principal, period: str | None = None) -> int:
        """Erases the principal's own answers, of one period or all, and gives how many there were.

        The account's idempotency keys go too, so that a request of before that is repeated counts as a new one.

        Raises:
            NotReadyError: Nothing is published.
        """
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            own = and_(
                principal.scope.predicate("own_pulse", _rows.rep_id, batch.batch_id),
                *(() if period is None else (_rows.period == period,)),
            )
            columns = (_rows.pulse_id, _rows.period, _rows.rep_id)
            found = connection.execute(select(*columns).where(own).order_by(_rows.pulse_id)).all()
            newest = connection.execute(select(func.max(_rows.pulse_id))).scalar() or 0
            for one in found:
                row = {
                    "at": datetime.now(UTC),
                    "pulse_id": one.pulse_id,
                    "newest_pulse_id": newest,
                    "period": one.period,
                    "rep_id": one.rep_id,
                    "account_id": principal.account_id,
                }
                _, named = append(connection, "pulse_withdrawals", row)
                detail = {"pulse_id": one.pulse_id} | named
                record_act(connection, principal, "pulse withdrawn", one.rep_id, detail, batch=batch)
            overwrite_what_is_deleted(connection)
            connection.execute(delete(schema.pulses).where(_rows.pulse_id.in_([one.pulse_id for one in found])))
            # The digest of a request that gave answers says as much as the answers.
            connection.execute(delete(schema.idempotency).where(_keys.account_id == principal.account_id))
            return len(found)

    def standing_rows(self, timezone: str) -> tuple[PulseRow, ...]:
        """What stands of everybody's answers: for the operator of the store, never behind a request."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(schema.pulses).where(_STANDS).order_by(_rows.pulse_id))
            return tuple(
                PulseRow(row.rep_id, row.period, row.at.astimezone(ZoneInfo(timezone)).date(), _answers(row))
                for row in rows
            )


def may_read(scope: Scope, batch_id: str) -> ColumnElement[bool]:
    """The condition that answers are within reach: one's own, and others' that are shared."""
    own = _rows.rep_id == (scope.rep_id or "")
    return and_(scope.predicate("pulse", _rows.rep_id, batch_id), or_(own, _rows.shared))


def find_pulses(
    connection: Connection, tree_batch_id: str, *conditions: ColumnElement[bool], limit: int, offset: int = 0
) -> tuple[Pulse, ...]:
    """Answers that meet every condition, the latest first; one of them must be the scope's."""
    rows = threads.find(
        connection,
        schema.pulses,
        (*_rows, threads.NAME, _STANDS.label("stands")),
        conditions,
        tree_batch_id=tree_batch_id,
        order=(_rows.pulse_id.desc(),),
        limit=limit,
        offset=offset,
    )
    columns = ("pulse_id", "at", "batch_id", "period", "rep_id", "name", "shared", "terms", "stands")
    return tuple(Pulse(**{name: getattr(row, name) for name in columns}, answers=_answers(row)) for row in rows)


def count_pulses(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """How many answers meet every condition; one of them must be the scope's."""
    return threads.count(connection, schema.pulses, conditions)


def pulse_counts(connection: Connection, period: str) -> tuple[PulseCount, ...]:
    """What everybody answered in a period, by question, when it was last told.

    It is told when `SMALLEST_GROUP` people have answered, and anew when as many have answered or withdrawn since. From
    the moment that somebody whose answers it holds withdraws them nothing is told, until as many have moved again.
    """
    given = connection.execute(select(schema.pulses).where(_rows.period == period)).all()
    withdrawn = connection.execute(select(schema.pulse_withdrawals).where(_gone.period == period)).all()
    told = _told(
        [(row.pulse_id, 0, row.rep_id, row.pulse_id) for row in (*given, *withdrawn)]
        + [(row.newest_pulse_id, row.withdrawal_id, row.rep_id, row.pulse_id) for row in withdrawn]
    )
    rows = [_answers(row) for row in given if row.pulse_id in told]
    return tuple(_count(question, [row[question] for row in rows]) for question in QUESTIONS)


def _told(events: Iterable[tuple[int, int, str, int]]) -> frozenset[int]:
    """The pulses behind what is told, from events in their order: where, 0 or the withdrawal's id, who, which pulse."""
    told: frozenset[int] = frozenset()
    standing: dict[str, int] = {}
    moved: set[str] = set()
    for _, withdrawal, rep_id, pulse_id in sorted(events):
        moved.add(rep_id)
        if withdrawal:
            standing.pop(rep_id, None)
            told = frozenset() if pulse_id in told else told
        else:
            standing[rep_id] = pulse_id
        if len(moved) >= SMALLEST_GROUP and len(standing) >= SMALLEST_GROUP:
            told, moved = frozenset(standing.values()), set()
    return told


def _count(question: PulseQuestion, answers: list[int]) -> PulseCount:
    if not answers:
        return PulseCount(question, None, None, None)
    times = Counter(answers)
    spread = tuple(times[value] for value in range(LOWEST, HIGHEST + 1))
    return PulseCount(question, len(answers), sum(answers) / len(answers), spread)


def _answers(row: Any) -> dict[PulseQuestion, int]:
    return {question: getattr(row, question) for question in QUESTIONS}
