"""The workspace's Parquet files, for engines that do not read them as the embedded one does."""

from collections.abc import Iterator
from typing import Final

import duckdb
import pyarrow as pa

ROWS_AT_ONCE: Final = 100_000


def batches_of(sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Schema and rows of a query over Parquet files in DuckDB's SQL, so many at a time that memory stays bounded."""
    connection = duckdb.connect()
    reader = connection.sql(sql).to_arrow_reader(ROWS_AT_ONCE)

    def batches() -> Iterator[pa.RecordBatch]:
        with connection:
            yield from reader

    return reader.schema, batches()
