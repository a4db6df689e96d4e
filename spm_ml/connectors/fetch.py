"""fetch(): what a system holds now, as export files that `ingest` reads."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from spm_ml.connectors.mirror import open_mirror
from spm_ml.connectors.rates import RATE_COLUMNS, RATES_FILE
from spm_ml.connectors.report import FetchReport
from spm_ml.connectors.settings import ConnectorSettings
from spm_ml.connectors.wanted import fields_read
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.only_one import only_one
from spm_ml.progress import Progress, silent
from spm_ml.settings import Organisation, Workspace
from spm_ml.sources import load_mapping
from spm_ml.sources.folder import SourceFolder
from spm_ml.sources.organisation import declared_organisation

System = Literal["salesforce", "hubspot"]
SYSTEMS: Final[tuple[System, ...]] = ("salesforce", "hubspot")

_PACKAGES: Final = {"salesforce": "simple_salesforce", "hubspot": "hubspot"}


def fetch(
    system: System,
    workspace: Workspace,
    folder: Path,
    *,
    mapping: str | Path | None = None,
    full: bool = False,
    progress: Progress = silent,
) -> FetchReport:
    """Fetches what has changed since the last time, and writes everything as export files.

    A killed or refused fetch loses nothing that arrived: the next one goes on after the last whole page. Export files
    are written once everything has arrived, so until then those of the last fetch stay.

    Args:
        system: Which.
        workspace: Whose `connectors.yaml` says how it is reached.
        folder: Where export files are written; made if it does not exist.
        mapping: What will read them, which decides the fields that are fetched; None: the built-in one.
        full: Everything anew, as after changes that leave no trace.
        progress: Told about each page.

    Raises:
        ConfigurationError: It is not said how the system is reached.
        NotReadyError: The client library is not installed.
        RemoteError: The system refused, failed or reached its limit.
        DataError: The folder belongs to another system, or another fetch is at work in it.
    """
    declared = load_mapping(mapping or system)
    access = getattr(ConnectorSettings.of_workspace(workspace), system)
    if access is None:
        raise ConfigurationError(
            f"nothing says how {system} is reached: write {system} into {workspace.root}/connectors.yaml, secrets as "
            "..._file or in the environment"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = folder / ".mirror"
    place.mkdir(exist_ok=True, mode=0o700)
    report = FetchReport(system, str(folder))
    rates_for = None
    if access.rates and fields_read(declared, RATES_FILE, RATE_COLUMNS):
        beside = SourceFolder.of(folder).settings_file("organisation.yaml")
        rates_for = declared_organisation(workspace, declared, beside) or Organisation()
    with (
        _needs_extra(_PACKAGES[system]),
        only_one(place / "fetch.lock", what="fetch"),
        open_mirror(place / f"{system}.db", of=f"{system} at {access.url}") as mirror,
    ):
        if system == "salesforce":
            from spm_ml.connectors.salesforce import SalesforceFetch
            from spm_ml.connectors.salesforce_client import SalesforceClient

            salesforce = SalesforceClient(access)
            SalesforceFetch(salesforce, mirror, declared, folder, progress, report, rates_for, full).run()
        else:
            from spm_ml.connectors.hubspot import HubSpotFetch
            from spm_ml.connectors.hubspot_client import HubSpotClient

            hubspot = HubSpotClient(access)
            HubSpotFetch(hubspot, mirror, declared, folder, progress, report, rates_for, full).run()
    return report


@contextmanager
def _needs_extra(package: str) -> Iterator[None]:
    """Turns a missing client library into a message.

    Raises:
        NotReadyError: It is not installed.
    """
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise NotReadyError(f"{package} is missing: pip install 'spm-ml[connectors]'") from error
    yield
