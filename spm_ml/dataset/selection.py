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

from spm_ml.dataset.schema import SchemaError
from spm_ml.dataset.writer import FORMAT, METADATA

Wanted = Mapping[str, Collection[str] | None]
"""Values that a row's text columns must have; None = any."""


def stored_description(path: Path) -> dict[str, Any]:
    """What a file says of the dataset of which it is a part: `RepPeriodDataset.description` and what `write` adds.

    Raises:
        SchemaError: It is not there, not Parquet, or not of a dataset of this format.
    """
    try:
        metadata = (pq.read_schema(path).metadata or {}).get(METADATA)
    except (OSError, pa.ArrowInvalid) as error:
        raise SchemaError(f"{path} cannot be read as a dataset ({error}): build it with 'spm dataset'") from error
    if metadata is None:
        raise SchemaError(f"{path} is Parquet, but no rep-period dataset: build one with 'spm dataset'")
    description: dict[str, Any] = json.loads(metadata)
    if description["format"] != FORMAT:
        raise SchemaError(
            f"{path} has dataset format {description['format']}, this version reads {FORMAT}: run 'spm dataset'"
        )
    return description


def stored_columns(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of all rows of a stored dataset, in the order of the file; the others are not read.

    Raises:
        SchemaError: It is not a dataset of this format, or a column is missing.
    """
    stored_description(path)
    missing = [name for name in columns if name not in pq.read_schema(path).names]
    if missing:
        raise SchemaError(f"{path} lacks columns {missing}")
    frame: pd.DataFrame = chosen_rows(path, {}, list(columns)).to_pandas()
    return frame


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
