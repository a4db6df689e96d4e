"""Notes of managers on pages: the form, which says who reads them, and the latest ones."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from serving import formats
from serving.access import require_reach
from serving.pages.frame import PagePrincipal, rep_href
from serving.pages.origin import same_origin
from serving.routes.answers import Day, Identifier
from serving.routes.notes import NoteWords, write_note
from serving.writing import FormKey, write_form
from spm_ml.predictions import BatchReader, Note, NoteTopic, Prediction, PredictionStore

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

TOPICS: Final[dict[NoteTopic, str]] = {
    "strength": "Strength",
    "progress": "Progress",
    "obstacle": "Obstacle",
    "support": "Help that is needed",
    "other": "Something else",
}
"""What a note can be about, in the order of the form."""

_LATEST: Final = 10


@dataclass(frozen=True)
class NoteRow:
    """A note as it was written."""

    topic: str
    text: str
    said: str


@dataclass(frozen=True)
class NotesCard:
    """Notes about a rep.

    Attributes:
        own: Whether the reader is the rep.
        may_write: Whether the reader may write one.
        rows: The latest, newest first.
        total: How many there are.
        today: The day that the form begins with, as ISO 8601.
    """

    rep_id: str
    name: str
    own: bool
    may_write: bool
    topics: dict[NoteTopic, str]
    rows: tuple[NoteRow, ...]
    total: int
    today: str


def notes_card(batch: BatchReader, row: Prediction, today: date | None) -> NotesCard | None:
    """The notes about a rep; None where there is nothing to read or to write."""
    found = batch.notes(rep_id=row.rep_id, limit=_LATEST)
    may_write = batch.may_note(row.rep_id)
    if not found.total and not may_write:
        return None
    return NotesCard(
        rep_id=row.rep_id,
        name=row.name,
        own=batch.scope.rep_id == row.rep_id,
        may_write=may_write,
        topics=TOPICS,
        rows=tuple(_row(one) for one in found.items),
        total=found.total,
        today=(today or batch.batch.as_of).isoformat(),
    )


def _row(one: Note) -> NoteRow:
    return NoteRow(TOPICS[one.topic], one.text, f"{one.written_by}, about {formats.day(one.about_on)}")


@router.post("/notes")
async def write(
    request: Request,
    principal: PagePrincipal,
    rep_id: Annotated[Identifier, Form()],
    topic: Annotated[NoteTopic, Form()],
    text: Annotated[NoteWords, Form()],
    about_on: Annotated[Day | None, Form()] = None,
    key: FormKey = "",
) -> Response:
    """Writes a note and goes back to where it is shown."""
    require_reach(principal, "write_note")
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> None:
        write_note(store, principal, rep_id=rep_id, topic=topic, text=text, about_on=about_on, today=today)

    await write_form(request, principal, key, (rep_id, topic, text, str(about_on)), work)
    return RedirectResponse(f"{rep_href(rep_id)}#manager-notes", 303)
