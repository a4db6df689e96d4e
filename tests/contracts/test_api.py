"""What the API says, beyond who may ask."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from spm_ml.hazards import HAZARD_BY_CODE
from spm_ml.metrics import METRICS
from spm_ml.predictions import PredictionStore
from spm_ml.settings import QUANTILE_LEVELS
from tests.prediction_world import LEFT, NO_HISTORY, NO_QUOTA, World, issue_tokens
from tests.web import served

MARK = "zz-echo-zz"
"""Sent wherever something can be sent; it must never come back."""


@pytest.fixture(scope="module")
def client(harbour_file: Path, harbour_tokens: dict[str, str]) -> Iterator[httpx.Client]:
    with served(harbour_file) as opened:
        opened.headers["Authorization"] = f"Bearer {harbour_tokens['vp']}"
        yield opened


Get = Callable[..., Any]


@pytest.fixture(scope="module")
def get(client: httpx.Client) -> Get:
    def fetch(path: str, **query: object) -> Any:
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return fetch


READS = (
    "/v1/periods",
    "/v1/reps",
    "/v1/reps/r-101",
    "/v1/teams",
    "/v1/teams/m-vp",
    "/v1/groups",
    "/v1/groups/region/EMEA",
    "/v1/groups/company/company",
    "/v1/forecasts",
    "/v1/forecasts/r-101",
    "/v1/recommendations",
    "/v1/metrics",
    "/v1/model",
    "/v1/model/value-added",
)


@pytest.mark.parametrize("path", READS)
def test_every_answer_names_its_model_and_watermark(get: Get, harbour: World, path: str) -> None:
    answer = get(path)
    assert answer["model"] == {"name": "spm-attainment", "version": "7", "forecaster": "lightgbm_quantiles"}
    assert answer["watermark"] == harbour.batch.watermark.isoformat()
    assert answer["currency"] == "EUR"


def test_a_forecast_stands_beside_its_metrics(get: Get, harbour: World) -> None:
    row, answer = harbour.current("r-101"), get("/v1/forecasts/r-101")
    forecast = answer["forecast"]
    assert row.quota is not None
    assert row.bookings_quantiles is not None
    assert forecast["quota"] == row.quota / 100
    assert forecast["booked"] == row.booked / 100
    assert forecast["p_hit"] == row.p_hit
    distribution = forecast["distribution"]
    assert distribution["levels"] == list(QUANTILE_LEVELS)
    assert distribution["bookings"] == [round(value / 100, 2) for value in row.bookings_quantiles]
    assert distribution["attainment"] == pytest.approx([v / row.quota for v in row.bookings_quantiles], abs=1e-6)
    assert [part["points"] for part in forecast["parts"]] == [part.points for part in row.parts]
    assert sum(part["amount"] for part in forecast["parts"]) == pytest.approx(distribution["bookings"][9], abs=0.05)
    assert row.change is not None
    assert forecast["change"]["since"] == row.change.since.isoformat()
    assert forecast["change"]["before"] == pytest.approx(row.change.before / 100, abs=0.005)
    moved = sum(part["amount"] for part in forecast["change"]["parts"])
    assert moved == pytest.approx(distribution["bookings"][9] - forecast["change"]["before"], abs=0.05)
    assert [(deal["opportunity_id"], deal["amount"], deal["p_win"]) for deal in forecast["deals"]] == [
        (deal.opportunity_id, deal.amount / 100, deal.p_win) for deal in row.deals
    ]
    assert row.without_largest is not None
    assert forecast["without_largest"]["p_hit"] == row.without_largest.p_hit
    assert [(said["kind"], said["amount"], said["model_closer"]) for said in forecast["submissions"]] == [
        (said.kind, said.amount / 100, said.model_closer) for said in row.submissions
    ]
    assert [hazard["label"] for hazard in forecast["hazards"]] == [HAZARD_BY_CODE[code].label for code in row.hazards]
    by_slug = {metric["slug"]: metric for metric in forecast["metrics"]}
    assert by_slug["quota_attainment"]["value"] == pytest.approx(row.booked / row.quota, abs=1e-6)
    assert by_slug["average_deal_size"]["value"] == 42_000
    assert by_slug["cac_payback_months"] == {
        "slug": "cac_payback_months",
        "label": "CAC payback",
        "unit": "months",
        "value": None,
        "reason": "no_spend_data",
    }
    assert set(answer["definitions"]) == set(by_slug)
    assert answer["definitions"]["quota_attainment"]["formula"] == "credited bookings ÷ quota in force"
    assert len(answer["history"]) == 14
    assert [week["as_of"] for week in answer["history"]] == sorted(week["as_of"] for week in answer["history"])


def test_groups_are_coherent_and_stand_beside_their_quotas(get: Get, harbour: World) -> None:
    groups = get("/v1/groups")["items"]
    assert [group["level"] for group in groups] == ["team"] * 3 + ["region"] * 2 + ["company"]
    assert get("/v1/groups", level="region")["items"] == [group for group in groups if group["level"] == "region"]
    (company,) = get("/v1/groups", level="company")["items"]
    assert get("/v1/groups/company/company")["group"] == company
    regions = [group for group in groups if group["level"] == "region"]
    means = [group["distribution"]["mean_bookings"] for group in regions]
    assert sum(means) == pytest.approx(company["distribution"]["mean_bookings"], abs=0.02)
    for group in groups:
        assert sum(part["amount"] for part in group["parts"]) == pytest.approx(
            group["distribution"]["mean_bookings"], abs=0.05
        )
    assert get("/v1/teams")["items"] == groups[:3]
    north = get("/v1/teams/m-north")["team"]
    row = next(one for one in harbour.teams if one.key == "m-north" and one.as_of == harbour.batch.as_of)
    assert row.quota is not None
    assert row.own_quota is not None
    assert (north["quota"], north["own_quota"]) == (row.quota / 100, row.own_quota / 100)
    assert (north["p_hit"], north["p_hit_own"]) == (row.p_hit, row.p_hit_own)
    assert (company["manager_id"], company["manager_name"], company["own_quota"]) == (None, None, None)


@pytest.mark.parametrize(
    ("rep_id", "reason", "has_distribution"),
    [(NO_QUOTA, "quota_missing", True), (NO_HISTORY, "thin_history", False), (LEFT, "left", False)],
)
def test_an_abstention_is_an_answer(get: Get, rep_id: str, reason: str, has_distribution: bool) -> None:
    forecast = get(f"/v1/forecasts/{rep_id}")["forecast"]
    assert forecast["abstention"]["status"] == "abstained"
    assert forecast["abstention"]["reason"] == reason
    assert len(forecast["abstention"]["detail"]) > 20
    assert forecast["p_hit"] is None
    assert forecast["risk_band"] is None
    assert (forecast["distribution"] is not None) is has_distribution
    if has_distribution:
        assert forecast["distribution"]["attainment"] is None
    assert get(f"/v1/reps/{rep_id}")["rep"]["abstention"]["reason"] == reason


def test_lists_are_filtered_sorted_and_paged(get: Get) -> None:
    everyone = get("/v1/forecasts", sort="name")
    names = [item["name"] for item in everyone["items"]]
    assert names == sorted(names, key=str.casefold)
    paged = [get("/v1/forecasts", sort="name", limit=5, offset=at)["items"] for at in (0, 5, 10)]
    assert [item["name"] for page in paged for item in page] == names
    assert get("/v1/forecasts", search="ÁLVA")["total"] == 1
    assert {item["risk_band"] for item in get("/v1/forecasts", band="none")["items"]} == {None}
    assert get("/v1/forecasts", manager_id="m-south")["total"] == 4
    assert get("/v1/recommendations", rep_id="r-101")["total"] == 1
    assert get("/v1/forecasts", period="2026Q2")["period"] == "2026Q2"


def test_recommendations_come_before_abstentions(get: Get) -> None:
    items = get("/v1/recommendations")["items"]
    offered = [item["program_id"] is not None for item in items]
    assert offered == sorted(offered, reverse=True)
    assert all(item["abstention"] for item in items if item["program_id"] is None)
    assert next(item for item in items if item["rep_id"] == "r-101")["effect"] == 0.034


def test_the_catalogue_is_the_list_of_metrics(get: Get) -> None:
    assert [item["slug"] for item in get("/v1/metrics")["items"]] == [metric.slug for metric in METRICS]


def test_the_model_shows_its_gate_and_value_added(get: Get, harbour: World) -> None:
    model = get("/v1/model")
    assert model["card"]["markdown"] == harbour.model_card.card_markdown
    assert [row["passed"] for row in model["gate"]] == [True, True, False]
    assert get("/v1/model/value-added")["items"] == list(harbour.model_card.value_added)


def test_numbers_are_json(client: httpx.Client) -> None:
    for path in READS:
        json.loads(client.get(path).text, parse_constant=pytest.fail)  # called for NaN and Infinity


BAD = [
    ("GET", "/v1/forecasts", {"limit": "0"}, None),
    ("GET", "/v1/forecasts", {"limit": "1.5"}, None),
    ("GET", "/v1/forecasts", {"limit": f"9{MARK}"}, None),
    ("GET", "/v1/forecasts", {"limit": "1e999"}, None),
    ("GET", "/v1/forecasts", {"offset": "-1"}, None),
    ("GET", "/v1/forecasts", {"offset": str(10**30)}, None),
    ("GET", "/v1/forecasts", {MARK: "1"}, None),
    ("GET", "/v1/forecasts", {"sort": MARK}, None),
    ("GET", "/v1/forecasts", {"band": MARK}, None),
    ("GET", "/v1/forecasts", {"search": MARK * 20}, None),
    ("GET", "/v1/forecasts", {"manager_id": f"{MARK}\x00"}, None),
    ("GET", f"/v1/forecasts/{MARK * 30}", {}, None),
    ("GET", f"/v1/forecasts/{MARK}%00", {}, None),
    ("POST", "/v1/decisions", {}, b""),
    ("POST", "/v1/decisions", {}, b"{" + MARK.encode()),
    ("POST", "/v1/decisions", {}, b"[" * 5000 + b"]" * 5000),
    ("POST", "/v1/decisions", {}, f'["{MARK}"]'.encode()),
    ("POST", "/v1/decisions", {}, f'"{MARK}"'.encode()),
    ("POST", "/v1/decisions", {}, b"NaN"),
    ("POST", "/v1/decisions", {}, f'{{"rep_id": "{MARK}"}}'.encode()),
    ("POST", "/v1/decisions", {}, b'{"rep_id": 1, "program_id": true, "verdict": NaN}'),
    ("POST", "/v1/decisions", {}, f'{{"rep_id":"a","program_id":"b","verdict":"{MARK}"}}'.encode()),
    ("POST", "/v1/decisions", {}, f'{{"rep_id":"a","program_id":"b","verdict":"accepted","{MARK}":1}}'.encode()),
    ("POST", "/v1/decisions", {}, b'{"rep_id":"a","program_id":"b","verdict":"overridden","reason":"  "}'),
    ("POST", "/v1/decisions", {}, b'{"rep_id":"\\ud800","program_id":"b","verdict":"accepted"}'),
    ("POST", "/v1/decisions", {}, b'{"rep_id":"a","program_id":"b","verdict":"accepted","reason":"\\ud800"}'),
    ("POST", "/v1/decisions", {}, b'{"rep_id":"a","program_id":"b","verdict":"accepted","reason":1e999}'),
    ("POST", "/v1/decisions", {}, b"\xff\xfe\x00"),
]


@pytest.mark.parametrize(("method", "path", "query", "body"), BAD)
def test_bad_input_gets_a_problem_that_does_not_repeat_it(
    client: httpx.Client, method: str, path: str, query: dict[str, str], body: bytes | None
) -> None:
    answer = client.request(
        method, path, params=query, content=body, headers={"Content-Type": "application/json"} if body else {}
    )
    assert answer.status_code in (400, 422), answer.text
    assert_problem(answer)
    assert MARK not in answer.text
    assert MARK not in str(answer.headers)


def assert_problem(answer: httpx.Response) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert set(problem) == {"type", "title", "status", "detail", "errors"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", f"/v1/{MARK}", 404), ("DELETE", "/v1/reps", 405), ("GET", "/v1/forecasts?period=1999Q1", 404)],
)
def test_what_is_not_there_gets_a_problem(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert_problem(answer)
    assert MARK not in answer.text


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", "Basic dXNlcjpwYXNz", "Bearer \xff", "bearer " + "x" * 5000],
)
def test_without_a_valid_token_nothing_is_said(harbour_file: Path, header: str | None) -> None:
    with served(harbour_file) as client:
        raw = {} if header is None else {"Authorization": header.encode("latin-1")}
        answer = client.get("/v1/forecasts", headers=raw)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert_problem(answer)


def test_a_decision_is_recorded_and_shown(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    with PredictionStore.open(path) as store:
        harbour.publish_into(store)
    token = issue_tokens(path)["north"]
    with served(path) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        body = {"rep_id": "r-101", "program_id": "p-disco", "verdict": "overridden", "reason": " shadows a peer "}
        answer = client.post("/v1/decisions", json=body)
        assert answer.status_code == 201
        assert answer.json()["decision"]["reason"] == "shadows a peer"
        (item,) = client.get("/v1/recommendations", params={"rep_id": "r-101"}).json()["items"]
        assert item["decision"] == answer.json()["decision"]
    with PredictionStore.open(path) as store:
        last = tuple(store.audit.entries())[-1]
    assert (last.actor, last.action, last.subject) == ("test north", "recommendation overridden", "r-101")


def test_before_the_first_batch_every_read_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    PredictionStore.open(path).close()
    token = issue_tokens(path)["vp"]
    with served(path) as client:
        for read in READS:
            answer = client.get(read, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 503
            assert_problem(answer)
            assert "spm score" in answer.json()["detail"]
        assert client.get("/health/live").json() == {"status": "alive"}
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["why"] == "no batch is published; run 'spm score'"


def test_readiness_follows_the_age_of_the_batch(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old = replace(harbour, batch=replace(harbour.batch, created_at=datetime.now(UTC) - timedelta(days=46)))
    with PredictionStore.open(path) as store:
        old.publish_into(store)
    with served(path, stale_after_days=45) as client:
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert "older than 45 days" in ready.json()["why"]
        assert ready.json()["watermark"] == harbour.batch.watermark.isoformat()
    with served(path, stale_after_days=47) as client:
        assert client.get("/health/ready").status_code == 200
    with served(path) as client:
        assert client.get("/health/ready").json()["status"] == "ready"


def test_a_store_that_does_not_answer_makes_the_service_unready(tmp_path: Path) -> None:
    path = tmp_path / "gone.db"
    PredictionStore.open(path).close()
    with served(path) as client:
        assert client.get("/health/ready").status_code == 503
        path.write_bytes(b"not a database any more" * 500)
        path.with_name("gone.db-wal").unlink(missing_ok=True)
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["why"]
