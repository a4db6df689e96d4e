"""The image and the compose file: pinned, confined, checked for health, and without a secret."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.settings import ServingSettings
from spm_ml import deployment

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "mlflow" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--failure-threshold", "style", ROOT / "Dockerfile"], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_image_runs_as_nobody_in_particular_and_knows_no_secret() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, flags=re.MULTILINE)[-1] == "10001:10001"
    assert "HEALTHCHECK" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    (base,) = re.findall(r"^ARG PYTHON=(.*)$", DOCKERFILE, flags=re.MULTILINE)
    assert re.fullmatch(r"3\.\d+\.\d+-slim-[a-z]+", base)
    assert not re.findall(r"(?i)(password|secret|token|api_key)", DOCKERFILE)
    assert not re.findall(r"^(?:ADD|COPY \. )", DOCKERFILE, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "kept_out"),
    [
        (".spm/predictions.db", True),
        (".git/config", True),
        ("mlflow/server.env", True),
        ("mlflow/secrets/store_url", True),
        ("tests/conftest.py", True),
        (".venv/bin/python", True),
        ("serving/app.py", False),
        ("constraints.txt", False),
    ],
)
def test_only_what_the_image_is_made_of_is_sent_to_the_build(path: str, kept_out: bool) -> None:
    last = True
    for line in IGNORED:
        pattern, out = line.removeprefix("!"), not line.startswith("!")
        if fnmatch(path, pattern) or path.startswith(f"{pattern}/"):
            last = out
    assert last is kept_out


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_pinned_confined_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\S+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", service["image"]), "a version, never latest"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["healthcheck"]["test"][0].startswith("CMD")
    assert service["healthcheck"]["interval"]
    assert service["logging"]["options"]["max-size"]
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), "this machine alone"
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))
    for depended in service.get("depends_on", {}).values():
        assert depended == {"condition": "service_healthy"}
    for volume in service.get("volumes", ()):
        assert volume.split(":")[0] in COMPOSE["volumes"]
    for secret in service.get("secrets", ()):
        assert secret in COMPOSE["secrets"]
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|STORE", variable):
            assert "${" in value or value.startswith("/run/secrets/"), variable


def test_databases_have_no_way_out_and_publish_no_port() -> None:
    assert COMPOSE["networks"]["data"]["internal"] is True
    for service in SERVICES.values():
        if service["image"].startswith("postgres"):
            assert service["networks"] == ["data"]
            assert "ports" not in service


def test_secrets_are_files_that_git_does_not_take() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"mlflow/server.env", "mlflow/secrets/"} <= set(ignored)
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")


def test_the_service_of_the_compose_file_is_the_image_with_settings_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SERVICES["spm"]
    assert (ROOT / "mlflow" / service["build"] / "Dockerfile").exists()
    (tmp_path / "store_url").write_text("postgresql+psycopg://spm:hush@spm-database:5432/spm\n", encoding="utf-8")
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value.replace("/run/secrets/", f"{tmp_path}/"))
    settings = deployment.load(ServingSettings, tmp_path)
    assert settings.store.endswith("@spm-database:5432/spm")
    assert settings.secure_cookies
    assert settings.log.format == "json"
