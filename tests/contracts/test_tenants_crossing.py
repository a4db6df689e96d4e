"""One tenant's tokens, sessions, keys, ids, files, models, backups and environment open nothing of another's."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from serving.app import create_app
from serving.limits import RateLimits
from serving.settings import ServingSettings
from spm_ml.backup import backup, restore
from spm_ml.errors import ConfigurationError, DataError, NotReadyError
from spm_ml.predictions import PredictionStore, Scope
from spm_ml.registry import Registry, TrainingRun
from spm_ml.tenants import TenantFolder, findings
from tests.command import spm
from tests.tenant_world import ACME, BIRCH, Tenant, make_tenants
from tests.web import log_in, running, send_form

UNKNOWN = "spm_" + "x" * 43


@pytest.fixture
def made(tmp_path: Path) -> tuple[TenantFolder, dict[str, Tenant]]:
    return make_tenants(tmp_path / "tenants")


@pytest.fixture
def folder(made: tuple[TenantFolder, dict[str, Tenant]]) -> TenantFolder:
    return made[0]


@pytest.fixture
def acme(made: tuple[TenantFolder, dict[str, Tenant]]) -> Tenant:
    return made[1][ACME]


@pytest.fixture
def birch(made: tuple[TenantFolder, dict[str, Tenant]]) -> Tenant:
    return made[1][BIRCH]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Tenant, httpx.Client]]]:
    """Both served by this one process, which no operator would do: whatever processes share is shared."""
    _, tenants = make_tenants(tmp_path_factory.mktemp("served") / "tenants")
    with ExitStack() as stack:
        clients = {}
        for name, tenant in tenants.items():
            settings = ServingSettings.of_workspace(tenant.workspace)
            app = create_app(settings.model_copy(update={"limits": RateLimits(enabled=False)}))
            address = stack.enter_context(running(app))
            clients[name] = (tenant, stack.enter_context(httpx.Client(base_url=address, timeout=30)))
        yield clients


def answer_of(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Everything of an answer that somebody could learn from."""
    passing = {"date", "x-request-id"}
    return answer.status_code, answer.content, [one for one in answer.headers.multi_items() if one[0] not in passing]


def test_a_token_of_one_is_an_unknown_token_to_the_other(
    services: dict[str, tuple[Tenant, httpx.Client]],
) -> None:
    (acme, _), (birch, client) = services[ACME], services[BIRCH]
    paths = client.get("/v1/openapi.json").json()["paths"]
    asked = 0
    for path, methods in paths.items():
        place = path.replace("{rep_id}", "r-101")
        for method in methods:
            for token in (acme.tokens["hr"], acme.tokens["vp"]):
                theirs = client.request(method, place, headers={"Authorization": f"Bearer {token}"})
                nobodys = client.request(method, place, headers={"Authorization": f"Bearer {UNKNOWN}"})
                assert answer_of(theirs) == answer_of(nobodys), (method, place)
                assert theirs.status_code in (401, 404) or place in ("/health/live", "/health/ready"), (method, place)
                asked += 1
    assert asked > 60
    own = client.get("/v1/reps/r-101", headers={"Authorization": f"Bearer {birch.tokens['vp']}"})
    assert own.status_code == 200


def test_a_session_or_login_of_one_opens_no_page_of_the_other(
    services: dict[str, tuple[Tenant, httpx.Client]],
) -> None:
    (acme, at_acme), (_, at_birch) = services[ACME], services[BIRCH]
    assert log_in(at_acme, acme.tokens["vp"]).status_code == 303
    (name, value), *_ = at_acme.cookies.items()
    assert at_acme.get("/").status_code == 200
    for page in ("/", "/reps/r-101", "/teams", "/planner"):
        at_birch.cookies.clear()
        nobodys = at_birch.get(page, headers={"Cookie": f"{name}={'y' * len(value)}"})
        theirs = at_birch.get(page, headers={"Cookie": f"{name}={value}"})
        assert answer_of(theirs) == answer_of(nobodys)
        assert theirs.status_code == 303
    assert log_in(at_birch, acme.tokens["vp"]).content == log_in(at_birch, UNKNOWN).content
    # Hosts of one domain are one site to a browser, and not one origin.
    log_in(at_birch, services[BIRCH][0].tokens["vp"])
    refused = at_birch.post("/logout", headers={"Sec-Fetch-Site": "same-site"})
    assert refused.status_code == 403
    assert send_form(at_birch, "/logout").status_code == 303
    at_acme.cookies.clear()


