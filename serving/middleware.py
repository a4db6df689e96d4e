"""What happens to every request before and after the routes: limits on what is sent, and the security headers."""

import asyncio
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import errors
from serving.notation import Notation, writing
from serving.strict_body import BrokenBodyError, check_body

SECURITY_HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not no-referrer: browsers would then send 'Origin: null' with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

MOST_ADDRESS_BYTES: Final = 8_192
MOST_HEADERS: Final = 64
MOST_HEADER_BYTES: Final = 16_384

_NO_STORE: Final = (b"cache-control", b"no-store")


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` to every response, and forbids caching where the response does not allow it itself."""

    def __init__(self, app: ASGIApp, *, https_only: bool) -> None:
        self._app = app
        headers = dict(SECURITY_HEADERS)
        if https_only:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        self._headers = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
        self._names = {name for name, _ in self._headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [header for header in message.get("headers", ()) if header[0] not in self._names]
                if all(name != b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
                message["headers"] = headers + self._headers
            await send(message)

        await self._app(scope, receive, send_with_headers)


class PlainRequests:
    """Refuses what no honest client sends: bodies where none is read, endless addresses, heaps of headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] == "http" and (status := _refused(scope)):
            # Whatever else the client means to send is not waited for.
            headers = {"Connection": "close"}
            await errors.answer(Request(scope), status, headers=headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refused(scope: Scope) -> int:
    """The status with which a request is refused for its head alone; 0: it passes."""
    headers = scope["headers"]
    if len(scope["path"]) + len(scope["query_string"]) > MOST_ADDRESS_BYTES:
        return 414
    if len(headers) > MOST_HEADERS:
        return 431
    size = authorizations = 0
    body = False
    for name, value in headers:
        size += len(name) + len(value)
        authorizations += name == b"authorization"
        body = body or (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
    if size > MOST_HEADER_BYTES:
        return 431
    return 400 if authorizations > 1 or (body and scope["method"] in ("GET", "HEAD")) else 0


class NoRepeats:
    """Refuses a query that says one thing twice (422): whichever counted, somebody would be surprised."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] == "http" and b"&" in scope["query_string"]:
            names = [name for name, _ in QueryParams(scope["query_string"]).multi_items()]
            if len(names) != len(set(names)):
                await errors.answer(Request(scope), 422)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class WrittenHere:
    """Has every page write numbers, amounts and days as the organisation's locale does."""

    def __init__(self, app: ASGIApp, *, notation: Notation) -> None:
        self._app = app
        self._notation = notation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        with writing(self._notation):
            await self._app(scope, receive, send)


class BodyLimit:
    """Reads a request's body before the routes do: 413 if it is too large, 408 if too slow, 400 or 415 if it is bad.

    The length is counted, whatever the request says of it.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(receive)
        except TimeoutError:
            await errors.answer(Request(scope), 408)(scope, receive, send)
            return
        if body is None:
            await errors.answer(Request(scope), 413)(scope, receive, send)
            return
        try:
            check_body(body, scope["headers"], form=not scope["path"].startswith(errors.FOR_PROGRAMS))
        except BrokenBodyError as error:
            await errors.answer(Request(scope), error.status, errors=(error.broken,))(scope, receive, send)
            return
        unread = [body]

        async def replay() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None if it is larger than allowed or the client went away."""
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_bytes:
                return None
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)
