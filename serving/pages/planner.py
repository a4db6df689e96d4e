"""The training planner: what programs cause, a plan under limits that can be moved, who and why, who bears what."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from serving.access import reading_batch, require_reach
from serving.formats import Money
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.planner_contents import PlannerPage, contents, kept_lines, lines_of
from serving.pages.planner_lines import Line, preview_lines, published_lines
from serving.pages.planner_query import PLAN_FILE, PLANNER, PREVIEW, PREVIEW_FILE, Asked, PlannerQuery
from serving.previews import EVERYBODY, Ground, Preview, in_turn, preview_of
from serving.routes.answers import major_or_none
from serving.routes.exports import RECOMMENDATIONS, Row, csv_of, file_in_turn, file_of
from spm_ml.predictions import BatchReader, Principal

router = APIRouter(include_in_schema=False)


@router.get(PLANNER)
async def planner(request: Request, principal: PagePrincipal, query: Asked) -> Response:
    """The published plan with its lines; readers who decide about none see the programs alone."""
    settings = request.app.state.settings

    def build(batch: BatchReader) -> Response:
        if principal.scope.reach("decision") == "none":
            return _page(request, principal, batch, contents(batch, query))
        ground, offers = Ground.of(batch), batch.offers(EVERYBODY).items
        every = published_lines(ground, offers, batch.batch, settings.today())
        lines = lines_of(every, query, principal, Money.of(batch.batch), page_size=settings.page_size, is_preview=False)
        return _page(request, principal, batch, contents(batch, query, ground=ground, lines=lines))

    return await run_in_threadpool(reading_batch(request, principal, build, period=query.period))


@router.get(PREVIEW)
async def preview(request: Request, principal: PagePrincipal, query: Asked) -> Response:
    """The plan under other limits. Nothing is published, and nothing of it can be accepted."""
    require_reach(principal, "decision")
    settings = request.app.state.settings

    def build(batch: BatchReader) -> Response:
        made, every = _previewed(request, batch, query)
        lines = lines_of(every, query, principal, Money.of(batch.batch), page_size=settings.page_size, is_preview=True)
        changes = [line.change for line in every]
        page = contents(batch, query, ground=made.ground, made=made, lines=lines, changes=changes)
        return _page(request, principal, batch, page)

    return await in_turn(request, reading_batch(request, principal, build, period=query.period))


@router.get(PLAN_FILE)
async def plan_file(request: Request, principal: PagePrincipal, query: Asked) -> Response:
    """The lines of the published plan that the page shows, on all its pages, as a file for spreadsheets."""
    require_reach(principal, "offer")
    today = request.app.state.settings.today()

    def build(batch: BatchReader) -> bytes:
        every = published_lines(Ground.of(batch), batch.offers(EVERYBODY).items, batch.batch, today)
        offers = (line.offer for line in kept_lines(every, query))
        table = RECOMMENDATIONS
        return csv_of(table.columns, (table.row(offer, batch.batch) for offer in offers))

    work = reading_batch(request, principal, build, period=query.period)
    return await file_in_turn(request, RECOMMENDATIONS.name, work)


@router.get(PREVIEW_FILE)
async def preview_file(request: Request, principal: PagePrincipal, query: Asked) -> Response:
    """The same of a preview."""
    require_reach(principal, "decision")

    def build(batch: BatchReader) -> Response:
        _, every = _previewed(request, batch, query)
        return file_of("plan-preview", csv_of(_COLUMNS, (_row(line, batch) for line in kept_lines(every, query))))

    return await in_turn(request, reading_batch(request, principal, build, period=query.period))


def _previewed(request: Request, batch: BatchReader, query: PlannerQuery) -> tuple[Preview, tuple[Line, ...]]:
    made = preview_of(batch, query.wishes(batch.plan_rules().seed))
    today = request.app.state.settings.today()
    published = published_lines(made.ground, batch.offers(EVERYBODY).items, batch.batch, today)
    return made, preview_lines(made, published)


def _page(request: Request, principal: Principal, batch: BatchReader, page: PlannerPage) -> Response:
    frame = frame_of(request, page.heading, principal=principal, batch=batch.batch)
    response: Response = request.app.state.templates.page("planner.html", page, frame)
    return response


_COLUMNS = (
    *("rep_id", "name", "team", "risk_band", "preview", "change", "published_program", "program_id", "program_name"),
    *("skill", "effect", "effect_low", "effect_high", "p_positive", "net", "currency", "cost"),
    *("evidence_level", "evidence", "reason", "propensity"),
)


def _row(line: Line, batch: BatchReader) -> Row:
    return [
        line.rep.rep_id,
        line.rep.name,
        line.rep.team,
        line.rep.risk_band,
        line.kind,
        line.change,
        line.was,
        line.program_id,
        line.program,
        line.skill,
        line.effect,
        line.low,
        line.high,
        line.p_positive,
        line.net,
        batch.batch.currency,
        major_or_none(line.cost, batch.batch),
        line.level,
        line.evidence,
        line.reason,
        line.propensity,
    ]
