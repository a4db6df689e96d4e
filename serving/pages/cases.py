"""Cases on pages: forms with which a rep opens one, and a manager or HR answers, and the list of those that wait."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from serving import formats
from serving.access import on_batch, require_reach
from serving.pages.feedback import FeedbackSummary, feedback_summary
from serving.pages.frame import PagePrincipal, frame_of, home_of, rep_href
from serving.pages.origin import same_origin
from serving.pages.pulse import PulseCountRow, pulse_count_rows
from serving.pages.queries import Pages
from serving.problem import NotYoursError
from serving.routes.answers import MAX_ID, PRINTABLE
from serving.routes.cases import CaseId, Remark, Words, found, stepped, withdrawn
from serving.writing import FormKey, write_form
from spm_ml.predictions import BatchReader, Case, CaseAnswer, CaseStatus, NewCase, PredictionStore, Principal
from spm_ml.predictions.cases import WAITING, answers_to

router = APIRouter(include_in_schema=False)
forms = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

Topic = Literal[
    "view:forecast",
    "view:recommendation",
    "view:diagnosis",
    "correction:data",
    "contest:forecast",
    "contest:recommendation",
    "contest:diagnosis",
]

TOPICS: Final[dict[Topic, str]] = {
    "view:forecast": "My own view of the forecast",
    "view:recommendation": "My own view of the recommendation",
    "view:diagnosis": "My own view of the diagnosis",
    "correction:data": "Data are wrong",
    "contest:forecast": "I contest the forecast",
    "contest:recommendation": "I contest the recommendation",
    "contest:diagnosis": "I contest the diagnosis",
}
"""What a rep can say, in the order of the form."""

_TITLES: Final = {
    "view": "View of the {about}",
    "correction": "Correction of {item}",
    "contest": "Contest of the {about}",
}
STATUSES: Final[dict[CaseStatus, str]] = {
    "open": "Open",
    "in_review": "In review",
    "upheld": "Upheld",
    "partly_upheld": "Partly upheld",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
    "noted": "Noted",
}


@dataclass(frozen=True)
class Step:
    """An answer that may be given next."""

    value: CaseStatus
    label: str


@dataclass(frozen=True)
class CaseWords:
    """A case as a reader sees it.

    Attributes:
        href: The rep's page; None for readers who see no figures.
        said: By whom and when.
        events: What became of it, the latest first.
        steps: Answers the reader may give.
        may_withdraw: Whether it is the reader's own and waits.
    """

    case_id: int
    title: str
    name: str
    href: str | None
    said: str
    text: str
    status: str
    events: tuple[str, ...]
    steps: tuple[Step, ...]
    may_withdraw: bool


@dataclass(frozen=True)
class CasesPage:
    """The cases that wait for an answer of the reader, and what people said about what they were shown.

    Attributes:
        pulse: What everybody answered about the period, for readers who are told.
    """

    rows: tuple[CaseWords, ...]
    pages: Pages
    feedback: FeedbackSummary
    pulse: tuple[PulseCountRow, ...]


def case_words(batch: BatchReader, principal: Principal, case: Case) -> CaseWords:
    """The words of a case."""
    waits = case.status in WAITING
    steps = answers_to(case.kind, case.status) if waits and batch.may_answer(case) else ()
    return CaseWords(
        case_id=case.case_id,
        title=_TITLES[case.kind].format(about=case.about, item=case.item),
        name=case.name or case.rep_id,
        href=rep_href(case.rep_id) if batch.scope.reach("figures") != "none" else None,
        said=f"{case.opened_by} on {formats.day(case.opened_at.date())}",
        text=case.text,
        status=STATUSES[case.status],
        events=tuple(
            f"{STATUSES[event.status]} by {event.answered_by} on {formats.day(event.at.date())}"
            + (f": {event.text}" if event.text else "")
            for event in reversed(case.events)
        ),
        steps=tuple(Step(status, STATUSES[status]) for status in steps),
        may_withdraw=waits and principal.scope.rep_id == case.rep_id,
    )


class CaseListQuery(BaseModel):
    """Which page of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: int = Field(default=1, ge=1, le=10_000)


