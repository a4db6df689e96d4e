"""What a run over tenants has done: kept as JSON beside the tenants after each of them, so that it can be resumed."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from spm_ml.tenants.memory import written_size
from spm_ml.whole_file import write_whole

State = Literal["done", "skipped", "failed", "refused", "busy"]
"""`refused`: not started, for its settings or its memory; `busy`: another run works for the tenant."""

_FINE: Final = ("done", "skipped")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(_Frozen):
    """What came of one tenant.

    Attributes:
        tenant: Whose.
        state: What became of it.
        seconds: From its start to its end; 0 if it was not started.
        peak_bytes: Most memory that its process held; 0 if it was not started.
        message: Why, where it did not end well.
    """

    tenant: str
    state: State
    seconds: float = 0.0
    peak_bytes: int = 0
    message: str = ""

    @property
    def fine(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state in _FINE


class Report(_Frozen):
    """A run over tenants.

    Attributes:
        command: Words of the `spm` command, with `{tenant}` where each tenant's name goes.
        began: When (UTC).
        ended: When; None while it runs, or if it was killed.
        jobs: Processes at once, at most.
        memory_bytes: What they were allowed together.
        tenants: What came of each that has ended, in the order in which they did.
    """

    command: tuple[str, ...]
    began: datetime
    ended: datetime | None = None
    jobs: int
    memory_bytes: int
    tenants: tuple[Outcome, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The report of a file; None if there is none, or one of another version."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, path: Path) -> None:
        """Replaces the file whole; only its owner may read it, as messages may quote data."""
        write_whole(path, self.model_dump_json(indent=1) + "\n", mode=0o600)

    @property
    def fine(self) -> bool:
        """Whether every tenant ended well."""
        return all(one.fine for one in self.tenants)

    def finished(self, command: Sequence[str]) -> frozenset[str]:
        """Tenants for whom this run of the same command left nothing to do."""
        if tuple(command) != self.command:
            return frozenset()
        return frozenset(one.tenant for one in self.tenants if one.fine)

    def text(self) -> str:
        """The table that people read."""
        width = max([6, *(len(one.tenant) for one in self.tenants)])
        lines = [f"{'tenant':<{width}}  {'outcome':<8} {'seconds':>8} {'peak':>10}  message"]
        for one in sorted(self.tenants, key=lambda each: each.tenant):
            peak = written_size(one.peak_bytes) if one.peak_bytes else "–"
            lines.append(
                f"{one.tenant:<{width}}  {one.state:<8} {one.seconds:>8.1f} {peak:>10}  {one.message}".rstrip()
            )
        bad = sum(not one.fine for one in self.tenants)
        lines.append(f"{len(self.tenants) - bad} of {len(self.tenants)} tenants ended well.")
        return "\n".join(lines)
