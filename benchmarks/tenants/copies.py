"""Tenants with the same data and model: each is a workspace of its own, and only files that never change are shared."""

import os
import shutil
from pathlib import Path
from typing import Final

from spm_ml.settings import Workspace
from spm_ml.tenants import TenantFolder

_NEVER_CHANGED: Final = ("tables", "mlartifacts", "comp_plans", "protected")
"""Folders whose files are written once: hard links take no room. Databases and all else are copied."""


def make_copies(source: Workspace, root: Path, count: int) -> TenantFolder:
    """Makes `count` tenants of a trained workspace; none of them has a board yet."""
    folder = TenantFolder(root)
    for number in range(count):
        target = folder.add(f"tenant-{number + 1:03}").root
        for path in sorted(source.root.rglob("*")):
            name = path.relative_to(source.root)
            if path.is_dir():
                (target / name).mkdir(exist_ok=True)
            elif name.name.startswith(source.predictions_database.name):
                continue
            elif name.parts[0] in _NEVER_CHANGED and path.suffix not in {".json", ".lock"}:
                os.link(path, target / name)
            else:
                shutil.copy(path, target / name)
    return folder
