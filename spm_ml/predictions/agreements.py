"""What a rep and a manager agree on: who does what by when. Together they are the rep's coaching plan.

One side proposes and the other agrees; from then on either side says that it is done, or why it is dropped. Nothing is
edited: each step is appended, and who wants another action or day drops the old one and proposes anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, select

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, schema
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
_rows, _events, _people = schema.agreements.c, schema.agreement_events.c, schema.people.c


class AgreementStepError(DataError):
    """The agreement is in no status that allows the step, or it is for the other side."""


class UnknownBehaviourError(DataError):
    """The rep's diagnosis has no such behaviour, and no program on record teaches such a skill."""


class DueDayError(ValueError):
    """The day by which it is to be done is over already."""


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
class Agreement:
    """What was proposed and what became of it.

    Attributes:
        batch_id: The batch that was published when it was proposed; its diagnosis is meant.
        name: Of the rep; None if the rep is no longer in the organisation.
        side: Which side proposed it.
        events: Its steps, oldest first.
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
    doer: Doer
    side: Side
    proposed_by: str
    events: tuple[AgreementEvent, ...]

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
_COLUMNS: Final = (
    *(_rows[name] for name in ("agreement_id", "at", "batch_id", "period", "rep_id")),
    _people.name,
    *(_rows[name] for name in ("text", "behaviour", "source", "program_id", "due_on", "doer", "side", "proposed_by")),
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
            may = principal.scope.predicate("agreement", _rows.rep_id, batch.batch_id)
            found = find_agreements(connection, batch.batch_id, _rows.agreement_id == agreement_id, may)
            if not found:
                return None
            side = side_of(principal.scope, found[0].rep_id)
            if step not in steps_from(found[0].status, found[0].side, side):
                raise AgreementStepError(f"agreement {agreement_id} is {found[0].status}: {step} does not come next")
            row = {
                "agreement_id": agreement_id,
                "at": datetime.now(UTC),
                "step": step,
                "text": text.strip(),
                "side": side,
                "account_id": principal.account_id,
                "taken_by": principal.label,
            }
            _, named = append(connection, "agreement_events", row)
            detail = {"agreement_id": agreement_id, "side": side} | named
            record_act(connection, principal, f"agreement {step}", found[0].rep_id, detail, batch=batch)
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
    order = (_rows.due_on, _rows.agreement_id) if soonest_first else (_rows.agreement_id.desc(),)
    rows = connection.execute(
        select(*_COLUMNS)
        .select_from(schema.agreements)
        .outerjoin(schema.people, and_(_people.batch_id == tree_batch_id, _people.rep_id == _rows.rep_id))
        .where(*conditions)
        .order_by(*order)
        .limit(limit)
        .offset(offset)
    ).all()
    steps: dict[int, list[AgreementEvent]] = {row.agreement_id: [] for row in rows}
    events = connection.execute(
        select(_events.agreement_id, _events.at, _events.step, _events.text, _events.side, _events.taken_by)
        .where(_events.agreement_id.in_(steps))
        .order_by(_events.event_id)
    )
    for agreement_id, *step in events:
        steps[agreement_id].append(AgreementEvent(*step))
    return tuple(Agreement(**dict(row._mapping), events=tuple(steps[row.agreement_id])) for row in rows)


def count_agreements(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """How many agreements meet every condition; one of them must be the scope's."""
    return connection.execute(select(func.count()).select_from(schema.agreements).where(*conditions)).scalar_one()


def _agreement(connection: Connection, batch: Batch, agreement_id: int) -> Agreement:
    (agreement,) = find_agreements(connection, batch.batch_id, _rows.agreement_id == agreement_id)
    return agreement
