"""Starts and kills the processes of `worker`, and gathers what they said they had done."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, Final

LONGEST_SILENCE: Final = 60.0
"""Seconds until a worker that says nothing counts as stuck."""
ENDED: Final = "ended"


class Workers:
    """A worker at a time, started and killed again and again.

    Args:
        process: What forks them.
        log: Where they write what goes wrong.
    """

    def __init__(self, process: "subprocess.Popen[str]", log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self._said: SimpleQueue[str] = SimpleQueue()
        Thread(target=self._listen, daemon=True).start()
        self.pid = 0

    def start(self, operation: str, store: str, more: str = "") -> str:
        """Starts one and gives the first thing it did.

        Raises:
            RuntimeError: It ended before it did anything, or says nothing.
        """
        self._say("\t".join((operation, store, more)))
        self.pid = int(self._read().removeprefix("started "))
        first = self._read()
        if first == ENDED:
            raise RuntimeError(self._failed("a worker ended before it did anything"))
        return first

    def kill(self) -> list[str]:
        """Kills it, if it still lives, and gives what it did since the first thing."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        done = []
        while (said := self._read()) != ENDED:
            done.append(said)
        return done

    def _say(self, word: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the workers have no stdin")
        print(word, file=self._process.stdin, flush=True)

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._said.put(line.rstrip("\n"))

    def _read(self) -> str:
        try:
            return self._said.get(timeout=LONGEST_SILENCE)
        except Empty:
            raise RuntimeError(self._failed(f"a worker said nothing for {LONGEST_SILENCE:.0f} s")) from None

    def _failed(self, what: str) -> str:
        self._log.seek(0)
        return f"{what}; the last that went wrong: {self._log.read().decode()[-2000:]}"


@contextmanager
def workers() -> Iterator[Workers]:
    """Workers; each lives until it is killed."""
    command = [sys.executable, "-m", "benchmarks.kills.worker"]
    with (
        TemporaryFile() as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Workers(process, log)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
