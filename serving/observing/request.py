"""What is known about a request once it is answered, and who is told."""

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNMATCHED: Final = "unmatched"
"""Stands for every address that no route takes, so that strangers cannot make up new labels."""

NO_ANSWER: Final = 499
"""Status of a request whose client went away before an answer began, as nginx has it."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Only what a proxy makes up (hexadecimal or a UUID) is taken over: anything else could carry a name or a token.
_REQUEST_ID: Final = re.compile(rb"[0-9a-f]{16,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Answered:
    """One request, answered.

    Attributes:
        request_id: Made here, or taken over from a proxy's X-Request-ID.
        method: One of the usual methods, else `OTHER`.
        route: The route's template, else `UNMATCHED`; never the address itself.
        status: HTTP status of the answer.
        seconds: Until the answer was sent.
        account_id: Random name of the account that asked; None: nobody known.
    """

    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    account_id: str | None


class Observer(Protocol):
    """Is told about requests; must be quick and must not fail."""

    def began(self, scope: Scope) -> object:
        """A request arrived; what is given back is handed to `answered`."""

    def answered(self, began: object, request: Answered) -> None:
        """It was answered."""


class Observed:
    """Tells observers about every request (ASGI middleware)."""

    def __init__(self, app: ASGIApp, *, observers: Sequence[Observer]) -> None:
        self._app = app
        self._observers = tuple(observers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), NO_ANSWER
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(scope)
        begun = [(observer, observer.began(scope)) for observer in self._observers]

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            principal, account_id = state.get("principal"), state.get("account_id")
            answered = Answered(
                request_id=state["request_id"],
                method=scope["method"] if scope["method"] in _METHODS else "OTHER",
                route=route_of(scope),
                status=status,
                seconds=time.perf_counter() - started,
                account_id=account_id if principal is None else principal.account_id,
            )
            for observer, begin in begun:
                observer.answered(begin, answered)


def route_of(scope: Scope) -> str:
    """The template of the route that took the request."""
    route: Any = scope.get("route")
    if route is not None:
        return str(route.path)
    # Starlette's own routes leave only their endpoint; without parameters the address is the template.
    return str(scope["path"]) if "endpoint" in scope and not scope.get("path_params") else UNMATCHED


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)
