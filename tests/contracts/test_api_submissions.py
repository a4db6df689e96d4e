"""What the API says to numbers that people enter."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from spm_ml.predictions import PredictionStore
from tests.prediction_world import World, issue_tokens
from tests.web import served

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def path(harbour_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = tmp_path_factory.mktemp("said") / "a.db"
    shutil.copy(harbour_file, own)
    return own


@pytest.fixture(scope="module")
def tokens(path: Path) -> dict[str, str]:
    return issue_tokens(path)


@pytest.fixture(scope="module")
def client(path: Path) -> Iterator[httpx.Client]:
    with served(path) as opened:
        yield opened


@pytest.fixture
def post(client: httpx.Client, tokens: dict[str, str]) -> Post:
    def send(principal: str = "north", key: str | None = None, **changed: Any) -> httpx.Response:
        body = {"rep_id": "r-101", "kind": "commit", "amount": 310_000.5} | changed
        headers = {"Authorization": f"Bearer {tokens[principal]}"} | ({} if key is None else {"Idempotency-Key": key})
        return client.post("/v1/submissions", json=body, headers=headers)

    return send


def test_a_number_is_entered_listed_and_exported(post: Post, client: httpx.Client, tokens: dict[str, str]) -> None:
    answer = post(kind="manager_override", note=" =1+1 ", amount=310_000.55)
    assert answer.status_code == 201
    said = answer.json()["submission"]
    assert (said["amount"], said["currency"], said["kind"], said["note"]) == (
        310_000.55, "EUR", "manager_override", "=1+1"
    )  # fmt: skip
    assert (said["submitted_by"], said["role"], said["period"]) == ("test north", "manager", "2026Q2")
    for principal, seen in (("vp", True), ("north", True), ("south", False), ("rep", False)):
        headers = {"Authorization": f"Bearer {tokens[principal]}"}
        listed = client.get("/v1/submissions", params={"rep_id": "r-101"}, headers=headers).json()
        assert (listed["total"] > 0) is seen
        assert (listed["items"][:1] == [said]) is seen
        table = client.get("/v1/exports/submissions.csv", headers=headers).content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(table)))
        assert [(row["amount"], row["note"]) for row in rows[:1]] == ([("310000.55", "'=1+1")] if seen else [])


def test_less_than_is_booked_is_taken_with_a_warning(post: Post, harbour: World) -> None:
    booked = harbour.current("r-101").booked / 100
    assert post(amount=booked).json()["warnings"] == []
    assert post(amount=booked - 1).json()["warnings"] == ["below_booked"]


def test_a_key_is_one_number(post: Post, path: Path) -> None:
    def count() -> int:
        with PredictionStore.open(path) as store:
            return len(store.submissions.every())

    before = count()
    first, again = post(key="a"), post(key="a")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert post(key="a", amount=1).status_code == 422
    assert count() == before + 1


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 0}, {"amount": -1}, {"amount": 1e12 + 1}, {"amount": "310000"}, {"amount": True}, {"amount": None},
        {"amount": 1.005}, {"kind": "manager_override"}, {"kind": "manager_override", "note": " "}, {"kind": "wish"},
        {"note": "x" * 1_001}, {"note": "a\x00b"}, {"currency": "USD"}, {"rep_id": ""},
    ],
)  # fmt: skip
def test_what_is_no_such_number_is_refused(post: Post, changed: dict[str, Any]) -> None:
    answer = post(**changed)
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_at_all_is_refused(client: httpx.Client, tokens: dict[str, str], number: str) -> None:
    body = json.dumps({"rep_id": "r-101", "kind": "commit", "amount": 1}).replace("1}", f"{number}}}")
    headers = {"Authorization": f"Bearer {tokens['north']}", "Content-Type": "application/json"}
    answer = client.post("/v1/submissions", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"where": "body", "rule": "not_finite"}])


def test_others_are_refused_the_same_way_whether_the_rep_exists_or_not(post: Post) -> None:
    assert post("rep", rep_id="r-201").status_code == 201
    assert post("rep", rep_id="r-201", kind="manager_override", note="so").status_code == 403
    for principal in ("hr", "analyst", "admin"):
        assert post(principal).status_code == 403
    beyond = [post("south"), post("south", rep_id="r-999"), post("rep"), post("north", kind="best_case")]
    assert {answer.status_code for answer in beyond} == {404}
    assert len({answer.content for answer in beyond}) == 1


def test_too_many_decimals_are_named(post: Post) -> None:
    answer = post(amount=1.005).json()
    assert answer["detail"] == "EUR has 2 decimals at most."
    assert answer["errors"] == [{"where": "body.amount", "rule": "too_many_decimals"}]
