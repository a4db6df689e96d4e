"""Logging in with a pasted token, and out again. Tokens never stand in an address."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from serving.access import store_of
from serving.pages.frame import cookie_name, frame_of
from serving.pages.origin import same_origin
from serving.pages.templates import Templates
from serving.settings import ServingSettings
from spm_ml.predictions.credentials import SESSION_LENGTH

router = APIRouter(include_in_schema=False)

MAX_TOKEN = 200


@dataclass(frozen=True)
class LoginPage:
    """The login form.

    Attributes:
        refused: Whether a token was just tried in vain.
    """

    refused: bool


@router.get("/login")
async def login_form(request: Request) -> Response:
    """The form."""
    return _form(request, refused=False)


@router.post("/login", dependencies=[Depends(same_origin)])
async def log_in(request: Request, token: Annotated[str, Form(max_length=MAX_TOKEN)] = "") -> Response:
    """Opens a session for a valid token."""
    settings: ServingSettings = request.app.state.settings
    key = await run_in_threadpool(store_of(request).credentials.open_session, token.strip())
    if key is None:
        return _form(request, refused=True)
    response = RedirectResponse("/me", 303)
    response.set_cookie(
        cookie_name(settings),
        key,
        max_age=int(SESSION_LENGTH.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


@router.post("/logout", dependencies=[Depends(same_origin)])
async def log_out(request: Request) -> Response:
    """Ends the session."""
    settings: ServingSettings = request.app.state.settings
    name = cookie_name(settings)
    if key := request.cookies.get(name):
        await run_in_threadpool(store_of(request).credentials.close_session, key)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(name, httponly=True, samesite="lax", secure=settings.secure_cookies)
    return response


def _form(request: Request, *, refused: bool) -> Response:
    templates: Templates = request.app.state.templates
    frame = frame_of(request, "Log in", principal=None, batch=None)
    return templates.page("login.html", LoginPage(refused), frame, status=401 if refused else 200)
