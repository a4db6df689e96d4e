"""Errors as problem documents (RFC 9457). They never repeat what the client sent."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

MEDIA_TYPE: Final = "application/problem+json"

DETAILS: Final[dict[int, str]] = {
    400: "The request cannot be understood.",
    401: "Send a valid access token as 'Authorization: Bearer TOKEN'.",
    403: "Your role may not do this.",
    404: "There is nothing here, or it is not yours to see.",
    405: "This address does not take that method.",
    408: "The request body did not arrive in time.",
    409: "As things stand this cannot be done: there is no decision of yours to take back, the case is closed, or the "
    "secret was given out before.",
    410: "This offer holds no longer: its last day is over, or a later plan no longer makes it.",
    413: "The request body is too large.",
    414: "The address is too long.",
    415: "Send application/json in UTF-8; forms of pages send application/x-www-form-urlencoded.",
    422: "Some of the input is missing, unknown or out of range.",
    429: "Too many requests. Wait as many seconds as Retry-After says.",
    431: "The request has too many headers, or too large ones.",
    500: "Something went wrong here; it is logged.",
    503: "No forecast is published yet; run 'spm score' in the workspace.",
    507: "There is no room left to keep this; nothing was changed. Free some space and send it again.",
}
"""What each status means; always the same words, so that out of scope and non-existent do not differ by a byte."""

STORE_AWAY: Final = "The store is busy or does not answer. Try again shortly; what was published is still there."
"""Also said with 503."""


class BrokenRule(BaseModel):
    """One place in the input and the rule it breaks."""

    model_config = ConfigDict(extra="forbid")

    where: str
    rule: str


class Problem(BaseModel):
    """A problem document.

    Attributes:
        type: Always `about:blank`: the status says it all.
        title: The status in words.
        status: The HTTP status.
        detail: What to do about it.
        errors: Each place in the input and the rule it breaks.
    """

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[BrokenRule] = []


class NotYoursError(HTTPException):
    """The thing does not exist, or is out of the principal's scope; nobody can tell which."""

    def __init__(self) -> None:
        super().__init__(404)


class ForbiddenError(HTTPException):
    """The principal's role may not do this, whomever it is about."""

    def __init__(self) -> None:
        super().__init__(403)


class ConflictError(HTTPException):
    """The change cannot be made as things stand; the detail, one of our own sentences, says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(409, detail)


class RefusedError(HTTPException):
    """Understood, but not answered for a reason that has a name; the detail is one of our own sentences.

    Attributes:
        broken: The place in the request and the reason.
    """

    def __init__(
        self, status: int, where: str, rule: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers=headers)
        self.broken = BrokenRule(where=where, rule=rule)


class TooManyError(HTTPException):
    """The account or its address asks too often.

    Args:
        wait: Seconds until it may ask again.
    """

    def __init__(self, wait: int) -> None:
        super().__init__(429, headers={"Retry-After": str(wait)})


def detail_of(status: int) -> str:
    """What the status means, in a sentence."""
    known = HTTPStatus(status)
    return DETAILS.get(status) or known.description or known.phrase


def problem_response(
    status: int,
    *,
    errors: Sequence[BrokenRule] = (),
    headers: Mapping[str, str] | None = None,
    detail: str | None = None,
) -> Response:
    """A problem document as a response; `detail`, one of our own sentences, stands in place of the status's."""
    text = detail or detail_of(status)
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=text, errors=list(errors))
    return JSONResponse(body.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": detail_of(status), "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }
