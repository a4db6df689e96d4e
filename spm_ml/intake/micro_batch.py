"""ingest_waiting(): events of the inbox become one version of the tables, by the same ingest as files."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.errors import NotReadyError
from spm_ml.history.store import TableStore
from spm_ml.intake.references import Unknown, known_references, recorded_in_tables
from spm_ml.only_one import only_one
from spm_ml.predictions import PredictionStore, Settled, WaitingEvent
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace
from spm_ml.sources import IngestReport, ingest
from spm_ml.tables import TABLE_BY_NAME

MOST_EVENTS: Final = 5_000
"""Of one version of the tables."""

HELD_FOR: Final = timedelta(hours=24)
"""How long an event waits for the row that it refers to; then the rules of the table decide."""


@dataclass(frozen=True)
class MicroBatch:
    """What became of the events that were looked at.

    Attributes:
        settled: Each of them; those that still wait say what for.
        version: Of the tables that they made; None if nothing changed.
        report: Of the ingest; None where nothing was ingested.
    """

    settled: tuple[Settled, ...] = ()
    version: int | None = None
    report: IngestReport | None = None

    def text(self) -> str:
        """What happened, in a line."""
        if not self.settled:
            return "no event waits"
        states = [one.state for one in self.settled]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
        return f"{counts}{'' if self.version is None else f': version {self.version}'}"


def ingest_waiting(
    workspace: Workspace,
    store: PredictionStore,
    *,
    limit: int = MOST_EVENTS,
    now: datetime | None = None,
    progress: Progress = silent,
) -> MicroBatch:
    """Ingests the events that wait: all of them as one version, in the order in which their sources knew them.

    Of several rows of one key the newest counts, whenever it arrived; an older one is superseded. In ledgers every
    event counts. An event that refers to a row which has not arrived waits for it. What breaks a rule is quarantined as
    it would be from a file. A process that is killed leaves the events waiting; ingesting them again changes nothing.

    Args:
        workspace: Whose tables.
        store: Whose inbox.
        limit: At most so many events.
        now: The time; default: the clock's.
        progress: Told while it ingests.

    Raises:
        NotReadyError: The workspace holds no tables yet; the events wait.
        DataError: Another one is at work, or the tables cannot be written; the events wait.
    """
    now = now or datetime.now(UTC)
    if not TableStore(workspace).latest:
        raise NotReadyError(
            f"{workspace.root} holds no tables yet: ingest a full export with 'spm ingest DIR'; until then events wait"
        )
    with only_one(workspace.root / "inbox.lock", what="ingest of events"):
        waiting = (*store.inbox.waiting(limit), *store.inbox.waiting(limit, held=True))
        if not waiting:
            return MicroBatch()
        ordered = sorted(waiting, key=lambda event: (event.recorded_at, event.event_number))
        fresh, superseded = _fresh(workspace, ordered, store)
        ready, held = _resolved(workspace, fresh, now)
        batch = _ingest_newest(workspace, ready, progress)
        # What is held and was held before for the same reason is no news.
        said = {event.event_number: event.finding for event in waiting}
        news = [one for one in held if said[one.event_number] != one.finding]
        store.inbox.settle([*superseded, *batch.settled, *news], now=now)
        return replace(batch, settled=(*superseded, *batch.settled, *held))


def _fresh(
    workspace: Workspace, events: Sequence[WaitingEvent], store: PredictionStore
) -> tuple[list[WaitingEvent], tuple[Settled, ...]]:
    """The events that no newer row of the same key in the tables supersedes; and those that one does."""
    before = recorded_in_tables(workspace, events)
    for row_key, moment in store.inbox.newest({one.row_key for one in events if one.row_key is not None}).items():
        before[row_key] = max(moment, before.get(row_key, moment))
    fresh, old = list[WaitingEvent](), list[WaitingEvent]()
    for event in events:
        is_old = event.row_key in before and before[event.row_key] > event.recorded_at
        (old if is_old else fresh).append(event)
    return fresh, _superseded(old)


def _superseded(events: Iterable[WaitingEvent]) -> tuple[Settled, ...]:
    finding = "a newer row of the same key is in the tables, or in the same batch"
    return tuple(Settled(event.event_number, "superseded", finding=finding) for event in events)


def _resolved(
    workspace: Workspace, events: Sequence[WaitingEvent], now: datetime
) -> tuple[list[WaitingEvent], tuple[Settled, ...]]:
    """Events whose references are known, to the tables or to each other; and those that wait for one."""
    in_tables = known_references(workspace, events)
    ready, held = list(events), list[Settled]()
    while True:
        known = in_tables.beside(ready)
        missing = {event.event_number: known.missing(event) for event in ready}
        waits = [event for event in ready if missing[event.event_number] and now - event.received_at < HELD_FOR]
        if not waits:
            return ready, tuple(held)
        gone = {event.event_number for event in waits}
        held += [Settled(number, "waiting", finding=_waits_for(missing[number])) for number in sorted(gone)]
        ready = [event for event in ready if event.event_number not in gone]


def _waits_for(missing: Iterable[Unknown]) -> str:
    return "waits for " + " and ".join(f"{one.table} {one.key!r}" for one in missing)


def _ingest_newest(workspace: Workspace, events: Sequence[WaitingEvent], progress: Progress) -> MicroBatch:
    """Ingests every event of a ledger, and of each row the newest; where that is quarantined the one before counts.

    So what is in the tables does not hang on whether a good row and the bad one that followed arrived together.

    Args:
        workspace: Whose tables.
        events: In the order in which their sources knew them.
        progress: Told while it ingests.
    """
    made, left = MicroBatch(), list(events)
    while left:
        newest = set({event.row_key or event.event_number: event.event_number for event in left}.values())
        tried = [event for event in left if event.event_number in newest]
        batch = _ingest(workspace, tried, progress)
        refused = {one.event_number for one in batch.settled if one.state == "quarantined"}
        open_keys = {event.row_key for event in tried if event.event_number in refused}
        earlier = [event for event in left if event.event_number not in newest]
        left = [event for event in earlier if event.row_key in open_keys]
        overtaken = [event for event in earlier if event.row_key not in open_keys]
        settled = (*made.settled, *batch.settled, *_superseded(overtaken))
        made = MicroBatch(settled, batch.version or made.version, batch.report)
    return made


def _ingest(workspace: Workspace, events: Sequence[WaitingEvent], progress: Progress) -> MicroBatch:
    """Writes events as files of the contract, ingests them, and reads from the quarantine what became of each."""
    folder = workspace.root / "inbox"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        by_table: dict[str, list[WaitingEvent]] = {}
        for event in events:
            by_table.setdefault(event.table, []).append(event)
        for name, rows in by_table.items():
            pq.write_table(_table(name, rows), folder / f"{name}.parquet")
        report = ingest(workspace, folder, arrivals=True, origin="inbox", progress=progress)
        version = report.version or TableStore(workspace).latest
        found = _findings(report)
        settled = []
        for name, rows in by_table.items():
            for line, event in enumerate(rows, start=1):
                kind, text = found.get((f"{name}.parquet", line), ("", None))
                if kind == "row":
                    settled.append(Settled(event.event_number, "quarantined", finding=text))
                else:
                    settled.append(Settled(event.event_number, "ingested", version=version, finding=text))
        return MicroBatch(tuple(settled), report.version, report)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _table(name: str, events: Sequence[WaitingEvent]) -> pa.Table:
    """Events as rows of a table, all text."""
    columns = [column.name for column in TABLE_BY_NAME[name].columns]
    rows: list[Mapping[str, str]] = [event.record for event in events]
    return pa.table({column: pa.array([row.get(column) for row in rows], pa.string()) for column in columns})


def _findings(report: IngestReport) -> dict[tuple[str, int], tuple[str, str]]:
    """Kind and words of what was wrong with each record, by file and line; what quarantines it comes first."""
    if report.quarantine_file is None:
        return {}
    file: Path = report.quarantine_file.with_suffix(".parquet")
    found: dict[tuple[str, int], tuple[str, str]] = {}
    for row in pq.read_table(file).to_pylist():
        key, text = (row["file"], row["line"]), f"{row['column']} {row['rule']}; {row['remedy']}".strip()
        kind, before = found.get(key, (row["kind"], ""))
        found[key] = "row" if "row" in (kind, row["kind"]) else "cell", f"{before}; {text}" if before else text
    return found
