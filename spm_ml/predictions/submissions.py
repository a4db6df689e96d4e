"""What reps and managers enter for the period in the product: appended, never edited; the newest of a kind counts.

An entry changes no number by itself. It is data: `spm submissions` writes it out as a table of the data contract, and
the next ingest reads it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, literal, or_, select

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, schema
from spm_ml.predictions.audit import append, record
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.outlook import SubmissionKind
from spm_ml.predictions.rows import Prediction
from spm_ml.predictions.scope import Scope

EntrySubject = Literal["number", "own_number"]

MAY_ENTER: Final[dict[SubmissionKind, tuple[EntrySubject, ...]]] = {
    "commit": ("number", "own_number"),
    "best_case": ("own_number",),
    "manager_override": ("number",),
}
"""What the scope must reach: reps say their own commit and best case, managers commit for their reps or override."""

_said = schema.submissions.c


class PeriodOverError(DataError):
    """The period has ended: nothing is forecast for it any more."""


class ReasonMissingError(ValueError):
    """An override needs a reason."""


@dataclass(frozen=True)
class NewSubmission:
    """A number that somebody enters.

    Attributes:
        rep_id: Whose bookings.
        kind: Whose number.
        amount: Bookings at the period's end, minor units of the batch's currency.
        note: What it rests on; an override needs it.

    Raises:
        ValueError: The amount is not above zero.
        ReasonMissingError: An override has no reason.
    """

    rep_id: str
    kind: SubmissionKind
    amount: int
    note: str = ""

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError(f"an amount of {self.amount} is no forecast: it must be above zero")
        if self.kind == "manager_override" and not self.note.strip():
            raise ReasonMissingError("an override needs a reason")


@dataclass(frozen=True)
class SubmissionRecord:
    """A number as it was entered.

    Attributes:
        batch_id: Published when it was entered; the audit names its model.
        watermark: Last day of the data behind that batch.
        amount: Minor units of `currency`, which has `minor_digits` decimals.
        submitted_by: Who, as the account names them.
        submitter_id: Who in the data; None: nobody in it.
    """

    submission_id: int
    submitted_at: datetime
    batch_id: str
    watermark: date
    period: str
    rep_id: str
    kind: SubmissionKind
    amount: int
    currency: str
    minor_digits: int
    note: str
    submitted_by: str
    submitter_id: str | None
    role: str

    @property
    def major(self) -> float:
        """The amount in units of the currency."""
        return round(self.amount / 10.0**self.minor_digits, self.minor_digits)

    def day(self, timezone: str) -> date:
        """The local day on which it was entered."""
        return self.submitted_at.astimezone(ZoneInfo(timezone)).date()


_ENTRY: Final = tuple(_said[field.name] for field in fields(SubmissionRecord))


class Submissions:
    """Takes numbers, each in one transaction with its line of the audit."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def enter(self, principal: Principal, new: NewSubmission, *, today: date | None = None) -> SubmissionRecord | None:
        """Appends a number for the published period; None if the principal may not enter such a one for the rep.

        Args:
            principal: Who enters it.
            new: The number.
            today: The day that counts if it is after the batch's own.

        Raises:
            NotReadyError: Nothing is published.
            PeriodOverError: The period has ended.
        """
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            row = _forecast(connection, batch, principal.scope, new)
            if row is None:
                return None
            if max(batch.as_of, today or batch.as_of) > row.period_end:
                raise PeriodOverError(f"period {batch.period} ended on {row.period_end}")
            return _append(connection, batch, principal, new)

    def every(self) -> tuple[SubmissionRecord, ...]:
        """All entries, oldest first: for the operator of the store, never behind a request."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(*_ENTRY).order_by(_said.submission_id))
            return tuple(SubmissionRecord(*row) for row in rows)


def may_enter(scope: Scope, kind: SubmissionKind, rep_id: str, batch_id: str) -> ColumnElement[bool]:
    """The condition that a principal may enter a number of the kind for a rep."""
    return or_(*(scope.predicate(subject, literal(rep_id), batch_id) for subject in MAY_ENTER[kind]))


def entries(
    connection: Connection, *conditions: ColumnElement[bool], limit: int, offset: int = 0
) -> tuple[tuple[SubmissionRecord, ...], int]:
    """A part of the entries that meet every condition, one of which must be the scope's, newest first; their number."""
    rows = connection.execute(
        select(*_ENTRY).where(*conditions).order_by(_said.submission_id.desc()).limit(limit).offset(offset)
    )
    count = connection.execute(select(func.count()).select_from(schema.submissions).where(*conditions)).scalar_one()
    return tuple(SubmissionRecord(*row) for row in rows), count


def newest_entries(
    connection: Connection, batch: Batch, rep_ids: Collection[str], seen: ColumnElement[bool]
) -> Sequence[SubmissionRecord]:
    """The newest entry of each rep and kind for the batch's period, of those that the scope's condition lets see."""
    about = and_(_said.period == batch.period, _said.rep_id.in_(rep_ids), seen)
    last = select(func.max(_said.submission_id)).where(about).group_by(_said.rep_id, _said.kind)
    rows = connection.execute(
        select(*_ENTRY).where(_said.submission_id.in_(last)).order_by(_said.rep_id, _said.submission_id)
    )
    return [SubmissionRecord(*row) for row in rows]


def _forecast(connection: Connection, batch: Batch, scope: Scope, new: NewSubmission) -> Prediction | None:
    rows = schema.predictions.c
    body = connection.execute(
        select(rows.body).where(
            rows.batch_id == batch.batch_id,
            rows.rep_id == new.rep_id,
            rows.as_of == batch.as_of,
            may_enter(scope, new.kind, new.rep_id, batch.batch_id),
        )
    ).scalar()
    return None if body is None else decode(Prediction, body)


def _append(connection: Connection, batch: Batch, principal: Principal, new: NewSubmission) -> SubmissionRecord:
    same = (_said.rep_id == new.rep_id, _said.period == batch.period, _said.kind == new.kind)
    before = connection.execute(select(func.max(_said.submitted_at)).where(*same)).scalar()
    now = datetime.now(UTC)
    row = {
        # The newest is found by its moment once it is data, so moments go on even where a clock goes back.
        "submitted_at": now if before is None else max(now, before + timedelta(microseconds=1)),
        "batch_id": batch.batch_id,
        "watermark": batch.watermark,
        "period": batch.period,
        "rep_id": new.rep_id,
        "kind": new.kind,
        "amount": new.amount,
        "currency": batch.currency,
        "minor_digits": batch.minor_digits,
        "note": new.note.strip(),
        "account_id": principal.account_id,
        "submitted_by": principal.label,
        "submitter_id": principal.scope.rep_id,
        "role": principal.scope.role,
    }
    submission_id, named = append(connection, "submissions", row)
    record(
        connection,
        actor=principal.label,
        account_id=principal.account_id,
        action=f"{new.kind.replace('_', ' ')} entered",
        subject=new.rep_id,
        batch=batch,
        detail=named,
    )
    return SubmissionRecord(submission_id, **{field.name: row[field.name] for field in fields(SubmissionRecord)[1:]})  # type: ignore[arg-type]
