"""What was measured, kept as JSON: one entry a size, each with the machine and the code that it was measured with."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.scaling.steps import Measured
from benchmarks.worlds import code_digest
from spm_ml.tenants.memory import machine_memory

KEPT: Final = Path(__file__).with_name("measured.json")
"""From which `docs/benchmarks.md` is written."""

_MEASURED_CODE: Final = ("spm_ml", "training", "benchmarks/scaling/worlds.py")


@dataclass(frozen=True)
class Peer:
    """The same features by somebody else's means.

    Attributes:
        name: Who.
        features: How many of ours it computes.
        measured: What it cost.
        difference: Greatest difference to our values, relative to the larger of 1 and the value.
    """

    name: str
    features: int
    measured: Measured
    difference: float = 0.0


@dataclass(frozen=True)
class OneMoreDay:
    """What one more day of records costs beside everything made anew.

    Attributes:
        records: Rows that the day adds or changes.
        rows: Rows of the dataset, `computed` of which are made anew.
        derive_all, build_all: Deriving what a build reads, and the whole dataset.
        derive_changes, refresh: Deriving what the day changed, and refreshing the dataset.
    """

    records: int
    rows: int
    computed: int
    derive_all: Measured
    build_all: Measured
    derive_changes: Measured
    refresh: Measured

    @property
    def share(self) -> float:
        """Processor seconds of the day ÷ those of everything."""
        return (self.derive_changes.cpu + self.refresh.cpu) / (self.derive_all.cpu + self.build_all.cpu)


@dataclass
class Size:
    """One size of the table.

    Attributes:
        reps, periods: Of the world.
        code: Digest of the code that was measured.
        commit: Newest commit, with `+` if files differed from it.
        day: When.
        machine: Cores, memory, processor, Python.
        events: Raw events ingested.
        rows: Rows of the dataset.
        scan: One scan of the stored Parquet.
        steps: By name.
        peers: By name.
        engines: The dataset on each engine, by name.
        one_more_day: What a day costs; None = not measured.
    """

    reps: int
    periods: int
    code: str
    commit: str
    day: str
    machine: str
    events: int = 0
    rows: int = 0
    scan: Measured | None = None
    steps: dict[str, Measured] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    engines: dict[str, Measured] = field(default_factory=dict)
    one_more_day: OneMoreDay | None = None

    @classmethod
    def begin(cls, reps: int, periods: int) -> "Size":
        """A size of which nothing was measured yet."""
        return cls(reps, periods, measured_code(), _commit(), f"{datetime.now(UTC):%Y-%m-%d}", _machine())

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> "Size":
        """As it was kept."""
        scan, steps, peers, engines = (entry.pop(name) for name in ("scan", "steps", "peers", "engines"))
        day = entry.pop("one_more_day", None)
        made = cls(**entry)
        if day is not None:
            made.one_more_day = OneMoreDay(
                **{name: Measured(**value) if isinstance(value, dict) else value for name, value in day.items()}
            )
        made.scan = Measured(**scan) if scan is not None else None
        made.steps = {name: Measured(**step) for name, step in steps.items()}
        made.engines = {name: Measured(**engine) for name, engine in engines.items()}
        made.peers = {name: Peer(**peer | {"measured": Measured(**peer["measured"])}) for name, peer in peers.items()}
        return made


def measured_code() -> str:
    """Changes with the code whose speed is measured."""
    return code_digest(_MEASURED_CODE)


def read(file: Path = KEPT) -> dict[int, Size]:
    """The sizes that were measured, smallest first."""
    if not file.exists():
        return {}
    entries = json.loads(file.read_text(encoding="utf-8"))
    sizes = [Size.from_json(entry) for entry in entries]
    return {size.reps: size for size in sorted(sizes, key=lambda size: size.reps)}


def write(sizes: dict[int, Size], file: Path = KEPT) -> None:
    """Keeps the sizes; a process that is killed leaves what was kept before."""
    pending = file.with_suffix(".pending")
    entries = [sizes[reps].to_json() for reps in sorted(sizes)]
    file.parent.mkdir(parents=True, exist_ok=True)
    pending.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    os.replace(pending, file)


def _commit() -> str:
    def git(*words: str) -> str:
        answer = subprocess.run(["git", *words], capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
        return answer.stdout.strip()

    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + ("+" if git("status", "--porcelain") else "")


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {machine_memory() / 2**30:.0f} GiB of memory, "
        f"{platform.system()}, Python {platform.python_version()}"
    )
