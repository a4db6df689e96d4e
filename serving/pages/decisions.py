"""Forms that accept, override or decline an offer, or take a decision back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from serving.pages.frame import PagePrincipal, rep_href
from serving.pages.origin import same_origin
from serving.pages.planner_query import PLANNER
from serving.routes.answers import Identifier
from serving.routes.decisions import Remark, record_decision, require_decides
from serving.writing import FormKey, write_form
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.decisions import NEED_A_REASON, Verdict

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

FormIdentifier = Annotated[Identifier, Form()]
FormVerdict = Annotated[Verdict, Form()]
FormRemark = Annotated[Remark, Form()]
FormBack = Annotated[str, Form(max_length=2_000, pattern=r"^(/planner(\?[A-Za-z0-9_.~%&=+-]*)?)?$")]
"""An address of the planner; no other place can be named."""


@router.post("/decisions")
async def decide(
    request: Request,
    principal: PagePrincipal,
    rep_id: FormIdentifier,
    program_id: FormIdentifier,
    verdict: FormVerdict,
    reason: FormRemark = "",
    key: FormKey = "",
    back: FormBack = "",
) -> Response:
    """Records the decision and goes back to where the offer is shown."""
    if verdict in NEED_A_REASON and not reason:
        raise HTTPException(422)
    require_decides(principal, verdict)
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> None:
        record_decision(
            store,
            principal,
            rep_id=rep_id,
            program_id=program_id,
            verdict=verdict,
            reason=reason,
            today=today,
        )

    await write_form(request, principal, key, (rep_id, program_id, verdict, reason), work)
    sees_figures = principal.scope.reach("figures") != "none"
    shown = f"{rep_href(rep_id)}#offers" if sees_figures else PLANNER
    return RedirectResponse(f"{back}#list" if back else shown, 303)
