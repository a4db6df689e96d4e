"""The folder mlflow/ holds server settings only, so that it can never shadow the package of that name."""

from pathlib import Path

import mlflow
import yaml

ROOT = Path(__file__).parents[2]


def test_the_real_mlflow_is_imported() -> None:
    assert mlflow.__file__ is not None
    assert "site-packages" in mlflow.__file__


def test_no_python_lives_under_mlflow() -> None:
    assert (ROOT / "mlflow").is_dir()
    assert list((ROOT / "mlflow").rglob("*.py")) == []


def test_the_compose_file_pins_images_and_holds_no_secret() -> None:
    text = (ROOT / "mlflow" / "compose.yaml").read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    for service in compose["services"].values():
        name, _, tag = service["image"].rpartition(":")
        assert name
        assert tag[0].isdigit() or tag.startswith("v")
    assert "${POSTGRES_PASSWORD:?" in text
    sample = (ROOT / "mlflow" / "server.env.sample").read_text(encoding="utf-8")
    assert "POSTGRES_PASSWORD=\n" in sample


def test_the_server_runs_the_client_s_version() -> None:
    compose = yaml.safe_load((ROOT / "mlflow" / "compose.yaml").read_text(encoding="utf-8"))
    tag = compose["services"]["mlflow"]["image"].rpartition(":")[2]
    assert tag.removeprefix("v").split(".")[:1] == mlflow.__version__.split(".")[:1]
