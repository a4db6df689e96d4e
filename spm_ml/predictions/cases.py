"""What reps say about their own numbers: a view, a correction they ask for, or a contest; and what they are answered.

Nothing acts by itself: a case changes no number. Data are corrected where they come from, and the next batch says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, schema, threads
from spm_ml.predictions.audit import append, record_act
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.engine import writing

CaseKind = Literal["view", "correction", "contest"]
CaseSubject = Literal["forecast", "recommendation", "diagnosis", "data"]
CaseAnswer = Literal["in_review", "upheld", "partly_upheld", "rejected", "noted"]
CaseStatus = Literal["open", "in_review", "upheld", "partly_upheld", "rejected", "withdrawn", "noted"]

WAITING: Final[tuple[CaseStatus, ...]] = ("open", "in_review")
"""Statuses in which somebody has still to answer."""

_VERDICTS: Final[tuple[CaseStatus, ...]] = ("upheld", "partly_upheld", "rejected")

_cases, _events, _people = schema.cases.c, schema.case_events.c, schema.people.c


def answers_to(kind: CaseKind, status: CaseStatus) -> tuple[CaseStatus, ...]:
    """The statuses that an answer may give next: a view is taken note of, the others are looked into and judged."""
    if status not in WAITING:
        return ()
    if kind == "view":
        return ("noted",)
    return ("in_review", *_VERDICTS) if status == "open" else _VERDICTS


class CaseStepError(DataError):
    """The case is in no status that allows it."""


@dataclass(frozen=True)
class NewCase:
    """What a rep has to say.

    Attributes:
        kind: A view: their own opinion. A correction: of which data, to what. A contest: it is wrong or unfair.
        about: Data for a correction, one of the others for the rest.
        text: In the rep's words.
        item: Which record is wrong, for a correction.
        program_id: A program recommended to the rep, if it is about one.

    Raises:
        ValueError: They do not go together.
    """

    kind: CaseKind
    about: CaseSubject
    text: str
    item: str | None = None
    program_id: str | None = None

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("a case needs a text")
        if (self.kind == "correction") != (self.about == "data") or (self.kind == "correction") != bool(self.item):
            raise ValueError("a correction is about an item of the data, and nothing else is")


@dataclass(frozen=True)
class CaseEvent:
    """One step of a case: an answer, or that it is withdrawn."""

    at: datetime
    status: CaseStatus
    text: str
    answered_by: str
    role: str


@dataclass(frozen=True)
class Case:
    """A case and what became of it.

    Attributes:
        batch_id: The batch that was published when it was opened.
        name: Of the rep; None if the rep is no longer in the organisation.
        events: Its steps, oldest first.
    """

    case_id: int
    opened_at: datetime
    batch_id: str
    period: str
    rep_id: str
    name: str | None
    kind: CaseKind
    about: CaseSubject
    program_id: str | None
    item: str | None
    text: str
    opened_by: str
    events: tuple[CaseEvent, ...]

    @property
    def status(self) -> CaseStatus:
        """Where it stands."""
        return self.events[-1].status if self.events else "open"


_STATUS: Final[ColumnElement[str]] = func.coalesce(
    select(_events.status)
    .where(_events.case_id == _cases.case_id)
    .order_by(_events.event_id.desc())
    .limit(1)
    .scalar_subquery(),
    "open",
)
_CASE: Final = (
    *(_cases[name] for name in ("case_id", "opened_at", "batch_id", "period", "rep_id")),
    threads.NAME,
    *(_cases[name] for name in ("kind", "about", "program_id", "item", "text", "opened_by")),
)


def with_status(statuses: Sequence[CaseStatus]) -> ColumnElement[bool]:
    """The condition that a case stands in one of the statuses."""
    return _STATUS.in_(statuses)


def find_cases(
    connection: Connection,
    tree_batch_id: str,
    *conditions: ColumnElement[bool],
    oldest_first: bool = False,
    limit: int = 1,
    offset: int = 0,
) -> tuple[Case, ...]:
    """Cases that meet every condition; one of them must be the scope's."""
    order = _cases.case_id.asc() if oldest_first else _cases.case_id.desc()
    rows = threads.find(
        connection,
        schema.cases,
        _CASE,
        conditions,
        tree_batch_id=tree_batch_id,
        order=(order,),
        limit=limit,
        offset=offset,
    )
    ids = [row.case_id for row in rows]
    events = threads.steps(connection, schema.case_events, "case_id", ids, CaseEvent)
    return tuple(Case(**dict(row._mapping), events=events[row.case_id]) for row in rows)


