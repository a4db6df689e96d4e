"""Answers the usual what-if question after one statement of the store; whatever else comes goes the ordinary way.

Somebody tries one change after another on one rep, so most questions are about a rep whose start is kept. The ordinary
way costs several times as much as the answer.
"""

from pydantic import ValidationError
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import errors
from serving.problem import TooManyError
from serving.routes.what_if import PATH, ProgramTaken, Start, WhatIfIn, answered, router
from spm_ml.predictions.admission import Door


class QuickWhatIf:
    """Stands within the body limit: what it reads is whole and not too large."""

    def __init__(self, app: ASGIApp, *, state: State, door: Door) -> None:
        self._app = app
        self._state = state
        self._door = door
        (self._route,) = router.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        message = await receive()
        found = await self._admitted(scope, message.get("body", b""))
        if found is not None:
            scope["route"] = self._route
            try:
                if wait := self._state.limiter.wait("models", scope["state"]["account_id"]):
                    raise TooManyError(wait)
                response = await answered(self._state, *found, {})
            except HTTPException as error:
                response = await errors.on_http(Request(scope), error)
            await response(scope, receive, send)
            return
        unread = [message]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        await self._app(scope, replay, send)

    async def _admitted(self, scope: Scope, text: bytes) -> tuple[Start, WhatIfIn] | None:
        """The start and the question, if it is valid, its asker is admitted to the rep, and the start is kept."""
        headers = dict(scope["headers"])
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or headers.get(b"content-type") != b"application/json":
            return None
        if len(headers) < len(scope["headers"]):
            return None  # one header twice: which counts is not decided here
        try:
            body = WhatIfIn.model_validate_json(text)
        except ValidationError:
            return None
        if any(isinstance(change, ProgramTaken) for change in body.changes):
            return None  # programs are read through the scope
        admission = await self._door.ask("figures", token.decode("latin-1"), body.rep_id)
        if admission is None or not admission.sees:
            return None
        start = self._state.what_if_starts.get(admission.batch_id, body.rep_id)
        if start is None:
            return None
        state = scope.setdefault("state", {})
        state["account_id"] = admission.account_id
        return start, body
