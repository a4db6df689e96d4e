"""Merged parts: the rows that many small versions wrote to a table, in one file, so that reading opens few.

Nothing is lost by it: rows carry the version that wrote them, so every version is read as it was, and `versions.json`
still names every part and its hash. What was merged is removed a day later, for readers that opened it before.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import duckdb

from spm_ml.errors import DataError
from spm_ml.whole_file import write_whole

AT_ONCE: Final = 16
"""Files of about one size that become one: of n versions about 15 × log16(n) files are left, and each row is written
log16(n) times more."""

READ_FOR: Final = timedelta(days=1)
"""How long what was merged stays, because somebody may be reading it."""

MERGED: Final = "merged.json"

HashOf = Callable[[Path], str]


@dataclass(frozen=True)
class Span:
    """A file with the rows of one or several versions.

    Attributes:
        first: The oldest of them.
        last: The newest of them.
        parts: How many of them wrote any.
        sha256: Of the file; empty of a single version, whose hash `versions.json` says.
    """

    first: int
    last: int
    parts: int = 1
    sha256: str = ""

    @property
    def name(self) -> str:
        """Of the file, in the folder of its table."""
        return f"{self.first:06d}.parquet" if self.parts == 1 else f"{self.first:06d}-{self.last:06d}.parquet"


@dataclass(frozen=True)
class Merged:
    """Which files stand for the parts of which versions, by table; oldest first, and none overlaps another."""

    spans: Mapping[str, tuple[Span, ...]]

    @classmethod
    def read(cls, root: Path) -> Self:
        """Reads what a workspace's folder of tables says.

        Raises:
            DataError: The file was damaged by something else.
        """
        file = root / MERGED
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            return cls({table: tuple(Span(**span) for span in spans) for table, spans in said.items()})
        except FileNotFoundError:
            return cls({})
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{file} is damaged ({error}): restore it from a backup") from error

    def write(self, root: Path) -> None:
        """Writes it whole."""
        said = {table: [asdict(span) for span in spans] for table, spans in self.spans.items()}
        write_whole(root / MERGED, json.dumps(said))

    def covering(self, table: str, versions: Sequence[int]) -> list[Span]:
        """The files that hold what some versions wrote to a table, oldest first.

        Args:
            table: The table.
            versions: That wrote to it, ascending.
        """
        found: list[Span] = []
        spans = self.spans.get(table, ())
        for version in versions:
            span = next((one for one in spans if one.first <= version <= one.last), Span(version, version))
            if not found or found[-1] != span:
                found.append(span)
        return found


def due(spans: Sequence[Span]) -> list[Span]:
    """The oldest files next to each other, of about one size, that are to become one; empty if there are not enough.

    >>> [span.first for span in due([Span(number, number) for number in range(2, 20)])][::15]
    [2, 17]
    """
    run: list[Span] = []
    for span in spans:
        if run and _tier(run[0]) != _tier(span):
            run = []
        run.append(span)
        if len(run) == AT_ONCE:
            return run
    return []


def _tier(span: Span) -> int:
    tier, parts = 0, span.parts
    while parts >= AT_ONCE:
        tier, parts = tier + 1, parts // AT_ONCE
    return tier


def merge(folder: Path, spans: Sequence[Span], rows: str, hash_of: HashOf) -> Span:
    """Writes the rows of some files into one, whole or not at all.

    Args:
        folder: Of the table.
        spans: Next to each other, oldest first.
        rows: A SELECT of everything in them.
        hash_of: SHA-256 of a file.
    """
    whole = Span(spans[0].first, spans[-1].last, sum(span.parts for span in spans))
    pending = folder / f"{whole.name}.pending"
    with duckdb.connect() as connection:
        connection.sql(rows).write_parquet(str(pending), compression="zstd")
    with pending.open("rb+") as handle:
        os.fsync(handle.fileno())
    sha256 = hash_of(pending)
    os.replace(pending, folder / whole.name)
    return Span(whole.first, whole.last, whole.parts, sha256)


def forget(folder: Path, spans: Sequence[Span]) -> None:
    """Removes files whose rows have stood in another one for long enough."""
    before = time.time() - READ_FOR.total_seconds()
    for span in spans:
        if span.parts == 1 or (folder / span.name).stat().st_mtime > before:
            continue
        for file in folder.glob("*.parquet"):
            ends = [int(number) for number in file.stem.split("-") if number.isdecimal()]
            if file.name != span.name and ends and span.first <= ends[0] and ends[-1] <= span.last:
                file.unlink(missing_ok=True)
