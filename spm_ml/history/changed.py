# ruff: noqa: S608 — every name and path is quoted
"""What versions of the tables after one have changed: which deals and reps anything new is about."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import duckdb

from spm_ml.history.store import TableStore
from spm_ml.tables import TABLE_BY_NAME

OF_REPS: Final = frozenset(
    (
        *("opportunities", "opportunity_events", "credits", "activities"),
        *("quotas", "submissions", "assessments", "enrolments"),
    )
)
"""Tables whose rows are about some reps and their deals; rows of any other may concern everybody."""

_OF_DEALS: Final = ("opportunities", "opportunity_events", "credits")


@dataclass(frozen=True)
class Changed:
    """Rows that are new, changed or removed.

    Attributes:
        since: Version after which they count.
        tables: That hold any.
        deals: Whose row, ledger or credits changed.
        reps: Whom rows name.
    """

    since: int
    tables: frozenset[str] = field(default_factory=frozenset)
    deals: frozenset[str] = field(default_factory=frozenset)
    reps: frozenset[str] = field(default_factory=frozenset)

    @property
    def about_some(self) -> bool:
        """Whether nothing changed that may concern everybody."""
        return self.tables <= OF_REPS


def changed_since(store: TableStore, version: int) -> Changed:
    """Reads what every version after one wrote.

    Args:
        store: Of the tables.
        version: The last one whose rows do not count.
    """
    latest = store.latest
    tables = store.written(after=version, upto=latest)
    deals, reps = set[str](), set[str]()
    with duckdb.connect() as connection:
        for name in sorted(tables):
            written = store.written_sql(name, after=version, upto=latest)
            columns = {column.name for column in TABLE_BY_NAME[name].columns}
            for column, found in (("opportunity_id", deals), ("rep_id", reps)):
                if column in columns and (column == "rep_id" or name in _OF_DEALS):
                    query = f"SELECT DISTINCT {column} FROM ({written}) WHERE {column} IS NOT NULL"
                    found |= _first_of(connection.execute(query).fetchall())
    return Changed(version, tables, frozenset(deals), frozenset(reps))


def _first_of(rows: Iterable[tuple[str, ...]]) -> set[str]:
    return {row[0] for row in rows}
