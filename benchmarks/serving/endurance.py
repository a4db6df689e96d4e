"""What grows: latency with the reps that are stored, memory with the requests that were answered, the time to start."""

from array import array
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.serving import stores, targets
from benchmarks.serving.compare import Job, Say, compare
from benchmarks.serving.load import Client

NOTHING_KEPT: Final[dict[str, object]] = {"kept_answers_bytes": 0}
READS: Final = ("one rep, made anew", "one rep, kept", "a team's list, made anew", "a team's list, kept")


@dataclass(frozen=True)
class Grown:
    """A kind of read on stores of several sizes.

    Attributes:
        p50: Seconds, by reps stored.
        ratio: Median over the rounds of the p50 ÷ that of the smallest store, by reps stored.
    """

    row: str
    p50: dict[int, float]
    ratio: dict[int, float]


def growth(
    folder: Path,
    sizes: Sequence[int],
    client: Client,
    core: int | None,
    *,
    weeks: int,
    rounds: int,
    seconds: float,
    settings: Mapping[str, object],
    say: Say,
) -> list[Grown]:
    """Reads by one connection from stores of several sizes in turn, with and without answers that are kept."""
    filled = {}
    for size in sizes:
        say(f"a store of {size:,} reps")
        filled[size] = stores.sqlite_store(folder, size, weeks=weeks)
    grown = []
    with ExitStack() as stack:
        servers = {
            (size, kept): stack.enter_context(
                targets.ours(f"{size} reps", stored.target, core, {**settings, **({} if kept else NOTHING_KEPT)})
            )
            for size, stored in filled.items()
            for kept in (False, True)
        }
        for row in READS:
            kept = row.endswith("kept")
            jobs = [
                Job(
                    f"{row}, {size:,} reps",
                    servers[size, kept],
                    stored.single_reads() if row.startswith("one") else stored.lists(),
                )
                for size, stored in filled.items()
            ]
            seen = compare(jobs, client, connections=(1,), rounds=rounds, seconds=seconds, say=say)
            by_size = {size: seen[job.row, 1] for size, job in zip(sizes, jobs, strict=True)}
            smallest = by_size[sizes[0]]
            grown.append(
                Grown(
                    row,
                    {size: one.percentile(0.5) for size, one in by_size.items()},
                    {size: one.slower(smallest) for size, one in by_size.items()},
                )
            )
    return grown


def memory(
    stored: stores.Stored,
    client: Client,
    core: int | None,
    *,
    requests: int,
    steps: int,
    settings: Mapping[str, object],
    say: Say,
) -> dict[int, int]:
    """Resident bytes of the service after so many requests; a third are lists, a thousandth decisions."""
    singles, lists, decisions = stored.single_reads(), stored.lists(), stored.decisions()
    mixed = [one for number, read in enumerate(singles * 3) for one in (read, lists[number % len(lists)], read)]
    resident = {}
    with targets.ours("ours", stored.target, core, settings) as server:
        resident[0] = server.resident_bytes()
        answered = 0
        for _ in range(steps):
            say(f"{answered:,} of {requests:,} requests, {resident[answered] / 2**20:.1f} MB")
            share = requests // steps
            load = client.send(server.port, mixed, connections=16, seconds=3_600, most=share - share // 1_000)
            written = client.send(server.port, decisions, connections=2, seconds=3_600, most=share // 1_000)
            if set(load.statuses) | set(written.statuses) > {200, 201}:
                raise ValueError(f"answers were {load.statuses} and {written.statuses}")
            answered += share
            resident[answered] = server.resident_bytes()
    return resident


def start(stored: stores.Stored, core: int | None, *, times: int, settings: Mapping[str, object]) -> "Started":
    """Starts the service several times."""
    seconds, cpu, resident = array("d"), array("d"), array("d")
    for _ in range(times):
        with targets.ours("ours", stored.target, core, settings) as server:
            seconds.append(server.ready_seconds)
            cpu.append(server.cpu_seconds())
            resident.append(server.resident_bytes())
    return Started(median(seconds), median(cpu), round(median(resident)))


@dataclass(frozen=True)
class Started:
    """The service when it is ready: medians.

    Attributes:
        seconds: From its start to the first answer.
        cpu: Processor seconds of that.
        resident: Bytes.
    """

    seconds: float
    cpu: float
    resident: int
