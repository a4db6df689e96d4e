"""What is measured: each a server in processes of its own, on one core."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

_START_SECONDS: Final = 180.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        name: As in the tables.
        process: Its first process.
        ready_seconds: From its start to its first answer.
    """

    name: str
    port: int
    process: int
    ready_seconds: float

    def cpu_seconds(self) -> float:
        """Processor time of all its processes so far."""
        return sum(_stat(process)[0] for process in _family(self.process))

    def resident_bytes(self) -> int:
        """Memory of all its processes."""
        return sum(_stat(process)[1] for process in _family(self.process))


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    path: str,
    core: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server from a command, stopped when the block ends.

    Args:
        name: As in the tables.
        command: Starts it on the port.
        port: Of the loopback.
        path: Answers 200 as soon as it serves.
        core: On which it runs; None: any.
        environment: Added to that of this process.

    Raises:
        ConnectionError: It ended or did not answer in time.
    """
    started = time.perf_counter()
    output = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed below)
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,  # a line a request
        stderr=output,
        start_new_session=True,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - started > _START_SECONDS:
                output.seek(0)
                raise ConnectionError(f"{name} did not start: {' '.join(command)}\n{output.read()[-2_000:]}")
            time.sleep(0.01)
        yield Server(name, port, process.pid, time.perf_counter() - started)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.close()


def bare(core: int | None) -> AbstractContextManager[Server]:
    """Bare Starlette."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(port)]
    return running("bare Starlette", command, port=port, path="/", core=core)


def ours(name: str, store: str, core: int | None, settings: Mapping[str, object]) -> AbstractContextManager[Server]:
    """This service over a store."""
    port = free_port()
    given = json.dumps({"store": store, **settings})
    command = [sys.executable, "-m", "benchmarks.serving.ours", str(port), given]
    return running(name, command, port=port, path="/health/live", core=core)


def mlflow_serve(folder: Path, core: int | None) -> AbstractContextManager[Server]:
    """`mlflow models serve` over a small model, registered once."""
    port = free_port()
    registry = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it starts 'uvicorn' by name
    }
    if not (folder / "mlflow.db").exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "pending"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        command = [sys.executable, "-m", "benchmarks.serving.small_model", str(folder / "artifacts")]
        pending = {**registry, "MLFLOW_TRACKING_URI": f"sqlite:///{made / 'mlflow.db'}"}
        subprocess.run(command, env={**os.environ, **pending}, check=True, capture_output=True)
        (made / "mlflow.db").replace(folder / "mlflow.db")
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/small/1"]
    command += ["--env-manager", "local", "-h", "127.0.0.1", "-p", str(port), "-w", "1"]
    return running("mlflow models serve", command, port=port, path="/ping", core=core, environment=registry)


def log_in(port: int, token: str) -> str:
    """Logs in as a browser does, and gives the cookie.

    Raises:
        ConnectionError: The token is not taken.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    connection.request("POST", "/login", urlencode({"token": token}), headers)
    cookie = connection.getresponse().getheader("Set-Cookie")
    connection.close()
    if cookie is None:
        raise ConnectionError("the login form did not take the token")
    return cookie.partition(";")[0]


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _family(process: int) -> list[int]:
    """A process and all that it started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_fields(int(entry.name))[1])
            except OSError:
                continue  # it ended meanwhile
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _stat(process: int) -> tuple[float, int]:
    """Processor seconds and resident bytes."""
    try:
        fields = _fields(process)
    except OSError:
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE


def _fields(process: int) -> list[str]:
    """`/proc/PID/stat` from the state on: a name may hold blanks and parentheses."""
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
