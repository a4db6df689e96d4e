"""Running one step in a process of its own and counting what it and its children took."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from spm_ml.tenants.memory import peak_of, resident

GIB: Final = 2**30
MAKING: Final = (sys.executable, "-m", "benchmarks.scaling.making")
"""Derives, builds or refreshes, as its first argument says, in the workspace that the second names."""
_EVERY: Final = 0.2


@dataclass(frozen=True)
class Limits:
    """What a step may take before it is ended.

    Attributes:
        seconds: Wall-clock.
        memory: Bytes of resident memory of all its processes together.
    """

    seconds: float
    memory: float


@dataclass(frozen=True)
class Cost:
    """What a step took.

    Attributes:
        seconds: Wall-clock.
        cpu: Processor seconds, user and system, of the process and its descendants, waited for or not.
        peak: Bytes of resident memory of the process tree at its peak; pages that two processes share count twice.
        output: What it printed.
    """

    seconds: float
    cpu: float
    peak: float
    output: str = ""


class DoesNotFitError(Exception):
    """The step was ended at a limit; the message says what it needs."""


class FailedError(Exception):
    """The step ended with an error; the message holds its last lines."""


def measure(command: Sequence[str], limits: Limits, environment: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end.

    Args:
        command: Program and arguments.
        limits: At which it is ended with all its children.
        environment: Variables beside those of this process.

    Raises:
        DoesNotFitError: It reached a limit.
        FailedError: It ended with another code than 0.
    """
    started, peak, worked, high = time.perf_counter(), 0.0, dict[int, float](), 0.0
    environment = {**os.environ, **(environment or {})}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment, start_new_session=True)
        try:
            while True:
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                running = list(_tree(process.pid))
                peak = max(peak, sum(map(resident, running)))
                high = max(high, *map(high_water, running), 0.0)
                worked |= {pid: processor_seconds(pid) for pid in running}
                _check(peak, time.perf_counter() - started, limits)
                time.sleep(_EVERY)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.perf_counter() - started
        if process.returncode:
            raise FailedError(f"{' '.join(command)} ended with {process.returncode}:\n{_text(err)[-2_000:]}")
        cpu = max(usage.ru_utime + usage.ru_stime, sum(worked.values()))  # nobody waits for Spark's Java
        return Cost(seconds, cpu, max(peak, high or peak_of(usage.ru_maxrss)), _text(out))


def high_water(pid: int) -> float:
    """Bytes of a process's largest resident memory up to now; 0 if it has ended, or where nothing tells.

    What `getrusage` tells of a child is at least the memory of the process that started it.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0.0)


def processor_seconds(pid: int, *, waited: bool = False) -> float:
    """User and system seconds of a process up to now, with those of ended children if asked; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if waited else 13])) / os.sysconf("SC_CLK_TCK")


def _check(peak: float, seconds: float, limits: Limits) -> None:
    if peak > limits.memory:
        raise DoesNotFitError(f"needs more than {limits.memory / GIB:.1f} GiB")
    if seconds > limits.seconds:
        raise DoesNotFitError(f"needs more than {limits.seconds / 60:.0f} minutes")


def _tree(pid: int) -> Iterator[int]:
    """The process and its descendants, as they are now."""
    yield pid
    try:
        tasks = [task.read_text(encoding="ascii") for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it has just ended
        return
    for child in " ".join(tasks).split():
        yield from _tree(int(child))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", errors="replace")
