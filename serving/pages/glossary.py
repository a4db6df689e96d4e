"""The glossary: every baseline metric, hazard and abstention, from the lists the code works with."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving.access import on_batch
from serving.pages.frame import PagePrincipal, frame_of
from spm_ml.hazards import ABSTENTION_REASONS, HAZARDS, Hazard
from spm_ml.metrics import GROUPS, Metric
from spm_ml.predictions import BatchReader

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class GlossaryPage:
    """Everything the page shows."""

    groups: tuple[tuple[str, tuple[Metric, ...]], ...]
    hazards: tuple[Hazard, ...]
    abstentions: tuple[tuple[str, str], ...]


@router.get("/glossary")
async def glossary(request: Request, principal: PagePrincipal) -> Response:
    """The glossary, for every role."""
    page = GlossaryPage(tuple(GROUPS.items()), HAZARDS, tuple(ABSTENTION_REASONS.items()))

    def build(batch: BatchReader) -> Response:
        frame = frame_of(request, "Glossary", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("glossary.html", page, frame)
        return response

    return await on_batch(request, principal, build)
