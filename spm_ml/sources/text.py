"""Text files: in which encoding one is written, and the same as UTF-8."""

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from charset_normalizer import from_bytes

from spm_ml.errors import DataError

_CHUNK: Final = 4 << 20
_SAMPLE: Final = 1 << 16
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
            valid = valid and _decodes(decoder, chunk)
            if len(sample) < _SAMPLE and not chunk.isascii():
                lines = chunk.split(b"\n")
                whole = lines[1:-1] if len(lines) > 2 else lines
                sample += b"\n".join(line for line in whole if not line.isascii())[:_SAMPLE] + b"\n"
    valid = valid and _decodes(decoder, b"", final=True)
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


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
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
    if 2 * sum(_decodes(codecs.getincrementaldecoder("utf-8")(), line) for line in lines) >= len(lines):
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
