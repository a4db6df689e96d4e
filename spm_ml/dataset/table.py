"""RepPeriodDataset: one row for each rep, period and as-of day, with what was known and what came of it."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.dataset.schema import SORT_ORDER, SchemaError, check_frame, dtypes, label_names

_METADATA: Final = b"spm_ml.dataset"
_FORMAT: Final = 1


@dataclass(frozen=True, eq=False)
class RepPeriodDataset:
    """Rows for every rep × period × as-of day; columns as declared in `spm_ml.dataset.schema`.

    Attributes:
        frame: The rows, sorted by period, rep and as-of day; its index is 0 … n − 1.
        feature_names: Columns that a model may learn from (float64; NaN = not known or not defined).
        stages: Names of the open stages; position k belongs to the columns `…_stage_k`.
        currency: ISO 4217 code; money columns are in its minor unit.
        version: Version of the tables.
        data_hash: Hash of the tables.
        watermark: Latest recorded day of the tables; periods that end by then are finished.

    Raises:
        SchemaError: The frame has other columns or types, or a key twice.
    """

    frame: pd.DataFrame
    feature_names: tuple[str, ...]
    stages: tuple[str, ...]
    currency: str
    version: int
    data_hash: str
    watermark: date

    def __post_init__(self) -> None:
        check_frame(self.frame, self.feature_names, len(self.stages))
        ordered = self.frame.sort_values(list(SORT_ORDER), kind="stable", ignore_index=True)
        object.__setattr__(self, "frame", ordered)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Columns with what is still booked in the period from deals open in each stage."""
        return label_names(len(self.stages))

    @property
    def features(self) -> pd.DataFrame:
        """The feature columns alone, float64, shape (rows, features)."""
        return self.frame[list(self.feature_names)]

    def finished(self) -> Self:
        """The rows whose target is known and whose rep stayed to the period's end: what a model is fitted on."""
        return self.where(self.frame["actual_bookings"].notna() & ~self.frame["censored"])

    def where(self, mask: "pd.Series[bool] | np.ndarray") -> Self:
        """The rows for which the mask is true.

        Args:
            mask: One boolean a row, in the frame's order.
        """
        kept = np.asarray(mask, dtype=bool)
        if kept.shape != (len(self.frame),):
            raise SchemaError(f"the mask has shape {kept.shape}, but the dataset has {len(self.frame)} rows")
        return replace(self, frame=self.frame[kept].reset_index(drop=True))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything in the dataset; equal content gives an equal hash on every machine."""
        digest = hashlib.sha256(json.dumps(self._description(), sort_keys=True).encode())
        for name, column in self.frame.items():
            digest.update(f"\x1d{name}\x1d".encode())
            digest.update(_bytes_of(column))
        return digest.hexdigest()

    def write(self, path: Path) -> None:
        """Writes Parquet with the description inside; a crash leaves the file before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        description = json.dumps(self._description()).encode()
        pending = path.with_name(path.name + ".pending")
        pq.write_table(table.replace_schema_metadata({_METADATA: description}), pending, compression="zstd")
        os.replace(pending, path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote.

        Raises:
            SchemaError: The file is not there, not Parquet, or not a dataset of this format.
        """
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise SchemaError(f"{path} cannot be read as a dataset ({error}): build it with 'spm dataset'") from error
        metadata = (table.schema.metadata or {}).get(_METADATA)
        if metadata is None:
            raise SchemaError(f"{path} is Parquet, but no rep-period dataset: build one with 'spm dataset'")
        description = json.loads(metadata)
        if description["format"] != _FORMAT:
            raise SchemaError(
                f"{path} has dataset format {description['format']}, this version reads {_FORMAT}: run 'spm dataset'"
            )
        feature_names, stages = tuple(description["feature_names"]), tuple(description["stages"])
        return cls(
            frame=pinned(table, feature_names, len(stages)),
            feature_names=feature_names,
            stages=stages,
            currency=description["currency"],
            version=description["version"],
            data_hash=description["data_hash"],
            watermark=date.fromisoformat(description["watermark"]),
        )

    def _description(self) -> dict[str, object]:
        return {
            "format": _FORMAT,
            "feature_names": list(self.feature_names),
            "stages": list(self.stages),
            "currency": self.currency,
            "version": self.version,
            "data_hash": self.data_hash,
            "watermark": self.watermark.isoformat(),
        }


def pinned(table: pa.Table, feature_names: tuple[str, ...], stages: int) -> pd.DataFrame:
    """The Arrow table as a frame with the declared columns, order and types.

    Raises:
        SchemaError: A column is missing.
    """
    expected = dtypes(feature_names, stages)
    missing = [name for name in expected if name not in table.column_names]
    if missing:
        raise SchemaError(f"the table lacks columns {missing}")
    frame = table.select(list(expected)).to_pandas(date_as_object=False)
    return frame.astype(expected)


def _bytes_of(column: pd.Series) -> bytes:
    if isinstance(column.dtype, pd.StringDtype):
        return "\x1f".join("\x00" if pd.isna(text) else text for text in column).encode()
    values = column.to_numpy()
    if values.dtype == np.float64:
        values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, and no -0.0
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
