"""Rep-periods: what was known on the eve, what came of the period, and which programs were started in it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.rep_periods import KPI_COLUMNS, RepPeriods, opening_rows, rep_periods
from spm_ml.dataset import build_dataset
from spm_ml.history import SalesHistory
from spm_ml.settings import Organisation, StageSettings

ORGANISATION = Organisation(stages=(StageSettings(name="early"), StageSettings(name="late")))


def deal(
    number: int, rep: str, created: str, moves: list[tuple[str, str, str]], amount: int
) -> list[dict[str, object]]:
    """A deal's ledger: created in the first stage, then (day, stage, outcome)."""
    first = {"recorded_at": f"{created}T10:00:00Z", "stage": "early", "outcome": "open"}
    later = [{"recorded_at": f"{day}T10:00:00Z", "stage": stage, "outcome": outcome} for day, stage, outcome in moves]
    return [{"opportunity_id": f"d{number}", "rep_id": rep, "amount": amount, **row} for row in (first, *later)]


def frames() -> dict[str, pd.DataFrame]:
    events = pd.DataFrame(
        [
            *deal(1, "a", "2025-01-10", [("2025-02-01", "late", "open"), ("2025-03-01", "late", "won")], 100),
            *deal(2, "a", "2025-02-10", [("2025-04-20", "early", "lost")], 300),
            *deal(3, "a", "2025-04-05", [("2025-05-05", "late", "won")], 500),
            *deal(4, "b", "2025-04-06", [("2025-05-06", "late", "open")], 700),
            *deal(5, "b", "2025-07-06", [], 700),
        ]
    )
    handed = {"opportunity_id": "d4", "recorded_at": "2025-06-01T10:00:00Z", "rep_id": "a"}
    won = {"opportunity_id": "d4", "recorded_at": "2025-06-10T10:00:00Z", "rep_id": "a", "outcome": "won"}
    events = pd.concat([events, pd.DataFrame([handed, won])], ignore_index=True)
    firsts = events.drop_duplicates("opportunity_id")
    deals = pd.DataFrame(
        {
            "opportunity_id": firsts["opportunity_id"],
            "rep_id": firsts["rep_id"],
            "amount": firsts["amount"],
            "created_on": firsts["recorded_at"].str[:10],
            "stage": "early",
            "outcome": "open",
        }
    )
    enrolments = pd.DataFrame(
        [
            ("a", "p", "2025-01-01", "2025-01-09"),
            ("b", "p", "2025-06-30", None),
            ("b", "p", "2031-01-01", None),
            ("b", "p", "1999-01-01", "1999-01-05"),
        ],
        columns=["rep_id", "program_id", "started_on", "completed_on"],
    )
    reps = pd.DataFrame(
        {
            "rep_id": ["a", "b"],
            "hired_on": ["2024-01-01", "2025-02-15"],
            "left_on": [None, "2025-09-01"],
            "segment": "SMB",
        }
    )
    quotas = pd.DataFrame(
        [{"rep_id": rep, "period": period, "amount": 400} for rep in "ab" for period in ("2025Q1", "2025Q2", "2025Q3")]
    )
    programs = pd.DataFrame({"program_id": ["p"], "name": ["P"], "skill": ["negotiation; ; closing;negotiation"]})
    return {
        "reps": reps,
        "quotas": quotas,
        "opportunities": deals,
        "opportunity_events": events,
        "enrolments": enrolments,
        "programs": programs,
    }


@pytest.fixture(scope="module")
def periods() -> Iterator[RepPeriods]:
    with SalesHistory.from_frames(frames(), ORGANISATION) as history:
        yield rep_periods(history, build_dataset(history))


def row_of(periods: RepPeriods, rep: str, period: str) -> pd.Series:
    rows = periods.frame[(periods.frame["rep_id"] == rep) & (periods.frame["period"] == period)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_period_holds_what_happened_in_it(periods: RepPeriods) -> None:
    first = row_of(periods, "a", "2025Q1")
    assert (first["kpi_created_count"], first["kpi_created_amount"]) == (2, 400_00)
    assert (first["kpi_won_count"], first["kpi_won_amount"], first["kpi_lost_count"]) == (1, 100_00, 0)
    assert (first["kpi_advanced_count"], first["kpi_cycle_days"]) == (1, 50)
    assert first["attainment"] == pytest.approx(100 / 400)
    second = row_of(periods, "a", "2025Q2")
    assert (second["kpi_won_count"], second["kpi_lost_count"]) == (2, 1)
    assert (second["kpi_largest_won"], second["kpi_inherited_won"]) == (700_00, 700_00)


def test_what_is_not_finished_is_not_known(periods: RepPeriods) -> None:
    running = row_of(periods, "a", "2025Q3")
    assert not running["finished"]
    assert running[["attainment", "bookings", *KPI_COLUMNS]].isna().all()
    assert running["t"] == periods.last == 2


def test_rows_are_in_order_and_known_on_the_eve(periods: RepPeriods) -> None:
    frame = periods.frame
    assert frame[["rep_id", "t"]].equals(frame[["rep_id", "t"]].sort_values(["rep_id", "t"], ignore_index=True))
    eve = frame[frame["rep_id"] == "a"]
    assert (eve["as_of"] < eve["period_start"]).all()
    hired = row_of(periods, "b", "2025Q1")
    assert hired["as_of"] >= hired["period_start"], "the first day the rep was there"


def test_starts_lie_in_a_period_and_programs_name_each_skill_once(periods: RepPeriods) -> None:
    assert list(zip(periods.starts["rep_id"], periods.starts["t"], strict=True)) == [("a", 0), ("b", 1)]
    (program,) = periods.programs
    assert program.skills == ("negotiation", "closing")
    assert (program.cost, program.seats, program.days) == (None, None, None)


def test_a_quarter_is_about_ninety_one_days(periods: RepPeriods) -> None:
    assert periods.period_days == pytest.approx(91, abs=1)


def test_no_enrolments_and_no_programs_are_empty() -> None:
    without = {name: table for name, table in frames().items() if name not in ("enrolments", "programs")}
    with SalesHistory.from_frames(without, ORGANISATION) as history:
        bare = rep_periods(history, build_dataset(history))
    assert bare.starts.empty
    assert bare.programs == ()
    assert np.isfinite(bare.at(0)["kpi_created_count"]).all()


@pytest.mark.parametrize("at", [None, date(2025, 5, 20), date(2024, 1, 1)])
def test_the_stored_rows_that_are_read_give_the_same(at: date | None, tmp_path: Path) -> None:
    file = tmp_path / "dataset.parquet"
    with SalesHistory.from_frames(frames(), ORGANISATION) as history:
        whole = build_dataset(history)
        whole.write(file)
        rows = opening_rows(file, at=at)
        found, expected = rep_periods(history, rows), rep_periods(history, whole)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    pd.testing.assert_frame_equal(found.starts, expected.starts)
    assert len(rows) < len(whole) / 4
    days = whole.frame["as_of"]
    newest = (days if at is None else days[days <= pd.Timestamp(at)]).max()
    assert (rows.frame["as_of"] == newest).sum() == (days == newest).sum()


def test_of_a_dataset_without_rows_there_are_none(tmp_path: Path) -> None:
    with SalesHistory.from_frames(frames(), ORGANISATION) as history:
        nothing = build_dataset(history, reps=["nobody"])
        nothing.write(tmp_path / "dataset.parquet")
        assert rep_periods(history, opening_rows(tmp_path / "dataset.parquet")).frame.empty
