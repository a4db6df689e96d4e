"""Schemathesis over the whole API: nothing it thinks of may crash it or leave what OpenAPI promises."""

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from serving.app import create_app
from serving.limits import RateLimits
from serving.settings import ServingSettings

DESCRIPTION = json.loads((Path(__file__).parents[1] / "golden" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(method, path) for path, methods in DESCRIPTION["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def schema(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Of an own store, since some operations decide; the tokens are in it."""
    own = tmp_path_factory.mktemp("schemathesis") / "predictions.db"
    shutil.copy(harbour_file, own)
    return schemathesis.openapi.from_asgi(
        "/v1/openapi.json", create_app(ServingSettings(store=str(own), limits=RateLimits(enabled=False)))
    )


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_keeps_its_promises(
    schema: Any, harbour_tokens: dict[str, str], method: str, path: str, mode: GenerationMode
) -> None:
    operation = schema[path][method]
    if mode is GenerationMode.NEGATIVE and not operation.body and not any(operation.iter_parameters()):
        return  # nothing can be sent wrongly
    answers = 0

    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        nonlocal answers
        if mode is GenerationMode.POSITIVE and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = uuid4().hex  # one that comes twice is refused, however valid
        response = case.call(headers={"Authorization": f"Bearer {harbour_tokens['vp']}"})
        case.validate_response(response)
        answers += 1

    ask()
    assert answers > 0
