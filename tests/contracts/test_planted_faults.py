"""Faults planted into the authorisation: the matrix must tell each of them from the application as it is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from benchmarks.authorisation import measured
from tests.authorisation import Matrix, unruled
from tests.planted_faults import FAULTS, Fault, planted
from tests.prediction_world import World


@pytest.fixture(scope="module")
def matrix(harbour: World, harbour_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """Over an own store, since some requests decide; kept answers would be those from before the fault."""
    own = tmp_path_factory.mktemp("planted") / "predictions.db"
    shutil.copy(harbour_file, own)
    with Matrix(own, harbour, kept_answers_bytes=0) as opened:
        yield opened


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught(matrix: Matrix, fault: Fault) -> None:
    assert fault.cases(), "nothing would be asked"
    with planted(fault):
        caught = next(matrix.differences(fault.cases()), None)
    assert caught is not None, f"nobody noticed that {fault.what}"


def test_a_route_without_a_rule_is_caught(matrix: Matrix) -> None:
    app = FastAPI(openapi_url=None)
    app.include_router(matrix.app.router)
    app.add_api_route("/v1/everything", lambda: "all")
    assert unruled(app) == {("GET", "/v1/everything")}


def test_the_command_prints_a_table() -> None:
    table = measured(FAULTS[:1], clean=False)
    assert table.startswith("| planted fault |")
    assert table.endswith("1 caught.")
