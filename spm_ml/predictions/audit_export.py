"""Writes the audit to a file: JSON lines that can be checked again, or CSV that no spreadsheet runs."""

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from spm_ml.errors import SpmError
from spm_ml.predictions.audit import AuditEntry

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NAMES: Final = tuple(field.name for field in fields(AuditEntry))


def plain_cell(text: str) -> str:
    """The text of a CSV cell; one that a spreadsheet would take for a formula gets an apostrophe in front.

    >>> plain_cell("=1+1")
    "'=1+1"
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def export_audit(entries: Iterable[AuditEntry], path: Path) -> int:
    """Writes the lines to a `.jsonl` or `.csv` file that only its owner may read, whole or not at all.

    Returns:
        How many lines were written.

    Raises:
        SpmError: The file ends in something else.
    """
    if path.suffix not in (".jsonl", ".csv"):
        raise SpmError(f"--out {path} ends in {path.suffix or 'nothing'}: name a file that ends in .jsonl or .csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.touch(mode=0o600)
        with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            count = (_write_json if path.suffix == ".jsonl" else _write_csv)(entries, file)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write_json(entries: Iterable[AuditEntry], file: TextIO) -> int:
    count = 0
    for count, entry in enumerate(entries, start=1):  # noqa: B007  (it is how many)
        row = {name: _plain(getattr(entry, name)) for name in _NAMES}
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


def _write_csv(entries: Iterable[AuditEntry], file: TextIO) -> int:
    count, writer = 0, csv.writer(file)
    writer.writerow(_NAMES)
    for count, entry in enumerate(entries, start=1):  # noqa: B007
        writer.writerow(_cell(getattr(entry, name)) for name in _NAMES)
    return count


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Any) -> Any:
    value = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else _plain(value)
    return plain_cell(value) if isinstance(value, str) else value
