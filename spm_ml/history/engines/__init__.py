"""Engines: where the tables of a history are computed. DuckDB is embedded; PostgreSQL and Spark are somebody's own."""

from spm_ml.history.engines.along import Along
from spm_ml.history.engines.choice import EngineName, engine_named
from spm_ml.history.engines.engine import IBIS_TYPES, Engine, as_int64, schema_of
from spm_ml.history.engines.on_duckdb import DuckDBEngine

__all__ = ["IBIS_TYPES", "Along", "DuckDBEngine", "Engine", "EngineName", "as_int64", "engine_named", "schema_of"]
