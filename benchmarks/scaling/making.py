"""What is measured of derived tables and datasets, in a process that imports nothing else.

python -m benchmarks.scaling.making derive|build|refresh WORKSPACE
"""

import json
import sys
from pathlib import Path

from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace


def make(what: str, workspace: Workspace) -> None:
    """Derives what builds read, builds the dataset or refreshes it; prints how many rows there are and were made."""
    with SalesHistory.open(workspace) as history:
        if what == "derive":
            history.derive()
            return
        from spm_ml.dataset import refresh_dataset

        made = refresh_dataset(workspace, history, full=what == "build")
    print(json.dumps([made.rows, made.computed]))


if __name__ == "__main__":
    make(sys.argv[1], Workspace(Path(sys.argv[2])))
