"""What the API says about programs and diagnoses, beyond who may ask."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import httpx
import pytest

from spm_ml.predictions import CoachingBatch, PredictionStore
from tests.coaching_world import SPAN, VERDICTS, make_coaching, make_fairness
from tests.prediction_world import NO_HISTORY, NO_QUOTA, World, issue_tokens
from tests.web import served

Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def coaching(harbour: World) -> CoachingBatch:
    return make_coaching(harbour)


@pytest.fixture(scope="module")
def get(
    harbour: World, harbour_file: Path, coaching: CoachingBatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Get]:
    path = tmp_path_factory.mktemp("coached") / "predictions.db"
    shutil.copy(harbour_file, path)
    with PredictionStore.open(path) as store:
        store.publish_coaching(coaching, actor="tests")
        store.publish_fairness(harbour.batch, make_fairness())
    tokens = issue_tokens(path)
    with served(path) as client:

        def fetch(principal: str, address: str, **query: str) -> httpx.Response:
            return client.get(address, params=query, headers={"Authorization": f"Bearer {tokens[principal]}"})

        yield fetch


def test_findings_stand_beside_what_misleads(get: Get, coaching: CoachingBatch, harbour: World) -> None:
    answer = get("rep", "/v1/effects").json()
    assert answer["batch_id"] == harbour.batch.batch_id
    assert "not in the data" in answer["blind_spot"]
    assert [item["program_id"] for item in answer["items"]] == [row.program_id for row in coaching.findings]
    helps, row = answer["items"][0], coaching.findings[0]
    assert helps["verdict"] == "helps"
    assert (helps["effect"], helps["effect_low"], helps["effect_high"]) == (0.052, 0.021, 0.083)
    assert (helps["naive_before_after"], helps["naive_difference"]) == (0.091, -0.187)
    assert helps["cost"] == 1_800
    assert [point["lag"] for point in helps["event_study"]] == [point.lag for point in row.event_study]
    assert [check["passed"] for check in helps["checks"]] == [check.passed for check in row.checks]
    unknown = answer["items"][3]
    assert unknown["verdict"] == "cannot tell"
    assert unknown["effect"] is unknown["cost"] is unknown["trimmed_share"] is None
    assert unknown["event_study"] == unknown["checks"] == []


def test_groups_are_told_as_they_were_published(get: Get, harbour: World) -> None:
    answer = get("hr", "/v1/fairness").json()
    assert answer["batch_id"] == harbour.batch.batch_id
    found, stored = answer["audit"], make_fairness()
    assert (found["minimum_group"], found["abstention"], found["notes"]) == (5, None, list(stored.notes))
    assert [tuple(row.values()) for row in found["rows"]] == [astuple(row) for row in stored.rows]
    withheld = found["rows"][-1]
    assert {name for name, value in withheld.items() if value is None} >= {"people", "rate", "ratio", "reference"}
    assert get("analyst", "/v1/fairness").status_code == 403


@pytest.mark.parametrize("rep_id", VERDICTS)
def test_a_diagnosis_adds_up_and_flags_behaviour_alone(get: Get, coaching: CoachingBatch, rep_id: str) -> None:
    row = next(one for one in coaching.diagnoses if one.rep_id == rep_id)
    found: dict[str, Any] = get("vp", "/v1/diagnoses", rep_id=rep_id).json()["diagnosis"]
    assert found["span"] == SPAN
    assert found["verdict"] == VERDICTS[rep_id]
    assert found["flag"] is (found["verdict"] == "behaviour")
    assert sum(part["points"] for part in found["parts"]) == pytest.approx(found["gap"], abs=1e-9)
    assert found["attainment"] - 1 == pytest.approx(found["gap"])
    assert [part["kind"] for part in found["parts"]] == [part.kind for part in row.parts]
    assert [(skill["skill"], skill["gap"]) for skill in found["skills"]] == [(s.skill, s.gap) for s in row.skills]


def test_no_diagnosis_is_an_answer_and_out_of_scope_is_not(get: Get) -> None:
    assert get("vp", "/v1/diagnoses", rep_id=NO_HISTORY).json()["diagnosis"] is None
    abstained = get("vp", "/v1/diagnoses", rep_id=NO_QUOTA).json()["diagnosis"]
    assert abstained["abstention"]["reason"] == "quota_missing"
    assert abstained["gap"] is None
    hidden, unknown = get("south", "/v1/diagnoses", rep_id="r-101"), get("south", "/v1/diagnoses", rep_id="nobody")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.content == unknown.content
    assert get("hr", "/v1/diagnoses", rep_id="r-101").status_code == 403
    assert get("vp", "/v1/diagnoses").status_code == 422
    assert get("vp", "/v1/diagnoses", rep_id="r-101", all="1").status_code == 422
