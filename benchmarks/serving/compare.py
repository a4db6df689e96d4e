"""Everybody side by side: requests a second, in rounds of one slice for each.

Other work on the machine hits neighbouring slices alike, so ratios within a round count, and their medians over the
rounds are reported. Processor time a request depends on others least of all.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.serving.load import Client
from benchmarks.serving.targets import Server

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What one server is asked.

    Attributes:
        row: As in the table.
        requests: As they go over the wire.
        statuses: That may come.
    """

    row: str
    server: Server
    requests: Sequence[bytes]
    statuses: frozenset[int] = frozenset({200})


@dataclass
class Measured:
    """What was seen of a job at a number of connections.

    Attributes:
        rates: Answers a second, by round.
        p50: Seconds, by round.
        latencies: Seconds, of all rounds.
        cpu: Processor seconds.
    """

    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    cpu: float = 0.0

    @property
    def cpu_each(self) -> float:
        """Processor seconds a request."""
        return self.cpu / max(1, len(self.latencies))

    def percentile(self, share: float) -> float:
        """Latency, seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def against(self, other: "Measured") -> float:
        """Median over the rounds of this rate ÷ the other's."""
        return median(own / others for own, others in zip(self.rates, other.rates, strict=True))

    def slower(self, other: "Measured") -> float:
        """Median over the rounds of this p50 ÷ the other's."""
        return median(own / others for own, others in zip(self.p50, other.p50, strict=True))


Results = dict[tuple[str, int], Measured]


def compare(
    jobs: Sequence[Job], client: Client, *, connections: Sequence[int], rounds: int, seconds: float, say: Say
) -> Results:
    """Sends everybody load in turn; gives what was seen by row and connections.

    Raises:
        ValueError: A server answered with another status than its job allows.
    """
    for job in jobs:  # each request once: what is loaded, or made to be kept, on the first one
        client.send(job.server.port, job.requests, connections=4, most=len(job.requests))
    results: Results = {(job.row, number): Measured() for job in jobs for number in connections}
    for number in connections:
        for turn in range(rounds):
            say(f"{number} connections, round {turn + 1} of {rounds}")
            for job in jobs:
                seen = results[job.row, number]
                before = job.server.cpu_seconds()
                rate, latencies = _slice(job, client, number, seconds)
                seen.cpu += job.server.cpu_seconds() - before
                seen.rates.append(rate)
                seen.p50.append(median(latencies))
                seen.latencies.extend(latencies)
    return results


def _slice(job: Job, client: Client, connections: int, seconds: float) -> tuple[float, "array[float]"]:
    load = client.send(job.server.port, job.requests, connections=connections, seconds=seconds)
    if not set(load.statuses) <= job.statuses:
        raise ValueError(f"{job.row}: {job.server.name} answered {load.statuses}")
    return load.rate, load.latencies
