"""Settings and compensation plans a batch was scored with, kept so that it can be rebuilt after they have changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from spm_ml.compensation import CompensationPlan, plans_text, read_plans
from spm_ml.errors import NotReadyError
from spm_ml.settings import Organisation, Workspace
from spm_ml.whole_file import write_whole


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


def forget_settings(workspace: Workspace, data_hash: str) -> None:
    """Removes what is kept under a data hash of which no batch is replayed."""
    kept_settings_file(workspace, data_hash).unlink(missing_ok=True)


def same_settings(workspace: Workspace, data_hash: str) -> bool:
    """Whether the settings kept under a data hash are those in force."""
    file = kept_settings_file(workspace, data_hash)
    return file.exists() and Organisation.read(file) == workspace.organisation()


def keep_plans(workspace: Workspace, plans: Sequence[CompensationPlan]) -> str:
    """Keeps compensation plans under the hash of their terms, once, and gives the hash; empty without plans."""
    if not plans:
        return ""
    text, plans_hash = plans_text(plans), hash_of_plans(plans)
    file = _kept_plans_file(workspace, plans_hash)
    if not file.exists():
        write_whole(file, text)
    return plans_hash


def hash_of_plans(plans: Sequence[CompensationPlan]) -> str:
    """SHA-256 of the terms of compensation plans; empty without plans."""
    return sha256(plans_text(plans).encode()).hexdigest() if plans else ""


def kept_plans(workspace: Workspace, plans_hash: str) -> tuple[CompensationPlan, ...]:
    """The plans that `keep_plans` kept under a hash.

    Raises:
        NotReadyError: They are gone.
        ConfigurationError: Their file was changed and cannot be read.
    """
    if not plans_hash:
        return ()
    file = _kept_plans_file(workspace, plans_hash)
    if not file.exists():
        raise NotReadyError(f"the compensation plans of that batch are gone: {file} comes back from a backup")
    return read_plans(file)


def _kept_plans_file(workspace: Workspace, plans_hash: str) -> Path:
    return workspace.root / "settings" / f"plans-{plans_hash}.yaml"


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
