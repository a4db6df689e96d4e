"""The service of one tenant among several: on a socket of its own, with its name in every line of the log."""

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.command import spm
from tests.tenant_world import ACME, BIRCH, make_tenants


@pytest.mark.parametrize("workers", [1, 2])
def test_each_tenant_has_a_socket_and_a_log_of_its_own(tmp_path: Path, workers: int) -> None:
    folder, tenants = make_tenants(tmp_path / "tenants")
    acme = folder.workspace(ACME)
    (acme.root / "serving.yaml").write_text(f"log: {{format: json}}\nworkers: {workers}\n", encoding="utf-8")
    place = tmp_path / "http.sock"
    command = [sys.executable, "-m", "spm_ml.cli", "tenants", "serve", str(folder.root), ACME, "--socket", str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=str(place)), base_url="http://acme.example", timeout=120
            ) as client:
                _until_ready(place, process)
                assert stat.S_IMODE(place.stat().st_mode) == 0o660
                answers = {
                    name: client.get(
                        "/v1/reps/r-101", headers={"Authorization": f"Bearer {tenants[name].tokens['vp']}"}
                    )
                    for name in (ACME, BIRCH)
                }
                assert "of acme" in answers[ACME].text
                assert answers[BIRCH].status_code == 401
                other = ("tenants", "serve", folder.root, BIRCH, "--socket", place)
                assert "a running service listens on" in spm(*other, expect=1).stderr
        finally:
            process.send_signal(signal.SIGINT)
            log, _ = process.communicate(timeout=60)
    assert not place.exists()
    lines = [json.loads(line) for line in log.splitlines()]
    assert len([line for line in lines if line["message"] == "request"]) >= 2
    assert {line["tenant"] for line in lines} == {ACME}
    assert "of acme" not in log


def test_what_lies_at_the_socket_s_place_is_left_alone(tmp_path: Path) -> None:
    folder, _ = make_tenants(tmp_path / "tenants")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    said = spm("tenants", "serve", folder.root, ACME, "--socket", tmp_path / "file", expect=1)
    assert "is no socket" in said.stderr
    assert (tmp_path / "file").read_text("utf-8") == "mine"
    nowhere = tmp_path / "none" / "s"
    assert "cannot be made" in spm("tenants", "serve", folder.root, ACME, "--socket", nowhere, expect=1).stderr
    (folder.root / BIRCH).chmod(0o755)
    assert "everybody on this machine" in spm("tenants", "serve", folder.root, BIRCH, expect=1).stderr


def _until_ready(place: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(place)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(process.communicate(timeout=10)[1] if process.poll() is not None else "not ready in time")
