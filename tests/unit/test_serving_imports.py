import doctest
import importlib
import os
import pkgutil
import subprocess
import sys

import pytest

import serving

HEAVY = ("mlflow", "lightgbm", "pandas", "sklearn", "duckdb", "ibis", "scipy", "matplotlib", "alembic", "django")
SWITCHED_ON = ("authlib", "joserfc", "httpx", "cryptography", "opentelemetry.sdk", "prometheus_client")
UNWANTED = HEAVY + SWITCHED_ON
MODULES = sorted(module.name for module in pkgutil.walk_packages(serving.__path__, "serving."))


def test_the_application_loads_no_model_and_no_data_library() -> None:
    loaded = "serving.app, serving.run, spm_ml.champion"
    code = f"import sys, {loaded}; found = set({UNWANTED!r}) & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env={**os.environ})


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_its_documentation_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
