# ruff: noqa: S608 — every name, text and path is quoted
"""Raw files inside DuckDB: every cell as text, with the line it stands on."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from spm_ml.errors import DataError
from spm_ml.history.store import file_hash, quote_name, quote_paths, quote_text
from spm_ml.sources.delimited import clean, read_header
from spm_ml.sources.mapping import FileFormat
from spm_ml.sources.text import TextFile, as_utf8

_BLANKS: Final = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"


def plain_name(name: str) -> str:
    """A column name without case, blanks and punctuation, so that `OwnerId`, `owner_id` and `Owner ID` agree.

    >>> plain_name("Owner ID")
    'ownerid'
    """
    return re.sub(r"[\W_]+", "", name.lower())


@dataclass(frozen=True)
class RawFile:
    """One file as it was read.

    Attributes:
        name: Path relative to the source.
        header: Column names in the file's order; cell i is column `c<i>` of `relation`.
        relation: DuckDB table or view, with `_line`: the line a record starts on, or its number in a Parquet file.
        records: Records in `relation`.
        rejected: Records that could not be split into the header's cells, in `rejects` (line, problem, text).
        sha256: Of the file's bytes.
        note: What was assumed about the file, if anything.
        odd_blanks: Cells may have other blanks than spaces at their ends, which are slower to take off.
    """

    name: str
    header: tuple[str, ...]
    relation: str
    records: int
    sha256: str
    rejected: int = 0
    rejects: str = ""
    note: str = ""
    odd_blanks: bool = True
    _plain: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for position, name in reversed(list(enumerate(self.header))):
            self._plain[plain_name(name)] = position

    def position(self, name: str, *, exact: bool) -> int | None:
        """Where a column stands in the header; None if it has no such column."""
        if name in self.header:
            return self.header.index(name)
        return None if exact else self._plain.get(plain_name(name))

    def cell(self, position: int, alias: str = "raw") -> str:
        """SQL of a cell as text without blanks around it; NULL if nothing is left."""
        blanks = f", {_BLANKS}" if self.odd_blanks else ""
        return f"nullif(trim({alias}.c{position}{blanks}), '')"


class RawReader:
    """Reads each file of a source once.

    Args:
        connection: DuckDB database that receives the cells.
        root: Folder of the source.
        scratch: Folder for temporary copies.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, root: Path, scratch: Path) -> None:
        self._connection = connection
        self._root = root
        self._scratch = scratch
        self._files: dict[Path, RawFile] = {}

    @property
    def files(self) -> tuple[RawFile, ...]:
        """Every file read so far."""
        return tuple(self._files.values())

    def read(self, path: Path, form: FileFormat, expected: frozenset[str]) -> RawFile:
        """Reads a file, or gives what was read before.

        Args:
            path: CSV or Parquet file.
            form: What the mapping declares about it.
            expected: Column names that the mapping knows, in lower case.

        Raises:
            DataError: It cannot be read at all.
        """
        if path not in self._files:
            name = path.relative_to(self._root).as_posix()
            try:
                if path.suffix.lower() == ".parquet":
                    self._files[path] = self._parquet(path, name)
                else:
                    self._files[path] = self._delimited(path, name, form, expected)
            except OSError as error:
                raise DataError(f"{name} cannot be read: {error.strerror or error}") from error
        return self._files[path]

    def _parquet(self, path: Path, name: str) -> RawFile:
        relation, source = f"raw_{len(self._files)}", f"read_parquet({quote_paths([path])}, file_row_number = true)"
        try:
            described = self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            header = tuple(column[0] for column in described if column[0] != "file_row_number")
            cells = ", ".join(f"{quote_name(column)}::VARCHAR AS c{i}" for i, column in enumerate(header))
            self._connection.execute(
                f"CREATE VIEW {relation} AS SELECT file_row_number + 1 AS _line, {cells} FROM {source}"
            )
            records = self._count(relation)
        except duckdb.Error as error:
            raise DataError(f"{name} cannot be read as Parquet: {_first_line(error)}") from error
        _check_header(name, header)
        return RawFile(name, header, relation, records, file_hash(path))

    def _delimited(self, path: Path, name: str, form: FileFormat, expected: frozenset[str]) -> RawFile:
        number = len(self._files)
        text = as_utf8(path, self._scratch / f"{number}.utf8.csv", form.encoding)
        separator, header = read_header(text, form.separator, expected)
        _check_header(name, header)
        relation, note = f"raw_{number}", ""
        if text.guessed:
            note = f"{name} is not UTF-8 and was read as {text.encoding}; if names look wrong, declare its encoding"
        cells = [f"c{i}" for i in range(len(header))]
        if not text.damaged and self._load_regular(text, separator, cells, relation):
            return RawFile(name, header, relation, text.lines - 1, text.sha256, note=note, odd_blanks=text.odd_blanks)
        kept, refused = self._scratch / f"{number}.kept.parquet", self._scratch / f"{number}.refused.parquet"
        records, rejected = clean(text, separator, len(header), kept, refused)
        rejects = f"rejects_{number}"
        for view, path in ((relation, kept), (rejects, refused)):
            self._connection.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet({quote_paths([path])})")
        return RawFile(name, header, relation, records, text.sha256, rejected, rejects, note)

    def _load_regular(self, text: TextFile, separator: str, cells: list[str], relation: str) -> bool:
        """Loads a file in which every record is one line; tells whether it was one."""
        try:
            self._connection.execute(
                f"CREATE TABLE {relation}_cells AS SELECT * FROM {_read_csv(text.path, separator, cells)}"
            )
        except duckdb.Error:
            return False
        if self._count(f"{relation}_cells") != text.lines - 1:
            self._connection.execute(f"DROP TABLE {relation}_cells")
            return False
        self._connection.execute(f"CREATE VIEW {relation} AS SELECT rowid + 2 AS _line, * FROM {relation}_cells")
        return True

    def _count(self, relation: str) -> int:
        row = self._connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
        return int(row[0]) if row else 0


def _read_csv(path: Path, separator: str, names: list[str]) -> str:
    columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({quote_paths([path])}, header = true, delim = {quote_text(separator)}, quote = '\"', escape = '\"', "
        f"auto_detect = false, strict_mode = true, columns = {{{columns}}})"
    )


def _check_header(name: str, header: tuple[str, ...]) -> None:
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        raise DataError(f"{name} names {', '.join(map(repr, twice))} twice: give each column a name of its own")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
