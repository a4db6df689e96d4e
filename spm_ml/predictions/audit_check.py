"""Checks the audit: every line follows from the one before, and what people wrote has its line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from spm_ml.predictions import schema
from spm_ml.predictions.audit import (
    PARENTS,
    RECORDED,
    AuditHead,
    Checkpoint,
    chained,
    checkpoint_of,
    digest,
    head_of,
)
from spm_ml.predictions.closings import changed_closings

PRUNED: Final = "audit pruned"
"""The action of the line that vouches for a checkpoint."""

_AT_ONCE: Final = 2_000
_MOST_PROBLEMS: Final = 100
_BEFORE_ROWS_WERE_NAMED: Final = ("recommendation ", "decision ")


@dataclass(frozen=True)
class AuditProblem:
    """Something that is not as it was written.

    Attributes:
        sequence: The line it shows at; None where no line is about it.
        text: What is wrong.
    """

    sequence: int | None
    text: str

    def __str__(self) -> str:
        return self.text if self.sequence is None else f"line {self.sequence}: {self.text}"


@dataclass(frozen=True)
class AuditCheck:
    """What a check found.

    Attributes:
        lines: How many lines were read.
        head: Where the trail ends; remember it.
        checkpoint: Up to where retention removed rows.
        problems: At most 100, those of the chain first, in its order.
    """

    lines: int
    head: AuditHead
    checkpoint: Checkpoint
    problems: tuple[AuditProblem, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass
class _Named:
    """What the lines say about rows: table and id to (line, digest, parent), and lines that name none yet.

    Attributes:
        rows: The last line about each row; the parent is the row of `PARENTS` with which it goes, None: none.
        older: Lines about decisions from before lines named rows.
        covered: For each table, the rows up to which lines were removed.
        checkpoints: What lines say about checkpoints, by their id.
    """

    rows: dict[tuple[str, int], tuple[int, str, int | None]] = field(default_factory=dict)
    older: int = 0
    covered: dict[str, int] = field(default_factory=dict)
    checkpoints: dict[int, dict[str, Any]] = field(default_factory=dict)

    def read(self, row: Row[Any]) -> None:
        """Takes in what a line says.

        Raises:
            ValueError: Its detail cannot be read.
        """
        detail = json.loads(row.detail)
        named = detail.get("row")
        if named is not None:
            parent = detail[PARENTS[named["table"]][0]] if named["table"] in PARENTS else None
            self.rows[named["table"], named["id"]] = (row.sequence, named["sha256"], parent)
        elif row.action.startswith(_BEFORE_ROWS_WERE_NAMED):
            self.older += 1
        if row.action == PRUNED:
            self.checkpoints[detail["checkpoint"]["checkpoint_id"]] = detail["checkpoint"]
            self.covered = detail["covered"]


def check_audit(connection: Connection, *, remembered: AuditHead | None = None) -> AuditCheck:
    """Walks the chain from the newest checkpoint on, then compares the rows it vouches for.

    Args:
        connection: One snapshot.
        remembered: An earlier head: without one, a trail that was cut at its end and chained anew is not found out.
    """
    named, checkpoint = _Named(), checkpoint_of(connection)
    count = connection.execute(select(func.count()).select_from(schema.audit)).scalar_one()

    def problems() -> Iterator[AuditProblem]:
        yield from _chain(connection, checkpoint, named, remembered)
        yield from _checkpoint(checkpoint, named)
        for table in RECORDED:
            yield from _rows(connection, table, checkpoint, named)
        for period in changed_closings(connection):
            yield AuditProblem(None, f"the pay statements of {period} are not those that were closed")

    found = tuple(islice(problems(), _MOST_PROBLEMS))
    return AuditCheck(count, head_of(connection), checkpoint, found)


def _chain(
    connection: Connection, checkpoint: Checkpoint, named: _Named, remembered: AuditHead | None
) -> Iterator[AuditProblem]:
    previous, last = checkpoint.hash, checkpoint.through_sequence
    seen = remembered is None or remembered == AuditHead(last, previous)
    lines = connection.execute(
        select(schema.audit).order_by(schema.audit.c.sequence).execution_options(yield_per=_AT_ONCE)
    )
    for row in lines:
        if row.sequence <= checkpoint.through_sequence:
            yield AuditProblem(row.sequence, "a checkpoint says that this line is removed")
            continue
        if row.previous_hash != previous:
            yield AuditProblem(row.sequence, f"it does not follow from line {last}: one is missing, new or moved")
        if chained(dict(row._mapping)) != row.hash:
            yield AuditProblem(row.sequence, "it was changed after it was written")
        else:
            try:
                named.read(row)
            except (ValueError, LookupError, TypeError, AttributeError):
                yield AuditProblem(row.sequence, "its detail cannot be read")
        if remembered is not None and row.sequence == remembered.sequence:
            seen = row.hash == remembered.hash
        previous, last = row.hash, row.sequence
    if remembered is not None and not seen:
        if remembered.sequence < checkpoint.through_sequence:
            text = f"the remembered line {remembered.sequence} was removed by retention: nothing says what it was"
        elif remembered.sequence > last:
            text = f"the trail ends before the remembered line {remembered.sequence}"
        else:
            text = f"line {remembered.sequence} is not the remembered one"
        yield AuditProblem(min(remembered.sequence, last), text)


def _checkpoint(checkpoint: Checkpoint, named: _Named) -> Iterator[AuditProblem]:
    if checkpoint != Checkpoint() and named.checkpoints.get(checkpoint.checkpoint_id) != vars(checkpoint):
        yield AuditProblem(None, f"no line vouches for checkpoint {checkpoint.checkpoint_id}: rows may be missing")


def _rows(connection: Connection, table: str, checkpoint: Checkpoint, named: _Named) -> Iterator[AuditProblem]:
    columns, names = RECORDED[table]
    (key,) = columns.primary_key
    said = {row_id: line for (of, row_id), line in named.rows.items() if of == table}
    covered = named.covered.get(table, 0)
    # Lines from before they named rows are about the first decisions.
    older = named.older if table == "decisions" else 0
    noun = table.removesuffix("s").replace("_", " ")
    rows = connection.execute(
        select(key.label("id"), *(columns.c[name] for name in names))
        .order_by(key)
        .execution_options(yield_per=_AT_ONCE)
    )
    for row in rows:
        line = said.pop(row.id, None)
        if line is None:
            if row.id > covered:
                older -= 1
                if older < 0:
                    yield AuditProblem(None, f"no line is about {noun} {row.id}")
        elif digest(table, dict(row._mapping)) != line[1]:
            yield AuditProblem(line[0], f"{noun} {row.id} is not what this line says")
    through = getattr(checkpoint, f"{PARENTS[table][1] if table in PARENTS else table}_through", 0)
    withdrawn = _withdrawn(connection) if table == "pulses" else frozenset[int]()
    for row_id, (sequence, _, parent) in said.items():
        if (row_id if parent is None else parent) > through and row_id not in withdrawn:
            yield AuditProblem(sequence, f"{noun} {row_id} is gone")


def _withdrawn(connection: Connection) -> frozenset[int]:
    """Pulses that were erased because who gave them asked for it; a line vouches for each withdrawal."""
    return frozenset(connection.execute(select(schema.pulse_withdrawals.c.pulse_id)).scalars())
