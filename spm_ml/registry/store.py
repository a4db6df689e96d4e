"""Registry: records runs in MLflow, registers models and moves the two aliases that name who is in use."""

import math
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from spm_ml import __version__
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.progress import Progress, silent
from spm_ml.registry.quiet import mlflow_quiet, without_password
from spm_ml.registry.versions import (
    MODEL_HASH_TAG,
    SPM_VERSION_TAG,
    ModelVersion,
    TrainingRun,
    compatible,
    folder_hash,
)
from spm_ml.settings import Workspace

EXPERIMENT: Final = "spm-ml"
MODEL_NAME: Final = "spm-attainment"
CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"

_MODEL_FOLDER: Final = "model"
_FORECASTER_FOLDER: Final = "forecaster"
_NEXT_COMMAND: Final = {CHALLENGER: "spm train", CHAMPION: "spm promote"}


class Registry:
    """Records training runs and says which model version is challenger and which is champion.

    Args:
        workspace: Where database and artifacts live when no shared server is named.
        progress: Told about the first preparation of the database, which takes several seconds.

    Raises:
        ConfigurationError: A shared server is named for a tenant's workspace: all tenants' models have one name there.
    """

    def __init__(self, workspace: Workspace, *, progress: Progress = silent) -> None:
        self._workspace = workspace
        self._progress = progress
        self._server = os.environ.get("MLFLOW_TRACKING_URI") or None
        if self._server is not None and workspace.tenant is not None:
            raise ConfigurationError(
                f"MLFLOW_TRACKING_URI is set, and tenant {workspace.tenant} keeps its models in {workspace.root} "
                "alone, apart from other tenants': unset it"
            )
        self._opened: Any = None

    @property
    def tracking_uri(self) -> str:
        """Where runs are recorded: the shared server, or the workspace's own database."""
        return self._server or f"sqlite:///{self._workspace.mlflow_database.resolve()}"

    @property
    def place(self) -> str:
        """Names the registry, without its credentials, wherever the workspace is moved to."""
        return "workspace" if self._server is None else without_password(self._server)

    @property
    def is_new(self) -> bool:
        """Whether it is the workspace's own database and was never made, so that nothing is registered in it."""
        return self._server is None and not self._workspace.mlflow_database.exists()

    def record(self, run: TrainingRun) -> ModelVersion:
        """Records a finished run and registers its model as a new version, which becomes the challenger.

        Raises:
            ConfigurationError: MLflow's database or server cannot be used.
        """
        client = self._client()
        with mlflow_quiet(self.tracking_uri), tempfile.TemporaryDirectory() as scratch:
            import mlflow.pyfunc
            from mlflow.entities import Metric, Param

            from spm_ml.registry.signature import signature_of  # it needs pandas, which the service does without

            tags = {**run.tags, SPM_VERSION_TAG: __version__, MODEL_HASH_TAG: folder_hash(run.forecaster)}
            created = client.create_run(self._experiment(client), run_name=run.name, tags=dict(tags))
            run_id = created.info.run_id
            try:
                now = created.info.start_time
                client.log_batch(
                    run_id,
                    params=[Param(key, str(value)) for key, value in run.parameters.items()],
                    metrics=[Metric(key, value, now, 0) for key, value in run.metrics.items() if math.isfinite(value)],
                )
                client.log_artifacts(run_id, str(run.evidence))
                forecaster = Path(scratch, _FORECASTER_FOLDER)
                forecaster.symlink_to(run.forecaster.resolve(), target_is_directory=True)
                model = Path(scratch, _MODEL_FOLDER)
                mlflow.pyfunc.save_model(
                    str(model),
                    loader_module=run.loader_module,
                    data_path=str(forecaster),
                    pip_requirements=[f"spm-ml=={__version__}"],
                    signature=signature_of(run.inputs, run.outputs),
                )
                client.log_artifacts(run_id, str(model), _MODEL_FOLDER)
                self._ensure_registered_model(client)
                made = client.create_model_version(
                    MODEL_NAME,
                    source=f"{created.info.artifact_uri}/{_MODEL_FOLDER}",
                    run_id=run_id,
                    tags=dict(tags),
                    description=run.name,
                )
                client.set_registered_model_alias(MODEL_NAME, CHALLENGER, made.version)
            except BaseException:
                client.set_terminated(run_id, status="FAILED")
                raise
            client.set_terminated(run_id)
        return self.version(int(made.version))

    def versions(self) -> tuple[ModelVersion, ...]:
        """All registered versions, oldest first; none when nothing was trained yet."""
        aliases = self._aliases()
        client = self._client()
        with mlflow_quiet(self.tracking_uri):
            found = client.search_model_versions(f"name = '{MODEL_NAME}'")
        return tuple(sorted((_version(one, aliases) for one in found), key=lambda each: each.version))

    def version(self, number: int) -> ModelVersion:
        """The version of that number.

        Raises:
            NotReadyError: There is no such version.
        """
        known = self.versions()
        for one in known:
            if one.version == number:
                return one
        numbers = ", ".join(str(one.version) for one in known) or "none"
        raise NotReadyError(
            f"{self.tracking_uri} holds no version {number} of {MODEL_NAME} (there are: {numbers}); "
            "name one of these or train a new one with 'spm train'"
        )

    def by_alias(self, alias: str) -> ModelVersion | None:
        """The version that carries the alias, or None."""
        if self._server is None and not self._workspace.mlflow_database.exists():
            return None  # asking must not make a database
        number = self._aliases().get(alias)
        return None if number is None else self.version(number)

    def champion(self) -> ModelVersion | None:
        """The version in use, or None."""
        return self.by_alias(CHAMPION)

    def required(self, alias: str) -> ModelVersion:
        """The version that carries the alias.

        Raises:
            NotReadyError: No version carries it; the message names the command that makes one.
        """
        found = self.by_alias(alias)
        if found is None:
            raise NotReadyError(
                f"{self.tracking_uri} holds no @{alias} of {MODEL_NAME}: run "
                f"'{_NEXT_COMMAND.get(alias, 'spm train')} --workspace {self._workspace.root}' first"
            )
        return found

    def annotate(self, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        """Writes tags on a registered version."""
        client = self._client()
        with mlflow_quiet(self.tracking_uri):
            for key, value in tags.items():
                client.set_model_version_tag(MODEL_NAME, str(version.version), key, value)
        return self.version(version.version)

    def point(self, alias: str, version: ModelVersion) -> ModelVersion:
        """Makes the alias name this version; it leaves the version that carried it, in the same call."""
        client = self._client()
        with mlflow_quiet(self.tracking_uri):
            client.set_registered_model_alias(MODEL_NAME, alias, str(version.version))
        return self.version(version.version)

    def experiment_of(self, version: ModelVersion) -> str:
        """Id of the experiment that the version's run belongs to; empty if the run is gone."""
        client = self._client()
        try:
            with mlflow_quiet(self.tracking_uri):
                return str(client.get_run(version.run_id).info.experiment_id)
        except ConfigurationError:
            return ""

    def artifact(self, version: ModelVersion, path: str) -> Path:
        """A local copy of a file or folder that the version's run kept.

        Raises:
            NotReadyError: The run kept no such file.
        """
        if self._server is None:  # read in place: still right after the workspace was moved or mounted elsewhere
            local = self._workspace.mlflow_artifacts / version.run_id / "artifacts" / path
            if not local.exists():
                raise _unreadable(version, path, f"{local} is not there")
            return local
        target = self._workspace.mlflow_artifacts / "downloads" / version.run_id
        if not (target / path).exists():  # artifacts of a finished run never change
            target.mkdir(parents=True, exist_ok=True)
            client = self._client()
            try:
                with mlflow_quiet(self.tracking_uri):
                    client.download_artifacts(version.run_id, path, dst_path=str(target))
            except (ConfigurationError, OSError) as error:
                raise _unreadable(version, path, str(error)) from error
        return target / path

    def load(self, version: ModelVersion) -> Path:
        """The folder that `Forecaster.save` wrote for this version.

        Raises:
            NotReadyError: It was written by an incompatible version of spm-ml, or its files are gone or changed.
        """
        if not compatible(version.spm_version):
            written = version.spm_version or "an unknown version"
            raise NotReadyError(
                f"{MODEL_NAME} version {version.version} was written by spm-ml {written} and this is {__version__}: "
                "install that version, or train and promote again with 'spm train' and 'spm promote'"
            )
        folder = self.artifact(version, _MODEL_FOLDER) / "data" / _FORECASTER_FOLDER
        if folder_hash(folder) != version.tags.get(MODEL_HASH_TAG, folder_hash(folder)):
            raise NotReadyError(
                f"{folder} of {MODEL_NAME} version {version.version} is not what was registered: its files were "
                "changed or damaged; put them back from a backup, or train and promote again"
            )
        return folder

    def load_champion(self) -> tuple[Path, ModelVersion]:
        """Folder and version of the champion.

        Raises:
            NotReadyError: No champion was promoted yet, or it cannot be read.
        """
        version = self.required(CHAMPION)
        return self.load(version), version

    def _client(self) -> Any:
        if self._opened is None:
            first = self.is_new
            label = "Preparing MLflow's database (first use only)"
            if first:
                self._workspace.root.mkdir(parents=True, exist_ok=True)
                self._progress(label, 0, 1)
            with mlflow_quiet(self.tracking_uri):
                from mlflow import MlflowClient

                self._opened = MlflowClient(tracking_uri=self.tracking_uri)
            if first:
                self._progress(label, 1, 1)
        return self._opened

    def _experiment(self, client: Any) -> str:
        """The experiment of this place: MLflow writes a run's files where its experiment was made."""
        place = None if self._server else self._workspace.mlflow_artifacts.resolve().as_uri()
        number, name = 1, EXPERIMENT
        while (found := client.get_experiment_by_name(name)) is not None and place not in {
            None,
            found.artifact_location,
        }:
            number += 1
            name = f"{EXPERIMENT} (place {number})"
        return str(found.experiment_id if found else client.create_experiment(name, artifact_location=place))

    def _ensure_registered_model(self, client: Any) -> None:
        if not client.search_registered_models(f"name = '{MODEL_NAME}'"):
            client.create_registered_model(MODEL_NAME, description="Quota attainment of a rep in a period (spm-ml).")

    def _aliases(self) -> dict[str, int]:
        client = self._client()
        with mlflow_quiet(self.tracking_uri):
            found = client.search_registered_models(f"name = '{MODEL_NAME}'")
        return {alias: int(number) for model in found for alias, number in model.aliases.items()}


def _unreadable(version: ModelVersion, path: str, why: str) -> NotReadyError:
    return NotReadyError(
        f"{MODEL_NAME} version {version.version} has no readable {path} ({why}); were its artifacts deleted? "
        "Train again with 'spm train'"
    )


def _version(found: Any, aliases: Mapping[str, int]) -> ModelVersion:
    number = int(found.version)
    return ModelVersion(
        name=str(found.name),
        version=number,
        run_id=str(found.run_id),
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        tags=dict(found.tags),
        aliases=tuple(sorted(alias for alias, at in aliases.items() if at == number)),
    )
