"""The page for what went wrong, in words that say what to do."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from serving.pages.frame import frame_of
from serving.pages.templates import Templates


@dataclass(frozen=True)
class ErrorPage:
    """What went wrong.

    Attributes:
        heading: In a few words.
        advice: What to do.
    """

    heading: str
    advice: str


_PAGES: Final[dict[int, ErrorPage]] = {
    400: ErrorPage("That cannot be understood", "Go back, reload the page and try again."),
    403: ErrorPage("Not for your role", "Your role does not include this page. The links above lead to yours."),
    404: ErrorPage(
        "Nothing here",
        "There is nothing at this address, or it is not yours to see. Check the address, or begin at your page.",
    ),
    405: ErrorPage("That cannot be done here", "Go back and use the buttons of the page."),
    408: ErrorPage(
        "That took too long", "The form did not arrive in time. Check the connection, go back and send it again."
    ),
    409: ErrorPage("That is no longer open", "Somebody was faster, or it is closed. Go back and reload the page."),
    410: ErrorPage(
        "That offer has lapsed", "It holds no longer. Go back and reload the page to see what is offered now."
    ),
    413: ErrorPage("That is too long", "Go back, shorten what you wrote and send it again."),
    414: ErrorPage("That address is too long", "Begin at your page, and search for less."),
    422: ErrorPage(
        "That did not work",
        "Something in the form or the address is missing, unknown or out of range. Go back, mend it and try again.",
    ),
    429: ErrorPage("A little slower, please", "Too many requests came in a short time. Try again in a minute."),
    500: ErrorPage(
        "Something went wrong here",
        "It is logged. Go back, reload the page to see whether anything changed, and try again; if it stays, tell the "
        "operator.",
    ),
    507: ErrorPage("No room left", "Nothing was changed. Ask the operator to free some space, then send it again."),
    503: ErrorPage(
        "No forecast yet",
        "Nothing is published in this workspace. Load data with 'spm ingest', fit a model with 'spm train' and "
        "'spm promote', then run 'spm score' and reload this page.",
    ),
}

_WHOLE_PAGE: Final = {"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML"}

STORE_AWAY_PAGE: Final = ErrorPage(
    "One moment", "The store is busy or does not answer. Try again shortly; what was published is still there."
)
"""Also for 503."""

NO_ACCOUNT: Final = ErrorPage(
    "No access yet",
    "You are logged in at your organisation, and have no active account here. Ask the admin of this service for one.",
)


def error_page(
    request: Request,
    status: int,
    *,
    headers: dict[str, str] | None = None,
    page: ErrorPage | None = None,
    detail: str | None = None,
) -> Response:
    """The page for a status, or another one under it; `detail`, a sentence of ours, says more than the status does."""
    page = page or _PAGES.get(status) or ErrorPage(HTTPStatus(status).phrase, "Go back and try again.")
    if detail is not None:
        page = replace(page, advice=detail)
    templates: Templates = request.app.state.templates
    principal = getattr(request.state, "principal", None)
    frame = frame_of(request, page.heading, principal=principal, batch=None)
    response = templates.page("error.html", page, frame, status=status)
    response.headers.update(headers or {})
    if asked_by_htmx(request):  # what it wanted to exchange is not in here
        response.headers.update(_WHOLE_PAGE)
    return response


def asked_by_htmx(request: Request) -> bool:
    """Whether a part of a page is to be exchanged."""
    return request.headers.get("HX-Request") == "true"
