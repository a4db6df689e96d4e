"""What must hold after a kill, read from the store as the next start finds it."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

from benchmarks.kills.worker import WORLD, content
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.audit import FIRST_HASH, chained
from spm_ml.predictions.publishing import BatchContent


def torn_file(store: str) -> list[str]:
    """What SQLite finds wrong with its file."""
    if "://" in store:
        return []
    with closing(sqlite3.connect(store)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        found += [f"foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
    return [one for one in found if one != "ok"]


def broken_audit(store: PredictionStore) -> list[str]:
    """Lines that do not follow from those before."""
    previous, found = FIRST_HASH, []
    for line in tuple(store.audit.entries()):
        written = vars(line) | {"detail": json.dumps(line.detail, ensure_ascii=False)}
        if line.previous_hash != previous or chained(written) != line.hash:
            found.append(f"audit line {line.sequence}")
        previous = line.hash
    return found


def sorted_rows(rows: BatchContent) -> tuple[object, ...]:
    """The rows of a batch in an order of their own."""
    offers = rows.recommendations or ()
    return (
        sorted(rows.people, key=lambda row: row.rep_id),
        sorted(rows.predictions, key=lambda row: (row.rep_id, row.as_of)),
        sorted(rows.teams, key=lambda row: (row.level, row.key, row.as_of)),
        sorted(offers, key=lambda row: (row.rep_id, row.program_id)),
        rows.model_card,
    )


def torn_batch(store: PredictionStore) -> list[str]:
    """Whether the published batch is not what was staged, row by row; a whole one is the last that the audit names."""
    batch = store.published_batch()
    published = [line.subject for line in store.audit.entries() if line.action == "published"]
    if batch is None:
        return ["a published batch is gone"] if published else []
    if batch.batch_id != published[-1]:
        return ["the pointer and the audit disagree"]
    own = replace(batch, batch_id=WORLD.batch.batch_id, created_at=WORLD.batch.created_at)
    if own != WORLD.batch:
        return ["the batch's own row differs"]
    same = sorted_rows(store.content(batch)) == sorted_rows(content(WORLD, batch.batch_id))
    return [] if same else ["rows of the batch differ from what was staged"]


def lost_batches(store: PredictionStore, acknowledged: Iterable[str]) -> int:
    """How many batches said to be published the audit does not know."""
    return len(set(acknowledged) - {line.subject for line in store.audit.entries() if line.action == "published"})


def lost_decisions(store: PredictionStore, acknowledged: Iterable[str]) -> int:
    """How many answered decisions are not there, or not in the audit."""
    wanted = set(acknowledged)
    kept = {decision.reason for _, decision in store.decisions()}
    audited = {str(line.detail.get("reason")) for line in tuple(store.audit.entries())}
    return len(wanted - (kept & audited))
