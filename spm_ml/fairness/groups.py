"""Who belongs to which protected group: the only reader of the protected store (H23)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import duckdb
import pandas as pd

from spm_ml.errors import DataError
from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace

TABLE: Final = "protected_groups"

NOT_ON_RECORD: Final = "not on record"
"""Group of the reps of whom an attribute is not known."""


@dataclass(frozen=True)
class ProtectedGroups:
    """Protected attributes of reps, for audits alone.

    Attributes:
        rows: `rep_id`, `attribute`, `value`; one row a rep and attribute, none of them blank.
    """

    rows: pd.DataFrame

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """Takes rows as they come: blank ones are left out, of two for a rep and attribute the last one counts.

        Raises:
            DataError: A column is missing.
        """
        columns = ["rep_id", "attribute", "value"]
        if missing := [name for name in columns if name not in frame]:
            raise DataError(f"protected groups lack the columns {', '.join(missing)}: give {', '.join(columns)}")
        rows = frame[columns].dropna().astype(str)
        rows = rows.apply(lambda column: column.str.strip())
        rows = rows[(rows != "").all(axis=1)].drop_duplicates(["rep_id", "attribute"], keep="last")
        return cls(rows.sort_values(["attribute", "rep_id"], ignore_index=True))

    @classmethod
    def read(cls, workspace: Workspace, *, version: int | None = None) -> Self | None:
        """Reads the protected store of a workspace; None if nothing is on record.

        Args:
            workspace: Whose groups.
            version: State to read; default: the newest.

        Raises:
            NotReadyError: There is no such version.
        """
        store = TableStore(workspace)
        query = store.relation_sql(TABLE, store.latest if version is None else version)
        if query is None:
            return None
        with duckdb.connect() as connection:
            found = cls.of(connection.execute(query).df())
        return found if len(found.rows) else None

    @property
    def attributes(self) -> tuple[str, ...]:
        """Attributes on record, in order."""
        return tuple(sorted(self.rows["attribute"].unique()))

    def of_reps(self, rep_ids: Iterable[str]) -> pd.DataFrame:
        """Gives the group of each rep by attribute: (reps, attributes), indexed by rep, reps on record only elsewhere.

        Args:
            rep_ids: Whom to look at; of others on record nothing is used.
        """
        index = pd.Index(list(dict.fromkeys(rep_ids)), name="rep_id", dtype=object)
        if self.rows.empty:
            return pd.DataFrame(index=index)
        wide = self.rows.pivot(index="rep_id", columns="attribute", values="value").reindex(index)
        return wide.astype(object).where(wide.notna(), NOT_ON_RECORD).rename_axis(columns=None)