def test_the_same_ids_and_keys_mean_each_ones_own(services: dict[str, tuple[Tenant, httpx.Client]]) -> None:
    key, said = {"Idempotency-Key": "the-same-key"}, {}
    for name, (tenant, client) in services.items():
        headers = {"Authorization": f"Bearer {tenant.tokens['north']}"}
        for path in ("/v1/reps/r-101", "/v1/forecasts", "/v1/reps/r-101"):  # the last one from what is kept
            text = client.get(path, headers=headers).text
            assert f"of {name}" in text
            assert f"of {BIRCH if name == ACME else ACME}" not in text
        offer = next(row for row in tenant.world.recommendations if row.rep_id == "r-101")
        body = {"rep_id": "r-101", "program_id": offer.program_id, "verdict": "overridden", "reason": f"for {name}"}
        answer = client.post("/v1/decisions", json=body, headers=headers | key)
        assert answer.status_code == 201, "a key of another tenant would be replayed or refused"
        said[name] = answer.json()
    for name, (tenant, _) in services.items():
        with PredictionStore.of(tenant.workspace) as store:
            assert [decision.reason for _, decision in store.decisions()] == [f"for {name}"]


def test_a_batch_an_account_and_an_audit_head_of_one_are_unknown_to_the_other(acme: Tenant, birch: Tenant) -> None:
    with PredictionStore.of(acme.workspace) as theirs, PredictionStore.of(birch.workspace) as own:
        _, _, head = theirs.audit.page(limit=1)
        assert theirs.audit.check(remembered=head).intact
        assert not own.audit.check(remembered=head).intact
        account = theirs.accounts.every()[0].account_id
        with pytest.raises(DataError):
            own.accounts.disable(account)
        with own.read(Scope("hr")) as batch:
            assert all(person.name.endswith("of birch") for person in batch.people())


