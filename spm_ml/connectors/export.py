"""Writes export files as the vendors do, whole or not at all."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_export(path: Path, header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Writes a CSV file that only its owner can read, beside the old one, and puts it in its place.

    Args:
        path: The file.
        header: Its columns; what a row lacks stays empty, and what it has besides is left out.
        rows: Cells by column.

    Returns:
        How many rows it has.
    """
    pending = path.with_name(f".{path.name}.pending")
    count = 0
    descriptor = os.open(pending, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow([_cell(row.get(name)) for name in header])
            count += 1
        file.flush()
        os.fsync(file.fileno())
    os.replace(pending, path)
    return count


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
