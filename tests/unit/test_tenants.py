"""A folder of tenants: what is checked, which commands run for all, and how a run bears what goes wrong."""

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.predictions import PredictionStore
from spm_ml.settings import Organisation
from spm_ml.tenants import Finding, Night, Outcome, Report, TenantFolder, findings, read_size
from spm_ml.tenants.checks import store_findings, stray_findings
from spm_ml.tenants.worker import environment
from tests.command import spm

ROOT = Path(__file__).parents[2]
GIB = 1 << 30


@pytest.fixture
def folder(tmp_path: Path) -> TenantFolder:
    """Three tenants with an empty store each."""
    folder = TenantFolder(tmp_path / "tenants")
    for name in ("acme", "birch", "cedar"):
        PredictionStore.of(folder.add(name)).close()
    return folder


def states(report: Report) -> dict[str, str]:
    return {one.tenant: one.state for one in report.tenants}


def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Has every new Python process of a tenant do this first; `tenant` is its name."""
    (tmp_path / "hook").mkdir()
    start = (
        "import os, resource, sys, time\nsys.dont_write_bytecode = True\ntenant = os.environ.get('SPM_TENANT', '')\n"
    )
    (tmp_path / "hook" / "sitecustomize.py").write_text(start + code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path / "hook"), str(ROOT))))


def test_folders_are_for_their_owner_and_named_after_the_tenant(folder: TenantFolder) -> None:
    assert folder.names() == ("acme", "birch", "cedar")
    assert stat.S_IMODE((folder.root / "acme").stat().st_mode) == 0o700
    assert findings(folder, folder.names()) == ()
    assert store_findings(folder, folder.names()) == ()
    with pytest.raises(NotReadyError, match=r"no tenant 'acne' \(did you mean 'acme'\?\)"):
        folder.workspace("acne")
    with pytest.raises(ConfigurationError, match="is the workspace of tenant 'acme' already"):
        folder.add("acme")
    with pytest.raises(NotReadyError, match="cannot be read as a folder of tenants"):
        TenantFolder(folder.root / "nowhere").names()
    (folder.root / "empty").mkdir()
    for command in (("check",), ("run", "--", "score")):
        said = spm("tenants", command[0], folder.root / "empty", *command[1:], expect=1)
        assert "holds no tenant yet" in said.stderr


def test_whatever_two_tenants_share_is_found(folder: TenantFolder, tmp_path: Path) -> None:
    acme, birch, cedar = (folder.workspace(name) for name in folder.names())
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg://spm:x@db/one\n", encoding="utf-8")
    for workspace in (acme, birch):
        (workspace.root / "serving.yaml").write_text(f"store_file: {secret}\n", encoding="utf-8")
    found = {(one.tenant, one.problem.partition(":")[0]) for one in findings(folder, ("acme", "cedar"))}
    assert found == {
        ("acme", "its store is that of birch too"),
        ("acme", "its secret (store_file) is that of birch too"),
    }
    (acme.root / "serving.yaml").unlink()
    (birch.root / "serving.yaml").unlink()
    os.link(acme.predictions_database, cedar.root / "other.db")
    (birch.root / "notes").symlink_to(tmp_path)
    cedar.root.chmod(0o755)
    problems = {one.tenant: one.problem for one in findings(folder, folder.names())}
    assert "has a second name" in problems["acme"]
    assert "notes is a link that leads out" in problems["birch"]
    assert "everybody on this machine" in problems["cedar"]
    (folder.root / "stray").mkdir()
    assert [one.tenant for one in stray_findings(folder)] == ["stray"]
    said = spm("tenants", "check", folder.root, expect=1)
    assert "stray: is no tenant's" in said.stdout
    assert json.loads(spm("tenants", "check", folder.root, "cedar", "--json", expect=1).stdout)[0]["tenant"] == "cedar"


def test_settings_that_cannot_be_read_are_a_finding(folder: TenantFolder) -> None:
    (folder.root / "acme" / "serving.yaml").write_text("store: postgresql://a:b@c/d\n", encoding="utf-8")
    (found,) = findings(folder, folder.names())
    assert found.tenant == "acme"
    assert "holds a secret" in found.problem
    assert "a:b" not in found.problem
    (folder.root / "birch" / "serving.yaml").write_text("store: postgresql+psycopg://127.0.0.1:9/d\n", encoding="utf-8")
    assert Finding("birch", found.problem) not in findings(folder, ("birch",))
    assert [one.tenant for one in store_findings(folder, ("birch",))] == ["birch"]
    (folder.root / "cedar" / "tenant.yaml").write_text("tenant: [", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"tenant\.yaml cannot be read"):
        folder.names()


def test_list_and_add_say_what_there_is(folder: TenantFolder, tmp_path: Path) -> None:
    Organisation(name="Dune & Sons").write(tmp_path / "organisation.yaml")
    spm("tenants", "add", folder.root, "dune", "--organisation", tmp_path / "organisation.yaml")
    rows = json.loads(spm("tenants", "list", folder.root, "--json").stdout)
    assert [(row["tenant"], row["organisation"], row["store"]) for row in rows][-1] == ("dune", "Dune & Sons", "sqlite")
    assert "cedar" in spm("tenants", "list", folder.root).stdout
    assert "cannot name a tenant" in spm("tenants", "add", folder.root, "../dune", expect=1).stderr
    assert not (tmp_path / "dune").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve",), "does not run for all tenants"),
        (("access", "list"), "'access list' does not run for all tenants"),
        (("audit",), "does not run for all tenants"),
        (("tenants", "list", "x"), "does not run for all tenants"),
        (("score", "--workspace", "x"), "leave --workspace out"),
        (("score", "--as-off", "2026-01-01"), "No such option"),
        (("ingest",), "Missing argument"),
        (("ingest", "/exports/acme"), "names one place for all tenants"),
        (("backup", "--out", "all.zip"), "names one place for all tenants"),
        (("fairness", "--rows={tenant}.csv", "--out", "x.csv"), "names one place for all tenants"),
    ],
)
def test_a_command_that_would_mix_tenants_is_refused(words: tuple[str, ...], said: str, folder: TenantFolder) -> None:
    assert said in spm("tenants", "run", folder.root, "--", *words, expect=2).stderr
    assert not folder.runs.exists()


def test_settings_of_the_environment_are_refused(folder: TenantFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPM_SERVING__STORE", "x.db")
    assert "SPM_SERVING__STORE is set" in spm("tenants", "run", folder.root, "--", "score", expect=1).stderr


def test_a_process_sees_nothing_of_the_environment_but_what_is_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "SPM_SERVING__STORE", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "another's")
    seen = environment("acme", tmp_path, 2)
    assert "another's" not in seen.values()
    assert (seen["SPM_TENANT"], seen["TMPDIR"], seen["OMP_NUM_THREADS"]) == ("acme", str(tmp_path), "2")


def test_one_that_fails_leaves_the_others(
    folder: TenantFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One store is broken, one disk is full, one process is killed by the system, one tenant has nothing yet."""
    for name in ("dune", "elm"):
        PredictionStore.of(folder.add(name)).close()
    folder.add("fir")
    folder.workspace("acme").predictions_database.write_bytes(b"no database at all" * 1_000)
    misbehaving(
        tmp_path,
        monkeypatch,
        "if tenant == 'birch': resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))\n"
        "if tenant == 'elm': os.kill(os.getpid(), 9)\n",
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    words = ("backup", "--out", f"{tmp_path}/{{tenant}}.zip")
    said = spm("tenants", "run", folder.root, "--jobs", 2, "--json", "--", *words, expect=1)
    report = Report.model_validate_json(said.stdout)
    assert states(report) == {
        "acme": "failed", "birch": "failed", "cedar": "done", "dune": "done", "elm": "failed", "fir": "failed",
    }  # fmt: skip
    messages = {one.tenant: one.message for one in report.tenants}
    assert "cannot be used" in messages["acme"]
    assert "disk I/O error" in messages["birch"]
    assert "SIGKILL" in messages["elm"]
    assert "holds no store yet" in messages["fir"]
    assert {path.name for path in tmp_path.glob("*.zip*")} == {"cedar.zip", "dune.zip"}, "nothing torn is left"
    assert all(one.peak_bytes > 10_000_000 for one in report.tenants if one.state == "done")
    lines = [json.loads(line) for line in said.stderr.splitlines() if line.startswith("{")]
    assert {line["tenant"]: line["outcome"] for line in lines} == states(report)
    assert all("message" not in line for line in lines), "what an error says may quote data"
    assert report.ended is not None
    assert not list(folder.runs.glob("*.tmp"))
    for file in folder.runs.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 or file.name.endswith(".peaks.json")


def test_resume_leaves_out_what_is_done_unless_the_words_change(folder: TenantFolder) -> None:
    broken = folder.workspace("birch").predictions_database
    whole = broken.read_bytes()
    broken.write_bytes(b"x" * 10_000)
    run = ("tenants", "run", folder.root, "--json")
    first = Report.model_validate_json(spm(*run, "--", "audit", "verify", expect=1).stdout)
    assert states(first) == {"acme": "done", "birch": "failed", "cedar": "done"}
    broken.write_bytes(whole)
    again = Report.model_validate_json(spm(*run, "--resume", "--", "audit", "verify").stdout)
    assert states(again) == {"acme": "skipped", "birch": "done", "cedar": "skipped"}
    assert set(states(Report.model_validate_json(spm(*run, "--resume", "--", "audit", "verify").stdout)).values()) == {
        "skipped"
    }
    other = Report.model_validate_json(
        spm(*run, "--resume", "--only", "acme", "--", "audit", "prune", "--dry-run", expect=1).stdout
    )
    assert states(other) == {"acme": "failed"}, "it has no settings yet, so no retention"
    listed = json.loads(spm("tenants", "list", folder.root, "--json").stdout)
    assert listed[0]["runs"] == {"audit-verify": "skipped", "audit-prune": "failed"}


def test_one_at_a_time_works_for_a_tenant(folder: TenantFolder) -> None:
    folder.runs.mkdir()
    with (folder.runs / "acme.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = Night(folder, ("audit", "verify"), 2, 4 * GIB).run(("acme", "birch"))
    assert states(report) == {"acme": "busy", "birch": "done"}
    assert not report.fine


def test_memory_bounds_what_runs(folder: TenantFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    misbehaving(tmp_path, monkeypatch, "if tenant == 'birch': held = b'x' * (400 << 20); time.sleep(60)\n")
    refused = Night(folder, ("audit", "verify"), 2, GIB // 2).run(("acme",))
    assert "needs about 1,024 MiB and may hold 512 MiB" in refused.tenants[0].message
    folder.runs.mkdir(exist_ok=True)
    for name in folder.names():  # as runs before have measured
        (folder.runs / f"{name}.peaks.json").write_text(json.dumps({"audit-verify": 100 << 20}), encoding="utf-8")
    night = Night(folder, ("audit", "verify"), 3, 330 << 20)
    started = time.monotonic()
    report = night.run(folder.names())
    assert states(report) == {"acme": "done", "birch": "failed", "cedar": "done"}
    assert "held more than the 330 MiB" in {one.tenant: one.message for one in report.tenants}["birch"]
    assert time.monotonic() - started < 60, "it was ended, not waited for"
    peaks = json.loads((folder.runs / "acme.peaks.json").read_text("utf-8"))
    assert 20 << 20 < peaks["audit-verify"] != 100 << 20


def test_a_run_that_is_killed_goes_on_from_where_it_was(
    folder: TenantFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wait = tmp_path / "wait"
    wait.touch()
    hold = f"while tenant == 'birch' and os.path.exists({str(wait)!r}): time.sleep(.05)\n"
    misbehaving(tmp_path, monkeypatch, hold)
    words = ("backup", "--out", f"{tmp_path}/{{tenant}}.zip")
    command = [sys.executable, "-m", "spm_ml.cli", "tenants", "run", str(folder.root), "--jobs", "1", "--", *words]
    night = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = folder.runs / "backup.report.json"
    _until(lambda: (report := Report.read(file)) is not None and states(report) == {"acme": "done"})
    _until(lambda: (folder.runs / "birch.log").exists())
    night.send_signal(signal.SIGKILL)
    night.wait()
    before = Report.read(file)
    assert before is not None
    assert before.ended is None
    busy = Night(folder, words, 1, 4 * GIB).run(("birch",))
    assert states(busy) == {"birch": "busy"}, "its process lives on and keeps its lock"
    before.write(file)
    wait.unlink()
    _until(lambda: (tmp_path / "birch.zip").exists() and not _locked(folder.runs / "birch.lock"))
    (tmp_path / "birch.zip").unlink()
    after = Report.model_validate_json(spm(*command[3:6], "--resume", "--json", "--", *words).stdout)
    assert states(after) == {"acme": "skipped", "birch": "done", "cedar": "done"}
    assert {path.name for path in tmp_path.glob("*.zip*")} == {"acme.zip", "birch.zip", "cedar.zip"}


def test_a_run_that_is_told_to_end_leaves_no_process(
    folder: TenantFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    misbehaving(
        tmp_path,
        monkeypatch,
        f"if tenant: open({str(tmp_path)!r} + '/' + str(os.getpid()) + '.pid', 'w'); time.sleep(60)\n",
    )
    command = [sys.executable, "-m", "spm_ml.cli", "tenants", "run", str(folder.root), "--jobs", "1", "--", "score"]
    night = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _until(lambda: any(tmp_path.glob("*.pid")))
    night.terminate()
    _, said = night.communicate(timeout=60)
    assert night.returncode == 1
    assert "stopped" in said
    (process,) = tmp_path.glob("*.pid")
    assert not Path("/proc", process.stem).exists()


def test_a_report_reads_well_and_one_of_another_version_counts_as_none(tmp_path: Path) -> None:
    assert Report.read(tmp_path / "none") is None
    (tmp_path / "old").write_text('{"command": ["score"], "since": 3}', encoding="utf-8")
    assert Report.read(tmp_path / "old") is None
    outcomes = (
        Outcome(tenant="birch", state="failed", seconds=1.25, peak_bytes=5 << 20, message="it broke"),
        Outcome(tenant="acme", state="skipped", message="done before"),
    )
    report = Report.model_validate(
        {"command": ("score",), "began": "2026-11-30T01:00:00Z", "jobs": 1, "memory_bytes": GIB, "tenants": outcomes}
    )
    report.write(tmp_path / "new")
    assert Report.read(tmp_path / "new") == report
    assert report.text().splitlines() == [
        "tenant  outcome   seconds       peak  message",
        "acme    skipped       0.0          –  done before",
        "birch   failed        1.2      5 MiB  it broke",
        "1 of 2 tenants ended well.",
    ]


def test_sizes_are_powers_of_1024() -> None:
    assert [read_size(text) for text in ("1", "2k", "1.5GiB", "3 MB")] == [1, 2048, 3 * GIB // 2, 3 << 20]
    for text in ("", "0", "-1G", "many", "1e9", "١G"):
        with pytest.raises(ConfigurationError, match="is no size"):
            read_size(text)


def _until(true: object, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _locked(path: Path) -> bool:
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
