"""What-if questions on a page: the form, and the same page with the answer. Nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from serving.access import on_batch, require_reach
from serving.formats import Money
from serving.pages.frame import PagePrincipal, frame_of, rep_href
from serving.pages.origin import same_origin
from serving.pages.what_if_form import Entered, WhatIfForm, entered, form_of
from serving.pages.what_if_words import WhatIfWords, answer_words
from serving.problem import NotYoursError, RefusedError
from serving.routes.answers import Identifier
from serving.routes.what_if import Start, WhatIfAnswer, answered, start_of
from spm_ml.predictions import Batch, BatchReader, Prediction

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

LOADING: Final = "loading"
PATIENCE: Final = 3.0
"""Seconds after which a page says that the model is being loaded instead of showing nothing new."""

_REFUSED: Final = {
    "busy": "Many people ask at once. What you entered is kept: ask again in a few seconds.",
    LOADING: "The model is being loaded, which takes some seconds after a quiet time. What you entered is kept, and is "
    "asked again by itself; without scripts, ask again in a few seconds.",
    "unreadable": "The calculation behind this forecast cannot be read. It works again after the next 'spm score'.",
    "scored_without_what_if": "This forecast was made without what such questions start from. They are answered after "
    "the next 'spm score'.",
    "model_reads_no_deals": "This forecast is not made from deals: suppose another quota or a program.",
    "failed": "Something went wrong here; it is logged. Ask again in a moment.",
}
_NO_FORECAST: Final = "There is no forecast of this rep to start from."
_GONE: Final = "This deal or program is not open for the rep any more. Load the page again and choose anew."


@dataclass(frozen=True)
class WhatIfCard:
    """The form, and the answer if one was asked for.

    Attributes:
        form: None: no question can be answered.
        unavailable: Why there is no form.
        refusal: Why there is no answer; empty if there is one or nothing was asked.
        passes: Whether the same question may be answered in a few seconds.
        loads: Whether it is because the model is being loaded: then the page asks again by itself.
    """

    form: WhatIfForm | None
    unavailable: str = ""
    answer: WhatIfWords | None = None
    refusal: str = ""
    passes: bool = False
    loads: bool = False


@dataclass(frozen=True)
class WhatIfPage:
    """The form with its answer, on a page of its own for browsers without JavaScript."""

    name: str
    href: str
    what_if: WhatIfCard


@dataclass(frozen=True)
class _Asked:
    """What one snapshot holds of a question.

    Attributes:
        card: The form as it was sent.
        programs: Name by id.
        start: What the answer starts from; None: there is nothing to ask.
    """

    batch: Batch
    row: Prediction
    card: WhatIfCard
    programs: dict[str, str]
    sent: dict[str, str]
    entered: Entered
    start: tuple[Start, dict[str, Any]] | None

    def with_errors(self, errors: Mapping[str, str], refusal: str = "", *, passes: bool = False) -> WhatIfCard:
        """The form with what is wrong."""
        form = form_of(self.batch, self.row, self.programs, self.sent, errors)
        return replace(self.card, form=form, refusal=refusal, passes=passes)


def what_if_card(batch: BatchReader, row: Prediction) -> WhatIfCard:
    """An empty form for a rep's page, or why there is none."""
    if row.bookings_quantiles is None:
        return WhatIfCard(None, _NO_FORECAST)
    kept = batch.what_if(row.rep_id)
    if kept is None or kept[0] is None:
        return WhatIfCard(None, _REFUSED["scored_without_what_if"])
    return WhatIfCard(form_of(batch.batch, row, _programs(batch, row.rep_id), {}, {}))


def _programs(batch: BatchReader, rep_id: str) -> dict[str, str]:
    """Name by id of each program that is published for the rep."""
    names = {finding.program_id: finding.name for finding in batch.findings()}
    return {one.program_id: names.get(one.program_id, one.program_id) for one in batch.options(rep_ids=(rep_id,))}


@router.post("/what-if")
async def ask(request: Request, principal: PagePrincipal, rep_id: Annotated[Identifier, Form()]) -> Response:
    """The rep's form with its answer. It is sent by POST to keep amounts out of addresses, and changes nothing."""
    require_reach(principal, "figures")
    fields = await request.form()
    sent = {name: value for name, value in fields.items() if isinstance(value, str)}

    def read(batch: BatchReader) -> _Asked:
        row = batch.prediction(rep_id)
        if row is None:
            raise NotYoursError
        card, programs = what_if_card(batch, row), _programs(batch, rep_id)
        understood = Entered(None) if card.form is None else entered(row, programs, sent)
        start = None if understood.question is None else start_of(batch, understood.question)
        return _Asked(batch.batch, row, card, programs, sent, understood, start)

    asked = await on_batch(request, principal, read)
    card, status, headers = await _answered(request, asked)
    page = WhatIfPage(asked.row.name, rep_href(rep_id), card)
    frame = frame_of(request, f"What if: {asked.row.name}", principal=principal, batch=asked.batch)
    response: Response = request.app.state.templates.page("what_if_page.html", page, frame, status=status)
    response.headers.update(headers)
    return response


async def _answered(request: Request, asked: _Asked) -> tuple[WhatIfCard, int, dict[str, str]]:
    """The form with the answer or with what is wrong, the status and its headers."""
    if asked.card.form is None:
        return asked.card, 409, {}
    question = asked.entered.question
    if question is None or asked.start is None:
        return asked.with_errors(asked.entered.errors), 422, {}
    start, programs = asked.start
    request.app.state.what_if_starts.put(question.rep_id, start)
    try:
        response = await answered(request.app.state, start, question, programs, patience=PATIENCE)
    except NotYoursError:
        return asked.with_errors({"": _GONE}), 409, {}
    except RefusedError as error:
        card = _refused(asked, error)
        # The page goes on by itself: nothing has failed.
        return card, 202 if card.loads else error.status_code, dict(error.headers or {})
    found = WhatIfAnswer.model_validate_json(bytes(response.body))
    words = answer_words(found, question.changes, asked.programs, asked.row.booked, Money.of(asked.batch))
    return replace(asked.with_errors({}), answer=words), 200, {}


def _refused(asked: _Asked, error: RefusedError) -> WhatIfCard:
    """Refused for the whole, or for one of the changes: then it stands beside that."""
    refusal = _REFUSED.get(error.broken.rule, _NO_FORECAST)
    _, _, number = error.broken.where.partition("changes.")
    if number.isdigit() and int(number) < len(asked.entered.places):
        return asked.with_errors({asked.entered.places[int(number)]: refusal})
    loads = error.broken.rule == LOADING
    return replace(asked.with_errors({}, refusal, passes=error.status_code == 503), loads=loads)
