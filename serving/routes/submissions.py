"""Submissions: what reps and managers say they will book, entered here. An entry changes no forecast by itself."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field

from serving import formats
from serving.access import on_batch, reaching, require_reach
from serving.problem import ConflictError, NotYoursError, RefusedError, documented
from serving.routes.answers import Answer, Identifier, Model, Paged, source
from serving.routes.decisions import Reason, Remark
from serving.writing import Write
from spm_ml.predictions import (
    Batch,
    BatchReader,
    NewSubmission,
    PeriodOverError,
    Prediction,
    PredictionStore,
    Principal,
    SubmissionKind,
    SubmissionRecord,
)
from spm_ml.predictions.submissions import MAY_ENTER

router = APIRouter(prefix="/v1/submissions", tags=["submissions"])

MOST: Final = 1e12
"""Largest amount, in units of the currency."""

SeesSubmissions = Annotated[Principal, Depends(reaching("figures"))]
Enters = Annotated[Principal, Depends(reaching("own_number"))]
Amount = Annotated[float, Field(gt=0, le=MOST, description="Bookings at the period's end, in units of `currency`.")]
Doubt = Literal["below_booked"]


class _Said(Model):
    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    amount: Amount


class Commit(_Said):
    """What the rep commits to: said by the rep, or by a manager above on the rep's behalf."""

    kind: Literal["commit"]
    note: Remark = ""


class BestCase(_Said):
    """What the rep books if all goes well; the rep alone says so."""

    kind: Literal["best_case"]
    note: Remark = ""


class ManagerOverride(_Said):
    """What a manager expects instead; the note says why."""

    kind: Literal["manager_override"]
    note: Reason


SubmissionIn = Annotated[Commit | BestCase | ManagerOverride, Field(discriminator="kind")]


class SubmissionOut(Model):
    """A number as it was entered."""

    submission_id: int
    submitted_at: datetime
    batch_id: str = Field(description="The batch that was published then.")
    watermark: date = Field(description="Last day of the data behind that batch.")
    period: str
    rep_id: str
    kind: SubmissionKind
    amount: float = Field(description="In units of `currency`.")
    currency: str
    note: str
    submitted_by: str
    role: str

    @classmethod
    def of(cls, record: SubmissionRecord) -> "SubmissionOut":
        """The same for the API."""
        said = {name: value for name, value in vars(record).items() if name not in ("submitter_id", "minor_digits")}
        return cls(**said | {"amount": record.major})


class SubmissionAnswer(Answer):
    """The number as recorded."""

    submission: SubmissionOut
    warnings: tuple[Doubt, ...] = Field(
        description="`below_booked`: it is less than what is booked already; right only if a deal will be cancelled."
    )


class SubmissionQuery(Model):
    """Which submissions."""

    rep_id: Identifier | None = Field(default=None, description="Only about this rep.")
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class SubmissionHistory(Paged):
    """A page of submissions, the latest first."""

    items: tuple[SubmissionOut, ...]


def minor(amount: float, batch: Batch) -> int:
    """The amount in minor units.

    Raises:
        RefusedError: 422, it has more decimals than the currency.
    """
    scaled = Decimal(str(amount)).scaleb(batch.minor_digits)
    if scaled != scaled.to_integral_value():
        words = f"{batch.minor_digits} decimals" if batch.minor_digits else "no decimals"
        raise RefusedError(422, "body.amount", "too_many_decimals", f"{batch.currency} has {words} at most.")
    return int(scaled)


def require_enters(principal: Principal, kind: SubmissionKind) -> None:
    """Stops a role that enters no number of the kind for anybody.

    Raises:
        ForbiddenError: 403.
    """
    if all(principal.scope.reach(subject) == "none" for subject in MAY_ENTER[kind]):
        require_reach(principal, MAY_ENTER[kind][0])


def record_submission(
    store: PredictionStore,
    principal: Principal,
    *,
    rep_id: str,
    kind: SubmissionKind,
    amount: Callable[[Batch], int],
    note: str,
    today: date | None,
) -> tuple[SubmissionRecord, Prediction, Batch]:
    """Records a number; gives it with the forecast it stands beside and the published batch.

    Args:
        store: Within the transaction of the write.
        principal: Who enters it.
        rep_id: Whose bookings.
        kind: Whose number.
        amount: Gives the minor units in the currency of the batch.
        note: What it rests on.
        today: The day that counts if it is after the batch's own.

    Raises:
        NotYoursError: 404, there is no such rep for whom the principal may enter such a number.
        ConflictError: 409, the period has ended.
    """
    with store.read(principal.scope) as batch:
        row = batch.prediction(rep_id)
        if row is None or kind not in batch.may_submit(rep_id):
            raise NotYoursError
        new = NewSubmission(rep_id, kind, amount(batch.batch), note)
        try:
            record = store.submissions.enter(principal, new, today=today)
        except PeriodOverError as error:
            ended = formats.day(row.period_end)
            raise ConflictError(f"The period ended on {ended}: nothing can be entered for it any more.") from error
        if record is None:
            raise NotYoursError
        return record, row, batch.batch


@router.get("", responses=documented(401, 403, 422, 503))
async def list_submissions(
    request: Request, principal: SeesSubmissions, query: Annotated[SubmissionQuery, Query()]
) -> SubmissionHistory:
    """List what was entered for reps in scope, in every period, the latest first."""

    def build(batch: BatchReader) -> SubmissionHistory:
        found, total = batch.submissions(rep_id=query.rep_id, limit=query.limit, offset=query.offset)
        return SubmissionHistory(
            **source(batch.batch),
            total=total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(SubmissionOut.of(one) for one in found),
        )

    return await on_batch(request, principal, build)


@router.post(
    "",
    status_code=201,
    response_model=SubmissionAnswer,
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 503),
)
async def submit(request: Request, principal: Enters, write: Write, body: SubmissionIn) -> Response:
    """Enter a commit or best case of your own, or a commit or override for a rep of yours. The newest counts.

    It changes no forecast by itself: it is data from the next ingest on.
    """
    require_enters(principal, body.kind)
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> SubmissionAnswer:
        record, row, batch = record_submission(
            store,
            principal,
            rep_id=body.rep_id,
            kind=body.kind,
            amount=partial(minor, body.amount),
            note=body.note,
            today=today,
        )
        return SubmissionAnswer(
            **source(batch),
            submission=SubmissionOut.of(record),
            warnings=("below_booked",) if record.amount < row.booked else (),
        )

    return await write(principal, body, work)
