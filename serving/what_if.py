"""Processes that answer what-if questions: the service itself loads no model, and no read waits for one."""

import asyncio
import os
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

COMMAND: Final = (sys.executable, "-m", "spm_ml.scoring.what_if")

_PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""Environment of the processes: nothing that opens the store is in it."""

_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LONGEST_START: Final = 60.0
"""Seconds after which a process that has not loaded its model is given up."""

_LONGEST_LINE: Final = 1_048_576
_ATTEMPTS: Final = 2


class WhatIfSettings(BaseModel):
    """How what-if questions are answered.

    Attributes:
        workers: Processes that answer; the first question starts the first. One takes about 300 MB.
        waiting: Questions that may wait for an answer at once; one more is refused.
        seconds: Longest time a question may take, starting a process included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=1, ge=1, le=32)
    waiting: int = Field(default=64, ge=1, le=10_000)
    seconds: float = Field(default=10.0, gt=0, le=600)


class UnavailableError(Exception):
    """No answer now; the same question may be asked again later."""


class LoadingError(UnavailableError):
    """No answer yet: a process is starting, or reads the batch's model."""


class _GoneError(Exception):
    """The process ended before it answered."""


@dataclass(frozen=True)
class Reply:
    """What a process answered: a status as in HTTP, and JSON text."""

    status: int
    text: bytes


Load = Callable[[], Awaitable[str]]


class _Process:
    """One running process; questions are answered in the order in which they are sent."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asked: OrderedDict[int, asyncio.Future[Reply]] = OrderedDict()
        self._batch_id: str | None = None
        self._unloaded: deque[str] = deque()
        self._loaded: str | None = None
        self._lock = asyncio.Lock()
        self._number = 0
        self._reading = asyncio.create_task(self._read())
        self._unsent: list[bytes] = []
        self._began_loading = time.monotonic()
        self._given_up = False

    @classmethod
    async def start(cls, command: Sequence[str]) -> "_Process":
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _ONE_THREAD
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                limit=_LONGEST_LINE,
            )
        )

    @property
    def runs(self) -> bool:
        return not self._reading.done()

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    @property
    def loads(self) -> bool:
        """Whether it starts, or reads a model, and is still waited for."""
        if self._given_up or time.monotonic() - self._began_loading > LONGEST_START:
            return False
        return self._loaded is None or self._loaded != self._batch_id

    def has(self, batch_id: str) -> bool:
        """Whether a batch's model is what it has loaded."""
        return self._loaded == batch_id == self._batch_id

    @property
    def load(self) -> int:
        """Questions that wait."""
        return len(self._asked)

    async def ask(self, batch_id: str, load: Load, question: bytes, inputs: bytes) -> Reply:
        """Asks one question.

        Raises:
            _GoneError: The process ended first.
        """
        if self._batch_id != batch_id:
            async with self._lock:
                if self._batch_id != batch_id:
                    model = (await load()).encode()
                    if self._batch_id is not None:
                        self._began_loading = time.monotonic()
                    self._send(b"model\n%s\n" % model)
                    self._batch_id = batch_id
                    self._unloaded.append(batch_id)
        self._number += 1
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[self._number] = answered
        self._send(b"ask %d %s\n%s\n" % (self._number, question, inputs))
        return await answered

    def kill(self) -> None:
        """Ends it now; whoever waits is told."""
        self._given_up = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Ends it and waits for that."""
        self.kill()
        await self._reading
        await self._process.wait()

    def _send(self, data: bytes) -> None:
        if not self.runs:
            raise _GoneError
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(data)

    def _flush(self) -> None:
        """Sends together what came together: each write wakes the process."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(b"".join(self._unsent))
        self._unsent.clear()

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            while line := await self._process.stdout.readline():
                if line == b"ready\n":
                    continue
                if line == b"loaded\n":
                    self._loaded = self._unloaded.popleft()
                    continue
                number, status, text = line.rstrip(b"\n").split(b" ", 2)
                answered = self._asked.pop(int(number), None)
                if answered is not None and not answered.done():
                    answered.set_result(Reply(int(status), text))
        except (ValueError, IndexError, OSError):
            self.kill()
        finally:
            for answered in self._asked.values():
                if not answered.done():
                    answered.set_exception(_GoneError())
            self._asked.clear()


class WhatIf:
    """Answers what-if questions in at most `workers` processes, started when they are needed."""

    def __init__(self, settings: WhatIfSettings, command: Sequence[str] = COMMAND) -> None:
        self._settings = settings
        self._command = command
        self._processes: list[_Process] = []
        self._waiting = 0
        self._starting = asyncio.Lock()

    async def ask(
        self, batch_id: str, load: Load, question: bytes, inputs: bytes, *, patience: float | None = None
    ) -> Reply:
        """Asks one question; one that a process died over is asked once more.

        Args:
            batch_id: Of the batch that the inputs belong to.
            load: Reads the batch's model; awaited where a process does not have it yet.
            question: JSON text without a line break.
            inputs: JSON text without a line break.
            patience: Seconds to wait at most where the batch's model is not loaded yet; None: as for any question.

        Raises:
            LoadingError: The model is still being loaded.
            UnavailableError: Too many questions wait, time ran out, or processes died over it.
        """
        if self._waiting >= self._settings.waiting:
            raise UnavailableError
        self._waiting += 1
        seconds = self._settings.seconds
        if patience is not None and not any(process.has(batch_id) for process in self._processes):
            seconds = min(seconds, patience)
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(batch_id, load, question, inputs)
        except TimeoutError as error:
            raise (LoadingError if self.loads else UnavailableError) from error
        finally:
            self._waiting -= 1

    @property
    def loads(self) -> bool:
        """Whether a process starts or reads a model; without any, it was not even started in time."""
        return not self._processes or any(process.runs and process.loads for process in self._processes)

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes that run."""
        return tuple(process.pid for process in self._processes if process.runs)

    async def close(self) -> None:
        """Ends every process."""
        for process in self._processes:
            await process.close()
        self._processes.clear()

    async def _ask(self, batch_id: str, load: Load, question: bytes, inputs: bytes) -> Reply:
        for _ in range(_ATTEMPTS):
            process = await self._process()
            try:
                return await process.ask(batch_id, load, question, inputs)
            except _GoneError:
                continue
            except asyncio.CancelledError:
                # Time ran out. One that still loads may finish; one that had loaded is stuck.
                if not process.loads:
                    process.kill()
                raise
        raise UnavailableError

    async def _process(self) -> _Process:
        """The process with the fewest questions; a further one is started while all are busy."""
        running = [process for process in self._processes if process.runs]
        idle = next((process for process in running if not process.load), None)
        if idle is not None:
            return idle
        if len(running) < self._settings.workers and not self._starting.locked():
            async with self._starting:
                self._processes = [process for process in self._processes if process.runs]
                started = await _Process.start(self._command)
                self._processes.append(started)
                return started
        if running:
            return min(running, key=lambda process: process.load)
        async with self._starting:
            pass
        return await self._process()
