"""Delimited text: how a file is written, and how an irregular one becomes clean UTF-8 without losing a line."""

import codecs
import csv
import hashlib
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from charset_normalizer import from_bytes

from spm_ml.errors import DataError

SEPARATORS: Final = (",", ";", "\t", "|")
_CHUNK: Final = 4 << 20
_SAMPLE: Final = 1 << 16
_LONGEST_RECORD: Final = 1000
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NOT_TEXT: Final = {
    b"PK\x03\x04": "a ZIP or Excel file: save the sheet as CSV",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\x1f\x8b": "a gzip file: unpack it",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save the sheet as CSV",
}


@dataclass(frozen=True)
class TextFile:
    """A text file as UTF-8.

    Attributes:
        path: The file itself, or its UTF-8 copy.
        encoding: How the original is encoded.
        guessed: The encoding was inferred from the bytes; nothing declared it.
        damaged: Some lines hold bytes that are not UTF-8.
        sha256: Of the original's bytes.
        line_ends: Number of line feeds.
        ends_in_line: The last line has no line feed.
        odd_blanks: It holds tabs or no-break spaces, so that cells may have them at their ends.
    """

    path: Path
    encoding: str
    guessed: bool
    damaged: bool
    sha256: str
    line_ends: int
    ends_in_line: bool
    odd_blanks: bool

    @property
    def lines(self) -> int:
        """Physical lines, the header among them."""
        return self.line_ends + self.ends_in_line


def as_utf8(path: Path, copy: Path, encoding: str | None = None) -> TextFile:
    """Reads a file once and gives it as UTF-8, copying it to `copy` if it is written otherwise.

    Args:
        path: The file.
        copy: Where a UTF-8 copy may be written.
        encoding: Declared encoding; found out if None.

    Raises:
        DataError: It is empty, no text, or not in the declared encoding.
    """
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    valid, odd, line_ends, last, start, sample = True, False, 0, b"", b"", bytearray()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
            start = start or chunk[:4096]
            last = chunk[-1:]
            line_ends += chunk.count(b"\n")
            odd = odd or b"\t" in chunk or b"\xa0" in chunk
            if valid and not chunk.isascii():
                valid = _decodes(decoder, chunk)
            if len(sample) < _SAMPLE and not chunk.isascii():
                lines = chunk.split(b"\n")
                whole = lines[1:-1] if len(lines) > 2 else lines
                sample += b"\n".join(line for line in whole if not line.isascii())[:_SAMPLE] + b"\n"
    if not start.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"{path.name} is empty: it needs a line of column names, or take it out of the folder")
    for magic, what in _NOT_TEXT.items():
        if start.startswith(magic):
            raise DataError(f"{path.name} is not text but {what}")
    found, damaged = _encoding(start, bytes(sample), valid)
    used = encoding or found
    if _is_utf8(used) and (valid or encoding is None):
        return TextFile(path, used, False, damaged, digest.hexdigest(), line_ends, last != b"\n", odd)
    line_ends, ends_in_line = _transcode(path, copy, used)
    return TextFile(copy, used, encoding is None, False, digest.hexdigest(), line_ends, ends_in_line, odd)


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}


def _encoding(start: bytes, sample: bytes, valid: bool) -> tuple[str, bool]:
    """Names the encoding, and tells whether some lines are damaged."""
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name, not valid and name == "utf-8-sig"
    if start.count(b"\0") > len(start) // 4:
        return ("utf-16-be" if start[:1] == b"\0" else "utf-16-le"), False
    if valid:
        return "utf-8", False
    lines = [line for line in sample.split(b"\n") if line]
    if 2 * sum(_decodes(codecs.getincrementaldecoder("utf-8")(), line) for line in lines) > len(lines):
        return "utf-8", True
    # Western encodings first: on short texts a free choice takes Central European for them.
    best = from_bytes(sample, cp_isolation=["cp1252", "latin_1"]).best() or from_bytes(sample).best()
    return (best.encoding if best else "latin-1"), False


def _transcode(path: Path, copy: Path, encoding: str) -> tuple[int, bool]:
    line_ends, last = 0, ""
    try:
        with path.open(encoding=encoding, newline="") as source, copy.open("w", encoding="utf-8", newline="") as target:
            while chunk := source.read(_CHUNK):
                line_ends += chunk.count("\n")
                last = chunk[-1]
                target.write(chunk)
    except UnicodeError as error:
        raise DataError(
            f"{path.name} cannot be read as {encoding} ({error}): declare its encoding in a mapping file"
        ) from error
    return line_ends, last != "\n"


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
    """Rewrites an irregular file record by record, with the line on which each record starts.

    Blank lines are dropped, quoted line breaks kept, and records that cannot be cells of the header set aside.

    Args:
        text: The file.
        separator: Character between cells.
        width: Number of columns in the header.
        accepted: Receives CSV without header: line, then the cells.
        rejected: Receives CSV without header: line, what is wrong, the text.

    Returns:
        Number of accepted and of rejected records.
    """
    good = bad = 0
    with (
        _open(text) as source,
        accepted.open("w", encoding="utf-8", newline="") as accepted_file,
        rejected.open("w", encoding="utf-8", newline="") as rejected_file,
    ):
        keep, reject = csv.writer(accepted_file), csv.writer(rejected_file, quoting=csv.QUOTE_ALL)
        records = _records(source, separator)
        next(records, None)
        for line, cells, raw in records:
            problem = cells if isinstance(cells, str) else _problem(cells, width, raw)
            if problem or isinstance(cells, str):
                reject.writerow([line, problem, raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")])
                bad += 1
            else:
                keep.writerow([line, *cells])
                good += 1
    return good, bad


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
    number = 0
    while first := waiting.popleft() if waiting else next(source, ""):
        number += 1
        if not first.strip():
            continue
        lines, outcome = [first], _parse([first], separator)
        while outcome is None and len(lines) < _LONGEST_RECORD:
            more = waiting.popleft() if waiting else next(source, "")
            if not more:
                break
            lines.append(more)
            if '"' in more:
                outcome = _parse(lines, separator)
        if outcome is None or (isinstance(outcome, str) and len(lines) > 1):
            waiting.extendleft(reversed(lines[1:]))
            lines, outcome = lines[:1], "opens a quote that is never closed"
        yield number, outcome, "".join(lines)
        number += len(lines) - 1


def _parse(lines: list[str], separator: str) -> list[str] | str | None:
    """Cells of one record; what is wrong with it; or None while a quote is open."""
    try:
        return next(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        return None if "unexpected end of data" in str(error) else f"cannot be split into cells: {error}"
