"""Processes side by side within a limit of memory: each does one tenant's work and is then gone."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from spm_ml.tenants.memory import written_size
from spm_ml.tenants.report import Outcome
from spm_ml.tenants.worker import Job, Worker

_LOOK_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 10.0


class Pool:
    """Runs jobs, as many at once as are allowed and as fit into memory.

    Not `ProcessPoolExecutor`: there one process that is killed takes all other work with it, and a worker that is used
    again has seen another tenant.

    Args:
        runs: Folder for locks, logs and scratch files.
        jobs: Processes at once, at most.
        memory_bytes: What they may hold together.
        threads: Threads for the libraries of each.
    """

    def __init__(self, runs: Path, *, jobs: int, memory_bytes: int, threads: int) -> None:
        self._runs = runs
        self._jobs = jobs
        self._memory = memory_bytes
        self._threads = threads
        self._running: list[Worker] = []

    def run(self, jobs: Sequence[Job], ended: Callable[[Outcome], None]) -> None:
        """Does all jobs; one that fails keeps no other from its turn.

        Args:
            jobs: Started in their order, but one that does not fit yet lets smaller ones pass.
            ended: Told of each at its end. What it raises ends every process.
        """
        waiting = deque(jobs)
        try:
            while waiting or self._running:
                self._start(waiting, ended)
                time.sleep(_LOOK_SECONDS)
                for worker in [worker for worker in self._running if worker.poll()]:
                    self._running.remove(worker)
                    if worker.ended is not None:
                        ended(worker.ended)
                self._stay_within(waiting)
        finally:
            for worker in self._running:
                worker.stop(_STOP_SECONDS)

    def _start(self, waiting: deque[Job], ended: Callable[[Outcome], None]) -> None:
        while waiting and len(self._running) < self._jobs:
            free = self._memory - sum(worker.job.expected_bytes for worker in self._running)
            job = next((job for job in waiting if job.expected_bytes <= free), None)
            if job is None:
                if self._running:
                    return  # room comes when one of them ends
                job = waiting.popleft()
                needs = f"needs about {written_size(job.expected_bytes)} and may hold {written_size(self._memory)}"
                ended(Outcome(tenant=job.tenant, state="refused", message=f"{needs}: give more --memory"))
                continue
            waiting.remove(job)
            try:
                worker = Worker.start(job, self._runs, threads=self._threads)
            except OSError as error:
                ended(Outcome(tenant=job.tenant, state="failed", message=f"it could not be started: {error}"))
                continue
            if worker is None:
                ended(Outcome(tenant=job.tenant, state="busy", message="another run works for this tenant"))
            else:
                self._running.append(worker)

    def _stay_within(self, waiting: deque[Job]) -> None:
        """Ends the process that was started last while all of them hold more than they may.

        If it was not alone it gets another turn, alone.
        """
        held = sum(worker.holds for worker in self._running)
        if held <= self._memory:
            return
        worker = self._running[-1]
        if len(self._running) > 1:
            worker.kill("")
            while not worker.poll():
                time.sleep(_LOOK_SECONDS)
            self._running.remove(worker)
            waiting.append(replace(worker.job, expected_bytes=max(worker.job.expected_bytes, self._memory)))
        else:
            worker.kill(f"it held more than the {written_size(self._memory)} of --memory and was ended")
