"""Idempotency keys on the socket: same key and body, same bytes; another body, 422; forms decide once."""

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from spm_ml.predictions import PredictionStore, Recommendation
from tests.prediction_world import World
from tests.web import log_in, parsed, send_form, served


@pytest.fixture
def path(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path: Path) -> Path:
    shutil.copy(harbour_file, tmp_path / "a.db")
    return tmp_path / "a.db"


@pytest.fixture
def client(path: Path) -> Iterator[httpx.Client]:
    with served(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def offer(harbour: World) -> Recommendation:
    return next(row for row in harbour.recommendations if row.rep_id == "r-101")


def send(client: httpx.Client, token: str, offer: Recommendation, key: str | None, reason: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} | ({} if key is None else {"Idempotency-Key": key})
    body = {"rep_id": offer.rep_id, "program_id": offer.program_id, "verdict": "accepted", "reason": reason}
    return client.post("/v1/decisions", json=body, headers=headers)


def decided(path: Path) -> int:
    with PredictionStore.open(path) as store:
        return len(store.decisions())


def test_a_repeated_request_gets_the_same_bytes_and_does_nothing(
    client: httpx.Client, path: Path, harbour_tokens: dict[str, str], offer: Recommendation
) -> None:
    north = harbour_tokens["north"]
    first = send(client, north, offer, '"k-1"', "so")
    again = send(client, north, offer, "k-1", " so ")  # the same without quotes, and the same once read
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (201, False)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert (again.content, again.headers["content-type"]) == (first.content, first.headers["content-type"])
    other = send(client, north, offer, "k-1", "other")
    assert (other.status_code, other.json()["errors"]) == (
        422, [{"where": "header.Idempotency-Key", "rule": "used_before"}]
    )  # fmt: skip
    assert send(client, harbour_tokens["vp"], offer, "k-1", "other").status_code == 201, "keys are each account's own"
    assert decided(path) == 2


def test_errors_are_not_remembered(
    client: httpx.Client, path: Path, harbour_tokens: dict[str, str], offer: Recommendation
) -> None:
    headers = {"Authorization": f"Bearer {harbour_tokens['north']}", "Idempotency-Key": "k"}
    key = {"rep_id": offer.rep_id, "program_id": offer.program_id}
    undo = key | {"verdict": "reversed", "reason": "so"}
    assert client.post("/v1/decisions", json=undo, headers=headers).status_code == 409
    client.post("/v1/decisions", json=key | {"verdict": "accepted"}, headers=headers | {"Idempotency-Key": "other"})
    assert client.post("/v1/decisions", json=undo, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", '""', '"a', "a,b", "a b", "é", "k" * 256, '"\\a"'])
def test_keys_that_are_none_are_refused(
    client: httpx.Client, path: Path, harbour_tokens: dict[str, str], offer: Recommendation, key: str
) -> None:
    headers = {"Authorization": f"Bearer {harbour_tokens['north']}".encode(), "Idempotency-Key": key.encode("latin-1")}
    body = {"rep_id": offer.rep_id, "program_id": offer.program_id, "verdict": "accepted"}
    answer = client.post("/v1/decisions", json=body, headers=headers)
    assert answer.status_code == 422
    assert decided(path) == 0


def test_two_keys_in_one_request_are_refused(
    client: httpx.Client, harbour_tokens: dict[str, str], offer: Recommendation
) -> None:
    headers = [("Authorization", f"Bearer {harbour_tokens['north']}")] + [("Idempotency-Key", "a")] * 2
    body = {"rep_id": offer.rep_id, "program_id": offer.program_id, "verdict": "accepted"}
    assert client.post("/v1/decisions", json=body, headers=headers).status_code == 422


def test_one_of_many_at_once_writes(
    client: httpx.Client, path: Path, harbour_tokens: dict[str, str], offer: Recommendation
) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: send(client, harbour_tokens["north"], offer, "k"), range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 5
    assert decided(path) == 1


def test_a_double_click_decides_once(
    client: httpx.Client, path: Path, harbour_tokens: dict[str, str], offer: Recommendation
) -> None:
    log_in(client, harbour_tokens["north"])
    page = parsed(client.get(f"/reps/{offer.rep_id}"))
    keys = [form.find("input", attrs={"name": "key"})["value"] for form in page.select('form[action="/decisions"]')]
    assert len(set(keys)) == len(keys) >= 2, "each form has a key of its own"
    assert all(re.fullmatch(r"[\w-]{16}", key) for key in keys)
    fields = {"rep_id": offer.rep_id, "program_id": offer.program_id, "key": keys[0]}
    for _ in range(2):
        assert send_form(client, "/decisions", **fields, verdict="accepted").status_code == 303
    assert decided(path) == 1
    assert send_form(client, "/decisions", **fields, verdict="overridden", reason="changed").status_code == 303
    assert decided(path) == 2, "who goes back and says something else is heard"


def test_every_write_takes_a_key(client: httpx.Client) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    without = {
        (method, path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method != "get" and "Idempotency-Key" not in {one["name"] for one in operation.get("parameters", ())}
    }
    write_nothing = {("post", "/v1/plans"), ("post", "/v1/what-if")}
    assert without - write_nothing == {("post", "/v1/events")}, "each event has an id of its own"