def count_cases(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """How many cases meet every condition; one of them must be the scope's."""
    return threads.count(connection, schema.cases, conditions)


class Cases:
    """Opens, answers and withdraws cases, each in one transaction with its line of the audit."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def open(self, principal: Principal, new: NewCase) -> Case | None:
        """Opens a case about the principal's own numbers; None if there are none, or no such recommendation.

        Raises:
            NotReadyError: Nothing is published.
        """
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            rep_id = _own(connection, batch, principal)
            if rep_id is None:
                return None
            if new.program_id and not lookup.offers_program(connection, batch, rep_id, new.program_id):
                return None
            row = {
                "opened_at": datetime.now(UTC),
                "batch_id": batch.batch_id,
                "period": batch.period,
                "rep_id": rep_id,
                "kind": new.kind,
                "about": new.about,
                "program_id": new.program_id,
                "item": new.item,
                "text": new.text.strip(),
                "account_id": principal.account_id,
                "opened_by": principal.label,
            }
            case_id, named = append(connection, "cases", row)
            detail = {"case_id": case_id, "kind": new.kind} | named
            record_act(connection, principal, "case opened", rep_id, detail, batch=batch)
            return _case(connection, batch, case_id)

    def answer(self, principal: Principal, case_id: int, status: CaseAnswer, text: str) -> Case | None:
        """Answers a case; None if there is none that the principal may answer. Nobody answers their own.

        Raises:
            NotReadyError: Nothing is published.
            ValueError: Without a text.
            CaseStepError: The case is closed, or such an answer does not come next.
        """
        if not text.strip():
            raise ValueError("an answer needs a text")
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            may = principal.scope.predicate("answer", _cases.rep_id, batch.batch_id)
            return _step(connection, batch, principal, case_id, may, status, text)

    def withdraw(self, principal: Principal, case_id: int, text: str = "") -> Case | None:
        """Withdraws the principal's own case; None if there is no such case.

        Raises:
            NotReadyError: Nothing is published.
            CaseStepError: The case is closed.
        """
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            may = principal.scope.predicate("own_case", _cases.rep_id, batch.batch_id)
            return _step(connection, batch, principal, case_id, may, "withdrawn", text)


def _own(connection: Connection, batch: Batch, principal: Principal) -> str | None:
    may = principal.scope.predicate("own_case", _people.rep_id, batch.batch_id)
    found = connection.execute(select(_people.rep_id).where(_people.batch_id == batch.batch_id, may))
    return found.scalars().one_or_none()


def _step(
    connection: Connection,
    batch: Batch,
    principal: Principal,
    case_id: int,
    may: ColumnElement[bool],
    status: CaseStatus,
    text: str,
) -> Case | None:
    found = find_cases(connection, batch.batch_id, _cases.case_id == case_id, may)
    if not found:
        return None
    (case,) = found
    if case.status not in WAITING or (status != "withdrawn" and status not in answers_to(case.kind, case.status)):
        raise CaseStepError(f"case {case_id} is {case.status}: it cannot become {status}")
    row = {
        "case_id": case_id,
        "at": datetime.now(UTC),
        "status": status,
        "text": text.strip(),
        "account_id": principal.account_id,
        "answered_by": principal.label,
        "role": principal.scope.role,
    }
    _, named = append(connection, "case_events", row)
    record_act(connection, principal, f"case {status}", case.rep_id, {"case_id": case_id} | named, batch=batch)
    return _case(connection, batch, case_id)


def _case(connection: Connection, batch: Batch, case_id: int) -> Case:
    (case,) = find_cases(connection, batch.batch_id, _cases.case_id == case_id)
    return case
