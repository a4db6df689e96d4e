"""The API's description."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.problem import BrokenRule, Problem, documented

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
    for path, operations in document["paths"].items():
        if path.startswith("/v1"):
            for operation in operations.values():
                _add_common(operation)
    app.openapi_schema = document
    return document


def _add_common(operation: dict[str, Any]) -> None:
    """What stands before the routes answers, on each of them."""
    responses = operation["responses"]
    statuses = (400, 414, 429, 431) + ((408, 413, 415) if "requestBody" in operation else ())
    for status, described in documented(*statuses).items():
        responses.setdefault(str(status), described)
    operation["responses"] = dict(sorted(responses.items()))
