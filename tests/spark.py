"""Spark for tests."""

from typing import Final

SMALL_SPARK: Final = """
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1
"""
"""Lines of spark-defaults.conf: compiling each query costs more than answering it from a few hundred rows."""
