"""The settings a batch was scored with, kept so that it can be rebuilt after `organisation.yaml` has changed."""

from dataclasses import dataclass
from pathlib import Path

from spm_ml.settings import Workspace


def kept_settings_file(workspace: Workspace, data_hash: str) -> Path:
    """Where the settings behind a data hash are kept: it covers the tables and the settings they are read with."""
    return workspace.root / "settings" / f"{data_hash}.yaml"


def keep_settings(workspace: Workspace, data_hash: str) -> None:
    """Keeps the organisation's settings under the data hash that they give, once."""
    file = kept_settings_file(workspace, data_hash)
    if not file.exists():
        pending = file.with_name(file.name + ".pending")
        workspace.organisation().write(pending)
        pending.replace(file)


@dataclass(frozen=True)
class WorkspaceWithSettings(Workspace):
    """A workspace whose tables are read with other settings than those now in force.

    Attributes:
        settings_file: The settings to read with.
    """

    settings_file: Path

    @property
    def organisation_file(self) -> Path:
        """The other settings."""
        return self.settings_file
