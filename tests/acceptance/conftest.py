"""What several files of the acceptance tests begin with."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.command import spm


@pytest.fixture(scope="session")
def maven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the Maven CRM sample and its dataset, made once for all workers; copy it to change it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / "maven.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "maven").exists():
            made = own / "maven-making"
            spm("ingest", Path(os.environ["SPM_REAL_DATA"], "maven_crm"), "--mapping", "maven", "--workspace", made)
            spm("dataset", "--workspace", made)
            shutil.move(made, shared / "maven")
    return shared / "maven"