def test_a_store_is_opened_for_its_own_tenant_alone(
    acme: Tenant, birch: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = birch.workspace.predictions_database.read_bytes()
    for file in acme.workspace.root.glob("predictions.db*"):
        shutil.copy(file, birch.workspace.root)
    with pytest.raises(ConfigurationError, match="is of tenant 'acme' and this is the workspace of tenant 'birch'"):
        PredictionStore.of(birch.workspace)
    with pytest.raises(ConfigurationError, match="is of tenant 'acme'"):
        create_app(ServingSettings.of_workspace(birch.workspace))
    for command in (("access", "list"), ("audit", "verify"), ("migrate", "--to", "3")):
        said = spm(*command, "--workspace", birch.workspace.root, expect=1)
        assert "is of tenant 'acme'" in said.stderr
        assert "of acme" not in said.stdout
    assert birch.workspace.predictions_database.read_bytes() != before, "the copy is in place"


@pytest.mark.parametrize("how", ["settings", "url", "link", "parent link"])
def test_no_setting_and_no_link_leads_into_another_folder(
    how: str, folder: TenantFolder, acme: Tenant, birch: Tenant
) -> None:
    root = birch.workspace.root
    if how == "settings":
        (root / "serving.yaml").write_text("store: ../acme/predictions.db\n", encoding="utf-8")
    elif how == "url":
        (root / "serving.yaml").write_text(f"store: sqlite:///{acme.workspace.predictions_store}\n", encoding="utf-8")
    elif how == "link":
        birch.workspace.predictions_database.unlink()
        birch.workspace.predictions_database.symlink_to(acme.workspace.predictions_database)
    else:
        (root / "inner").symlink_to(acme.workspace.root)
        (root / "serving.yaml").write_text("store: inner/predictions.db\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="lies outside of"):
        PredictionStore.of(birch.workspace)
    assert {one.tenant for one in findings(folder, folder.names())} == {BIRCH}
    assert "lies outside of" in spm("serve", "--workspace", root, expect=1).stderr


def test_an_environment_counts_for_the_tenant_it_names(
    acme: Tenant, birch: Tenant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = acme.workspace.predictions_store
    monkeypatch.setenv("SPM_SERVING__PAGE_SIZE", "7")
    monkeypatch.setenv("SPM_SERVING__STORE", address)
    with pytest.raises(ConfigurationError, match="does not say for which tenant"):
        PredictionStore.of(birch.workspace)
    monkeypatch.setenv("SPM_TENANT", ACME)
    assert ServingSettings.of_workspace(acme.workspace).page_size == 7
    with pytest.raises(ConfigurationError, match="this environment is of tenant 'acme'"):
        ServingSettings.of_workspace(birch.workspace)
    for command in (("ingest", tmp_path), ("score",), ("metrics",), ("serve",)):
        said = spm(*command, "--workspace", birch.workspace.root, expect=1)
        assert "this environment is of tenant 'acme'" in said.stderr
    with pytest.raises(ConfigurationError, match="of no tenant"):
        ServingSettings.of_workspace(type(acme.workspace)(tmp_path))
    monkeypatch.delenv("SPM_SERVING__STORE")
    monkeypatch.setenv("SPM_SERVING__TENANT", BIRCH)
    with pytest.raises(ConfigurationError, match="the settings are for tenant 'birch'"):
        ServingSettings.of_workspace(acme.workspace)


def test_a_model_of_one_is_not_there_for_the_other(
    acme: Tenant, birch: Tenant, with_mlflow: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("evidence", "saved"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name, encoding="utf-8")
    run = TrainingRun("tiny", {}, {}, {"forecaster": "tiny"}, tmp_path / "evidence", tmp_path / "saved", "json")
    version = Registry(with_mlflow(acme.workspace)).record(run)
    other = Registry(with_mlflow(birch.workspace))
    assert other.versions() == ()
    assert Registry(acme.workspace).load(version).is_relative_to(acme.workspace.root)
    with pytest.raises(NotReadyError):
        other.load(version)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", Registry(acme.workspace).tracking_uri)
    with pytest.raises(ConfigurationError, match="MLFLOW_TRACKING_URI is set, and tenant birch"):
        Registry(birch.workspace)


def test_a_backup_of_one_is_restored_for_the_other_only_when_said(acme: Tenant, birch: Tenant, tmp_path: Path) -> None:
    (acme.workspace.root / "organisation.yaml").write_text("name: Acme\n", encoding="utf-8")
    made = backup(acme.workspace, tmp_path / "acme.zip", with_data=True)
    assert made.manifest.tenant == ACME
    assert "tenant.yaml" not in {one.path for one in made.manifest.files}
    for more in ({}, {"replace": True}):
        with pytest.raises(ConfigurationError, match=r"is of tenant 'acme', and .*birch is of tenant 'birch'"):
            restore(made.file, birch.workspace, **more)
    with PredictionStore.of(birch.workspace) as store, store.read(Scope("hr")) as batch:
        assert all(person.name.endswith("of birch") for person in batch.people())
    restore(made.file, birch.workspace, replace=True, other_tenant=True)
    with PredictionStore.of(birch.workspace) as store:  # birch's from now on, and the audit says of whom it was
        claims = [line.subject for line in store.audit.entries() if line.action == "store claimed"]
        assert claims == [ACME, BIRCH]
        assert store.audit.check().intact
    assert birch.workspace.tenant == BIRCH
    restore(made.file, acme.workspace, replace=True)


def test_nothing_opens_the_store_of_a_workspace_without_asking_whose_it_is() -> None:
    root = Path(__file__).parents[2]
    for folder in ("spm_ml", "training", "serving"):
        for file in (root / folder).rglob("*.py"):
            if file.name != "store.py":
                assert ".open(workspace.predictions_store" not in file.read_text("utf-8").replace("console.", ""), file


def test_one_of_many_who_come_first_owns_a_store(empty_target: str) -> None:
    """On each kind of database; the address of another tenant's store is a slip that anybody can make."""

    def come(tenant: str) -> str:
        try:
            PredictionStore.open(empty_target, tenant=tenant).close()
        except ConfigurationError:
            return ""
        return tenant

    PredictionStore.open(empty_target).close()
    with ThreadPoolExecutor(4) as threads:
        welcome = {tenant for tenant in threads.map(come, [ACME, BIRCH] * 4) if tenant}
    assert len(welcome) == 1
    with PredictionStore.open(empty_target, tenant=welcome.pop()) as store:
        assert [line.action for line in store.audit.entries()] == ["store claimed"]
