"""Agreed actions on pages: a rep's coaching plan with the form to propose, and the list of what is open."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from serving import formats
from serving.access import on_batch, require_reach
from serving.pages.frame import PagePrincipal, frame_of, rep_href
from serving.pages.origin import same_origin
from serving.pages.queries import Pages
from serving.routes.agreements import AgreementId, moved, proposed, taken
from serving.routes.answers import Day, Identifier
from serving.routes.cases import Remark
from serving.routes.notes import NoteWords
from serving.writing import FormKey, write_form
from spm_ml.predictions import (
    Agreement,
    AgreementEvent,
    AgreementMove,
    AgreementSource,
    AgreementStatus,
    AgreementStep,
    BatchReader,
    Diagnosis,
    Doer,
    NewAgreement,
    Prediction,
    PredictionStore,
)
from spm_ml.predictions.agreements import OPEN, OTHER, side_of, steps_from

router = APIRouter(include_in_schema=False)
forms = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

PATH: Final = "/agreements"

_STATUSES: Final[dict[AgreementStatus, str]] = {
    "proposed": "Proposed",
    "agreed": "Agreed",
    "done": "Done",
    "dropped": "Dropped",
}
_STEPS: Final[dict[AgreementStep, str]] = {
    "agreed": "Agree",
    "done": "Done",
    "dropped": "Drop",
    "reopened": "Not done after all",
}
_TAKEN: Final[dict[AgreementStep, str]] = {
    "agreed": "Agreed",
    "done": "Done",
    "dropped": "Dropped",
    "reopened": "Opened again",
}
_DOERS: Final[dict[Doer, str]] = {"rep": "The rep does it", "manager": "The manager does it", "both": "Both do it"}
_ON_CARD: Final = 8


@dataclass(frozen=True)
class StepButton:
    """A step that the reader may take next."""

    value: AgreementStep
    label: str
    needs_words: bool


@dataclass(frozen=True)
class AgreementWords:
    """An agreement as a reader sees it.

    Attributes:
        about: What it works on and who does it.
        led_to: What led to it, and where that stands; empty where they talked about it.
        led_href: Its address.
        due: By when.
        overdue: Whether that is over and it is not done.
        waits: Whether the reader has to agree or not.
        events: What became of it, the latest first.
        today: The first day to which it may be moved, as ISO 8601; empty where it may not.
    """

    agreement_id: int
    name: str
    href: str
    text: str
    about: str
    led_to: str
    led_href: str
    due: str
    status: str
    overdue: bool
    waits: bool
    events: tuple[str, ...]
    steps: tuple[StepButton, ...]
    today: str


@dataclass(frozen=True)
class AgreementForm:
    """The form to propose an action.

    Attributes:
        behaviours: What it may work on, by the value that is sent.
        origins: What may have led to it, likewise.
        other: Who has to agree.
        today: The first day that may be chosen, as ISO 8601.
    """

    rep_id: str
    behaviours: dict[str, str]
    origins: dict[str, str]
    doers: dict[Doer, str]
    other: str
    today: str


@dataclass(frozen=True)
class AgreementsCard:
    """A rep's coaching plan: what is open first, then the latest that is not.

    Attributes:
        total: How many there are in all.
    """

    rows: tuple[AgreementWords, ...]
    total: int
    form: AgreementForm


@dataclass(frozen=True)
class AgreementsPage:
    """The open agreements of everybody whom the reader sees, the soonest due first."""

    own: bool
    shown: Literal["open", "all"]
    overdue: int
    rows: tuple[AgreementWords, ...]
    pages: Pages


def agreements_card(
    batch: BatchReader,
    row: Prediction,
    diagnosis: Diagnosis | None,
    offers: Mapping[str, str],
    today: date | None,
) -> AgreementsCard | None:
    """The coaching plan of a rep; None for readers who see none.

    Args:
        batch: The reader's view.
        row: The rep's forecast.
        diagnosis: The rep's.
        offers: Programs that are offered to the rep: id and name.
        today: The day that counts if it is after the batch's own.
    """
    if batch.scope.reach("agreement") == "none":
        return None
    now = today or batch.batch.as_of
    waiting = batch.agreements(rep_id=row.rep_id, status="open", soonest_first=True, limit=_ON_CARD).items
    latest = batch.agreements(rep_id=row.rep_id, limit=_ON_CARD)
    rows = (*waiting, *(one for one in latest.items if one.status not in OPEN))
    own = batch.scope.rep_id == row.rep_id
    labels = {} if diagnosis is None else {part.slug: part.label for part in diagnosis.parts}
    behaviours = {slug: labels.get(slug) or _words(slug) for slug in batch.behaviours(row.rep_id)}
    origins = {"talk": "We talked about it"} | ({} if diagnosis is None else {"diagnosis": "The diagnosis"})
    return AgreementsCard(
        rows=tuple(_agreement(batch, one, now) for one in rows[:_ON_CARD]),
        total=latest.total,
        form=AgreementForm(
            rep_id=row.rep_id,
            behaviours=behaviours | {OTHER: "Something else"},
            origins=origins | {f"offer:{program}": f"The offer of {name}" for program, name in offers.items()},
            doers=_DOERS,
            other="Your manager" if own else row.name,
            today=now.isoformat(),
        ),
    )


def _words(slug: str) -> str:
    return slug.replace("_", " ").capitalize()


def _agreement(batch: BatchReader, one: Agreement, today: date) -> AgreementWords:
    steps = steps_from(one.status, one.side, side_of(batch.scope, one.rep_id))
    overdue = one.is_overdue(today)
    led_to, place = {"talk": ("", ""), "diagnosis": ("the diagnosis", "diagnosis"), "offer": ("an offer", "offers")}[
        one.source
    ]
    what = "Something else" if one.behaviour == OTHER else _words(one.behaviour)
    return AgreementWords(
        agreement_id=one.agreement_id,
        name=one.name or one.rep_id,
        href=f"{rep_href(one.rep_id)}#agreements",
        text=one.text,
        about=f"{what} · {_DOERS[one.doer].lower()}",
        led_to=led_to,
        led_href=f"{rep_href(one.rep_id)}#{place}",
        due=f"{'overdue since' if overdue else 'by'} {formats.day(one.due_on)}{_first_day(one)}",
        status=_STATUSES[one.status],
        overdue=overdue,
        waits="agreed" in steps and one.status == "proposed",
        events=(*_events(one), f"Proposed by {one.proposed_by} on {formats.day(one.at.date())}"),
        steps=tuple(StepButton(step, _STEPS[step], step in ("dropped", "reopened")) for step in steps),
        today=today.isoformat() if one.status == "agreed" else "",
    )


def _first_day(one: Agreement) -> str:
    return f" (first {formats.day(one.first_due_on)})" if one.moves else ""


def _events(one: Agreement) -> Iterator[str]:
    """Steps and moved days, the latest first."""
    everything: list[AgreementEvent | AgreementMove] = [*one.events, *one.moves]
    for event in sorted(everything, key=lambda event: event.at, reverse=True):
        what = _TAKEN[event.step] if isinstance(event, AgreementEvent) else f"Moved to {formats.day(event.due_on)}"
        said = f"{what} by {event.taken_by} on {formats.day(event.at.date())}"
        yield f"{said}: {event.text}" if event.text else said


class AgreementListQuery(BaseModel):
    """Which agreements, and which page of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    show: Literal["open", "all"] = "open"
    page: int = Field(default=1, ge=1, le=10_000)


