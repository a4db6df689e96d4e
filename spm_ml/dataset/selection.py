"""Reading some rows and columns of a stored dataset without decoding the others, or holding them in memory."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spm_ml.dataset.parts import FORMAT, METADATA, ROWS, Part, parts_folder
from spm_ml.dataset.schema import SchemaError

Wanted = Mapping[str, Collection[str] | None]
"""Values that a row's text columns must have; None = any."""


def stored_description(path: Path) -> dict[str, Any]:
    """What an index says of its dataset: `RepPeriodDataset.description` and what `DatasetWriter` adds.

    Raises:
        SchemaError: It is not there, not Parquet, or not of a dataset of this format.
    """
    try:
        index = pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SchemaError(f"{path} cannot be read as a dataset ({error}): build it with 'spm dataset'") from error
    metadata = (index.metadata or {}).get(METADATA)
    if metadata is None:
        raise SchemaError(f"{path} is Parquet, but no rep-period dataset: build one with 'spm dataset'")
    description: dict[str, Any] = json.loads(metadata)
    if description["format"] == 3 and index.num_rows == 0:  # the row format of a model: without rows both are the same
        return {**description, "format": FORMAT, "parts": []}
    if description["format"] != FORMAT:
        raise SchemaError(
            f"{path} has dataset format {description['format']}, this version reads {FORMAT}: run 'spm dataset'"
        )
    return description


def stored_columns(path: Path, columns: Sequence[str], *, periods: Collection[str] | None = None) -> pd.DataFrame:
    """Some columns of all rows of a stored dataset, in their order; the others are not read.

    Args:
        path: The index.
        columns: Their names.
        periods: Labels of the periods whose rows are read; default: all.

    Raises:
        SchemaError: It is not a dataset of this format, or a column is missing.
    """
    description, schema = stored_description(path), pq.read_schema(path)
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise SchemaError(f"{path} lacks columns {missing}")
    rows = chosen_parts(path, description, ROWS, {}, periods=periods, columns=list(columns))
    found = pa.schema([schema.field(name) for name in columns]).empty_table() if rows is None else rows
    frame: pd.DataFrame = found.to_pandas()
    return frame


def chosen_parts(
    path: Path,
    description: Mapping[str, Any],
    kind: str,
    wanted: Wanted,
    *,
    periods: Collection[str] | None = None,
    columns: list[str] | None = None,
) -> pa.Table | None:
    """The rows of one kind that are wanted, period after period; None = no file holds any.

    Args:
        path: The index.
        description: What it says.
        kind: `ROWS`, `STATES` or `BOOKINGS`.
        wanted: Values by column.
        periods: Labels of the periods whose files are read; default: all.
        columns: What is read; default: all.

    Raises:
        SchemaError: A file cannot be read, or holds other rows than the index says.
    """
    tables = []
    for part in Part.all_of(description):
        if part.kind == kind and (periods is None or part.period in periods):
            file = parts_folder(path) / part.name
            if part.count != (found := _count(file)):
                raise SchemaError(f"{file} has {found} rows, not {part.count}: run 'spm dataset' again")
            tables.append(chosen_rows(file, wanted, columns))
    return pa.concat_tables(tables) if tables else None


def chosen_rows(path: Path, wanted: Wanted, columns: list[str] | None = None) -> pa.Table:
    """The rows that have one of the wanted values in each column, in the order of the file.

    One row group after another is read; of those that hold no wanted row, the columns of the choice alone. So memory is
    that of the rows that are chosen and of one group.

    Args:
        path: A Parquet file.
        wanted: Values by column.
        columns: What is read; default: all.

    Raises:
        SchemaError: The file cannot be read.
    """
    asked = {name: pa.array(sorted(values), pa.string()) for name, values in wanted.items() if values is not None}
    try:
        with pq.ParquetFile(path) as file:
            parts = [part for group in range(file.num_row_groups) if (part := _of_group(file, group, asked, columns))]
            empty = file.schema_arrow.empty_table()
    except (OSError, pa.ArrowInvalid) as error:
        raise SchemaError(f"{path} cannot be read as a dataset ({error}): build it with 'spm dataset'") from error
    return pa.concat_tables(parts) if parts else empty if columns is None else empty.select(columns)


def _count(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise SchemaError(f"{file} cannot be read as a dataset ({error}): build it with 'spm dataset'") from error


def _of_group(
    file: pq.ParquetFile, group: int, asked: Mapping[str, "pa.Array[Any]"], columns: list[str] | None
) -> pa.Table | None:
    """The chosen rows of a row group; None where there is none."""
    if not asked:
        return file.read_row_group(group, columns)
    keys = file.read_row_group(group, list(asked))
    kept = np.ones(keys.num_rows, dtype=bool)
    for name, values in asked.items():
        kept &= pc.is_in(keys[name], values).to_numpy(zero_copy_only=False)
    if not kept.any():
        return None
    rows = file.read_row_group(group, columns)
    return rows if kept.all() else rows.filter(pa.array(kept))
