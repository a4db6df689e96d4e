"""The application: store, routes, pages and what surrounds them, put together in one place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from serving import errors, openapi
from serving.assets import Assets
from serving.kept_answers import KeptAnswers
from serving.middleware import BodyLimit, NoRepeats, SecurityHeaders
from serving.pages import PAGES
from serving.pages.templates import Templates
from serving.routes import ROUTERS
from serving.settings import ServingSettings
from serving.what_if import WhatIf
from spm_ml.predictions import PredictionStore


def create_app(settings: ServingSettings) -> FastAPI:
    """Opens the store and gives the application that serves it; shutting it down closes the store.

    Raises:
        ConfigurationError: The store cannot be opened.
    """
    store = PredictionStore.open(settings.store)
    door = store.door()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await door.open()
        yield
        await app.state.what_if.close()
        await door.close()
        store.close()

    # FastAPI's own documentation pages load scripts from elsewhere; the description itself is served.
    app = FastAPI(lifespan=lifespan, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.store = store
    app.state.what_if = WhatIf(settings.what_if)
    app.state.assets = Assets.load()
    app.state.templates = Templates(app.state.assets)
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    errors.install(app)
    for router in (*ROUTERS, *PAGES):
        # Not `include_router`: it matches each request twice, router by router. Nothing is added on including.
        app.router.routes.extend(router.routes)
    # The last one added is the outermost: headers on everything, also on what the body limit refuses.
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds)
    app.add_middleware(NoRepeats)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    if settings.kept_answers_bytes:
        app.add_middleware(KeptAnswers, door=door, most_bytes=settings.kept_answers_bytes)
    app.add_middleware(SecurityHeaders, https_only=settings.secure_cookies)
    return app
