"""Accounts by the API: what admins do, what everybody may do with their own access, and what is refused."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from spm_ml.predictions import PredictionStore
from spm_ml.predictions.accounts import AccountDraft
from tests.web import log_in, send_form, served


@pytest.fixture
def file(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path: Path) -> Path:
    copy = tmp_path / "own.db"
    shutil.copy(harbour_file, copy)
    return copy


@pytest.fixture
def client(file: Path) -> Iterator[httpx.Client]:
    with served(file) as opened:
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_an_admin_gives_access_and_takes_it_away(client: httpx.Client, harbour_tokens: dict[str, str]) -> None:
    admin = bearer(harbour_tokens["admin"])
    made = client.post("/v1/accounts", json={"label": "Nina", "role": "hr", "email": "N@x.org"}, headers=admin)
    assert made.status_code == 201, made.text
    account = made.json()["account_id"]
    assert (made.json()["tokens"], made.json()["email"]) == ([], "n@x.org")
    issued = client.post(f"/v1/accounts/{account}/tokens", json={"days": 2, "label": "laptop"}, headers=admin)
    assert issued.status_code == 201
    token = issued.json()["token"]
    assert token not in client.get("/v1/accounts", headers=admin).text
    nina = bearer(token)
    me = client.get("/v1/me", headers=nina).json()
    assert (me["role"], me["token_id"], me["tokens"][0]["label"]) == ("hr", issued.json()["token_id"], "laptop")
    log_in(client, token)
    assert client.get("/planner/preview").status_code == 200

    body = {"label": "Nina", "role": "analyst"}
    assert client.put(f"/v1/accounts/{account}", json=body, headers=admin).json()["role"] == "analyst"
    assert client.get("/planner/preview").status_code == 403, "the session follows the account"
    assert client.get("/v1/recommendations", headers=nina).status_code == 403
    assert client.post(f"/v1/accounts/{account}/disable", headers=admin).json()["disabled_at"] is not None
    assert client.get("/planner/preview").headers["location"] == "/login"
    assert client.get("/v1/me", headers=nina).status_code == 401
    refused = client.post(f"/v1/accounts/{account}/tokens", json={}, headers=admin)
    assert (refused.status_code, "disabled" in refused.json()["detail"]) == (409, True)
    assert client.post(f"/v1/accounts/{account}/enable", headers=admin).json()["disabled_at"] is None


def test_the_last_admin_stays_and_what_is_taken_is_refused(
    client: httpx.Client, harbour_tokens: dict[str, str], file: Path
) -> None:
    admin = bearer(harbour_tokens["admin"])
    me = client.get("/v1/me", headers=admin).json()["account_id"]
    refused = client.post(f"/v1/accounts/{me}/disable", headers=admin)
    assert (refused.status_code, "last active admin" in refused.json()["detail"]) == (409, True)
    body = {"label": "Nina", "role": "hr", "email": "n@x.org"}
    assert client.post("/v1/accounts", json=body, headers=admin).status_code == 201
    refused = client.post("/v1/accounts", json=body, headers=admin)
    assert refused.status_code == 409
    assert "n@x.org" not in refused.text
    missing = [
        client.post("/v1/accounts/nobody/disable", headers=admin),
        client.post("/v1/accounts/nobody/tokens", json={}, headers=admin),
        client.put("/v1/accounts/nobody", json=body, headers=admin),
        client.delete("/v1/tokens/nobody", headers=admin),
    ]
    assert {answer.status_code for answer in missing} == {404}
    assert len({answer.content for answer in missing}) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"label": "x", "role": "rep"},
        {"label": "x", "role": "root"},
        {"label": " ", "role": "hr"},
        {"label": "x", "role": "hr", "email": "nobody"},
        {"label": "x", "role": "hr", "email": "a@b\u0000c"},
        {"label": "x", "role": "hr", "subject": "s"},
        {"label": "x", "role": "hr", "token": "spm_mine"},
    ],
)
def test_an_account_that_cannot_be_is_refused_without_an_echo(
    client: httpx.Client, harbour_tokens: dict[str, str], body: dict[str, str]
) -> None:
    answer = client.post("/v1/accounts", json=body, headers=bearer(harbour_tokens["admin"]))
    assert answer.status_code == 422
    assert "root" not in answer.text
    assert "spm_mine" not in answer.text


def test_everybody_ends_their_own_access_and_nobody_elses(
    client: httpx.Client, harbour_tokens: dict[str, str], file: Path
) -> None:
    with PredictionStore.open(file) as store:
        account = store.accounts.add(AccountDraft("Ina", "manager", "m-north"))
        one, two = (store.tokens.issue(account.account_id, valid_for=timedelta(days=1)) for _ in range(2))
        other = next(one.tokens[0].token_id for one in store.accounts.every() if one.label == "test vp")
    log_in(client, one.token)
    assert client.post("/v1/me/sessions/end", headers=bearer(two.token)).json() == {"sessions": 1}
    assert client.get("/").headers["location"] == "/login"
    stranger = client.delete(f"/v1/tokens/{other}", headers=bearer(two.token))
    nothing = client.delete("/v1/tokens/nothing", headers=bearer(two.token))
    assert (stranger.status_code, stranger.content) == (404, nothing.content)
    assert client.get("/v1/me", headers=bearer(harbour_tokens["vp"])).status_code == 200
    assert client.delete(f"/v1/tokens/{one.token_id}", headers=bearer(two.token)).status_code == 204
    assert client.get("/v1/me", headers=bearer(one.token)).status_code == 401


def test_a_manager_who_is_no_longer_in_the_organisation_sees_nothing(client: httpx.Client, file: Path) -> None:
    with PredictionStore.open(file) as store:
        token = store.credentials.issue("manager", rep_id="m-gone", label="Gone", valid_for=timedelta(days=1))
    for address in ("/v1/reps", "/v1/forecasts", "/v1/recommendations", "/v1/teams", "/v1/groups"):
        assert client.get(address, headers=bearer(token)).json()["items"] == [], address
    assert client.get("/v1/reps/r-101", headers=bearer(token)).status_code == 404
    log_in(client, token)
    assert client.get("/me", follow_redirects=True).status_code == 200
    for address in ("/teams", "/planner/preview", "/model"):
        assert client.get(address).status_code == 200, address
    assert client.get("/reps/r-101").status_code == 404


def test_each_login_has_a_new_key_whatever_the_browser_brought(
    client: httpx.Client, harbour_tokens: dict[str, str]
) -> None:
    planted = "planted-by-somebody-else"
    client.cookies.set("spm_session", planted, domain="127.0.0.1")
    keys = set()
    for _ in range(2):
        answer = send_form(client, "/login", token=harbour_tokens["hr"])
        keys.add(answer.headers["set-cookie"].split("=")[1].split(";")[0])
    assert len(keys) == 2
    assert planted not in keys


def test_a_token_is_issued_once_for_an_idempotency_key_and_never_said_again(
    client: httpx.Client, harbour_tokens: dict[str, str]
) -> None:
    admin = bearer(harbour_tokens["admin"]) | {"Idempotency-Key": "k-1"}
    body = {"label": "Nina", "role": "hr"}
    first, again = (client.post("/v1/accounts", json=body, headers=admin) for _ in range(2))
    assert (first.content, again.headers["Idempotency-Replayed"]) == (again.content, "true")
    address = f"/v1/accounts/{first.json()['account_id']}/tokens"
    admin["Idempotency-Key"] = "k-2"
    assert client.post(address, json={}, headers=admin).status_code == 201
    refused = client.post(address, json={}, headers=admin)
    assert refused.status_code == 409
    assert "spm_" not in refused.text
    (account,) = [one for one in client.get("/v1/accounts", headers=admin).json()["items"] if one["label"] == "Nina"]
    assert len(account["tokens"]) == 1
