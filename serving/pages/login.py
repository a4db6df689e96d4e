"""Logging in, with a pasted token or at an OpenID provider, and out again. Tokens never stand in an address."""

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from serving.access import limiter_of, peer_of, store_of
from serving.identity import flow
from serving.identity.flow import Flow
from serving.identity.person import LoginOverError, NotVouchedForError, Person, ProviderDownError
from serving.pages.error import NO_ACCOUNT, error_page
from serving.pages.frame import cookie_name, frame_of, known_principal, proxied_principal
from serving.pages.origin import same_origin
from serving.pages.templates import Templates
from serving.problem import NotYoursError, TooManyError
from serving.settings import ServingSettings

if TYPE_CHECKING:
    from serving.identity.oidc import Provider

router = APIRouter(include_in_schema=False)

MAX_TOKEN = 200

REFUSED: Final = "This token is not valid, or no longer. Paste it whole, or ask for a new one."
SESSION_OVER: Final = "Your session is over: it ends after a time. Log in again; what you saved is there."
OVER: Final = "This login was not begun in this browser, or took too long. Begin again."
NOT_VOUCHED_FOR: Final = "The provider did not confirm who you are. Begin again, or ask your admin."
DOWN: Final = "The provider does not answer at the moment. Try again in a minute."

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoginPage:
    """The ways to log in.

    Attributes:
        problem: What went wrong just now; None: nothing.
        provider: Name of the OpenID provider; None: there is none.
        takes_tokens: Whether a token of ours opens a session.
    """

    problem: str | None
    provider: str | None
    takes_tokens: bool


@router.get("/login")
async def login_form(request: Request) -> Response:
    """The ways to log in; whom a trusted proxy names is logged in."""
    if await proxied_principal(request) is not None:
        return RedirectResponse("/me", 303)
    came_with = request.cookies.get(cookie_name(request.app.state.settings))
    return _form(request, SESSION_OVER if came_with and await known_principal(request) is None else None)


@router.post("/login", dependencies=[Depends(same_origin)])
async def log_in(request: Request, token: Annotated[str, Form(max_length=MAX_TOKEN)] = "") -> Response:
    """Opens a session for a valid token.

    Raises:
        NotYoursError: 404, tokens open no session here.
        TooManyError: 429, too many logins from the same address were in vain.
    """
    settings: ServingSettings = request.app.state.settings
    if not settings.token_login:
        raise NotYoursError
    limiter, peer = limiter_of(request), peer_of(request)
    if wait := limiter.wait("logins", peer, count=False):
        raise TooManyError(wait)
    key = await run_in_threadpool(store_of(request).credentials.open_session, token.strip(), settings.sessions.limits)
    if key is None:
        limiter.wait("logins", peer)
        return _form(request, REFUSED, status=401)
    return _logged_in(settings, key)


@router.get("/login/provider")
async def begin_at_provider(request: Request) -> Response:
    """Sends the browser to the OpenID provider. No form: a form may lead nowhere but here (`form-action`)."""
    provider, begun = _provider(request), Flow.begin()
    try:
        address = await provider.begin(begun)
    except ProviderDownError as error:
        return _down(request, error)
    settings: ServingSettings = request.app.state.settings
    response = RedirectResponse(address, 303)
    response.set_cookie(
        _flow_cookie(settings),
        begun.secret,
        max_age=flow.SECONDS,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


@router.get("/login/callback")
async def end_at_provider(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4_000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
    iss: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Opens a session for whom the provider vouches for, if this browser began the login."""
    settings: ServingSettings = request.app.state.settings
    try:
        person = await _person(request, state=state, code="" if error else code, issuer=iss)
        key = await run_in_threadpool(
            store_of(request).credentials.open_provider_session,
            issuer=person.issuer,
            subject=person.subject,
            email=person.email,
            limits=settings.sessions.limits,
        )
        response = error_page(request, 403, page=NO_ACCOUNT) if key is None else _logged_in(settings, key)
    except LoginOverError:
        response = _form(request, OVER, status=400)
    except NotVouchedForError as refusal:
        _log.warning("a login at the provider was refused: %s", refusal)
        response = _form(request, NOT_VOUCHED_FOR, status=401)
    except ProviderDownError as failure:
        response = _down(request, failure)
    _forget(response, _flow_cookie(settings), settings)
    return response


@router.post("/logout", dependencies=[Depends(same_origin)])
async def log_out(request: Request, everywhere: Annotated[Literal["", "yes"], Form()] = "") -> Response:
    """Ends the session, or every session of the account."""
    settings: ServingSettings = request.app.state.settings
    name = cookie_name(settings)
    if key := request.cookies.get(name):
        await run_in_threadpool(store_of(request).credentials.close_session, key, everywhere=bool(everywhere))
    response = RedirectResponse("/login", 303)
    _forget(response, name, settings)
    return response


async def _person(request: Request, *, state: str, code: str, issuer: str | None) -> Person:
    provider = _provider(request)
    secret = request.cookies.get(_flow_cookie(request.app.state.settings), "")
    ended = Flow.ended(secret, state)
    if ended is None:
        raise LoginOverError
    if not code:
        raise NotVouchedForError("no code")
    return await provider.end(ended, code=code, issuer=issuer)


def _provider(request: Request) -> "Provider":
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise NotYoursError
    return provider


def _flow_cookie(settings: ServingSettings) -> str:
    return "__Host-spm_login" if settings.secure_cookies else "spm_login"


def _logged_in(settings: ServingSettings, key: str) -> Response:
    response = RedirectResponse("/me", 303)
    response.set_cookie(
        cookie_name(settings),
        key,
        max_age=math.ceil(settings.sessions.limits.length.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


def _forget(response: Response, cookie: str, settings: ServingSettings) -> None:
    response.delete_cookie(cookie, httponly=True, samesite="lax", secure=settings.secure_cookies)


def _down(request: Request, failure: ProviderDownError) -> Response:
    _log.warning("the OpenID provider does not answer: %s", failure)
    return _form(request, DOWN, status=503)


def _form(request: Request, problem: str | None = None, *, status: int = 200) -> Response:
    templates: Templates = request.app.state.templates
    settings: ServingSettings = request.app.state.settings
    name = None if settings.oidc is None else settings.oidc.name
    frame = frame_of(request, "Log in", principal=None, batch=None)
    return templates.page("login.html", LoginPage(problem, name, settings.token_login), frame, status=status)
