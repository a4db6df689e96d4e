"""Starts and kills the processes of `worker`, and gathers what they said they had done."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Workers:
    """A worker at a time, started and killed again and again."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = 0

    def start(self, operation: str, store: str, more: str = "") -> str:
        """Starts one and gives the first thing it did."""
        self._say("\t".join((operation, store, more)))
        word, pid = self._read().split()
        if word != "started":
            raise RuntimeError(f"a worker said {word!r}")
        self.pid = int(pid)
        return self._read()

    def kill(self) -> list[str]:
        """Kills it, if it still lives, and gives what it did since the first thing."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        done = []
        while (said := self._read()) != "ended":
            done.append(said)
        return done

    def _say(self, word: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the workers have no stdin")
        print(word, file=self._process.stdin, flush=True)

    def _read(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("the workers have no stdout")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the workers ended")
        return line.strip()


@contextmanager
def workers() -> Iterator[Workers]:
    """Workers; each lives until it is killed."""
    command = [sys.executable, "-m", "benchmarks.kills.worker"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield Workers(process)
        if process.stdin is not None:
            process.stdin.close()
