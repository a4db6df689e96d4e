"""What people say about a rep, and the steps that follow: one reader of notes, pulses, cases and agreements."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, func, select

from spm_ml.predictions import schema

Step = TypeVar("Step")

NAME: Final = schema.people.c.name
"""A column of what is found: the rep's name, empty if the rep is no longer in the organisation."""


def find(
    connection: Connection,
    table: Table,
    columns: Iterable[ColumnElement[Any]],
    conditions: Iterable[ColumnElement[bool]],
    *,
    tree_batch_id: str,
    order: Sequence[ColumnElement[Any]],
    limit: int,
    offset: int,
) -> Sequence[Row[Any]]:
    """Rows of a table about reps that meet every condition; one of them must be the scope's.

    Args:
        connection: To the store.
        table: Has a column `rep_id`.
        columns: What is read, `NAME` perhaps among them.
        conditions: Of the rows.
        tree_batch_id: Whose people the names are of.
        order: Of the rows.
        limit: At most so many.
        offset: After so many.
    """
    people = schema.people.c
    same = and_(people.batch_id == tree_batch_id, people.rep_id == table.c.rep_id)
    found = select(*columns).select_from(table).outerjoin(schema.people, same).where(*conditions)
    return connection.execute(found.order_by(*order).limit(limit).offset(offset)).all()


def count(connection: Connection, table: Table, conditions: Iterable[ColumnElement[bool]]) -> int:
    """How many rows meet every condition; one of them must be the scope's."""
    return connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()


def steps(
    connection: Connection, table: Table, key: str, parents: Sequence[int], kind: type[Step]
) -> dict[int, tuple[Step, ...]]:
    """The steps of some rows, by the row's id, oldest first.

    Args:
        connection: To the store.
        table: Of the steps.
        key: Its column that names the row.
        parents: Ids of rows.
        kind: What a step is made of: a dataclass whose fields are columns.
    """
    columns = [table.c[field.name] for field in fields(kind)]  # type: ignore[arg-type]
    rows = connection.execute(
        select(table.c[key], *columns).where(table.c[key].in_(parents)).order_by(*table.primary_key)
    )
    found: dict[int, list[Step]] = {parent: [] for parent in parents}
    for parent, *values in rows:
        found[parent].append(kind(*values))
    return {parent: tuple(taken) for parent, taken in found.items()}
