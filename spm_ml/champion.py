"""The champion is named in two places that share no transaction: our store's record, then MLflow's alias.

The record comes first and is what counts. A run that dies between the two, or a hand that moves the alias, is healed by
`reconcile`, which every command that needs the champion calls first. `spm serve` runs it as a process of its own,
`python -m spm_ml.champion WORKSPACE`, so that the service never imports MLflow and never waits for it.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from spm_ml.errors import NotReadyError, SpmError
from spm_ml.predictions import Champion, PredictionStore
from spm_ml.registry import CHAMPION, ModelVersion, Registry
from spm_ml.settings import Workspace

_ADOPTED = "the registry's alias named it before there was a record"


def make_champion(
    registry: Registry, store: PredictionStore, version: ModelVersion, *, reason: str, actor: str = "operator"
) -> ModelVersion:
    """Puts a version on record as champion and then moves the alias; gives the version as it is registered now."""
    store.champions.name(Champion(version.name, str(version.version), registry.place, actor, reason))
    registry.point(CHAMPION, version)
    reconcile(registry, store)  # another may have been named in between
    return registry.version(version.version)


def reconcile(registry: Registry, store: PredictionStore) -> str | None:
    """Sets the alias to the champion on record; an alias without a record is put on record.

    Returns:
        What was done, in a sentence; None if the two agreed.

    Raises:
        NotReadyError: The registry does not hold the version on record.
        ConfigurationError: The registry does not answer.
    """
    said = None
    alias = registry.champion()
    while True:  # another process may name a champion meanwhile: the last on record wins
        wanted = store.champions.last(registry.place)
        if wanted is None:
            if alias is None:
                return None
            store.champions.name(Champion(alias.name, str(alias.version), registry.place, "reconciler", _ADOPTED))
            return f"{alias.name} version {alias.version} was put on record as champion."
        if alias is not None and str(alias.version) == wanted.model_version:
            return said
        before = None if alias is None else str(alias.version)
        try:
            alias = registry.point(CHAMPION, registry.version(int(wanted.model_version)))
        except NotReadyError as error:
            raise NotReadyError(
                f"{wanted.label} is on record as champion, and {error}; or promote another with 'spm promote'"
            ) from error
        said = f"MLflow's alias named version {before or 'none'} and names that on record again, {wanted.label}."
        store.champions.alias_repaired(wanted, before=before)


def reconcile_workspace(workspace: Workspace) -> str | None:
    """The same for a workspace that may have no store yet, or no registry: none is made to be looked into.

    Raises:
        NotReadyError: The registry does not hold the version on record.
        ConfigurationError: The registry or the store does not answer.
    """
    if not workspace.has_predictions:
        return None
    registry = Registry(workspace)
    with PredictionStore.of(workspace) as store:
        if registry.is_new and store.champions.last(registry.place) is None:
            return None
        return reconcile(registry, store)


def reconcile_in_background(workspace: Workspace) -> None:
    """The same in a process of its own; it says on stderr what it did, and nothing waits for it."""
    command = [sys.executable, "-m", __name__, str(workspace.root)]
    environment = dict(os.environ)  # as it is now: another thread may change it while a process is being started
    threading.Thread(target=_run, args=(command, environment), name="reconcile", daemon=True).start()


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    try:
        subprocess.run(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, start_new_session=True, check=False, env=environment
        )
    except OSError as error:
        sys.stderr.write(f"spm: the champion's alias was not checked: no process can be started ({error})\n")


def main() -> int:
    """Reconciles the workspace that the command line names."""
    try:
        said = reconcile_workspace(Workspace(Path(sys.argv[1])))
    except SpmError as error:
        said = f"the champion's alias was not checked: {error}"
    if said:
        sys.stderr.write(f"spm: {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
