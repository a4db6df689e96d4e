"""Settings of the service: the file, the environment over it, secrets by file, and errors that name the place."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel, ConfigDict, SecretStr

from serving.settings import ServingSettings
from spm_ml import deployment
from spm_ml.cli.main import spm
from spm_ml.errors import ConfigurationError
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.migrations import HEAD
from spm_ml.settings import Organisation, Workspace


class Provider(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = "none"
    secret: SecretStr | None = None


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    days: int | None = 7
    secure: bool = False
    networks: tuple[str, ...] = ()
    provider: Provider | None = None


def write(workspace: Path, text: str) -> Path:
    (workspace / "serving.yaml").write_text(text, encoding="utf-8")
    return workspace


def test_the_environment_lies_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "days: 3\nsecure: true\nnetworks: [10.0.0.0/8]\nprovider:\n  name: file\n")
    monkeypatch.setenv("SPM_SERVING__DAYS", "null")
    monkeypatch.setenv("SPM_SERVING__NETWORKS", '["::1/128"]')
    monkeypatch.setenv("SPM_SERVING__SECURE", "")  # as compose passes what is not set
    (tmp_path / "secret").write_text("s3cret\n", encoding="utf-8")
    monkeypatch.setenv("SPM_SERVING__PROVIDER__SECRET_FILE", str(tmp_path / "secret"))
    found = deployment.load(Settings, tmp_path)
    assert (found.days, found.secure, found.networks) == (None, True, ("::1/128",))
    assert found.provider is not None
    assert found.provider.name == "file"
    assert found.provider.secret == SecretStr("s3cret")


def test_nothing_given_means_defaults(tmp_path: Path) -> None:
    assert deployment.load(Settings, tmp_path) == Settings()
    assert deployment.load(Settings, write(tmp_path, "# nothing\n"), defaults={"days": 9}).days == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("days: soon", r"serving\.yaml line 1, days: Input should be a valid integer"),
        ("secure: true\nday: 3", r"line 2, day is no setting \(did you mean 'days'\?\)"),
        ("provider:\n  nam: x", r"line 2, provider\.nam is no setting \(did you mean 'name'\?\)"),
        ("provider:\n  secret: x", r"line 2, provider\.secret holds a secret: set SPM_SERVING__PROVIDER__SECRET in"),
        ("provider:\n  secret_file: /nowhere", "names a file that cannot be read: FileNotFoundError"),
        ("provider:\n  secret_file: /dev/null", "names a file that is empty"),
        ("days: 1\ndays: 2", "line 2 says days a second time"),
        ("provider: null\nprovider.x: 1", r"provider\.x is no setting"),
        ("- 1", "line 1 is no setting"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_file_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        deployment.load(Settings, write(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DAYS", "5O", "SPM_SERVING__DAYS: Input should be a valid integer"),
        ("DAY", "5", "SPM_SERVING__DAY is no setting"),
        ("NETWORKS", "[", "SPM_SERVING__NETWORKS begins like JSON"),
        ("SECURE__DEEP", "1", "SPM_SERVING__SECURE__DEEP lies in secure"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"SPM_SERVING__{name}", value)
    with pytest.raises(ConfigurationError, match=message) as refused:
        deployment.load(Settings, write(tmp_path, "secure: true"))
    assert "5O" not in str(refused.value)


def test_the_store_of_every_command_is_the_one_that_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.predictions_store == str(workspace.predictions_database)
    assert not workspace.has_predictions
    write(tmp_path, "store: elsewhere/own.db\npage_size: 7\n")
    assert workspace.predictions_store == str(tmp_path / "elsewhere" / "own.db")
    PredictionStore.open(workspace.predictions_store).close()
    assert workspace.has_predictions
    Organisation(stale_after_days=9).write(workspace.organisation_file)
    settings = ServingSettings.of_workspace(workspace)
    assert (settings.store, settings.page_size, settings.stale_after_days) == (workspace.predictions_store, 7, 9)
    monkeypatch.setenv("SPM_SERVING__STORE", "postgresql+psycopg://spm:hush@nowhere.invalid/spm")
    assert workspace.predictions_store.startswith("postgresql+psycopg://")
    assert workspace.has_predictions
    assert "hush" not in repr(ServingSettings.of_workspace(workspace))


def test_a_password_in_the_file_is_refused_and_one_elsewhere_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "store: postgresql+psycopg://spm:hush@127.0.0.1:9/spm\n")
    answer = CliRunner().invoke(spm, ["serve", "--workspace", str(tmp_path)])
    assert "holds a secret: set SPM_SERVING__STORE in" in str(answer.exception)
    (tmp_path / "serving.yaml").unlink()
    monkeypatch.setenv("SPM_SERVING__STORE", "postgresql+psycopg://spm:hush@127.0.0.1:9/spm")
    answer = CliRunner().invoke(spm, ["serve", "--workspace", str(tmp_path)])
    assert isinstance(answer.exception, ConfigurationError)
    assert "cannot be used" in str(answer.exception)
    assert "hush" not in str(answer.exception) + answer.output


def test_the_store_goes_back_to_an_older_revision_and_up_again(harbour_file: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    shutil.copy(harbour_file, workspace.predictions_database)

    def revision() -> str:
        with closing(sqlite3.connect(workspace.predictions_database)) as store:
            return str(store.execute("SELECT version_num FROM alembic_version").fetchone()[0])

    def migrate(number: int) -> Result:
        return CliRunner().invoke(spm, ["migrate", "--to", str(number), "--workspace", str(tmp_path)])

    assert migrate(3).exit_code == 0
    assert revision() == "0003"
    PredictionStore.open(workspace.predictions_store).close()
    assert revision() == HEAD
    assert "unknown to this version" in str(migrate(99).exception)
    assert revision() == HEAD