@router.get(PATH)
async def agreements(
    request: Request, principal: PagePrincipal, query: Annotated[AgreementListQuery, Query()]
) -> Response:
    """What is agreed or proposed, the soonest due first; also what is done and dropped, if that is asked for."""
    require_reach(principal, "agreement")
    size: int = request.app.state.settings.page_size
    today: date | None = request.app.state.settings.today()
    offset = (query.page - 1) * size

    def build(batch: BatchReader) -> Response:
        status: Literal["open"] | None = "open" if query.show == "open" else None
        found = batch.agreements(status=status, soonest_first=query.show == "open", limit=size, offset=offset)
        rows = tuple(_agreement(batch, one, today or batch.batch.as_of) for one in found.items)
        last = min(offset + size, found.total)
        page = AgreementsPage(
            own=batch.scope.role == "rep",
            shown=query.show,
            overdue=sum(row.overdue for row in rows),
            rows=rows,
            pages=Pages(
                first=min(offset + 1, found.total),
                last=last,
                total=found.total,
                previous=f"{PATH}?show={query.show}&page={query.page - 1}" if query.page > 1 else None,
                next=f"{PATH}?show={query.show}&page={query.page + 1}" if last < found.total else None,
            ),
        )
        frame = frame_of(request, "Agreed actions", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("agreements.html", page, frame)
        return response

    return await on_batch(request, principal, build)


@forms.post(PATH)
async def propose(
    request: Request,
    principal: PagePrincipal,
    rep_id: Annotated[Identifier, Form()],
    text: Annotated[NoteWords, Form()],
    behaviour: Annotated[Identifier, Form()],
    due_on: Annotated[Day, Form()],
    doer: Annotated[Doer, Form()],
    origin: Annotated[Identifier, Form()] = "talk",
    key: FormKey = "",
) -> Response:
    """Proposes an action and goes back to the rep's plan."""
    require_reach(principal, "agreement")
    source, program_id = _origin(origin)
    new = NewAgreement(rep_id, text, behaviour, due_on, doer, source, program_id)
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> None:
        proposed(store, principal, new, today=today)

    await write_form(request, principal, key, (rep_id, text, behaviour, str(due_on), doer, origin), work)
    return RedirectResponse(f"{rep_href(rep_id)}#agreements", 303)


@forms.post("/agreements/{agreement_id}/steps")
async def step(
    request: Request,
    principal: PagePrincipal,
    agreement_id: AgreementId,
    step: Annotated[AgreementStep, Form()],
    text: Annotated[Remark, Form()] = "",
    back: Annotated[Literal["list", ""], Form()] = "",
    key: FormKey = "",
) -> Response:
    """Takes a step and goes back to where it was taken: the rep's plan or the list."""
    require_reach(principal, "agreement")
    if step in ("dropped", "reopened") and not text:
        raise HTTPException(422)
    after: list[Agreement] = []

    def work(store: PredictionStore) -> None:
        after.append(taken(store, principal, agreement_id, step, text))

    await write_form(request, principal, key, (step, text), work)
    return RedirectResponse(f"{rep_href(after[0].rep_id)}#agreements" if after and not back else PATH, 303)


@forms.post("/agreements/{agreement_id}/due-days")
async def move(
    request: Request,
    principal: PagePrincipal,
    agreement_id: AgreementId,
    due_on: Annotated[Day, Form()],
    text: Annotated[Remark, Form(min_length=1)],
    back: Annotated[Literal["list", ""], Form()] = "",
    key: FormKey = "",
) -> Response:
    """Moves the day of what is agreed and goes back to where that was asked for."""
    require_reach(principal, "agreement")
    today = request.app.state.settings.today()
    after: list[Agreement] = []

    def work(store: PredictionStore) -> None:
        after.append(moved(store, principal, agreement_id, due_on, text, today=today))

    await write_form(request, principal, key, (str(due_on), text), work)
    return RedirectResponse(f"{rep_href(after[0].rep_id)}#agreements" if after and not back else PATH, 303)


def _origin(origin: str) -> tuple[AgreementSource, str | None]:
    """What led to a proposal.

    Raises:
        HTTPException: 422, it is nothing that can.
    """
    if origin.startswith("offer:") and origin != "offer:":
        return "offer", origin.removeprefix("offer:")
    if origin == "diagnosis":
        return "diagnosis", None
    if origin == "talk":
        return "talk", None
    raise HTTPException(422)
