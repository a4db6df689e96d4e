"""The ledger as a batch read it: its version of the tables, and the settings they were read with."""

from dataclasses import dataclass

from spm_ml.errors import ConfigurationError
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.scoring.settings_kept import WorkspaceWithSettings, kept_settings_file
from spm_ml.settings import Organisation, Workspace


@dataclass(frozen=True)
class LedgerThen:
    """How far the ledger can be read as a batch read it.

    Attributes:
        workspace: Reads the tables with the batch's settings where these are known, else with today's.
        version: Version of the tables.
        same_hash: Tables and settings give the very hash that the batch recorded.
        changed_settings: Names of the settings that were others then; None: it is not known which.
    """

    workspace: Workspace
    version: int
    same_hash: bool
    changed_settings: tuple[str, ...] | None = ()

    @classmethod
    def of(cls, workspace: Workspace, *, version: int, data_hash: str) -> "LedgerThen":
        """Finds the settings under which a version of the tables has a hash: today's, or those kept at scoring.

        Raises:
            NotReadyError: There is no such version of the tables.
        """
        if _hash(workspace, version) == data_hash:
            return cls(workspace, version, same_hash=True)
        kept = WorkspaceWithSettings(workspace.root, kept_settings_file(workspace, data_hash))
        if not kept.settings_file.exists():
            return cls(workspace, version, same_hash=False, changed_settings=None)
        changed = _differing(kept.organisation(), workspace.organisation())
        return cls(kept, version, same_hash=_hash(kept, version) == data_hash, changed_settings=changed)

    def open(self) -> SalesHistory:
        """Opens the history; close it."""
        return SalesHistory.open(self.workspace, version=self.version)

    def damaged_parts(self) -> tuple[str, ...]:
        """Names the files of the ledger, up to the version, whose bytes are not those that were ingested."""
        return TableStore(self.workspace).damaged(self.version)


def _hash(workspace: Workspace, version: int) -> str | None:
    """The hash that a version has with a workspace's settings; None if it cannot be read with them."""
    try:
        with SalesHistory.open(workspace, version=version) as history:
            return history.data_hash
    except ConfigurationError:
        return None


def _differing(then: Organisation, now: Organisation) -> tuple[str, ...]:
    before, after = then.model_dump(), now.model_dump()
    return tuple(name for name in before if before[name] != after[name])
