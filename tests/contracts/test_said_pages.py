"""The form for commits and overrides, as a browser without scripts uses it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spm_ml.predictions import PredictionStore
from tests.prediction_world import NO_HISTORY, World, issue_tokens
from tests.web import log_in, parsed, send_form, served


@pytest.fixture(scope="module")
def path(harbour_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = tmp_path_factory.mktemp("said") / "a.db"
    shutil.copy(harbour_file, own)
    return own


@pytest.fixture(scope="module")
def tokens(path: Path) -> dict[str, str]:
    return issue_tokens(path)


@pytest.fixture(scope="module")
def opened(path: Path) -> Iterator[httpx.Client]:
    with served(path) as client:
        yield client


@pytest.fixture
def client(opened: httpx.Client, tokens: dict[str, str]) -> httpx.Client:
    log_in(opened, tokens["north"])
    return opened


def test_a_number_stands_beside_the_model_at_once(client: httpx.Client, path: Path) -> None:
    fields = {
        "rep_id": "r-101",
        "kind": "manager_override",
        "amount": "EUR 200 500.50",
        "note": "a <b>deal</b> slipped",
    }
    done = send_form(client, "/submissions", **fields, key="once")
    assert done.status_code == 303
    assert send_form(client, "/submissions", **fields, key="once").status_code == 303
    with PredictionStore.open(path) as store:
        assert [one.amount for one in store.submissions.every()] == [20_050_050], "a double click is one click"
    for address in (done.headers["location"], "/reps/r-101"):
        page = parsed(client.get(address))
        words = page.select_one(".said")
        assert words is not None
        assert "Manager's override, new" in words.get_text()
        assert "not in the forecast yet: a <b>deal</b> slipped" in words.get_text()
        chart = page.select_one(".said svg")
        assert chart is not None
        assert "Manager's override, new" in chart.get_text()
    saved = parsed(client.get(done.headers["location"])).select_one("[role=status].decided")
    assert saved is not None
    assert "saved" in saved.get_text()


@pytest.mark.parametrize(
    ("kind", "amount", "note", "words"),
    [
        ("commit", "soon", "", "Write the amount"),
        ("commit", "", "", "Write the amount"),
        ("commit", "-5", "", "above zero"),
        ("commit", "0", "", "above zero"),
        ("commit", "9" * 14, "", "above zero and up to"),
        ("commit", "1e9", "", "Write the amount"),
        ("commit", "1.005", "", "2 decimals"),
        ("manager_override", "250000", " ", "Say why"),
    ],
)
def test_what_cannot_be_taken_comes_back_with_what_is_wrong_beside_it(
    client: httpx.Client, kind: str, amount: str, note: str, words: str
) -> None:
    answer = send_form(client, "/submissions", rep_id="r-102", kind=kind, amount=amount, note=note)
    page = parsed(answer)
    assert answer.status_code == 422
    field = page.select_one("[aria-invalid=true]")
    assert field is not None
    assert field.has_attr("autofocus")
    problem = page.select_one(f"#{str(field['aria-describedby']).split()[-1]}")
    assert problem is not None
    assert words in problem.get_text()
    typed, chosen = page.select_one("input[name=amount]"), page.select_one("option[selected]")
    assert typed is not None
    assert chosen is not None
    assert (typed["value"], chosen["value"]) == (amount, kind)
    scripted = client.post(
        "/submissions",
        data={"rep_id": "r-102", "kind": kind, "amount": amount, "note": note},
        headers={"Sec-Fetch-Site": "same-origin", "HX-Request": "true"},
    )
    assert scripted.status_code == 200, "where a part is exchanged nothing failed"


def test_less_than_is_booked_is_saved_with_a_doubt(client: httpx.Client, harbour: World) -> None:
    less = str(harbour.current("r-104").booked // 100 - 1)
    done = send_form(client, "/submissions", rep_id="r-104", kind="commit", amount=less)
    assert "less than the" in parsed(client.get(done.headers["location"])).get_text()


def test_who_sees_a_form_and_for_what(client: httpx.Client, tokens: dict[str, str]) -> None:
    def kinds(address: str) -> list[str]:
        return [str(one["value"]) for one in parsed(client.get(address)).select(".said select[name=kind] option")]

    assert kinds("/reps/r-105") == ["manager_override", "commit"]
    assert kinds(f"/submissions?rep_id={NO_HISTORY}") == ["manager_override", "commit"], "also where no model speaks"
    assert client.get("/submissions").headers["location"] == "/"
    log_in(client, tokens["rep"])
    assert kinds("/reps/r-201") == ["commit", "best_case"]
    assert client.get("/submissions?rep_id=r-202").status_code == 404
    log_in(client, tokens["hr"])
    assert client.get("/submissions?rep_id=r-201").status_code == 403


def test_nothing_said_yet_says_so_and_offers_the_form(client: httpx.Client, harbour: World) -> None:
    assert harbour.current("r-103").submissions == ()
    page = parsed(client.get("/reps/r-103"))
    said = page.select_one(".said")
    assert said is not None
    assert "Nobody has said a number for this period yet." in said.get_text()
    assert said.select_one("form") is not None
