"""The application: store, routes, pages and what surrounds them, put together in one place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.gzip import GZipMiddleware

from serving import errors, openapi
from serving.assets import Assets
from serving.identity.proxy import ProxyHeader
from serving.kept_answers import KeptAnswers
from serving.limits import Limiter
from serving.middleware import BodyLimit, NoRepeats, PlainRequests, SecurityHeaders, WrittenHere
from serving.notation import Notation
from serving.observing.install import install as observe
from serving.observing.logs import RequestLog
from serving.pages import PAGES
from serving.pages.templates import Templates
from serving.quick_what_if import QuickWhatIf
from serving.renewals import Renewals
from serving.routes import ROUTERS
from serving.routes.what_if import Starts
from serving.settings import ServingSettings
from serving.what_if import WhatIf
from spm_ml.predictions import PredictionStore

if TYPE_CHECKING:
    from serving.identity.oidc import Provider

# FastAPI's own telemetry reports addresses, queries and what exceptions say to whatever collector the process has.
_NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(settings: ServingSettings, *, requests: RequestLog | None = None) -> FastAPI:
    """Opens the store and gives the application that serves it; shutting it down closes the store.

    Args:
        settings: What the operator decided.
        requests: Where a line for every request goes; None: nowhere.

    Raises:
        ConfigurationError: The store cannot be opened or is another tenant's; telemetry is enabled, not installed.
    """
    store = PredictionStore.open(settings.store, tenant=settings.tenant)
    door = store.door()
    provider = _provider_of(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await door.open()
        yield
        stop_observing()
        await app.state.what_if.close()
        await app.state.renewals.close()
        if provider is not None:
            await provider.close()
        await door.close()
        store.close()

    # FastAPI's own documentation pages load scripts from elsewhere; the description itself is served.
    app = FastAPI(
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the redirect would repeat the address and the Host header
        telemetry=_NO_TELEMETRY,
    )
    app.state.settings = settings
    app.state.store = store
    app.state.limiter = Limiter(settings.limits)
    app.state.renewals = Renewals(settings.sessions.limits)
    app.state.what_if = WhatIf(settings.what_if)
    app.state.what_if_starts = Starts()
    app.state.provider = provider
    app.state.proxy = None if settings.proxy is None else ProxyHeader(settings.proxy)
    app.state.assets = Assets.load()
    app.state.templates = Templates(app.state.assets)
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    errors.install(app)
    for router in (*ROUTERS, *PAGES):
        # Not `include_router`: it matches each request twice, router by router. Nothing is added on including.
        app.router.routes.extend(router.routes)
    # The last one added is the outermost: headers on everything, also on what the body limit refuses.
    app.add_middleware(WrittenHere, notation=Notation.of(settings.locale))
    app.add_middleware(errors.Failures)
    app.add_middleware(NoRepeats)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    if settings.kept_answers_bytes:
        app.add_middleware(KeptAnswers, door=door, limiter=app.state.limiter, most_bytes=settings.kept_answers_bytes)
    app.add_middleware(QuickWhatIf, state=app.state, door=door)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds)
    app.add_middleware(PlainRequests)
    app.add_middleware(SecurityHeaders, https_only=settings.secure_cookies)
    stop_observing = observe(app, settings, store, requests)
    return app


def _provider_of(settings: ServingSettings) -> "Provider | None":
    if settings.oidc is None:
        return None
    from serving.identity.oidc import Provider  # with what it needs half a second, and few need it

    return Provider(settings.oidc)
