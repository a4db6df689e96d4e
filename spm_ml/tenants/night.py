"""Night: one command for every tenant, in one go, with a report that survives it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Final

from spm_ml.progress import Progress, silent
from spm_ml.tenants.checks import findings
from spm_ml.tenants.folder import TenantFolder
from spm_ml.tenants.pool import Pool
from spm_ml.tenants.report import Outcome, Report
from spm_ml.tenants.worker import Job
from spm_ml.whole_file import write_whole

UNKNOWN_PEAK: Final = 1 << 30
"""Bytes that a command is expected to take until a run has measured it for the tenant (720 MiB: scoring 200 reps)."""

_MARGIN: Final = 1.1
"""What is expected over the last peak: data grow."""

_TENANT: Final = "{tenant}"


@dataclass(frozen=True)
class Night:
    """A run of one command over tenants.

    Attributes:
        folder: The tenants.
        words: Of the `spm` command, with `{tenant}` where a tenant's name goes.
        jobs: Processes at once, at most.
        memory_bytes: What they may hold together.
        threads: Threads for the libraries of each.
    """

    folder: TenantFolder
    words: tuple[str, ...]
    jobs: int
    memory_bytes: int
    threads: int = 1

    @property
    def command(self) -> str:
        """Name of the command, without what it is told."""
        return "-".join(takewhile(lambda word: not word.startswith("-") and _TENANT not in word, self.words[:2]))

    @property
    def report_file(self) -> Path:
        """Where the report of the last run of the command lies."""
        return self.folder.runs / f"{self.command}.report.json"

    def finished(self) -> frozenset[str]:
        """Tenants for whom the last run of these very words left nothing to do."""
        before = Report.read(self.report_file)
        return frozenset() if before is None else before.finished(self.words)

    def run(
        self,
        names: Sequence[str],
        *,
        skipped: frozenset[str] = frozenset(),
        listen: Callable[[Outcome], None] | None = None,
        progress: Progress = silent,
    ) -> Report:
        """Runs the command for each tenant; the report is written after each of them.

        Args:
            names: The tenants.
            skipped: Those of them for whom there is nothing to do.
            listen: Told of each outcome.
            progress: Told how many have ended.
        """
        self.folder.runs.mkdir(mode=0o700, exist_ok=True)
        outcomes: list[Outcome] = []
        report = Report(command=self.words, began=datetime.now(UTC), jobs=self.jobs, memory_bytes=self.memory_bytes)

        def ended(outcome: Outcome) -> None:
            nonlocal report
            outcomes.append(outcome)
            report = report.model_copy(update={"tenants": tuple(outcomes)})
            report.write(self.report_file)
            if outcome.state == "done":
                self._keep_peak(outcome)
            if listen is not None:
                listen(outcome)
            progress("tenants", len(outcomes), len(names))

        report.write(self.report_file)
        progress("tenants", 0, len(names))
        problems = {one.tenant: one.problem for one in reversed(findings(self.folder, names))}
        jobs = []
        for name in names:
            if name in problems:
                ended(Outcome(tenant=name, state="refused", message=problems[name]))
            elif name in skipped:
                ended(Outcome(tenant=name, state="skipped", message="the run before has done it"))
            else:
                jobs.append(self._job(name))
        pool = Pool(self.folder.runs, jobs=self.jobs, memory_bytes=self.memory_bytes, threads=self.threads)
        pool.run(jobs, ended)
        report = report.model_copy(update={"ended": datetime.now(UTC)})
        report.write(self.report_file)
        return report

    def _job(self, tenant: str) -> Job:
        words = tuple(word.replace(_TENANT, tenant) for word in self.words)
        peak = self._peaks(tenant).get(self.command)
        expected = UNKNOWN_PEAK if peak is None else int(peak * _MARGIN)
        return Job(tenant, self.folder.workspace(tenant).root, words, expected)

    def _peaks(self, tenant: str) -> dict[str, int]:
        """Most memory that each command took when it last ran for the tenant."""
        try:
            known: dict[str, int] = json.loads(self._peaks_file(tenant).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known

    def _keep_peak(self, outcome: Outcome) -> None:
        file = self._peaks_file(outcome.tenant)
        known = self._peaks(outcome.tenant) | {self.command: outcome.peak_bytes}
        write_whole(file, json.dumps(known))

    def _peaks_file(self, tenant: str) -> Path:
        return self.folder.runs / f"{tenant}.peaks.json"
