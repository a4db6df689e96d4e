"""Events over HTTP: who may send them, what is taken, what is answered when they come again."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError

from serving.settings import ServingSettings
from spm_ml.errors import ConfigurationError
from spm_ml.predictions import PredictionStore, Settled
from spm_ml.settings import Workspace
from tests.arrivals_world import EVENTS, NEXT_SECRET, OTHER_SECRET, SECRET, ask, event, send, signed
from tests.fuzzing import BODIES, check
from tests.web import served

DEAL = event("e-1", "opportunities", "2026-05-04T09:00:00Z", opportunity_id="o1", rep_id="r1", created_on="2026-05-04",
             stage="Propose", amount=1200.5)  # fmt: skip
CALL = event("e-2", "activities", "2026-05-04T10:00:00+02:00", rep_id="r1", occurred_at="2026-05-04 07:58", kind="call")


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "predictions.db"


@pytest.fixture
def client(store_file: Path) -> Iterator[httpx.Client]:
    with served(store_file, events=EVENTS) as opened:
        yield opened


def actions(store_file: Path) -> list[tuple[str, str]]:
    with PredictionStore.open(store_file) as store:
        return [(line.actor, line.action) for line in store.audit.entries()]


def test_events_are_kept_before_the_answer_and_the_sender_hears_what_became_of_them(
    client: httpx.Client, store_file: Path
) -> None:
    answer = send(client, DEAL, CALL)
    assert answer.status_code == 202, answer.text
    said = answer.json()
    assert (said["taken"], said["refused"]) == (2, 0)
    with PredictionStore.open(store_file) as store:
        waiting = store.inbox.waiting(10)
        assert [(one.source, one.event_id, one.table) for one in waiting] == [
            ("crm", "e-2", "activities"),
            ("crm", "e-1", "opportunities"),
        ]
        assert waiting[1].record["recorded_at"] == "2026-05-04 09:00:00.000000"
        store.inbox.settle(
            [
                Settled(waiting[0].event_number, "ingested", version=7),
                Settled(waiting[1].event_number, "quarantined", finding="stage must be known"),
            ]
        )
        assert store.inbox.waiting(10) == ()
    found = ask(client, said["receipt_id"]).json()
    assert found["waiting"] == 0
    assert [(one["event_id"], one["state"], one["version"], one["finding"]) for one in found["events"]] == [
        ("e-1", "quarantined", None, "stage must be known"),
        ("e-2", "ingested", 7, None),
    ]
    assert actions(store_file) == [("crm", "events received"), ("ingest", "events settled")]


def test_the_same_again_is_the_same_answer_and_another_content_is_a_conflict(
    client: httpx.Client, store_file: Path
) -> None:
    first, again = send(client, DEAL, CALL), send(client, DEAL, CALL, name="another-request")
    assert first.json() == again.json()
    later = {**CALL, "event_id": "e-3"}
    mixed = send(client, later, {**DEAL, "record": {**DEAL["record"], "amount": 1}})
    assert mixed.status_code == 409
    assert mixed.json()["errors"] == [{"where": "events.1.event_id", "rule": "used_before"}]
    assert send(client, CALL, {**CALL, "recorded_at": "2026-05-04T11:00:00Z"}).status_code == 409
    # Another source has ids of its own.
    other = send(client, {**CALL, "recorded_at": "2026-05-04T12:00:00Z"}, secret=OTHER_SECRET)
    assert other.status_code == 202
    assert ask(client, other.json()["receipt_id"]).status_code == 404
    with PredictionStore.open(store_file) as store:
        assert store.inbox.count_waiting() == 3


def test_events_that_break_the_contract_are_refused_one_by_one(client: httpx.Client) -> None:
    ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))
    bad: dict[str, tuple[dict[str, Any], str]] = {
        "unknown_table": ({"table": "secrets"}, "table"),
        "in_the_future": ({"recorded_at": ahead}, "recorded_at"),
        "not_a_moment": ({"recorded_at": "yesterday"}, "recorded_at"),
        "unknown_column": ({"record": {**DEAL["record"], "colour": "red"}}, "record"),
        "missing": ({"record": {**DEAL["record"], "stage": " "}}, "record.stage"),
        "not_a_number": ({"record": {**DEAL["record"], "amount": "1,5"}}, "record.amount"),
        "not_a_day": ({"record": {**DEAL["record"], "created_on": "2026-02-30"}}, "record.created_on"),
        "not_a_text": ({"record": {**DEAL["record"], "stage": True}}, "record.stage"),
        "recorded_at_stands_beside_the_record": (
            {"record": {**DEAL["record"], "recorded_at": "2026-05-04"}},
            "record",
        ),
    }
    sent = [{**DEAL, "event_id": name, **change} for name, (change, _) in bad.items()]
    said = send(client, CALL, *sent).json()
    assert (said["taken"], said["refused"]) == (1, len(bad))
    assert [(one["broken"]["rule"], one["broken"]["where"]) for one in said["events"][1:]] == [
        (name, where) for name, (_, where) in bad.items()
    ]
    assert send(client, *sent).json()["receipt_id"] is None
    protected = event("p-1", "protected_groups", "2026-05-04T09:00:00Z", rep_id="r1", attribute="a", value="b")
    assert send(client, protected).json()["events"][0]["broken"]["rule"] == "unknown_table"


def test_only_a_signature_of_a_known_source_made_now_opens_the_door(client: httpx.Client, store_file: Path) -> None:
    body = json.dumps({"events": [DEAL]}).encode()

    def post(headers: dict[str, str], content: bytes = body) -> int:
        return client.post(
            "/v1/events", content=content, headers={"Content-Type": "application/json", **headers}
        ).status_code

    good = signed(body)
    assert post(good, body + b" ") == 401
    assert post({**good, "webhook-id": "other"}) == 401
    assert post({**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}) == 401
    assert post(signed(body, at=time.time() - 301)) == post(signed(body, at=time.time() + 302)) == 401
    assert post(signed(body, secret="somebody else's secret, long enough")) == 401
    for broken in ("", "v1,", "v1,%%%", "v2," + good["webhook-signature"][3:], "v1,AA " * 99 + "v1"):
        assert post({**good, "webhook-signature": broken}) == 401, broken
    assert post({}) == 401
    assert post({**good, "webhook-timestamp": "9" * 12}) == 401
    refused = actions(store_file)
    assert len(refused) == 13
    assert set(refused) == {("unknown", "events refused")}
    # The old secret counts beside the new one, and a sender may sign with several.
    assert post(good) == post(signed(body, secret=NEXT_SECRET)) == 202
    both = f"v1,AAAA {good['webhook-signature']}"
    assert post({**good, "webhook-signature": both}) == 202


def test_without_sources_nobody_may_send_and_nothing_is_written(store_file: Path) -> None:
    with served(store_file) as client:
        assert send(client, DEAL).status_code == 401
    assert actions(store_file) == []


def test_requests_of_a_source_are_counted(store_file: Path) -> None:
    with served(store_file, events=EVENTS, limits={"events_per_minute": 2, "refusals_per_minute": 1}) as client:
        assert [send(client, DEAL).status_code for _ in range(3)] == [202, 202, 429]
        assert send(client, DEAL, secret=OTHER_SECRET).status_code == 202
        assert [send(client, DEAL, secret="x" * 30).status_code for _ in range(2)] == [401, 429]


def test_no_signed_body_whatever_it_is_crashes_the_route(client: httpx.Client) -> None:
    @settings(max_examples=15, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(body=BODIES)
    def ask_with(body: bytes) -> None:
        headers = {"Content-Type": "application/json", **signed(body)}
        check(client.post("/v1/events", content=body, headers=headers))
        wrapped = b'{"events": [' + body + b"]}"
        check(client.post("/v1/events", content=wrapped, headers={**headers, **signed(wrapped)}))

    ask_with()
    assert ask(client, "nothing").status_code == 404
    assert client.get("/v1/events/nothing").status_code == 401


def test_secrets_stand_in_files_or_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "crm.secret").write_text(SECRET + "\n")
    (tmp_path / "serving.yaml").write_text(f"events: {{sources: {{crm: {{secret_file: {tmp_path}/crm.secret}}}}}}")
    monkeypatch.setenv("SPM_SERVING__EVENTS__SOURCES__CALLS__SECRET", OTHER_SECRET)
    found = ServingSettings.of_workspace(workspace).events
    assert {name: one.secret.get_secret_value() for name, one in found.sources.items()} == {
        "crm": SECRET,
        "calls": OTHER_SECRET,
    }
    assert SECRET not in repr(found)
    (tmp_path / "serving.yaml").write_text(f"events: {{sources: {{crm: {{secret: {SECRET}}}}}}}")
    with pytest.raises(ConfigurationError, match="holds a secret: set SPM_SERVING__EVENTS__SOURCES__CRM__SECRET"):
        ServingSettings.of_workspace(workspace)
    with pytest.raises(ValidationError, match="can be guessed"):
        ServingSettings.model_validate({"store": "x", "events": {"sources": {"crm": {"secret": "short"}}}})
