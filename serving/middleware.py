"""What happens to every request before and after the routes: limits on what is sent, and the security headers."""

import asyncio
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import errors
from serving.problem import problem_response

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


class BodyLimit:
    """Reads a request's body before the routes do, counting its chunks: 413 if it is too large, 408 if too slow."""

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
            await problem_response(408)(scope, receive, send)
            return
        if body is None:
            await problem_response(413)(scope, receive, send)
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
