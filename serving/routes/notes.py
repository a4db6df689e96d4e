"""Notes of managers about their people, which those people read."""

from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, StringConstraints

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, RefusedError, documented
from serving.routes.answers import Answer, Day, Identifier, Model, Paged, source
from serving.writing import Write
from spm_ml.predictions import BatchReader, Note, NoteDayError, NoteTopic, PredictionStore, Principal

router = APIRouter(prefix="/v1/notes", tags=["notes"])

SeesNotes = Annotated[Principal, Depends(reaching("note"))]
WritesNotes = Annotated[Principal, Depends(reaching("write_note"))]

MOST_WORDS: Final = 1_000
NoteWords = Annotated[
    str, StringConstraints(max_length=MOST_WORDS, strip_whitespace=True, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
]

_WRONG_DAY: Final = "A note is about a day of the last twelve months, today included."


class NoteIn(Model):
    """What is noted about a rep, who reads it."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    topic: NoteTopic
    text: NoteWords
    about_on: Annotated[Day, Field(strict=False)] | None = Field(
        default=None, description="The day it is about; default: today."
    )


class NoteOut(Model):
    """One note."""

    note_id: int
    at: datetime
    about_on: date
    batch_id: str = Field(description="The batch that was published when it was written.")
    period: str
    rep_id: str
    name: str | None
    topic: NoteTopic
    text: str
    written_by: str

    @classmethod
    def of(cls, note: Note) -> "NoteOut":
        """The same for the API."""
        return cls(**vars(note))


class NoteReply(Answer):
    """What was written."""

    note: NoteOut


class NoteQuery(Model):
    """Which notes."""

    rep_id: Identifier | None = Field(default=None, description="Only about this rep.")
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class NotePage(Paged):
    """A page of notes, the latest first."""

    items: tuple[NoteOut, ...]


def write_note(
    store: PredictionStore,
    principal: Principal,
    *,
    rep_id: str,
    topic: NoteTopic,
    text: str,
    about_on: date | None,
    today: date | None,
) -> Note:
    """Writes a note.

    Raises:
        NotYoursError: 404, there is no such rep whom the principal may write about.
        RefusedError: 422, the day is yet to come or too long ago.
    """
    try:
        written = store.notes.write(principal, rep_id, topic, text, about_on=about_on, today=today)
    except NoteDayError as error:
        raise RefusedError(422, "about_on", "day_out_of_range", _WRONG_DAY) from error
    if written is None:
        raise NotYoursError
    return written


@router.get("", responses=documented(401, 403, 422, 503))
async def list_notes(request: Request, principal: SeesNotes, query: Annotated[NoteQuery, Query()]) -> NotePage:
    """List notes, the latest first: about a rep's own person, or about people of a manager's tree."""

    def build(batch: BatchReader) -> NotePage:
        found = batch.notes(rep_id=query.rep_id, limit=query.limit, offset=query.offset)
        return NotePage(
            **source(batch.batch),
            total=found.total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(NoteOut.of(one) for one in found.items),
        )

    return await on_batch(request, principal, build)


@router.post(
    "", status_code=201, response_model=NoteReply, responses=documented(400, 401, 403, 404, 408, 413, 422, 503)
)
async def add_note(request: Request, principal: WritesNotes, write: Write, body: NoteIn) -> Response:
    """Note something about one of your people, who reads it. It changes no number, and is never changed itself."""
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> NoteReply:
        written = write_note(store, principal, **body.model_dump(), today=today)
        with store.read(principal.scope) as batch:
            return NoteReply(**source(batch.batch), note=NoteOut.of(written))

    return await write(principal, body, work)
