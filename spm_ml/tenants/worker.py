"""One process for one tenant: what it may see, how it is locked, and how it ended."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spm_ml.progress import NOTHING_TO_DO
from spm_ml.tenant import VARIABLE
from spm_ml.tenants.memory import peak_of, resident, written_size
from spm_ml.tenants.report import Outcome

_PASSED_ON: Final = (
    *("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "MLFLOW_DISABLE_TELEMETRY"),
)
"""Environment of a process beside what is made for it: nothing that could name another tenant's store or registry."""

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LAST_BYTES: Final = 16_384
_MOST_MESSAGE: Final = 500


@dataclass(frozen=True)
class Job:
    """Work for one tenant.

    Attributes:
        tenant: Whose.
        workspace: Their workspace.
        words: Of the `spm` command, without `--workspace`.
        expected_bytes: Memory that it is expected to take.
    """

    tenant: str
    workspace: Path
    words: tuple[str, ...]
    expected_bytes: int


@dataclass
class Worker:
    """A running process of a tenant. It holds the tenant's lock, so that the lock outlives whoever started it."""

    job: Job
    process: "subprocess.Popen[bytes]"
    log: Path
    scratch: Path
    started: float = field(default_factory=time.monotonic)
    ended: Outcome | None = None
    killed_for: str = ""

    @classmethod
    def start(cls, job: Job, runs: Path, *, threads: int) -> "Worker | None":
        """Starts the process; None if another one works for the tenant.

        Args:
            job: What it does.
            runs: Folder for its lock, its log and its scratch files.
            threads: Threads that its libraries may use.
        """
        lock = os.open(runs / f"{job.tenant}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            log, scratch = runs / f"{job.tenant}.log", runs / f"{job.tenant}.tmp"
            shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
            scratch.mkdir(mode=0o700)
            log.unlink(missing_ok=True)
            log.touch(mode=0o600)
            command = [sys.executable, "-m", "spm_ml.cli", *job.words, "--workspace", str(job.workspace)]
            with log.open("wb") as out:
                process = subprocess.Popen(  # noqa: S603 - the words were checked
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment(job.tenant, scratch, threads),
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        return cls(job, process, log, scratch)

    @property
    def holds(self) -> int:
        """Bytes of memory that it holds now."""
        return resident(self.process.pid)

    def poll(self) -> bool:
        """Whether it has ended; then `ended` says how."""
        if self.ended is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self._end(os.waitstatus_to_exitcode(status), peak_of(usage.ru_maxrss))
        return self.ended is not None

    def kill(self, why: str) -> None:
        """Ends it now."""
        self.killed_for = why
        self._signal(signal.SIGKILL)

    def stop(self, seconds: float) -> None:
        """Asks it to end, as Ctrl-C does, and ends it after some seconds."""
        self._signal(signal.SIGINT)
        until = time.monotonic() + seconds
        while not self.poll():
            if time.monotonic() > until:
                self._signal(signal.SIGKILL)
            time.sleep(0.05)

    def _signal(self, number: signal.Signals) -> None:
        if not self.poll():  # it is not reaped, so the number is still its own
            os.killpg(self.process.pid, number)

    def _end(self, code: int, peak: int) -> None:
        self.process.returncode = code
        shutil.rmtree(self.scratch, ignore_errors=True)
        said = _last_words(self.log)
        if code == 0:
            state, message = ("skipped", said) if said.startswith(NOTHING_TO_DO) else ("done", "")
        elif self.killed_for:
            state, message = "failed", self.killed_for
        elif code < 0:
            state, message = "failed", f"ended by {signal.Signals(-code).name} after holding {written_size(peak)}"
        else:
            state, message = "failed", said or f"ended with code {code}"
        seconds = round(time.monotonic() - self.started, 2)
        values = {"tenant": self.job.tenant, "state": state, "seconds": seconds, "peak_bytes": peak, "message": message}
        self.ended = Outcome.model_validate(values)


def environment(tenant: str, scratch: Path, threads: int) -> dict[str, str]:
    """The environment of a tenant's process.

    >>> environment("acme", Path("/tmp/acme"), 1)["SPM_TENANT"]
    'acme'
    """
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own = {VARIABLE: tenant, "TMPDIR": str(scratch.resolve())}
    return passed_on | own | dict.fromkeys(_THREADS, str(threads))


def _last_words(log: Path) -> str:
    """The last line of a log that the command itself wrote, or else the last of all."""
    with log.open("rb") as written:
        written.seek(0, os.SEEK_END)
        written.seek(max(0, written.tell() - _LAST_BYTES))
        lines = [line.strip() for line in written.read().decode("utf-8", "replace").splitlines() if line.strip()]
    own = [line.removeprefix("spm: ") for line in lines if line.startswith("spm: ")]
    return (own or lines or [""])[-1][:_MOST_MESSAGE]
