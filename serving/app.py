"""The application: store, routes, pages and what surrounds them, put together in one place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from serving import errors, openapi
from serving.access import no_repeats
from serving.assets import Assets
from serving.middleware import BodyLimit, SecurityHeaders
from serving.pages import PAGES
from serving.pages.templates import Templates
from serving.routes import ROUTERS
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore


def create_app(settings: ServingSettings) -> FastAPI:
    """Opens the store and gives the application that serves it; shutting it down closes the store.

    Raises:
        ConfigurationError: The store cannot be opened.
    """
    store = PredictionStore.open(settings.store)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()

    # FastAPI's own documentation pages load scripts from elsewhere; the description itself is served.
    app = FastAPI(
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(no_repeats)],
    )
    app.state.settings = settings
    app.state.store = store
    app.state.assets = Assets.load()
    app.state.templates = Templates(app.state.assets)
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    errors.install(app)
    for router in (*ROUTERS, *PAGES):
        app.include_router(router)
    # The last one added is the outermost: headers on everything, also on what the body limit refuses.
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    app.add_middleware(SecurityHeaders, https_only=settings.secure_cookies)
    return app
