"""TenantFolder: the folder that holds one workspace a tenant."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from spm_ml.errors import ConfigurationError, NotReadyError, did_you_mean
from spm_ml.settings import Workspace
from spm_ml.tenant import FILE, check_name, tenant_of
from spm_ml.whole_file import write_whole

RUNS: Final = ".runs"
"""Folder of what runs leave behind: locks, logs, the last report. No tenant can have this name."""

_OWNER_ONLY: Final = 0o700


@dataclass(frozen=True)
class TenantFolder:
    """A folder of workspaces; each is named after its tenant.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def runs(self) -> Path:
        """Where runs leave locks, logs and the last report."""
        return self.root / RUNS

    def names(self) -> tuple[str, ...]:
        """Every tenant, in order.

        Raises:
            NotReadyError: The folder is not there.
            ConfigurationError: A `tenant.yaml` in it cannot be read.
        """
        return tuple(path.name for path in self._entries() if self._is_tenant(path))

    def strays(self) -> tuple[str, ...]:
        """What lies in the folder and is no tenant."""
        return tuple(
            path.name for path in self._entries() if not path.name.startswith(".") and not self._is_tenant(path)
        )

    def workspace(self, name: str) -> Workspace:
        """The workspace of a tenant.

        Raises:
            ConfigurationError: The name can be no tenant's, or the folder is another's.
            NotReadyError: There is no such tenant.
        """
        path = self.root / check_name(name)
        if not self._is_tenant(path):
            raise NotReadyError(
                f"{self.root} holds no tenant {name!r}{did_you_mean(name, self.names())}; "
                f"'spm tenants add {self.root} {name}' makes one"
            )
        return Workspace(path)

    def add(self, name: str) -> Workspace:
        """Makes an empty workspace for a tenant, or makes one that lies there theirs; others cannot look into it.

        Raises:
            ConfigurationError: The name can be no tenant's, it is taken, or something that is no folder lies there.
        """
        path = self.root / check_name(name)
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise ConfigurationError(f"{path} is no folder of its own: move it away, or take another name")
        known = tenant_of(path)
        if known is not None:
            raise ConfigurationError(f"{path} is the workspace of tenant {known!r} already")
        self.root.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        path.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        path.chmod(path.stat().st_mode & ~stat.S_IRWXO)
        write_whole(path / FILE, yaml.safe_dump({"tenant": name}))
        return Workspace(path)

    def _entries(self) -> list[Path]:
        try:
            return sorted(self.root.iterdir())
        except OSError as error:
            raise NotReadyError(
                f"{self.root} cannot be read as a folder of tenants ({error.strerror}): 'spm tenants add {self.root} "
                "NAME' makes one"
            ) from error

    @staticmethod
    def _is_tenant(path: Path) -> bool:
        """Whether it is a folder of its own, and of the tenant that it is named after."""
        return not path.is_symlink() and path.is_dir() and tenant_of(path) == path.name
