"""Forms that accept or override an offer."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from serving.access import require_reach, store_of
from serving.pages.frame import PagePrincipal, rep_href
from serving.pages.origin import same_origin
from serving.problem import NotYoursError
from serving.routes.answers import Identifier
from serving.routes.decisions import Remark

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

FormIdentifier = Annotated[Identifier, Form()]
Verdict = Annotated[Literal["accepted", "overridden"], Form()]
FormRemark = Annotated[Remark, Form()]


@router.post("/decisions")
async def decide(
    request: Request,
    principal: PagePrincipal,
    rep_id: FormIdentifier,
    program_id: FormIdentifier,
    verdict: Verdict,
    reason: FormRemark = "",
) -> Response:
    """Records the decision and goes back to where the offer is shown."""
    require_reach(principal, "decision")
    if verdict == "overridden" and not reason:
        raise HTTPException(422)
    store = store_of(request)
    decision = await run_in_threadpool(
        store.decide, principal, rep_id=rep_id, program_id=program_id, verdict=verdict, reason=reason
    )
    if decision is None:
        raise NotYoursError
    sees_figures = principal.scope.reach("figures") != "none"
    return RedirectResponse(f"{rep_href(rep_id)}#offers" if sees_figures else "/recommendations", 303)
