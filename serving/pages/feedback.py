"""Whether people find a forecast, a diagnosis or an offer useful and right: the form, what was said, and the counts."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from serving import formats
from serving.access import require_reach
from serving.pages.frame import PagePrincipal, rep_href
from serving.pages.origin import same_origin
from serving.routes.answers import Identifier
from serving.routes.feedback import Comment, record_feedback
from serving.writing import FormKey, write_form
from spm_ml.predictions import BatchReader, Feedback, FeedbackSubject, FeedbackVerdict, Prediction, PredictionStore

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

VERDICTS: Final[dict[FeedbackVerdict, str]] = {"useful": "Useful", "no_use": "No use to me", "wrong": "Not right"}
"""What may be said, in the order of the form."""

_SUBJECTS: Final[dict[FeedbackSubject, str]] = {
    "forecast": "Forecast",
    "diagnosis": "Diagnosis",
    "offer": "Offer",
}
_LATEST: Final = 10
_LATEST_OF_ALL: Final = 20


@dataclass(frozen=True)
class SaidWords:
    """What somebody said.

    Attributes:
        about: Of what, and what they think of it.
        said: By whom and when.
        replaced: Whether they said something else later.
    """

    name: str
    about: str
    text: str
    said: str
    replaced: bool


@dataclass(frozen=True)
class FeedbackWords:
    """The form for one rep's page, and what was said there.

    Attributes:
        may_say: Whether the reader may say something.
        readers: Who reads it.
        verdicts: What may be said, by the value that is sent.
        rows: The latest, newest first.
    """

    rep_id: str
    may_say: bool
    readers: str
    verdicts: dict[FeedbackVerdict, str]
    rows: tuple[SaidWords, ...]


@dataclass(frozen=True)
class CountRow:
    """How many said what about one thing."""

    about: str
    people: str
    useful: str
    no_use: str
    wrong: str


@dataclass(frozen=True)
class FeedbackSummary:
    """What was said, for those who look over many.

    Attributes:
        counts: Over everybody, for readers who are told counts; empty for others.
        rows: The latest words, for readers who see them.
        total: How many there are.
    """

    counts: tuple[CountRow, ...]
    rows: tuple[SaidWords, ...]
    total: int


def feedback_words(batch: BatchReader, row: Prediction) -> FeedbackWords:
    """The form and what was said about one rep's numbers."""
    own = batch.scope.rep_id == row.rep_id
    found, _ = batch.feedback(rep_id=row.rep_id, limit=_LATEST)
    return FeedbackWords(
        rep_id=row.rep_id,
        may_say=batch.scope.reach("give_feedback") != "none",
        readers="Your managers and HR read it" if own else f"{row.name}, the managers above and HR read it",
        verdicts=VERDICTS,
        rows=tuple(_said(one) for one in found),
    )


def feedback_summary(batch: BatchReader) -> FeedbackSummary:
    """What was said in the period, as far as the reader may know."""
    found, total = batch.feedback(limit=_LATEST_OF_ALL)
    return FeedbackSummary(
        counts=tuple(
            CountRow(
                _SUBJECTS[count.about],
                "fewer than 5" if count.people is None else formats.whole(count.people),
                *(
                    formats.NOTHING if count.verdicts is None else formats.whole(count.verdicts[verdict])
                    for verdict in VERDICTS
                ),
            )
            for count in batch.feedback_counts()
        ),
        rows=tuple(_said(one) for one in found),
        total=total,
    )


def _said(one: Feedback) -> SaidWords:
    return SaidWords(
        name=one.name or one.rep_id,
        about=f"{_SUBJECTS[one.about]}: {VERDICTS[one.verdict].lower()}",
        text=one.text,
        said=f"{one.given_by} on {formats.day(one.at.date())}",
        replaced=not one.stands,
    )


@router.post("/feedback")
async def give(
    request: Request,
    principal: PagePrincipal,
    rep_id: Annotated[Identifier, Form()],
    about: Annotated[FeedbackSubject, Form()],
    verdict: Annotated[FeedbackVerdict, Form()],
    text: Annotated[Comment, Form()] = "",
    key: FormKey = "",
) -> Response:
    """Records what was said and goes back to where it is shown."""
    require_reach(principal, "give_feedback")

    def work(store: PredictionStore) -> None:
        record_feedback(store, principal, rep_id=rep_id, about=about, verdict=verdict, text=text)

    await write_form(request, principal, key, (rep_id, about, verdict, text), work)
    return RedirectResponse(f"{rep_href(rep_id)}#feedback", 303)
