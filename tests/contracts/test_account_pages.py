"""The admin's pages: accounts and tokens by forms, and the audit, as a browser without scripts uses them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spm_ml.predictions import PredictionStore
from tests.prediction_world import issue_tokens
from tests.web import log_in, parsed, send_form, served


@pytest.fixture
def path(harbour_file: Path, tmp_path: Path) -> Path:
    shutil.copy(harbour_file, tmp_path / "a.db")
    return tmp_path / "a.db"


@pytest.fixture
def client(path: Path) -> Iterator[httpx.Client]:
    tokens = issue_tokens(path)
    with served(path) as opened:
        log_in(opened, tokens["admin"])
        yield opened


def own_id(path: Path) -> str:
    with PredictionStore.open(path) as store:
        return next(one.account_id for one in store.accounts.every() if one.label == "test admin")


def test_from_a_new_account_to_a_disabled_one(client: httpx.Client, path: Path) -> None:
    assert client.get("/me").headers["location"] == "/accounts"
    fields = {"label": "Ana <b>Lee</b>", "role": "manager", "rep_id": "m-north"}
    made = send_form(client, "/accounts", **fields, key="k1")
    assert made.status_code == 303
    place = made.headers["location"]
    assert send_form(client, "/accounts", **fields, key="k1").is_redirect
    listed = parsed(client.get("/accounts", params={"q": "ana <"}))
    assert [row.get_text(strip=True) for row in listed.select("tbody th")] == ["Ana <b>Lee</b>"], "a key is one account"

    shown = send_form(client, f"{place}/tokens", days="7", key="k2")
    token = parsed(shown).select_one("code.token")
    assert token is not None
    answer = client.get("/v1/me", headers={"Authorization": f"Bearer {token.text}"})
    assert (answer.json()["label"], answer.json()["role"]) == ("Ana <b>Lee</b>", "manager")
    again = send_form(client, f"{place}/tokens", days="7", key="k2")
    assert again.status_code == 409
    assert token.text not in again.text
    assert "shown before" in again.text
    assert token.text not in client.get(place).text

    (revoke,) = [form["action"] for form in parsed(client.get(place)).select("td form")]
    assert send_form(client, str(revoke)).status_code == 303
    assert client.get("/v1/me", headers={"Authorization": f"Bearer {token.text}"}).status_code == 401
    assert send_form(client, f"/accounts/{own_id(path)}/tokens/{answer.json()['token_id']}/revoke").status_code == 404

    assert send_form(client, place, label="Ana Lee", role="hr", key="k3").status_code == 303
    assert "Ana Lee" in client.get(place).text
    assert send_form(client, f"{place}/sessions/end").status_code == 303
    assert send_form(client, f"{place}/disable").status_code == 303
    assert "Enable the account" in client.get(place).text
    refused = send_form(client, f"{place}/tokens", days="7")
    assert (refused.status_code, "disabled; enable it first" in refused.text) == (409, True)
    assert send_form(client, f"{place}/enable").status_code == 303
    with PredictionStore.open(path) as store:
        store.digests.choose(place.rpartition("/")[2], wanted=False, by="link")
        assert "no weekly mail since" in client.get("/accounts").text
        assert store.audit.check().intact
        lines = {line.action for line in tuple(store.audit.entries())}
    assert {"account added", "token issued", "token revoked", "account changed", "account disabled"} <= lines


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"label": "A", "role": "manager"}, "needs the id of the person"),
        ({"label": "", "role": "hr"}, "Give a name"),
        ({"label": "A", "role": "king"}, "Choose a role"),
        ({"label": "A", "role": "hr", "email": "nobody"}, "such as ana@example.com"),
        ({"label": "A", "role": "hr", "issuer": "https://id.example"}, "belong together"),
    ],
)
def test_what_is_no_account_comes_back_with_what_is_wrong(
    client: httpx.Client, path: Path, fields: dict[str, str], words: str
) -> None:
    for address in ("/accounts", f"/accounts/{own_id(path)}"):
        answer = send_form(client, address, **fields)
        page = parsed(answer)
        problem = page.select_one("#wrong")
        assert answer.status_code == 409
        assert problem is not None
        assert words in problem.text
        kept = page.select_one("form.account input[name=label]")
        assert kept is not None
        assert kept["value"] == fields["label"]


def test_the_last_admin_stays(client: httpx.Client, path: Path) -> None:
    own = f"/accounts/{own_id(path)}"
    page = client.get(own).text
    assert "last active admin" in page
    assert "Disable the account" not in page
    assert "last active admin; add another" in send_form(client, f"{own}/disable").text
    assert send_form(client, own, label="x", role="hr").status_code == 409
    assert send_form(client, "/accounts", label="Second", role="admin").status_code == 303
    assert "Disable the account" in client.get(own).text
    assert send_form(client, f"{own}/disable").status_code == 303
    assert client.get("/accounts").headers["location"] == "/login"


def test_forms_of_other_sites_are_refused(client: httpx.Client) -> None:
    answer = client.post("/accounts", data={"label": "x", "role": "admin"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_the_audit_is_read_page_by_page_beside_the_command_that_proves_it(client: httpx.Client, path: Path) -> None:
    page = parsed(client.get("/audit"))
    with PredictionStore.open(path) as store:
        entries = tuple(store.audit.entries())
        head = store.audit.check().head
    assert f"spm audit verify --head {head}" in page.get_text()
    rows = page.select("tbody tr")
    assert rows[0].select("td")[-1].get_text() == str(entries[-1].sequence)
    assert "logged in" in rows[0].get_text()
    assert not re.search(r"sha256|spm_[A-Za-z0-9]", page.get_text())
    if (later := page.select_one("a[rel=next]")) is not None:
        assert parsed(client.get(str(later["href"]))).select("tbody tr")
    assert client.get("/audit", params={"page": 0}).status_code == 422
