"""The programs page: what each program has caused, how that is known, and what a naive reading would say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup

from serving.access import on_batch
from serving.formats import Money
from serving.pages.effect_words import ProgramWords, overview, program_words
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.plan import PlanWords, plan_words
from serving.routes.effects import BLIND_SPOT
from spm_ml.predictions import BatchReader, ProgramFinding

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ProgramsPage:
    """Everything the page shows.

    Attributes:
        lead: What the findings say together, in a sentence.
        chart: Every program on one scale; None without programs.
        blind_spot: What the checks cannot see.
        plan: The plan, for readers who see it nowhere else.
    """

    lead: str
    chart: Markup | None
    programs: tuple[ProgramWords, ...]
    blind_spot: str
    plan: PlanWords | None
    currency: str


@router.get("/programs")
async def programs(request: Request, principal: PagePrincipal) -> Response:
    """The programs page, for every role: it names nobody."""

    def build(batch: BatchReader) -> Response:
        findings, money = batch.findings(), Money.of(batch.batch)
        summary = batch.plan_summary() if batch.scope.reach("offer") == "none" else None
        page = ProgramsPage(
            lead=lead_of(findings),
            chart=overview(findings) if findings else None,
            programs=tuple(program_words(row, f"p{place}", money) for place, row in enumerate(findings, start=1)),
            blind_spot=BLIND_SPOT,
            plan=None if summary is None else plan_words(summary, findings, money),
            currency=money.currency,
        )
        frame = frame_of(request, "Programs", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("programs.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def lead_of(findings: Sequence[ProgramFinding]) -> str:
    """What the findings say together, in a sentence."""
    counts = Counter(finding.verdict for finding in findings)
    if not counts["helps"] and not counts["harmful"]:
        return "No program has been shown to change results so far."
    said = (
        (counts["helps"], "helped"),
        (counts["harmful"], "did harm"),
        (counts["no evidence"], "gave no evidence of an effect"),
        (counts["cannot tell"], "cannot be judged"),
    )
    of = f"Of {len(findings)} programs" if len(findings) > 1 else "Of one program"
    return f"{of}, {', '.join(f'{count} {words}' for count, words in said if count)}."
