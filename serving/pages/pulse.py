"""The pulse on pages: the form with its consent, what was answered, taking it back, and the counts for HR."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from serving import formats
from serving.access import require_reach
from serving.pages.frame import PagePrincipal, rep_href
from serving.pages.origin import same_origin
from serving.routes.answers import Identifier
from serving.routes.pulses import PulseAnswers, keep_pulse
from serving.writing import FormKey, write_form
from spm_ml.predictions import BatchReader, Prediction, PredictionStore, Pulse
from spm_ml.predictions.pulses import HIGHEST, LOWEST, QUESTIONS

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

SCALE: Final[dict[str, str]] = {
    "1": "1 – not at all",
    "2": "2 – hardly",
    "3": "3 – partly",
    "4": "4 – mostly",
    "5": "5 – completely",
}
"""What may be answered, in the order of the form."""

_LATEST: Final = 4
_Answer = Annotated[int, Form(ge=LOWEST, le=HIGHEST)]


@dataclass(frozen=True)
class GivenPulse:
    """What a rep answered.

    Attributes:
        when: For which period and on which day.
        answers: Question and answer.
        shared: Who reads it.
    """

    when: str
    answers: tuple[tuple[str, str], ...]
    shared: str


@dataclass(frozen=True)
class PulseWords:
    """The pulse on a rep's page.

    Attributes:
        own: Whether the reader is the rep: then there is a form.
        questions: Field and text.
        choices: The scale by the value that is sent.
        rows: The latest, newest first; for others only what is shared.
        period: What the form is about.
    """

    own: bool
    questions: dict[str, str]
    choices: dict[str, str]
    rows: tuple[GivenPulse, ...]
    period: str


@dataclass(frozen=True)
class PulseCountRow:
    """What everybody answered to one question."""

    question: str
    people: str
    mean: str
    answers: tuple[str, ...]


def pulse_words(batch: BatchReader, row: Prediction) -> PulseWords | None:
    """The pulse of a rep; None where there is nothing that the reader may see or say."""
    own = batch.scope.rep_id == row.rep_id and batch.scope.reach("own_pulse") != "none"
    rows = batch.pulses(rep_id=row.rep_id, limit=_LATEST).items
    if not own and not rows:
        return None
    return PulseWords(
        own=own,
        questions={str(question): text for question, text in QUESTIONS.items()},
        choices=SCALE,
        rows=tuple(_given(one) for one in rows),
        period=batch.batch.period,
    )


def pulse_count_rows(batch: BatchReader) -> tuple[PulseCountRow, ...]:
    """What everybody answered in the period; empty for readers who are told no counts."""
    return tuple(
        PulseCountRow(
            QUESTIONS[one.question],
            "too few to tell" if one.people is None else formats.whole(one.people),
            formats.decimal(one.mean, 1),
            tuple(
                formats.NOTHING if one.answers is None else formats.whole(one.answers[place])
                for place in range(HIGHEST - LOWEST + 1)
            ),
        )
        for one in batch.pulse_counts()
    )


def _given(one: Pulse) -> GivenPulse:
    return GivenPulse(
        f"{one.period}, {formats.day(one.at.date())}" + ("" if one.stands else ", answered anew later"),
        tuple((text, SCALE[str(one.answers[question])]) for question, text in QUESTIONS.items()),
        "managers read it" if one.shared else "not shared with managers",
    )


@router.post("/pulse")
async def answer(
    request: Request,
    principal: PagePrincipal,
    pipeline: _Answer,
    quota: _Answer,
    workload: _Answer,
    support: _Answer,
    focus: _Answer,
    consent: Annotated[Literal["yes"], Form()],
    shared: Annotated[Literal["yes", ""], Form()] = "",
    key: FormKey = "",
) -> Response:
    """Keeps the reader's own answers and goes back to where they are shown."""
    require_reach(principal, "own_pulse")
    answers = PulseAnswers(pipeline=pipeline, quota=quota, workload=workload, support=support, focus=focus)

    def work(store: PredictionStore) -> None:
        keep_pulse(store, principal, answers, shared=shared == "yes")

    await write_form(request, principal, key, (answers.model_dump_json(), consent, shared), work)
    return RedirectResponse(f"{rep_href(principal.scope.rep_id or '')}#pulse", 303)


@router.post("/pulse/withdrawal")
async def withdraw(
    request: Request,
    principal: PagePrincipal,
    period: Annotated[Identifier | None, Form()] = None,
    key: FormKey = "",
) -> Response:
    """Erases the reader's own answers, of one period or all."""
    require_reach(principal, "own_pulse")

    def work(store: PredictionStore) -> None:
        store.pulses.withdraw(principal, period)

    await write_form(request, principal, key, (period or "",), work)
    return RedirectResponse(f"{rep_href(principal.scope.rep_id or '')}#pulse", 303)
