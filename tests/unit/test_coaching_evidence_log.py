"""What the data tell the assignment log, and what the log tells people."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from spm_ml.coaching.evidence import assignment_table, events_since, sync_log
from spm_ml.coaching.evidence.log import NO_OUTCOME, NOT_OFFERED, UNKNOWN
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.predictions import Assignment, Decision, PredictionStore
from tests.evidence_world import FIRST_PLAN, LABELS, evidence_world, logged

T = FIRST_PLAN


@pytest.fixture(scope="module")
def periods() -> RepPeriods:
    return evidence_world(reps=6)[0]


def start(rep: str, day: str, completed: str | None = None, program: str = "P1", **more: object) -> dict[str, object]:
    return {
        "rep_id": rep,
        "program_id": program,
        "t": T,
        "started_on": pd.Timestamp(day),
        "completed_on": pd.Timestamp(completed) if completed else pd.NaT,
        "assigned_by": "m-1",
        "reason": "asked for it",
    } | more


def told(periods: RepPeriods, log: list[Assignment], *starts: dict[str, object]) -> list[Assignment]:
    frame = pd.DataFrame(list(starts), columns=list(periods.starts.columns))
    frame = frame.astype({"started_on": "datetime64[ns]", "completed_on": "datetime64[ns]"})
    return list(events_since(replace(periods, starts=frame), log))


def test_an_offer_is_followed_to_its_outcome(periods: RepPeriods) -> None:
    log = [logged(T, "r000", "offered", 0.8, 0.05)]
    enrolled, completed, outcome = told(periods, log, start("r000", "2024-01-12", "2024-01-15"))
    assert (enrolled.event, enrolled.actor, enrolled.reason) == ("enrolled", "m-1", "asked for it")
    assert (enrolled.propensity, enrolled.effect, enrolled.batch_id) == (0.8, 0.05, "b-4")
    assert (completed.event, completed.happened_on) == ("completed", date(2024, 1, 15))
    row = periods.frame.query("rep_id == 'r000' and t == @T + 1").iloc[0]
    assert (outcome.event, outcome.value) == ("outcome", row["attainment"])
    assert outcome.happened_on == row["period_end"].date()


def test_an_enrolment_nobody_offered_is_logged_as_such(periods: RepPeriods) -> None:
    log = [logged(T, "r000", "offered", 1.0)]
    found = told(periods, log, start("r001", "2024-01-12"))
    (enrolled,) = [line for line in found if line.event == "enrolled"]
    assert NOT_OFFERED in enrolled.reason
    assert (enrolled.propensity, enrolled.batch_id) == (None, "")
    assert {line.rep_id for line in found if line.event == "outcome"} == {"r000", "r001"}


def test_a_held_out_rep_who_enrols_all_the_same_is_seen(periods: RepPeriods) -> None:
    (enrolled, *_) = told(periods, [logged(T, "r000", "held_out", 0.8)], start("r000", "2024-01-12"))
    assert "held out by lot, and enrolled all the same" in enrolled.reason


def test_a_completion_before_its_start_is_left_out_and_said(periods: RepPeriods) -> None:
    log = [logged(T, "r000", "offered", 1.0)]
    found = told(periods, log, start("r000", "2024-01-12", "2024-01-02"))
    assert [line.event for line in found] == ["enrolled", "outcome"]
    assert "dated before the start" in found[0].reason


def test_a_completion_that_is_yet_to_come_is_not_logged(periods: RepPeriods) -> None:
    late = start("r000", "2024-10-12", "2024-12-24", t=7)
    found = told(periods, [logged(7, "r000", "offered", 1.0)], late)
    assert [line.event for line in found] == ["enrolled"]


def test_overlapping_programs_are_told(periods: RepPeriods) -> None:
    log = [logged(T, "r000", "offered", 1.0)]
    rows = [start("r000", "2024-01-12", "2024-02-15"), start("r000", "2024-02-01", program="P2")]
    found = [line for line in told(periods, log, *rows) if line.event == "enrolled"]
    assert [("P1 still ran" in line.reason) for line in found] == [False, True]
    apart = [start("r000", "2024-01-12", "2024-01-15"), start("r000", "2024-02-01", program="P2")]
    assert not any("still ran" in line.reason for line in told(periods, log, *apart))


def test_whoever_left_has_no_outcome_but_a_line(periods: RepPeriods) -> None:
    gone = (periods.frame["rep_id"] == "r000") & (periods.frame["t"] == T + 1)
    without = replace(periods, frame=periods.frame[~gone])
    (outcome,) = told(without, [logged(T, "r000", "offered", 1.0)])
    assert (outcome.value, outcome.reason) == (None, NO_OUTCOME)


def test_nothing_is_followed_before_the_log_began(periods: RepPeriods) -> None:
    assert events_since(periods, ()) == ()
    assert events_since(periods, [logged(T, "r000", "withdrawn", 1.0)]) == ()
    first = events_since(periods, [logged(T, "r000", "offered", 1.0)])
    assert min(line.period for line in first) == LABELS[T]


def test_syncing_twice_adds_nothing_and_restated_outcomes_are_added(tmp_path: Path, periods: RepPeriods) -> None:
    with PredictionStore.open(tmp_path / "a.db") as store:
        assert sync_log(store, periods) == 0
        store.assignments.append([logged(T, "r000", "offered", 0.8, 0.05)])
        added = sync_log(store, periods)
        assert added > 0
        assert sync_log(store, periods) == 0
        row = periods.frame["rep_id"].eq("r000") & periods.frame["t"].eq(T + 1)
        restated = replace(periods, frame=periods.frame.assign(attainment=periods.frame["attainment"].mask(row, 2.0)))
        assert sync_log(store, restated) == 1
        assert sync_log(store, restated) == 0
        assert sync_log(store, periods) == 1
        assert store.assignments.lines()[-1].value == pytest.approx(periods.frame.loc[row, "attainment"].item())


def test_the_table_says_who_decided_and_why(periods: RepPeriods) -> None:
    log = [logged(T, "r000", "offered", 0.8, 0.05)]
    log += told(periods, log, start("r000", "2024-01-12", "2024-01-15"))
    said = Decision("r000", "P1", "accepted", "good idea", "Anna Keller", datetime(2024, 1, 5, tzinfo=UTC))
    starts = pd.DataFrame([start("r000", "2024-01-12"), start("r002", "2023-04-03", t=1, assigned_by=None)])
    table = assignment_table(log, [(LABELS[T], said)], replace(periods, starts=starts))
    assert list(table["event"]) == ["enrolled", "offered", "accepted", "enrolled", "completed", "outcome"]
    assert list(table["source"]) == ["enrolments", "log", "decision", "log", "log", "log"]
    assert table.loc[0, "actor"] == UNKNOWN
    assert (table.loc[2, "actor"], table.loc[2, "reason"]) == ("Anna Keller", "good idea")
    assert table.loc[1, "effect"] == pytest.approx(5.0)
    assert table["effect"].dtype == "float64"


def test_an_empty_log_gives_an_empty_table(periods: RepPeriods) -> None:
    nothing = replace(periods, starts=periods.starts[:0])
    assert assignment_table((), (), nothing).empty


@pytest.mark.parametrize(("name", "value"), [("propensity", 1.2), ("effect", float("nan")), ("value", float("inf"))])
def test_numbers_of_a_line_are_checked(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        replace(logged(T, "r000", "outcome", None), **{name: value})
