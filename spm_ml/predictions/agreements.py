"""What a rep and a manager agree on: who does what by when. Together they are the rep's coaching plan.

One side proposes and the other agrees; from then on either side says that it is done, why it is dropped, or why its
day is moved. Nothing is edited: each step and each day is appended, and who wants another action drops the old one and
proposes anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, schema, threads
from spm_ml.predictions.assessments import taught_skills
from spm_ml.predictions.audit import append, record_act
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.diagnosis import Diagnosis
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.principal import Principal
from spm_ml.predictions.scope import Scope

Side = Literal["rep", "manager"]
Doer = Literal["rep", "manager", "both"]
AgreementSource = Literal["diagnosis", "offer", "talk"]
AgreementStatus = Literal["proposed", "agreed", "done", "dropped"]
AgreementStep = Literal["agreed", "done", "dropped", "reopened"]

OPEN: Final[tuple[AgreementStatus, ...]] = ("proposed", "agreed")
"""Statuses in which something is still to be done or said."""

OTHER: Final = "other"
"""Neither a behaviour of the diagnosis nor a skill."""

_NEEDS_WORDS: Final[tuple[AgreementStep, ...]] = ("dropped", "reopened")
_rows, _events, _moves = schema.agreements.c, schema.agreement_events.c, schema.agreement_moves.c


class AgreementStepError(DataError):
    """The agreement is in no status that allows the step, or it is for the other side."""


class UnknownBehaviourError(DataError):
    """The rep's diagnosis has no such behaviour, and no program on record teaches such a skill."""


class DueDayError(ValueError):
    """The day by which it is to be done is over already, or no other one."""


def steps_from(status: AgreementStatus, proposer: Side, side: Side) -> tuple[AgreementStep, ...]:
    """The steps that a side may take next; nobody agrees to their own proposal."""
    if status == "proposed":
        return ("dropped",) if side == proposer else ("agreed", "dropped")
    return {"agreed": ("done", "dropped"), "done": ("reopened",), "dropped": ()}[status]  # type: ignore[return-value]


@dataclass(frozen=True)
class NewAgreement:
    """What one side proposes.

    Attributes:
        rep_id: Whose coaching plan.
        text: What is to be done.
        behaviour: What it works on: a behaviour of the diagnosis, a skill that programs teach, or `OTHER`.
        due_on: By when.
        doer: Who does it.
        source: What led to it.
        program_id: The offer that led to it.

    Raises:
        ValueError: There are no words, or an offer and its program do not go together.
    """

    rep_id: str
    text: str
    behaviour: str
    due_on: date
    doer: Doer
    source: AgreementSource = "talk"
    program_id: str | None = None

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("say what is to be done")
        if (self.source == "offer") != bool(self.program_id):
            raise ValueError("an offer is named by its program, and nothing else is")


@dataclass(frozen=True)
class AgreementEvent:
    """One step after the proposal."""

    at: datetime
    step: AgreementStep
    text: str
    side: Side
    taken_by: str


@dataclass(frozen=True)
class AgreementMove:
    """That the day was moved: to `due_on`, and why."""

    at: datetime
    due_on: date
    text: str
    side: Side
    taken_by: str


@dataclass(frozen=True)
class Agreement:
    """What was proposed and what became of it.

    Attributes:
        batch_id: The batch that was published when it was proposed; its diagnosis is meant.
        name: Of the rep; None if the rep is no longer in the organisation.
        due_on: By when; of the last move, if there is one.
        first_due_on: By when as it was proposed.
        side: Which side proposed it.
        events: Its steps, oldest first.
        moves: Of its day, oldest first.
    """

    agreement_id: int
    at: datetime
    batch_id: str
    period: str
    rep_id: str
    name: str | None
    text: str
    behaviour: str
    source: AgreementSource
    program_id: str | None
    due_on: date
    first_due_on: date
    doer: Doer
    side: Side
    proposed_by: str
    events: tuple[AgreementEvent, ...]
    moves: tuple[AgreementMove, ...] = ()

    @property
    def status(self) -> AgreementStatus:
        """Where it stands."""
        if not self.events:
            return "proposed"
        step = self.events[-1].step
        return "agreed" if step == "reopened" else step

    def moments(self) -> dict[AgreementStep, datetime | None]:
        """When each step was taken last; None: never."""
        steps: tuple[AgreementStep, ...] = ("agreed", "done", "dropped", "reopened")
        return {step: max((one.at for one in self.events if one.step == step), default=None) for step in steps}

    def is_overdue(self, today: date) -> bool:
        """Whether both agreed to it, it is not done, and its day is over."""
        return self.status == "agreed" and self.due_on < today


