"""Schemathesis over the whole API, and bytes that are none: nothing crashes it or leaves what OpenAPI promises."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from schemathesis import GenerationMode

from benchmarks.bad_requests import measured
from tests.authorisation import Matrix
from tests.fuzzing import ask_operation, fuzz_body, schema_of, writes
from tests.prediction_world import World

DESCRIPTION = json.loads((Path(__file__).parents[1] / "golden" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(method, path) for path, methods in DESCRIPTION["paths"].items() for method in methods]
EXAMPLES = 6
BODIES = 15


@pytest.fixture(scope="module")
def matrix(harbour: World, harbour_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """Over an own store, since some operations decide."""
    own = tmp_path_factory.mktemp("schemathesis") / "predictions.db"
    shutil.copy(harbour_file, own)
    with Matrix(own, harbour) as opened:
        yield opened


@pytest.fixture(scope="module")
def schema(matrix: Matrix) -> Any:
    return schema_of(matrix)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_keeps_its_promises(
    schema: Any, matrix: Matrix, method: str, path: str, mode: GenerationMode
) -> None:
    statuses = ask_operation(schema, matrix.tokens, method, path, mode, EXAMPLES)
    assert statuses.total() > 0 or mode is GenerationMode.NEGATIVE


@pytest.mark.parametrize(("method", "route"), writes())
def test_no_body_whatever_it_is_crashes_a_route(matrix: Matrix, method: str, route: str) -> None:
    assert fuzz_body(matrix, method, route, BODIES).total() > 0


def test_the_command_prints_a_table() -> None:
    assert measured(1, only="/v1/teams").count("| 0 |") >= 3
