"""Turns every exception into a problem document for programs or a page for people, without repeating any input."""

import logging
from contextlib import suppress
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.identity.person import NoAccountError
from serving.pages.error import NO_ACCOUNT, STORE_AWAY_PAGE, ErrorPage, asked_by_htmx, error_page
from serving.pages.frame import known_principal
from serving.problem import STORE_AWAY, BrokenRule, ConflictError, RefusedError, problem_response
from spm_ml.errors import NotReadyError
from spm_ml.predictions import StoreUnavailableError, UnknownDayError, UnknownPeriodError, UnseenOrderError

FOR_PROGRAMS: Final = ("/v1", "/health", "/metrics")

_logger = logging.getLogger(__name__)

MOST_ERRORS: Final = 20
"""Broken rules that are named: a body of many wrong parts must not get an answer many times its size."""

RETRY_AFTER_SECONDS: Final = "5"


def install(app: FastAPI) -> None:
    """Registers the handlers."""
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(NoAccountError, _on_no_account)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(NotReadyError, _on_not_ready)
    app.add_exception_handler(StoreUnavailableError, _on_unavailable)
    for unknown in (UnknownPeriodError, UnknownDayError):
        app.add_exception_handler(unknown, _on_unknown)
    app.add_exception_handler(UnseenOrderError, _on_unseen_order)


class Failures:
    """Answers what nobody foresaw with 500 and logs it (ASGI middleware).

    Starlette's own handler of it stands outside of every middleware: its answer would lack the security headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            # Once an answer has begun, only breaking the connection says that it is not whole.
            if begun or scope["type"] != "http":
                raise
            extra = {"request_id": scope.get("state", {}).get("request_id")}
            _logger.error("a request failed", exc_info=error, extra=extra)
            await answer(Request(scope), 500)(scope, receive, send)


def answer(
    request: Request,
    status: int,
    *,
    errors: tuple[BrokenRule, ...] = (),
    headers: dict[str, str] | None = None,
    detail: str | None = None,
    page: ErrorPage | None = None,
) -> Response:
    """A problem document for programs, a page for people."""
    if request.url.path.startswith(FOR_PROGRAMS):
        return problem_response(status, errors=errors, headers=headers, detail=detail)
    if status == 401:
        if asked_by_htmx(request):  # it would look in the login page for what it wanted to exchange
            return Response(status_code=204, headers={"HX-Redirect": "/login"})
        return RedirectResponse("/login", 303)
    return error_page(request, status, headers=headers, page=page, detail=None if page else detail)


async def _on_no_account(request: Request, _error: Exception) -> Response:
    return error_page(request, 403, page=NO_ACCOUNT)


async def on_http(request: Request, error: Exception) -> Response:
    """What an HTTPException is answered with."""
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for it)
    await _recognise(request)
    detail = error.detail if isinstance(error, ConflictError | RefusedError) else None
    broken = (error.broken,) if isinstance(error, RefusedError) else ()
    headers = dict(error.headers or {})
    return answer(request, error.status_code, errors=broken, headers=headers, detail=detail)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (registered for it)
    await _recognise(request)
    return answer(request, 422, errors=tuple(_broken(one) for one in error.errors()[:MOST_ERRORS]))


async def _on_not_ready(request: Request, _error: Exception) -> Response:
    return answer(request, 503)


async def _on_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreUnavailableError)  # noqa: S101  (registered for it)
    if error.full:
        return answer(request, 507)
    headers = {"Retry-After": RETRY_AFTER_SECONDS}
    return answer(request, 503, headers=headers, detail=STORE_AWAY, page=STORE_AWAY_PAGE)


async def _on_unknown(request: Request, _error: Exception) -> Response:
    return answer(request, 404)


async def _on_unseen_order(request: Request, _error: Exception) -> Response:
    return answer(request, 403)


async def _recognise(request: Request) -> None:
    """Finds out who is logged in where no page asked, as at an unknown address: error pages keep the navigation."""
    if request.url.path.startswith(FOR_PROGRAMS) or getattr(request.state, "principal", None) is not None:
        return
    with suppress(StoreUnavailableError, HTTPException):
        request.state.principal = await known_principal(request)


def _broken(error: dict[str, Any]) -> BrokenRule:
    """Names the place by our own names: that of an unknown field is the client's, so its owner is named instead."""
    place = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
    known = [str(part) for part in place if isinstance(part, str)]
    return BrokenRule(where=".".join(known) or "request", rule=error["type"])