@router.get("/cases")
async def cases(request: Request, principal: PagePrincipal, query: Annotated[CaseListQuery, Query()]) -> Response:
    """Cases that wait, the longest first; a rep's own are on the rep's page."""
    if principal.scope.role == "rep":
        return RedirectResponse(home_of(principal.scope), 303)
    require_reach(principal, "answer")
    size: int = request.app.state.settings.page_size
    offset = (query.page - 1) * size

    def build(batch: BatchReader) -> Response:
        waiting = batch.cases(subject="answer", status="waiting", oldest_first=True, limit=size, offset=offset)
        last = min(offset + size, waiting.total)
        page = CasesPage(
            rows=tuple(case_words(batch, principal, case) for case in waiting.items),
            pages=Pages(
                first=min(offset + 1, waiting.total),
                last=last,
                total=waiting.total,
                previous=f"/cases?page={query.page - 1}" if query.page > 1 else None,
                next=f"/cases?page={query.page + 1}" if last < waiting.total else None,
            ),
            feedback=feedback_summary(batch),
            pulse=pulse_count_rows(batch),
        )
        frame = frame_of(request, "Cases", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("cases.html", page, frame)
        return response

    return await on_batch(request, principal, build)


@forms.post("/cases")
async def open_case(
    request: Request,
    principal: PagePrincipal,
    topic: Annotated[Topic, Form()],
    text: Annotated[Words, Form()],
    item: Annotated[str, Form(max_length=MAX_ID, pattern=PRINTABLE)] = "",
    key: FormKey = "",
) -> Response:
    """Opens a case about the reader's own numbers."""
    require_reach(principal, "own_case")
    new = _new_case(topic, text, item.strip())

    def work(store: PredictionStore) -> None:
        if store.cases.open(principal, new) is None:
            raise NotYoursError

    await write_form(request, principal, key, (topic, text, item), work)
    return RedirectResponse(f"{rep_href(principal.scope.rep_id or '')}#cases", 303)


@forms.post("/cases/{case_id}/answers")
async def answer_case(
    request: Request,
    principal: PagePrincipal,
    case_id: CaseId,
    status: Annotated[CaseAnswer, Form()],
    text: Annotated[Words, Form()],
    key: FormKey = "",
) -> Response:
    """Answers a case and goes back to where it is shown."""
    require_reach(principal, "answer")
    answered: list[Case] = []

    def work(store: PredictionStore) -> None:
        answered.append(stepped(store, principal, case_id, status, text))

    await write_form(request, principal, key, (status, text), work)
    sees_figures = principal.scope.reach("figures") != "none"
    return RedirectResponse(f"{rep_href(answered[0].rep_id)}#cases" if answered and sees_figures else "/cases", 303)


@forms.post("/cases/{case_id}/withdrawal")
async def withdraw_case(
    request: Request,
    principal: PagePrincipal,
    case_id: CaseId,
    text: Annotated[Remark, Form()] = "",
    key: FormKey = "",
) -> Response:
    """Withdraws the reader's own case."""
    require_reach(principal, "own_case")

    def work(store: PredictionStore) -> None:
        found(withdrawn(store, principal, case_id, text))

    await write_form(request, principal, key, (text,), work)
    return RedirectResponse(f"{rep_href(principal.scope.rep_id or '')}#cases", 303)


def _new_case(topic: Topic, text: str, item: str) -> NewCase:
    """The case of a form.

    Raises:
        HTTPException: 422, data are said to be wrong and not which.
    """
    if topic == "correction:data":
        if not item:
            raise HTTPException(422)
        return NewCase("correction", "data", text, item=item)
    kind: Literal["view", "contest"] = "view" if topic.startswith("view:") else "contest"
    about: dict[str, Literal["forecast", "recommendation", "diagnosis"]] = {
        "forecast": "forecast",
        "recommendation": "recommendation",
        "diagnosis": "diagnosis",
    }
    return NewCase(kind, about[topic.partition(":")[2]], text)
