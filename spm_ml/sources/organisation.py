"""Which settings of the organisation hold while a source is read."""

from pathlib import Path

from spm_ml.settings import Organisation, Workspace
from spm_ml.sources.mapping import Mapping


def declared_organisation(workspace: Workspace, mapping: Mapping, *files: Path | None) -> Organisation | None:
    """The workspace's own settings, else those of the first of the files, else the mapping's; None: nobody says any.

    Args:
        workspace: Into which is read.
        mapping: What reads.
        files: Settings for a workspace that has none yet.

    Raises:
        ConfigurationError: They cannot be used.
    """
    if workspace.organisation_file.exists():
        return workspace.organisation()
    given = next((each for each in files if each is not None), None)
    if given is not None:
        return Organisation.read(given)
    if mapping.organisation is not None:
        return Organisation.parse(mapping.organisation, where=f"the mapping {mapping.name}")
    return None
