"""The built wheel carries the library alone, and the line runs from it."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_ships_the_library_and_its_data_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"spm_ml"}
    for needed in ("spm_ml/py.typed", "spm_ml/sources/mappings/maven.yaml"):
        assert needed in names
    assert any(name.startswith("spm_ml/predictions/migrations/versions/") for name in names)


def test_the_line_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """The wheel's own copy is imported; its dependencies come from the environment that runs the tests."""
    venv.create(tmp_path / "venv", with_pip=False)
    packages = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    zipfile.ZipFile(wheel).extractall(packages)
    here = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    python = tmp_path / "venv" / "bin" / "python"
    environment = {**os.environ, "PYTHONPATH": str(here), "OMP_NUM_THREADS": "1"}

    def run(*arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [str(python), "-P", "-m", "spm_ml.cli", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == expect, done.stderr
        return done.stdout + done.stderr

    where = [str(python), "-P", "-c", "import spm_ml; print(spm_ml.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(packages))
    run("simulate", "--out", "tables", "--reps", "8", "--periods", "4")
    run("ingest", "tables")
    run("metrics", "--json")
    run("dataset")
    run("backtest", "--periods", "1")
    assert "application that runs from a checkout" in run("train", expect=1)
