"""The page about what people say of one rep, and the form that takes a new number."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from serving import formats
from serving.access import on_batch, require_reach
from serving.formats import AmountError, Money, parse_amount
from serving.pages.error import asked_by_htmx
from serving.pages.frame import PagePrincipal, frame_of, home_of, rep_href
from serving.pages.origin import same_origin
from serving.pages.outlook import SAID
from serving.pages.queries import Pages
from serving.pages.said import Place, Said, Typed, said_href, said_of
from serving.problem import ConflictError, NotYoursError
from serving.routes.answers import Identifier
from serving.routes.decisions import Remark
from serving.routes.submissions import MOST, record_submission, require_enters
from serving.writing import FormKey, write_form
from spm_ml.predictions import Batch, BatchReader, PredictionStore, Principal, SubmissionKind, SubmissionRecord
from spm_ml.predictions.submissions import ReasonMissingError

router = APIRouter(include_in_schema=False)
forms = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

PAGE_SIZE: Final = 20
SAY_WHY: Final = "Say why you expect something else: the rep and your managers read it."


@dataclass(frozen=True)
class EntryRow:
    """A number as it was entered."""

    day: str
    period: str
    label: str
    amount: str
    who: str
    note: str


@dataclass(frozen=True)
class SubmissionsPage:
    """Everything the page shows."""

    name: str
    href: str
    said: Said
    entries: tuple[EntryRow, ...]
    pages: Pages


class SubmissionsQuery(BaseModel):
    """Whom the page is about.

    Attributes:
        saved: The kind that was entered just now.
        place: Where its form stands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rep_id: Identifier | None = None
    saved: SubmissionKind | None = None
    place: Place = "card"
    page: int = Field(default=1, ge=1, le=10_000)


@router.get("/submissions")
async def submissions(
    request: Request, principal: PagePrincipal, query: Annotated[SubmissionsQuery, Query()]
) -> Response:
    """What people say of a rep now, and everything that was entered before."""
    require_reach(principal, "figures")
    if query.rep_id is None:
        return RedirectResponse(home_of(principal.scope), 303)
    return await _shown(request, principal, query)


@forms.post("/submissions")
async def submit(
    request: Request,
    principal: PagePrincipal,
    rep_id: Annotated[Identifier, Form()],
    kind: Annotated[SubmissionKind, Form()],
    amount: Annotated[str, Form(max_length=60)] = "",
    note: Annotated[Remark, Form()] = "",
    place: Annotated[Place, Form()] = "card",
    key: FormKey = "",
) -> Response:
    """Takes a number; one that cannot be taken comes back in the form with what is wrong beside it."""
    require_enters(principal, kind)
    today = request.app.state.settings.today()
    query = SubmissionsQuery(rep_id=rep_id, place=place)

    def work(store: PredictionStore) -> None:
        record_submission(
            store, principal, rep_id=rep_id, kind=kind, amount=partial(_read, amount), note=note, today=today
        )

    try:
        await write_form(request, principal, key, (rep_id, kind, amount, note), work)
    except AmountError as error:
        return await _shown(request, principal, query, Typed(kind, amount, note, "amount", str(error)))
    except ReasonMissingError:
        return await _shown(request, principal, query, Typed(kind, amount, note, "note", SAY_WHY))
    except ConflictError as error:
        return await _shown(request, principal, query, Typed(kind, amount, note, "amount", error.detail))
    return RedirectResponse(said_href(rep_id, saved=kind, place=place), 303)


def _read(amount: str, batch: Batch) -> int:
    """The minor units of what was typed.

    Raises:
        AmountError: It is no amount that could be booked.
    """
    money = Money.of(batch)
    minor = parse_amount(amount, money)
    if not 0 < money.units(minor) <= MOST:
        raise AmountError(f"Write an amount above zero and up to {formats.whole(MOST)}.")
    return minor


async def _shown(
    request: Request, principal: Principal, query: SubmissionsQuery, typed: Typed | None = None
) -> Response:
    rep_id = query.rep_id or ""
    # Where only a part is exchanged, the browser would note the form that comes back as a failed request.
    swapped = asked_by_htmx(request)

    def build(batch: BatchReader) -> Response:
        row = batch.prediction(rep_id)
        if row is None or (typed is not None and typed.kind not in batch.may_submit(rep_id)):
            raise NotYoursError
        offset = (query.page - 1) * PAGE_SIZE
        found, total = batch.submissions(rep_id=rep_id, limit=PAGE_SIZE, offset=offset)
        page = SubmissionsPage(
            name=row.name,
            href=rep_href(rep_id),
            said=said_of(batch, principal, row, place=query.place, saved=query.saved, typed=typed),
            entries=tuple(_entry(one, batch.batch) for one in found),
            pages=_pages(rep_id, query.page, total),
        )
        frame = frame_of(request, f"What people say of {row.name}", principal=principal, batch=batch.batch)
        status = 200 if typed is None or swapped else 422
        response: Response = request.app.state.templates.page("submissions.html", page, frame, status=status)
        return response

    return await on_batch(request, principal, build)


def _entry(one: SubmissionRecord, batch: Batch) -> EntryRow:
    return EntryRow(
        day=formats.day(one.day(batch.timezone)),
        period=one.period,
        label=SAID[one.kind],
        amount=Money(one.currency, one.minor_digits).full(one.amount),
        who=one.submitted_by,
        note=one.note,
    )


def _pages(rep_id: str, page: int, total: int) -> Pages:
    first, last = min((page - 1) * PAGE_SIZE + 1, total), min(page * PAGE_SIZE, total)
    return Pages(
        first=first,
        last=last,
        total=total,
        previous=said_href(rep_id, page=str(page - 1)) if page > 1 else None,
        next=said_href(rep_id, page=str(page + 1)) if last < total else None,
    )