_LAST: Final[ColumnElement[str]] = (
    select(_events.step)
    .where(_events.agreement_id == _rows.agreement_id)
    .order_by(_events.event_id.desc())
    .limit(1)
    .scalar_subquery()
)
_DUE: Final[ColumnElement[date]] = func.coalesce(
    select(_moves.due_on)
    .where(_moves.agreement_id == _rows.agreement_id)
    .order_by(_moves.move_id.desc())
    .limit(1)
    .scalar_subquery(),
    _rows.due_on,
)
_COLUMNS: Final = (
    *(_rows[name] for name in ("agreement_id", "at", "batch_id", "period", "rep_id")),
    threads.NAME,
    *(_rows[name] for name in ("text", "behaviour", "source", "program_id", "doer", "side", "proposed_by")),
    _DUE.label("due_on"),
    _rows.due_on.label("first_due_on"),
)


def with_agreement_status(statuses: Sequence[AgreementStatus]) -> ColumnElement[bool]:
    """The condition that an agreement stands in one of the statuses."""
    steps = ("reopened", *statuses) if "agreed" in statuses else statuses
    return func.coalesce(_LAST, "proposed").in_(steps)


class Agreements:
    """Takes proposals and steps, each in one transaction with its line of the audit."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def propose(self, principal: Principal, new: NewAgreement, *, today: date | None = None) -> Agreement | None:
        """Proposes something; None if there is no such rep in reach, or no such offer.

        Args:
            principal: The rep, or a manager above.
            new: What.
            today: The day on which it is proposed; default: the batch's own day.

        Raises:
            NotReadyError: Nothing is published.
            UnknownBehaviourError: Neither the diagnosis nor a program knows the behaviour.
            DueDayError: The day is before today.
        """
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            if not lookup.has_forecast(connection, batch, principal.scope, "agreement", new.rep_id):
                return None
            if new.program_id and not lookup.offers_program(connection, batch, new.rep_id, new.program_id):
                return None
            if new.behaviour not in (*behaviours_of(connection, batch, new.rep_id), OTHER):
                raise UnknownBehaviourError(f"{new.behaviour!r} is neither in the diagnosis nor taught by a program")
            if new.due_on < (today or batch.as_of):
                raise DueDayError(f"{new.due_on} is over: choose a day from {today or batch.as_of} on")
            row: dict[str, Any] = {
                "at": datetime.now(UTC),
                "batch_id": batch.batch_id,
                "period": batch.period,
                "rep_id": new.rep_id,
                "text": new.text.strip(),
                "behaviour": new.behaviour,
                "source": new.source,
                "program_id": new.program_id,
                "due_on": new.due_on,
                "doer": new.doer,
                "side": side_of(principal.scope, new.rep_id),
                "account_id": principal.account_id,
                "proposed_by": principal.label,
            }
            agreement_id, named = append(connection, "agreements", row)
            detail = {"agreement_id": agreement_id, "side": row["side"]} | named
            record_act(connection, principal, "agreement proposed", new.rep_id, detail, batch=batch)
            return _agreement(connection, batch, agreement_id)

    def take(self, principal: Principal, agreement_id: int, step: AgreementStep, text: str = "") -> Agreement | None:
        """Takes a step; None if there is no such agreement in reach.

        Raises:
            NotReadyError: Nothing is published.
            ValueError: Something is dropped or reopened without saying why.
            AgreementStepError: The step does not come next, or not from this side.
        """
        if step in _NEEDS_WORDS and not text.strip():
            raise ValueError("say why")
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            one = _in_reach(connection, batch, principal, agreement_id)
            if one is None:
                return None
            if step not in steps_from(one.status, one.side, side_of(principal.scope, one.rep_id)):
                raise AgreementStepError(f"agreement {agreement_id} is {one.status}: {step} does not come next")
            _append(connection, batch, principal, one, "agreement_events", {"step": step, "text": text.strip()}, step)
            return _agreement(connection, batch, agreement_id)

    def move(
        self, principal: Principal, agreement_id: int, due_on: date, text: str, *, today: date | None = None
    ) -> Agreement | None:
        """Moves the day of what both sides agreed on; None if there is no such agreement in reach.

        Args:
            principal: The rep, or a manager above: whoever agreed or proposed.
            agreement_id: Which.
            due_on: The new day.
            text: Why.
            today: The day on which it is moved; default: the batch's own day.

        Raises:
            NotReadyError: Nothing is published.
            ValueError: Without saying why.
            AgreementStepError: It is not agreed to, or over already.
            DueDayError: The day is before today, or the one that it is due on.
        """
        if not text.strip():
            raise ValueError("say why")
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            one = _in_reach(connection, batch, principal, agreement_id)
            if one is None:
                return None
            if one.status != "agreed":
                raise AgreementStepError(f"agreement {agreement_id} is {one.status}: only what is agreed can be moved")
            first = today or batch.as_of
            if due_on < first or due_on == one.due_on:
                raise DueDayError(f"choose another day than {one.due_on}, from {first} on")
            _append(
                connection, batch, principal, one, "agreement_moves", {"due_on": due_on, "text": text.strip()}, "moved"
            )
            return _agreement(connection, batch, agreement_id)

    def every(self) -> tuple[Agreement, ...]:
        """All of them, oldest first: for the operator of the store, never behind a request."""
        with reading(self._engine) as connection:
            batch = lookup.required(connection)
            return find_agreements(connection, batch.batch_id, limit=count_agreements(connection))[::-1]


def side_of(scope: Scope, rep_id: str) -> Side:
    """On which side of a rep's agreements somebody stands."""
    return "rep" if scope.rep_id == rep_id else "manager"


