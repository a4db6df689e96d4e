"""Our values of the features that the peers compute: `python -m benchmarks.scaling.peers.ours WORKSPACE FILE NAMES`."""

import sys
from pathlib import Path

from spm_ml.dataset import build_dataset
from spm_ml.features import FEATURES
from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace

if __name__ == "__main__":
    wanted = sys.argv[3].split(",")
    with SalesHistory.open(Workspace(Path(sys.argv[1]))) as history:
        built = build_dataset(history, features=[feature for feature in FEATURES if feature.name in wanted])
    built.frame[["rep_id", "as_of", *wanted]].to_parquet(sys.argv[2], index=False)
