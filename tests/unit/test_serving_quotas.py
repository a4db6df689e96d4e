"""Quota proposals in the store, on the page and in the API: who sees what, and what becomes of them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from spm_ml.predictions import NewGoal, PredictionStore, UnknownProposalError
from spm_ml.predictions.engine import connect, writing
from spm_ml.predictions.quota_fairness import fairness_of
from spm_ml.predictions.retention import prune
from spm_ml.settings import RetentionSettings
from tests.prediction_world import World, issue_tokens
from tests.quota_world import SILENT, make_proposal
from tests.web import log_in, parsed, served

Visit = Callable[[str, str], httpx.Response]


@pytest.fixture(scope="module")
def path(harbour: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published batch, and two proposals of which the first was taken over."""
    file = tmp_path_factory.mktemp("quotas") / "predictions.db"
    with PredictionStore.open(file) as store:
        harbour.publish_into(store)
        assert [store.quota_proposals.publish(make_proposal(harbour, goal=goal)) for goal in (9_000, None)] == [1, 2]
        store.goals.set(NewGoal("2026Q3", 9_000, "EUR", 2, "quota proposal 1", "operator", 1, 4))
    return file


@pytest.fixture(scope="module")
def visit(path: Path) -> Iterator[Visit]:
    tokens = issue_tokens(path)
    with served(path) as client:

        def get(principal: str, address: str) -> httpx.Response:
            client.cookies.clear()
            if address.startswith("/v1"):
                return client.get(address, headers={"Authorization": f"Bearer {tokens[principal]}"})
            log_in(client, tokens[principal])
            return client.get(address)

        yield get


def test_a_proposal_is_kept_as_it_was_published(path: Path, harbour: World) -> None:
    new = make_proposal(harbour)
    with PredictionStore.open(path) as store:
        head, quotas = store.quota_proposals.read(2)
        assert (head.terms, quotas) == (new.terms, tuple(sorted(new.quotas, key=lambda one: one.rep_id)))
        assert (head.model_version, head.data_hash, head.accepted_at) == ("7", "5f2c9d0a41e7", None)
        assert store.quota_proposals.read(1)[0].accepted_by == "operator"
        with pytest.raises(UnknownProposalError, match="no quota proposal has the number 3"):
            store.quota_proposals.read(3)
        actions = [(line.action, line.subject) for line in store.audit.entries()]
        assert actions.count(("quotas proposed", "2026Q3")) == 2
        assert actions.count(("quota proposal accepted", "2026Q3")) == 1
        assert store.audit.check().intact
    engine = connect(path)
    for change in ("UPDATE proposed_quotas SET quota = 1", "UPDATE quota_proposals SET body = '{}'",
                   "DELETE FROM company_goals"):  # fmt: skip
        with pytest.raises(DatabaseError, match="append-only"), writing(engine) as connection:
            connection.execute(text(change))
    engine.dispose()


def test_old_proposals_go_whole_and_what_came_of_them_stays(tmp_path: Path, harbour: World) -> None:
    with PredictionStore.open(tmp_path / "predictions.db") as store:
        store.quota_proposals.publish(make_proposal(harbour))
        store.goals.set(NewGoal("2026Q3", 9_000, "EUR", 2, "quota proposal 1", "operator", 1, 4))
        kept = store.audit.prune(RetentionSettings(quota_proposals_days=1), actor="operator")
        assert not kept
    engine = connect(tmp_path / "predictions.db")
    with writing(engine) as connection:
        later = datetime.now(UTC) + timedelta(days=2)
        gone = prune(connection, RetentionSettings(quota_proposals_days=1), actor="operator", dry_run=False, now=later)
        assert gone.quota_proposals == 1
        assert connection.execute(text("SELECT count(*) FROM proposed_quotas")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM company_goals")).scalar() == 1
    engine.dispose()


def test_managers_see_their_tree_with_reasons_and_the_command(visit: Visit, harbour: World) -> None:
    page = parsed(visit("vp", "/quotas"))
    said = " ".join(page.find(id="main").get_text().split())
    assert "10 quotas of EUR" in said
    assert "chance of 41%" in said
    assert "Nothing is forecast for 1 person: that quota is set by hand" in said
    assert "spm quotas --proposal 2 --accept" in said
    rows = page.find("table").find("tbody").find_all("tr")
    assert len(rows) == 10
    first = next(row for row in rows if "Rosa Álvarez" in row.get_text())
    assert "held by the largest change" in first.get_text()
    assert "Days with the company: 90" in first.get_text()
    assert len(page.find_all("svg", class_="spread")) == 4, "everybody, one role, two bands of tenure"
    assert "taken over on" in parsed(visit("vp", "/quotas?proposal=1")).get_text()
    south = visit("south", "/v1/quota-proposals/2").json()
    assert {one["rep_id"] for one in south["quotas"]} == {"r-201", "r-202", "r 203/ä", "r-204"}
    assert south["reps"] == 4
    assert south["unforecast"] == 0, f"{SILENT} is in another team"
    assert south["scenarios"][1]["total"] == south["total"] == sum(one["proposed"] for one in south["quotas"])
    assert south["chance_together"] == 0.41
    assert [one["share"] for one in south["sensitivity"]] == [0.4, 0.6, 0.75]


def test_who_sees_no_rep_reads_of_enough_people_and_hr_no_amounts(visit: Visit) -> None:
    analyst, hr = (visit(one, "/v1/quota-proposals/2").json() for one in ("analyst", "hr"))
    assert analyst["quotas"] == hr["quotas"] == []
    assert analyst["total"] == sum(310_000 + at * 1_000 for at in range(10))
    assert (hr["total"], hr["scenarios"], hr["sensitivity"]) == (None, [], [])
    for answer in (analyst, hr):
        # Of those who had a quota before, three are in one band of tenure and four in the other.
        assert [(one["kind"], one["reps"]) for one in answer["fairness"]] == [("everybody", 10), ("role", 10)]
        assert "r-101" not in json.dumps(answer)
    assert "Other quotas" not in parsed(visit("hr", "/quotas")).get_text()
    assert "Ines" not in visit("hr", "/quotas").text
    assert [visit(one, "/quotas").status_code for one in ("rep", "admin")] == [403, 403]
    assert [visit(one, "/v1/quota-proposals").status_code for one in ("vp", "hr", "rep")] == [200, 200, 403]
    assert visit("vp", "/v1/quota-proposals/9").status_code == visit("vp", "/quotas?proposal=9").status_code == 404
    assert len(visit("analyst", "/v1/quota-proposals").json()["items"]) == 2


def test_groups_tell_how_hard_quotas_are(harbour: World) -> None:
    everybody, *others = fairness_of(make_proposal(harbour).quotas, of_enough=False)
    assert (everybody.chance, everybody.spread) == (pytest.approx(0.6), pytest.approx(0.0))
    assert everybody.spread_before is not None
    assert everybody.spread_before > 0.1
    assert {(one.kind, one.reps) for one in others} == {("role", 10), ("tenure", 5)}
    assert fairness_of((), of_enough=True) == ()


def test_where_nothing_is_proposed_the_page_says_what_to_do(harbour_file: Path, harbour_tokens: dict[str, str]) -> None:
    with served(harbour_file) as client:
        log_in(client, harbour_tokens["vp"])
        assert "spm quotas --goal 12,000,000 --publish" in client.get("/quotas").text
