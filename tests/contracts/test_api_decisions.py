"""What the API says to decisions that are taken back, declined or too late."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import settings
from spm_ml.predictions import CoachingBatch, PredictionStore, Recommendation
from tests.prediction_world import World, issue_tokens
from tests.web import log_in, send_form, served

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def offer(harbour: World) -> Recommendation:
    return next(row for row in harbour.recommendations if row.rep_id == "r-101")


@pytest.fixture
def path(harbour_file: Path, tmp_path: Path) -> Path:
    shutil.copy(harbour_file, tmp_path / "a.db")
    return tmp_path / "a.db"


@pytest.fixture
def client(path: Path) -> Iterator[httpx.Client]:
    with served(path) as opened:
        yield opened


@pytest.fixture
def post(client: httpx.Client, path: Path, offer: Recommendation) -> Post:
    tokens = issue_tokens(path)

    def send(verdict: str, principal: str = "north", **more: Any) -> httpx.Response:
        body = {"rep_id": offer.rep_id, "program_id": offer.program_id, "verdict": verdict} | more
        return client.post("/v1/decisions", json=body, headers={"Authorization": f"Bearer {tokens[principal]}"})

    return send


def test_a_decision_is_taken_back_once(post: Post) -> None:
    assert post("accepted").status_code == 201
    assert post("reversed").status_code == 422
    for reason in (" ", "a\x00b"):
        assert post("reversed", reason=reason).status_code == 422
    answer = post("reversed", reason="on leave")
    assert answer.status_code == 201
    assert answer.json()["decision"]["verdict"] == "reversed"
    again = post("reversed", reason="on leave")
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert "take back" in again.json()["detail"]


def test_an_offer_that_is_over_is_a_problem_with_words(post: Post, path: Path, offer: Recommendation) -> None:
    with PredictionStore.open(path) as store:
        store.publish_coaching(CoachingBatch((offer,), (), (), (), (), None))
        store.publish_coaching(CoachingBatch((), (), (), (), (), None))
    gone = post("accepted")
    assert gone.status_code == 410
    assert "holds no longer" in gone.json()["detail"]
    assert post("accepted", principal="south").status_code == 404
    assert post("accepted", program_id="p-none").status_code == 404


def test_a_lapsed_offer_is_over_too(post: Post, path: Path, harbour: World, offer: Recommendation) -> None:
    lapsed = replace(offer, expires_on=harbour.batch.as_of - timedelta(days=1))
    with PredictionStore.open(path) as store:
        store.publish_coaching(CoachingBatch((lapsed,), (), (), (), (), None))
    assert post("accepted").status_code == 410


def test_where_data_may_be_stale_today_says_what_has_lapsed(
    path: Path, harbour: World, offer: Recommendation, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.combine(harbour.batch.as_of + timedelta(days=1), time(12), tz)

    monkeypatch.setattr(settings, "datetime", Later)
    tokens = issue_tokens(path)
    with PredictionStore.open(path) as store:
        store.publish_coaching(CoachingBatch((replace(offer, expires_on=harbour.batch.as_of),), (), (), (), (), None))
    body = {"rep_id": offer.rep_id, "program_id": offer.program_id, "verdict": "accepted"}
    with served(path, stale_after_days=36_500) as client:
        answer = client.post("/v1/decisions", json=body, headers={"Authorization": f"Bearer {tokens['north']}"})
    assert answer.status_code == 410


@pytest.mark.parametrize("verdict", ["", "Accepted", "declined ", "withdrawn"])
def test_unknown_verdicts_are_refused(post: Post, verdict: str) -> None:
    assert post(verdict, reason="so").status_code == 422


def test_forms_know_the_same_words(client: httpx.Client, path: Path, offer: Recommendation) -> None:
    tokens = issue_tokens(path)
    log_in(client, tokens["north"])
    fields = {"rep_id": offer.rep_id, "program_id": offer.program_id}
    assert send_form(client, "/decisions", **fields, verdict="overridden", reason="on leave").status_code == 303
    assert send_form(client, "/decisions", **fields, verdict="reversed").status_code == 422
    assert send_form(client, "/decisions", **fields, verdict="reversed", reason="back").status_code == 303
    assert send_form(client, "/decisions", **fields, verdict="reversed", reason="back").status_code == 409
    with PredictionStore.open(path) as store:
        assert [decision.verdict for _, decision in store.decisions()] == ["overridden", "reversed"]
