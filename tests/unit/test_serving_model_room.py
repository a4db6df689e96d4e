"""The model room: what each page says, of which role, and where nothing was published."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from serving.pages.model import calibration, data, drift, rivals, voices
from serving.settings import ServingSettings
from spm_ml.predictions import Champion, ContestCount, LeakageResult, ModelEvidence, PredictionStore
from tests.model_world import make_calibration, make_drift, make_evidence, make_leakage, make_rivals, make_voices
from tests.prediction_world import World, issue_tokens
from tests.web import log_in, parsed, served

ROOMS = ("/model", "/model/calibration", "/model/drift", "/model/data", "/model/voices", "/model/lineage")


@pytest.fixture(scope="module")
def client(harbour: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    path = tmp_path_factory.mktemp("room") / "predictions.db"
    with PredictionStore.open(path) as store:
        harbour.publish_into(store)
        store.champions.name(Champion("spm-attainment", "7", "workspace", "Ida", "passed the gate"))
    with served(path, mlflow_ui="http://mlflow.intern:5000/") as opened:
        log_in(opened, issue_tokens(path)["analyst"])
        yield opened


def words(client: httpx.Client, path: str) -> str:
    return " ".join(parsed(client.get(path)).find("main").get_text(" ", strip=True).split())


def test_the_rooms_lead_to_each_other_and_the_old_address_to_the_first(client: httpx.Client) -> None:
    for room in ROOMS:
        page = parsed(client.get(room))
        links = page.find("nav", attrs={"aria-label": "Model room"}).find_all("a")
        assert tuple(link["href"] for link in links) == ROOMS
        assert [link["href"] for link in links if link.get("aria-current")] == [room]
        assert page.select_one(".top nav a[aria-current]").get_text() == "Model"
    assert client.get("/value-added").headers["location"] == "/model"


def test_champion_and_challenger_stand_side_by_side(client: httpx.Client) -> None:
    text = words(client, "/model")
    assert "The challenger's error (CRPS) is 0.0040 higher, clear of chance" in text
    assert "passes 1 test, when it was promoted" in text
    assert "fails 1 of 2 tests, when it was trained" in text
    assert "What keeps it from being promoted No worse than champion" in text
    assert "spm promote --version 9" in text
    assert "Ida Passed the gate." in text


def test_calibration_names_the_level_whose_intervals_are_too_narrow(client: httpx.Client) -> None:
    page = parsed(client.get("/model/calibration"))
    levels = page.find("caption", string="Coverage by level, all weeks").find_parent("table").find("tbody")
    verdicts = {row.th.get_text(): row.find_all("td")[1].get_text(" ") for row in levels.find_all("tr")}
    assert "as stated" in verdicts["Reps"]
    assert "too narrow" in verdicts["Company"]
    assert len(page.find_all("svg", class_="reliability")) == 4
    company = parsed(client.get("/model/calibration?level=company"))
    assert len(company.find_all("rect", class_="miss")) > 10
    assert client.get("/model/calibration?level=nobody").status_code == 422


def test_drift_says_what_was_found_and_what_to_do(client: httpx.Client) -> None:
    text = words(client, "/model/drift")
    assert (
        "1 of 4 tested columns has drifted. 1 more is unusual, but no more than periods differ from each other." in text
    )
    assert "80 reps are forecast; 4 of them are new to the model" in text
    assert "a changed export, a new stage" in text
    assert "It only grows with time" in text


def test_data_counts_what_was_set_aside_and_names_the_remedy(client: httpx.Client) -> None:
    text = words(client, "/model/data")
    assert "30 of 66\N{NO-BREAK SPACE}596 records" in client.get("/model/data").text
    assert "must occur in reps Add the manager to reps. 2 cells" in text
    assert "up to 4 of 80" in text
    assert "✓ Passed. No feature changed by a bit" in text


def test_lineage_goes_from_the_number_to_the_files(client: httpx.Client, harbour: World) -> None:
    page = parsed(client.get("/model/lineage"))
    text = page.find("main").get_text(" ", strip=True)
    assert "Harbour Instruments" in text, "an analyst sees the company's number"
    assert harbour.batch.batch_id in text
    assert "ab" * 32 in text
    addresses = [link["href"] for link in page.find("main").find_all("a")]
    assert "http://mlflow.intern:5000/#/models/spm-attainment/versions/7" in addresses
    assert f"http://mlflow.intern:5000/#/experiments/1/runs/{'0f' * 16}" in addresses
    assert page.find("footer").find("a")["href"] == "/model/lineage"


def test_what_was_not_published_says_which_command_makes_it(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "bare.db"
    with PredictionStore.open(path) as store:
        replace(harbour, evidence=ModelEvidence()).publish_into(store)
    with served(path) as client:
        token = issue_tokens(path)["analyst"]
        log_in(client, token)
        for room in ROOMS:
            assert "spm score" in words(client, room) or "spm train" in words(client, room)
        assert "spm check-leakage" in words(client, "/model/data")
        for section in ("calibration", "drift", "data-quality", "leakage", "lineage", "champions"):
            answer = client.get(f"/v1/model/{section}", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
        with PredictionStore.open(path) as store:
            store.publish_evidence(ModelEvidence(leakage=make_leakage("other", differing=("won_28",))), actor="tests")
        text = words(client, "/model/data")
        assert "These columns read the future: won_28" in text
        assert "It is of other data than this batch" in text


def test_the_words_fit_what_was_found() -> None:
    found = make_drift(make_leakage("x").days[0])
    calm = replace(found, tests=found.tests[2:])
    assert drift.page_of(calm).lead == "No drift in 2 tests."
    assert drift.page_of(calm).advice.startswith("Nothing to do.")
    assert "spm train" in (drift.page_of(replace(found, tests=(), abstention="training_rows_missing")).empty or "")
    off = replace(found.tests[3], verdict="drift")
    assert "coverage by period" in drift.page_of(replace(found, tests=(off,))).advice
    assert "could be tested" in drift.page_of(replace(found, tests=found.tests[4:])).lead
    assert calibration.page_of(None, "rep").empty is not None
    assert calibration.page_of(replace(make_calibration(), reliability=(), by_week=()), "team").parts == ()
    alone = replace(make_rivals(), challenger=None, difference=None)
    card = rivals.rivals_card(alone)
    assert (len(card.sides), card.command, card.needed) == (1, "spm train", ())
    unlike = rivals.rivals_card(replace(make_rivals(), difference=None))
    assert "no tested row in common" in unlike.difference
    unasked = replace(make_rivals().challenger, gate=(), judged="never")  # type: ignore[type-var]
    assert "The gate was not asked" in rivals.rivals_card(replace(make_rivals(), challenger=unasked)).needed[0]


def test_every_section_comes_back_as_it_was_published(harbour: World, tmp_path: Path) -> None:
    with PredictionStore.open(tmp_path / "kept.db") as store:
        harbour.publish_into(store)
        assert store.content(harbour.batch).evidence == make_evidence(harbour.batch)
        store.publish_evidence(ModelEvidence(leakage=make_leakage("later")), actor="tests")
        kept = store.content(harbour.batch).evidence
        assert isinstance(kept.leakage, LeakageResult)
        assert kept.leakage.data_hash == "later"
        assert kept.calibration == make_calibration(), "the other sections stay"
        line = tuple(store.audit.entries())[-1]
        assert (line.action, line.detail["sections"]) == ("model evidence published", ["leakage"])


@pytest.mark.parametrize("address", ["ftp://mlflow.intern", "mlflow.intern", "https://me:pw@mlflow.intern", "https://"])
def test_an_address_of_mlflow_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="mlflow_ui"):
        ServingSettings.model_validate({"store": "x", "mlflow_ui": address})


def test_counts_of_few_people_are_not_told(harbour: World) -> None:
    page = data.page_of(harbour.batch, make_evidence(harbour.batch).data_quality, None)
    assert page.hazards[0].now == "up to 4 of 80"
    assert page.leakage.passed is None


def test_words_that_help_are_named_and_so_is_what_cannot_be_told(harbour: World, client: httpx.Client) -> None:
    text = words(client, "/model/voices")
    assert "These forecasts would be better if they knew: the rep's commit." in text
    assert "−0.0123 −0.0200 to −0.0050 helps" in text
    assert "12 of 60 reps and periods" in text
    assert "fewer than 5" in text, "an analyst is told counts of contests"
    counts = [
        ContestCount("forecast", 5, {"upheld": 2, "partly_upheld": 1, "rejected": 1, "withdrawn": 1}, 5, 40),
        ContestCount("data", None, None, None, None),
    ]
    first, second = voices.page_of(None, counts).contests
    assert (first.contested, first.right) == ("12.5% of 40", "75% of 4")
    assert second.people == "fewer than 5"
    assert "cannot be told yet" in voices.page_of(None).lead
    worse = replace(make_voices("x"), signals=make_voices("x").signals[1:])
    assert "Nothing that people say" in voices.page_of(worse).lead
