# ruff: noqa: S608 — every name is the contract's own
"""What the tables hold of what events are about: the rows that they refer to, and newer ones of the same key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import duckdb

from spm_ml.history.store import TableStore
from spm_ml.predictions import WaitingEvent
from spm_ml.settings import Workspace
from spm_ml.tables import TABLE_BY_NAME

_RECORDED: Final = "recorded_at"


@dataclass(frozen=True)
class Unknown:
    """A row that is not there: its table and key."""

    table: str
    key: str


@dataclass(frozen=True)
class KnownReferences:
    """Keys that are in the tables, of those that some events refer to.

    Attributes:
        keys: By `table.column`.
    """

    keys: dict[str, frozenset[str]]

    def missing(self, event: WaitingEvent) -> tuple[Unknown, ...]:
        """What an event refers to that is not known."""
        return tuple(
            Unknown(reference.split(".")[0], value)
            for reference, value in references_of(event)
            if value not in self.keys.get(reference, frozenset())
        )

    def beside(self, events: Iterable[WaitingEvent]) -> "KnownReferences":
        """The same, with the rows that some events make."""
        keys = dict(self.keys)
        for event in events:
            for column, value in event.record.items():
                if (reference := f"{event.table}.{column}") in keys:
                    keys[reference] = keys[reference] | {value}
        return KnownReferences(keys)


def references_of(event: WaitingEvent) -> tuple[tuple[str, str], ...]:
    """`table.column` and value of every reference of an event."""
    return tuple(
        (column.references, value)
        for column in TABLE_BY_NAME[event.table].columns
        if column.references and (value := event.record.get(column.name)) is not None
    )


def known_references(workspace: Workspace, events: Sequence[WaitingEvent]) -> KnownReferences:
    """Looks up in the newest version of the tables what events refer to."""
    wanted: dict[str, set[str]] = {}
    for event in events:
        for reference, value in references_of(event):
            wanted.setdefault(reference, set()).add(value)
    store, found = TableStore(workspace), dict.fromkeys(wanted, frozenset[str]())
    with duckdb.connect() as connection:
        for reference, values in wanted.items():
            table, column = reference.split(".")
            rows = store.relation_sql(table, store.latest)
            if rows is not None:
                query = f"SELECT DISTINCT {column} FROM ({rows}) WHERE {column} IN (SELECT unnest(?))"
                found[reference] = frozenset(row[0] for row in connection.execute(query, [sorted(values)]).fetchall())
    return KnownReferences(found)


def recorded_in_tables(workspace: Workspace, events: Sequence[WaitingEvent]) -> dict[str, datetime]:
    """When the row in the tables was recorded, by `row_key`, of events whose table tells it."""
    store, found = TableStore(workspace), dict[str, datetime]()
    tables = {event.table for event in events if event.row_key is not None}
    with duckdb.connect() as connection:
        for table in (TABLE_BY_NAME[name] for name in sorted(tables)):
            rows = store.relation_sql(table.name, store.latest)
            if rows is None or len(table.key) > 1 or _RECORDED not in {column.name for column in table.columns}:
                continue
            [key] = table.key
            keys = {event.record[key]: event.row_key for event in events if event.table == table.name}
            wanted = f"{key} IN (SELECT unnest(?)) AND {_RECORDED} IS NOT NULL"
            query = f"SELECT {key}, {_RECORDED} FROM ({rows}) WHERE {wanted}"
            for name, moment in connection.execute(query, [sorted(keys)]).fetchall():
                found[str(keys[name])] = moment.replace(tzinfo=UTC)
    return found
