"""Accepting every open offer of a page of the plan together: shown first, then all of them or none."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, Json, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from serving.access import reading_batch, require_reach
from serving.formats import Money
from serving.pages.decisions import FormBack, FormRemark
from serving.pages.error import ErrorPage, error_page
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.origin import same_origin
from serving.pages.planner_contents import kept_lines
from serving.pages.planner_lines import Line, published_lines
from serving.pages.planner_query import ACCEPT, PLANNER, Asked
from serving.pages.planner_rows import LineRow, line_row
from serving.previews import EVERYBODY, Ground
from serving.routes.answers import Identifier
from serving.routes.decisions import record_decision
from serving.writing import write_each
from spm_ml.predictions import BatchReader, PredictionStore

router = APIRouter(include_in_schema=False)


class OfferIn(BaseModel):
    """An offer that is accepted, with a key of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rep_id: Identifier
    program_id: Identifier
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,100}$")]


Offers = Annotated[Json[Annotated[list[OfferIn], Field(min_length=1, max_length=100)]], Form()]


@dataclass(frozen=True)
class AcceptancePage:
    """What is about to be accepted.

    Attributes:
        rows: The open offers of a page of the plan that the reader may decide about.
        offers: The same as the form sends them.
        cost: Of their seats, where they are known.
        back: The page of the plan.
    """

    rows: tuple[LineRow, ...]
    offers: str
    cost: str
    currency: str
    back: str


@router.get(ACCEPT)
async def confirm(request: Request, principal: PagePrincipal, query: Asked) -> Response:
    """Shows what would be accepted; nothing is until it is said again."""
    require_reach(principal, "decision")
    settings = request.app.state.settings
    first = (query.page - 1) * settings.page_size

    def build(batch: BatchReader) -> Response:
        money = Money.of(batch.batch)
        offers = batch.offers(EVERYBODY).items
        every = kept_lines(published_lines(Ground.of(batch), offers, batch.batch, settings.today()), query)
        lines = every[first : first + settings.page_size]
        rows = [(line, line_row(line, f"l{place}", principal, money)) for place, line in enumerate(lines)]
        chosen = [(line, row) for line, row in rows if row.is_open]
        page = AcceptancePage(
            rows=tuple(row for _, row in chosen),
            offers=_sent([row for _, row in chosen]),
            cost=_cost([line for line, _ in chosen], money),
            currency=money.currency,
            back=query.href(PLANNER, page=query.page),
        )
        frame = frame_of(request, "Accept offers", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("acceptance.html", page, frame)
        return response

    return await run_in_threadpool(reading_batch(request, principal, build))


_NONE: Final = ErrorPage(
    "None was accepted",
    "One of these offers was overridden or declined meanwhile, or holds no longer. Go back to the plan, look at it "
    "again, and accept what is open.",
)


def _sent(rows: Sequence[LineRow]) -> str:
    offers = [{"rep_id": row.rep_id, "program_id": row.program_id, "key": secrets.token_urlsafe(12)} for row in rows]
    return json.dumps(offers)


def _cost(lines: Sequence[Line], money: Money) -> str:
    known = [line.cost for line in lines if line.cost is not None]
    unknown = len(lines) - len(known)
    return money.full(sum(known)) + (f", and {unknown} of unknown cost" if unknown else "")


@router.post(ACCEPT, dependencies=[Depends(same_origin)])
async def accept(
    request: Request,
    principal: PagePrincipal,
    offers: Offers,
    reason: FormRemark = "",
    back: FormBack = "",
) -> Response:
    """Accepts all of them in one transaction, each once for its key; if one cannot be accepted none is (409, 410)."""
    require_reach(principal, "decision")
    if len({one.key for one in offers}) < len(offers):
        raise RequestValidationError([{"loc": ("body", "offers"), "type": "one_key_each"}])
    today = request.app.state.settings.today()

    def work(rep: str, program: str, store: PredictionStore) -> None:
        with store.read(principal.scope) as batch:
            before = [made.verdict for made in batch.decisions(rep) if made.program_id == program]
        # First, so that whoever may not decide hears the same whatever was decided; what is raised takes it back.
        record_decision(
            store, principal, rep_id=rep, program_id=program, verdict="accepted", reason=reason, today=today
        )
        if before and before[-1] in ("overridden", "declined"):
            raise HTTPException(409)

    writes = [
        (one.key, (one.rep_id, one.program_id, reason), partial(work, one.rep_id, one.program_id)) for one in offers
    ]
    try:
        await write_each(request, principal, writes)
    except HTTPException as error:
        if error.status_code not in (409, 410):
            raise
        return error_page(request, error.status_code, page=_NONE)
    return RedirectResponse(f"{back or PLANNER}#list", 303)
