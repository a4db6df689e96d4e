"""How often one may ask: each account by itself, and each address that fails to show who it is."""

import shutil
from pathlib import Path

import httpx
import pytest

from serving import limits
from serving.limits import Limiter, RateLimits, kind_of
from tests.web import log_in, parsed, send_form, served

FEW = {
    "reads_per_minute": 3,
    "writes_per_minute": 2,
    "what_if_per_minute": 1,
    "logins_per_minute": 2,
    "refusals_per_minute": 4,
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def assert_too_many(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_each_account_has_its_own_count(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path: Path) -> None:
    own = tmp_path / "own.db"
    shutil.copy(harbour_file, own)
    north, south = bearer(harbour_tokens["north"]), bearer(harbour_tokens["south"])
    with served(own, limits=FEW) as client:
        for path in ("/v1/reps", "/v1/reps", "/v1/metrics"):  # kept answers count as well
            assert client.get(path, headers=north).status_code == 200
        for path in ("/v1/reps", "/v1/metrics"):
            answer = client.get(path, headers=north)
            assert_too_many(answer)
            assert answer.headers["content-type"] == "application/problem+json"
        assert client.get("/v1/reps", headers=south).status_code == 200, "others go on"
        body = {"rep_id": "r-101", "program_id": "p-disco", "verdict": "accepted"}
        assert [client.post("/v1/decisions", json=body, headers=north).status_code for _ in range(3)] == [201, 201, 429]
        assert [client.post("/v1/plans", json={}, headers=south).status_code for _ in range(2)] == [200, 429]
        assert client.get("/health/live").status_code == 200


def test_pages_say_so_in_words(harbour_file: Path, harbour_tokens: dict[str, str]) -> None:
    with served(harbour_file, limits=FEW) as client:
        log_in(client, harbour_tokens["north"])
        answers = [client.get("/glossary") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert_too_many(answers[-1])
        assert "slower" in parsed(answers[-1]).find("h1").get_text()


def test_guessing_is_slow_and_holds_up_nobody_who_has_access(
    harbour_file: Path, harbour_tokens: dict[str, str]
) -> None:
    with served(harbour_file, limits=FEW) as client:
        assert log_in(client, harbour_tokens["north"]).status_code == 303
        assert [send_form(client, "/login", token="wrong").status_code for _ in range(3)] == [401, 401, 429]
        assert_too_many(send_form(client, "/login", token=harbour_tokens["vp"]))
        assert client.get("/glossary").status_code == 200, "who is logged in already goes on"
        guesses = [client.get("/v1/reps", headers=bearer("wrong")).status_code for _ in range(5)]
        assert guesses == [401] * 4 + [429]
        assert client.get("/v1/reps", headers=bearer(harbour_tokens["vp"])).status_code == 200


def test_an_allowance_comes_back_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(limits.time, "monotonic", lambda: now)
    limiter = Limiter(RateLimits(reads_per_minute=60))
    assert [limiter.wait("reads", "a") for _ in range(60)] == [0] * 60
    assert limiter.wait("reads", "a") == 1
    assert limiter.wait("writes", "a") == limiter.wait("reads", "b") == 0
    now += 1
    assert [limiter.wait("reads", "a") for _ in range(2)] == [0, 1]
    now += 30
    assert [limiter.wait("reads", "a") for _ in range(31)] == [0] * 30 + [1]
    logins = Limiter(RateLimits(logins_per_minute=1))
    assert logins.wait("logins", "p", count=False) == logins.wait("logins", "p") == 0
    assert logins.wait("logins", "p", count=False) == 60


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_KEPT", 100)
    limiter = Limiter(RateLimits(refusals_per_minute=1))
    for number in range(1_000):
        assert limiter.wait("refusals", str(number)) == 0
    assert len(limiter._whole_at) == 100
    assert limiter.wait("refusals", "999") > 0


def test_what_is_counted_as_what() -> None:
    assert kind_of("GET", "/v1/plans") == "reads"
    assert kind_of("POST", "/v1/plans") == kind_of("POST", "/v1/what-if") == "models"
    assert kind_of("POST", "/v1/decisions") == kind_of("DELETE", "/v1/me") == "writes"
    assert Limiter(RateLimits(enabled=False, reads_per_minute=1)).wait("reads", "a") == 0
