"""Apache Spark as the engine: for histories that outgrow one machine."""

import os
import shutil
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark import Backend
from pyspark.sql import SparkSession

from spm_ml.history.engines.engine import Engine
from spm_ml.history.engines.parquet import batches_of

SETTINGS: Final[dict[str, bool | float | int | str | None]] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.ui.enabled": "false",
}

LOCAL_SETTINGS: Final[dict[str, bool | float | int | str | None]] = {
    "spark.sql.shuffle.partitions": 2,  # a cluster's 200 cost more than a small history
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


class SparkEngine(Engine):
    """Views over Parquet files in a folder that every executor sees.

    Args:
        master: `local[2]`, `spark://host:7077`, `yarn` …; a session that already runs is used as it is.
        folder: Where derived tables are written; default: a temporary folder of this machine, which serves `local`
            alone.
    """

    def __init__(self, master: str = "local[2]", folder: Path | None = None) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="spm-history-", dir=folder))
        builder = SparkSession.builder.master(master).appName("spm-ml").config(map=SETTINGS)
        if master.startswith("local"):
            builder = builder.config(map=LOCAL_SETTINGS)
            # Functions run in this Python, not in the first that the path finds; Spark knows no setting for it.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        self.session = builder.getOrCreate()
        self.backend: Backend = ibis.pyspark.connect(self.session)
        self._release = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def read(self, name: str, sql: str) -> ir.Table:
        """Copies the rows of a query over Parquet files into the folder."""
        schema, batches = batches_of(sql)
        unique = self._unique(name)
        with pq.ParquetWriter(self.folder / f"{unique}.parquet", schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return self._view(unique)

    def keep(self, name: str, rows: ir.Table | pa.Table) -> ir.Table:
        """Computes rows once and keeps them as Parquet in the folder."""
        unique = self._unique(name)
        path = self.folder / f"{unique}.parquet"
        if isinstance(rows, pa.Table):
            pq.write_table(rows, path)
        else:
            self.session.sql(ibis.to_sql(rows, dialect="pyspark")).write.parquet(str(path))
        return self._view(unique)

    def drop(self, table: ir.Table) -> None:
        """Frees what `keep` computed."""
        name = table.op().name
        self.session.catalog.dropTempView(name)
        shutil.rmtree(self.folder / f"{name}.parquet", ignore_errors=True)

    def close(self) -> None:
        """Removes the folder; the session, which others may use, goes on."""
        self._release()

    def _view(self, name: str) -> ir.Table:
        self.session.read.parquet(str(self.folder / f"{name}.parquet")).createOrReplaceTempView(name)
        return self.backend.table(name)