def behaviours_of(connection: Connection, batch: Batch, rep_id: str) -> tuple[str, ...]:
    """What agreements of a rep may work on: behaviours of the published diagnosis, then skills that programs teach."""
    rows = schema.diagnoses.c
    query = select(rows.body).where(rows.batch_id == batch.batch_id, rows.rep_id == rep_id)
    body = connection.execute(query).scalar()
    parts = () if body is None else decode(Diagnosis, body).parts
    behaviours = (part.slug for part in parts if part.kind == "behaviour")
    return tuple(dict.fromkeys((*behaviours, *taught_skills(connection, batch))))


def find_agreements(
    connection: Connection,
    tree_batch_id: str,
    *conditions: ColumnElement[bool],
    soonest_first: bool = False,
    limit: int = 1,
    offset: int = 0,
) -> tuple[Agreement, ...]:
    """Agreements that meet every condition, the latest first or by their days; one of them must be the scope's."""
    rows = threads.find(
        connection,
        schema.agreements,
        _COLUMNS,
        conditions,
        tree_batch_id=tree_batch_id,
        order=(_DUE, _rows.agreement_id) if soonest_first else (_rows.agreement_id.desc(),),
        limit=limit,
        offset=offset,
    )
    ids = [row.agreement_id for row in rows]
    events = threads.steps(connection, schema.agreement_events, "agreement_id", ids, AgreementEvent)
    moves = threads.steps(connection, schema.agreement_moves, "agreement_id", ids, AgreementMove)
    return tuple(
        Agreement(**dict(row._mapping), events=events[row.agreement_id], moves=moves[row.agreement_id]) for row in rows
    )


def count_agreements(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """How many agreements meet every condition; one of them must be the scope's."""
    return threads.count(connection, schema.agreements, conditions)


def _in_reach(connection: Connection, batch: Batch, principal: Principal, agreement_id: int) -> Agreement | None:
    may = principal.scope.predicate("agreement", _rows.rep_id, batch.batch_id)
    found = find_agreements(connection, batch.batch_id, _rows.agreement_id == agreement_id, may)
    return found[0] if found else None


def _append(
    connection: Connection,
    batch: Batch,
    principal: Principal,
    one: Agreement,
    table: str,
    said: dict[str, Any],
    step: str,
) -> None:
    """Adds to what became of an agreement, with its line of the audit."""
    side = side_of(principal.scope, one.rep_id)
    row = {
        "agreement_id": one.agreement_id,
        "at": datetime.now(UTC),
        **said,
        "side": side,
        "account_id": principal.account_id,
        "taken_by": principal.label,
    }
    _, named = append(connection, table, row)
    detail = {"agreement_id": one.agreement_id, "side": side} | named
    record_act(connection, principal, f"agreement {step}", one.rep_id, detail, batch=batch)


def _agreement(connection: Connection, batch: Batch, agreement_id: int) -> Agreement:
    (agreement,) = find_agreements(connection, batch.batch_id, _rows.agreement_id == agreement_id)
    return agreement
