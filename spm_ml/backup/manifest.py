"""What a backup says of itself."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1

Kind = Literal["datetime", "date", "boolean", "plain"]
"""How a value is written: moments and days in ISO 8601, everything else as JSON has it."""

_Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredTable(_Frozen):
    """One table.

    Attributes:
        name: Of the table.
        columns: Name and kind of each value of a row, in order.
        counter: The column that the database numbers itself.
        rows: How many there are.
        sha256: Of its member, not compressed.
    """

    name: str = Field(pattern=r"^[a-z_]+$")
    columns: tuple[tuple[str, Kind], ...]
    counter: str | None
    rows: int = Field(ge=0)
    sha256: str = _Sha256

    @property
    def member(self) -> str:
        """Where it stands in the file."""
        return f"tables/{self.name}.jsonl"


class StoredFile(_Frozen):
    """One file of the workspace; its path is relative to it, with slashes."""

    path: str
    size: int = Field(ge=0)
    sha256: str = _Sha256

    @property
    def member(self) -> str:
        """Where it stands in the backup."""
        return f"workspace/{self.path}"


class AuditHead(_Frozen):
    """The newest line of the audit."""

    sequence: int
    hash: str = _Sha256


class Manifest(_Frozen):
    """What a backup holds.

    Attributes:
        format: Of the backup.
        spm_version: That made it.
        revision: Of the store's tables.
        made_at: When its snapshot was taken.
        database: Kind of database it was taken from.
        tenant: Whose it is, where one machine works for several companies.
        audit_head: Newest line of the audit; None without one.
        tables: Of the store, each after those it refers to.
        files: Of the workspace; none unless asked for.
    """

    format: Literal[1] = FORMAT
    spm_version: str
    revision: str = Field(pattern=r"^[0-9]{4}$")
    made_at: datetime
    database: str
    tenant: str | None = None
    audit_head: AuditHead | None
    tables: tuple[StoredTable, ...]
    files: tuple[StoredFile, ...] = ()
