"""Daily counts of each rep's activities, which mlforecast starts from: `python -m … WORKSPACE FILE`."""

import sys
from pathlib import Path

from benchmarks.scaling.peers.with_pandas import activity_changes
from spm_ml.settings import Workspace

if __name__ == "__main__":
    workspace = Workspace(Path(sys.argv[1]))
    changes = activity_changes(workspace, workspace.organisation().timezone).drop(columns="occurred")
    changes.groupby(["rep_id", "day"], as_index=False).sum().to_parquet(sys.argv[2], index=False)
