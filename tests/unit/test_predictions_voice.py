"""Ratings of skills and feedback: who may say what about whom, what stands, what is counted, and how it leaves."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from spm_ml.cli.main import spm
from spm_ml.history import SalesHistory
from spm_ml.predictions import FeedbackVerdict, PredictionStore, Principal, Scope, UnknownSkillError
from spm_ml.predictions.engine import writing
from spm_ml.predictions.retention import Pruned, prune
from spm_ml.settings import Organisation, RetentionSettings, Workspace
from tests.coaching_world import make_coaching
from tests.prediction_world import NORTH, SOUTH, VP, World

INES = Principal("t-1", "Ines Moreau", Scope("rep", "r-101"))
ANNA = Principal("t-3", "Anna Keller", Scope("manager", NORTH))
VERA = Principal("t-5", "Vera Lindqvist", Scope("manager", VP))
HR = Principal("t-6", "HR", Scope("hr"))
ANALYST = Principal("t-9", "Analyst", Scope("analyst"))
OUTSIDERS = (
    Principal("t-2", "Jonas Weber", Scope("rep", "r-102")),
    Principal("t-4", "Ben Osei", Scope("manager", SOUTH)),
    HR,
    Principal("t-7", "Ines of HR", Scope("hr", "r-101")),
    ANALYST,
    Principal("t-10", "Admin", Scope("admin")),
)


@pytest.fixture
def store(harbour_target: str, harbour: World) -> Iterator[PredictionStore]:
    with PredictionStore.open(harbour_target) as opened:
        opened.publish_coaching(make_coaching(harbour))
        yield opened


def test_a_rating_stands_until_the_next_one_and_is_between_the_rep_and_the_managers(store: PredictionStore) -> None:
    assert store.assessments.rate(INES, "r-101", {"discovery": 4, "negotiation": None}) is not None
    assert store.assessments.rate(ANNA, "r-101", {"discovery": 2}) is not None
    (now,) = store.assessments.rate(INES, "r-101", {"discovery": 3}, today=date(2026, 7, 2)) or ()
    assert (now.score, now.assessor, now.assessed_by, now.stands) == (3, "self", "Ines Moreau", True)
    for other in OUTSIDERS:
        assert store.assessments.rate(other, "r-101", {"discovery": 1}) is None, other
        with store.read(other.scope) as batch:
            assert batch.assessments() == ((), 0)
            assert batch.standing_assessments("r-101") == ()
    for who in (INES, ANNA, VERA):
        with store.read(who.scope) as batch:
            _, total = batch.assessments(rep_id="r-101")
            standing = {(one.skill, one.assessor): one.score for one in batch.standing_assessments("r-101")}
        assert total == 4
        assert standing == {
            ("discovery", "self"): 3, ("discovery", "manager"): 2, ("negotiation", "self"): None
        }  # fmt: skip
    assert store.assessments.rate(ANNA, NORTH, {"discovery": 3}) is None, "nobody without numbers of their own is rated"
    assert store.assessments.rate(ANNA, "r-999", {"discovery": 3}) is None
    lines = [line for line in store.audit.entries() if line.action == "skill rated"]
    assert {line.subject for line in lines} == {"r-101"}
    assert [line.account_id for line in lines] == ["t-1", "t-1", "t-3", "t-1"]
    assert "score" not in lines[0].detail, "who reads the audit need not read ratings"
    assert store.audit.check().intact


def test_only_skills_that_are_taught_and_scores_of_the_scale(store: PredictionStore) -> None:
    before = len(tuple(store.audit.entries()))
    with pytest.raises(UnknownSkillError):
        store.assessments.rate(INES, "r-101", {"discovery": 3, "juggling": 3})
    for ratings in ({}, {"discovery": 0}, {"discovery": 6}):
        with pytest.raises(ValueError, match="rate at least one skill"):
            store.assessments.rate(INES, "r-101", ratings)
    assert len(tuple(store.audit.entries())) == before
    with store.read(INES.scope) as batch:
        assert batch.assessments() == ((), 0)
        assert "discovery" in batch.skills()


def test_feedback_is_read_by_the_rep_the_managers_and_hr_and_counted_where_enough_spoke(store: PredictionStore) -> None:
    for who in OUTSIDERS:
        assert store.feedback.give(who, "r-101", "forecast", "wrong", "no") is None, who
    assert store.feedback.give(INES, "r-101", "forecast", "wrong", " The Meridian deal is missing. ")
    for rep in ("r-102", "r-103", "r-104"):
        assert store.feedback.give(Principal(rep, rep, Scope("rep", rep)), rep, "forecast", "useful")
    assert store.feedback.give(ANNA, "r-101", "offer", "no_use", "They have done it.")
    with store.read(ANALYST.scope) as batch:
        assert {(one.about, one.people) for one in batch.feedback_counts()} == {
            ("forecast", None), ("diagnosis", None), ("offer", None)
        }, "four are too few"  # fmt: skip
        assert batch.feedback() == ((), 0)
    assert store.feedback.give(ANNA, "r-101", "forecast", "useful")
    assert store.feedback.give(INES, "r-101", "forecast", "no_use"), "her last word counts, when more have spoken"
    for who in (ANALYST, HR):
        with store.read(who.scope) as batch:
            first, *others = batch.feedback_counts()
        assert (first.people, first.verdicts) == (5, {"useful": 4, "no_use": 0, "wrong": 1}), "as the fifth spoke"
        assert [one.people for one in others] == [None, None]
    for who, expected in ((INES, 4), (ANNA, 7), (VERA, 7), (HR, 7), (OUTSIDERS[1], 0)):
        with store.read(who.scope) as batch:
            found, total = batch.feedback()
            assert (len(found), total) == (expected, expected), who
            assert batch.feedback_counts() == () or who is HR
    with store.read(HR.scope) as batch:
        found, _ = batch.feedback(rep_id="r-101", about="forecast")
    assert [(one.verdict, one.stands, one.given_by) for one in found] == [
        ("no_use", True, "Ines Moreau"), ("useful", True, "Anna Keller"), ("wrong", False, "Ines Moreau")
    ]  # fmt: skip
    assert found[-1].text == "The Meridian deal is missing."
    assert store.audit.check().intact


def test_no_word_is_the_difference_between_two_days_counts(store: PredictionStore) -> None:
    """Whoever asks after every word sees the counts move by the words of five people, and never by those of fewer."""
    reps = ("r-101", "r-102", "r-103", "r-104", "r-105", "r-106", "r-107", "r-201", "r-202", "r-204")
    verdicts: tuple[FeedbackVerdict, ...] = ("useful", "wrong", "no_use")
    spoke: set[str] = set()
    told: tuple[int | None, dict[FeedbackVerdict, int] | None] = (None, None)
    moves = 0
    for place, rep in enumerate((*reps, *reps[:3], *reps)):
        verdict = verdicts[(place * place) % 3]
        assert store.feedback.give(Principal(rep, rep, Scope("rep", rep)), rep, "forecast", verdict)
        spoke.add(rep)
        with store.read(ANALYST.scope) as batch:
            first = batch.feedback_counts()[0]
        if (first.people, first.verdicts) != told:
            assert len(spoke) >= 5
            told, moves = (first.people, first.verdicts), moves + 1
            spoke.clear()
    assert moves >= 3
    assert told[0] == 10
    assert told[1] is not None
    assert sum(told[1].values()) == 10, "one word each"


def test_nothing_is_changed_and_what_is_old_goes_by_retention(store: PredictionStore) -> None:
    store.assessments.rate(INES, "r-101", {"discovery": 4})
    store.feedback.give(INES, "r-101", "forecast", "wrong", "My mother was ill in May.")
    for statement in (
        "UPDATE assessments SET score = 5",
        "DELETE FROM assessments",
        "UPDATE feedback SET text = 'x'",
        "DELETE FROM feedback",
    ):
        with pytest.raises(DatabaseError, match="append-only"), writing(store._engine) as connection:
            connection.execute(text(statement))
    retention, now = RetentionSettings(assessments_days=1, feedback_days=1), datetime.now(UTC) + timedelta(days=3)
    with writing(store._engine) as connection:
        found = prune(connection, retention, actor="operator", dry_run=False, now=now)
    assert found == Pruned(feedback=1), "the rating is of the published period"
    with store.read(INES.scope) as batch:
        assert batch.feedback() == ((), 0)
        assert len(batch.standing_assessments("r-101")) == 1
    check = store.audit.check()
    assert check.intact, check.problems


def test_ratings_leave_as_the_contract_names_them_and_come_back_with_the_next_ingest(
    harbour_file: Path, harbour: World, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "w")
    Organisation().write(workspace.organisation_file)
    shutil.copy(harbour_file, workspace.predictions_database)
    with PredictionStore.open(workspace.predictions_database) as store:
        store.publish_coaching(make_coaching(harbour))
        store.assessments.rate(INES, "r-101", {"discovery": 4, "negotiation": None})
        store.assessments.rate(ANNA, "r-101", {"discovery": 2})
        store.assessments.rate(INES, "r-101", {"discovery": 5})
        store.assessments.rate(VERA, "r-101", {"discovery": 3}, today=date(2026, 7, 2))
    tables, exported = tmp_path / "tables", tmp_path / "assessments.csv"
    tables.mkdir()
    pd.DataFrame(
        {"rep_id": ["r-101"], "name": ["Ines"], "hired_on": ["2024-01-01"], "role": ["account executive"]}
    ).to_csv(tables / "reps.csv", index=False)
    (tables / "quotas.csv").write_text("rep_id,period,amount\nr-101,2026Q2,1000\n", "utf-8")
    (tables / "opportunities.csv").write_text(
        "opportunity_id,rep_id,created_on,amount,stage,outcome\no-1,r-101,2026-04-02,100,Propose,open\n", "utf-8"
    )
    for words in (
        ["assessments", "--out", str(exported)],
        ["ingest", str(tables)],
        ["ingest", str(exported)],
        ["ingest", str(exported)],
    ):
        done = CliRunner().invoke(spm, [*words, "--workspace", str(workspace.root)])
        assert done.exit_code == 0, (words, done.output, done.exception)
    with SalesHistory.open(workspace) as history:
        rows = history.table("assessments").execute()
    found = {(row.rep_id, row.skill, str(row.assessed_on)[:10], row.score, row.assessor) for row in rows.itertuples()}
    assert found == {
        ("r-101", "discovery", harbour.batch.as_of.isoformat(), 5.0, "self"),
        ("r-101", "discovery", "2026-07-02", 3.0, "manager"),
    }  # fmt: skip
