"""Delimited text: its separator and column names, and an irregular file record by record without losing a line."""

import csv
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, Self, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.errors import DataError
from spm_ml.sources.text import TextFile

SEPARATORS: Final = (",", ";", "\t", "|")
_BATCH: Final = 50_000


def read_header(text: TextFile, separator: str | None, expected: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Gives the separator and the column names of the first line that is not blank.

    Args:
        text: The file.
        separator: Declared separator; if None, the one that gives most of the expected names, then most names.
        expected: Column names that the reader knows, in lower case.

    Raises:
        DataError: The line cannot be split into names.
    """
    with _open(text) as handle:
        first = next(line for line in handle if line.strip())
    choices = [separator] if separator else SEPARATORS
    headers = {each: [name.strip().lower() for name in next(csv.reader([first], delimiter=each))] for each in choices}
    best = max(headers, key=lambda each: (sum(name in expected for name in headers[each]), len(headers[each])))
    with _open(text) as handle:
        _, cells, raw = next(_records(handle, best))
    if isinstance(cells, str):
        raise DataError(f"the line of column names {raw.strip()[:80]!r} {cells}: mend it")
    return best, tuple(name.strip() for name in cells)


def _open(text: TextFile) -> TextIO:
    return text.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def clean(text: TextFile, separator: str, width: int, accepted: Path, rejected: Path) -> tuple[int, int]:
    """Copies an irregular file record by record into Parquet, with the line on which each record starts.

    Blank lines are dropped, quoted line breaks kept, and records that cannot be cells of the header set aside.

    Args:
        text: The file.
        separator: Character between cells.
        width: Number of columns in the header.
        accepted: Receives `_line` and the cells `c0`, `c1` …
        rejected: Receives `line`, `problem` and `record`, its text.

    Returns:
        Number of accepted and of rejected records.
    """
    with (
        _open(text) as source,
        _ParquetSink(accepted, ["_line", *(f"c{position}" for position in range(width))]) as keep,
        _ParquetSink(rejected, ["line", "problem", "record"]) as reject,
    ):
        records = _records(source, separator)
        next(records, None)
        for line, cells, raw in records:
            problem = cells if isinstance(cells, str) else _problem(cells, width, raw)
            if problem or isinstance(cells, str):
                readable = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                reject.write([line, problem, readable.rstrip("\r\n")])
            else:
                keep.write([line, *cells])
        return keep.rows, reject.rows


class _ParquetSink:
    """Writes rows of one number and texts to Parquet in batches."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self.rows = 0
        self._schema = pa.schema(
            [(name, pa.string() if position else pa.int64()) for position, name in enumerate(names)]
        )
        self._writer = pq.ParquetWriter(path, self._schema)
        self._waiting: list[list[int | str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def write(self, row: list[int | str]) -> None:
        self.rows += 1
        self._waiting.append(row)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._waiting, strict=True) if self._waiting else [[]] * len(self._schema)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.table(arrays, schema=self._schema))
        self._waiting.clear()


def _problem(cells: list[str], width: int, raw: str) -> str:
    try:
        raw.encode("utf-8")
    except UnicodeEncodeError:
        return "holds bytes that are not UTF-8"
    return "" if len(cells) == width else f"has {len(cells)} cells, the header has {width}"


def _records(source: Iterator[str], separator: str) -> Iterator[tuple[int, list[str] | str, str]]:
    """Gives each record's first line, its cells or what is wrong with it, and its text.

    A quote that is never closed costs its own line only: reading goes on with the line after it.
    """
    waiting: deque[str] = deque()
    taken: list[str] = []

    def lines() -> Iterator[str]:
        while line := waiting.popleft() if waiting else next(source, ""):
            taken.append(line)
            yield line

    number, reader = 1, csv.reader(lines(), delimiter=separator, strict=True)
    while True:
        outcome: list[str] | str | None
        try:
            outcome = next(reader, None)
        except csv.Error as error:
            outcome = (
                "opens a quote that is never closed"
                if len(taken) > 1 or _is_open(error)
                else f"cannot be split into cells: {error}"
            )
            waiting.extendleft(reversed(taken[1:]))
            del taken[1:]
            reader = csv.reader(lines(), delimiter=separator, strict=True)
        if outcome is None:
            return
        text = "".join(taken)
        if text.strip():
            yield number, outcome, text
        number += len(taken)
        taken.clear()


def _is_open(error: csv.Error) -> bool:
    return "unexpected end of data" in str(error)
