"""The API's description."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.problem import BrokenRule, Problem

TITLE: Final = "spm-ml"
VERSION: Final = "1"
DESCRIPTION: Final = (
    "Forecasts of quota attainment as distributions, beside the baseline metrics, with reasons, hazards and "
    "recommendations. Every answer names its batch, model version and data watermark. Errors are problem documents "
    "(RFC 9457)."
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application's routes, made once."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(
        title=TITLE, version=VERSION, summary="Read API of spm-ml", description=DESCRIPTION, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (Problem, BrokenRule):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    app.openapi_schema = document
    return document
