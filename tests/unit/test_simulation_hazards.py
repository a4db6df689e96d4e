"""Each hazard can be planted, leaves its mark in the tables, and is absent where it was not asked for."""

from pathlib import Path

import pandas as pd
import pytest

from spm_ml.hazards import HAZARD_BY_CODE
from spm_ml.settings import Organisation
from spm_ml.simulation import simulate
from spm_ml.simulation.finders import FINDERS
from spm_ml.simulation.hazards import FILE_HAZARDS, NATURAL, PLANTED, plant
from spm_ml.simulation.world import World

_DIRTY = [hazard.code for hazard in PLANTED if not hazard.natural and hazard.code not in FILE_HAZARDS]


@pytest.fixture(scope="module")
def natural(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("natural")
    simulate(folder, reps=60, periods=6, seed=11, fmt="parquet")
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    simulate(folder, reps=40, periods=4, seed=11, fmt="parquet", hazards=())
    return folder


def _planted(folder: Path, code: str) -> pd.DataFrame:
    return pd.read_csv(folder / "truth" / "planted_hazards.csv", dtype=str).query("code == @code")


def _read(folder: Path, table: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{table}.parquet")


def test_every_hazard_of_the_catalogue_can_be_planted() -> None:
    assert {hazard.code for hazard in PLANTED} == {*HAZARD_BY_CODE, *FILE_HAZARDS}
    assert set(FINDERS) == set(HAZARD_BY_CODE) - {"H14"}


def test_a_world_without_hazards_turns_no_knob() -> None:
    assert plant(World.clean(), ()) == World.clean()


@pytest.mark.parametrize("code", NATURAL)
def test_natural_hazards_are_there_by_default(natural: Path, code: str) -> None:
    assert len(_planted(natural, code)) > 0


def test_a_clean_world_has_none(clean: Path) -> None:
    assert pd.read_csv(clean / "truth" / "planted_hazards.csv").empty
    assert _read(clean, "credits").empty
    reps = _read(clean, "reps")
    assert reps["effective_from"].isna().all()
    assert reps["left_on"].isna().all()
    assert (reps["fte"] == 1).all()
    assert not _read(clean, "quotas").duplicated(["rep_id", "period"]).any()
    outcomes = _read(clean, "opportunity_events").dropna(subset=["outcome"])
    assert outcomes.groupby("opportunity_id").size().max() == 2  # created, closed
    open_deals = _read(clean, "opportunities").query("outcome == 'open'")
    overdue = pd.to_datetime(open_deals["expected_close_on"]) < pd.Timestamp("2026-11-18")
    assert not overdue.any()


def test_late_entries_close_before_they_are_recorded(natural: Path) -> None:
    deals = _read(natural, "opportunities").set_index("opportunity_id").loc[_planted(natural, "H02")["row_id"]]
    once = deals[~deals.index.isin(_planted(natural, "H13")["row_id"])]
    local = once["recorded_at"].dt.tz_convert("America/New_York").dt.date
    assert (local > once["closed_on"]).all()


def test_overdue_deals_are_open_and_past_due(natural: Path) -> None:
    planted = _planted(natural, "H03").query("detail.str.startswith('open')")["row_id"]
    deals = _read(natural, "opportunities").set_index("opportunity_id").loc[planted]
    assert (deals["outcome"] == "open").all()
    assert (pd.to_datetime(deals["expected_close_on"]) < pd.Timestamp("2026-11-20")).all()


def test_inherited_deals_changed_owner(natural: Path) -> None:
    owners = (
        _read(natural, "opportunity_events").dropna(subset=["rep_id"]).groupby("opportunity_id")["rep_id"].nunique()
    )
    assert (owners.loc[_planted(natural, "H04")["row_id"]] > 1).all()
    assert (owners.drop(_planted(natural, "H04")["row_id"]) == 1).all()


def test_revenue_shares_sum_to_one(natural: Path) -> None:
    shares = _read(natural, "credits")
    assert set(shares["opportunity_id"]) == set(_planted(natural, "H05")["row_id"])
    revenue = shares[shares["kind"] == "revenue"].groupby("opportunity_id")["share"].sum()
    assert (revenue.round(6) == 1).all()


def test_quota_hazards_are_in_the_quotas(natural: Path) -> None:
    quotas, planted = _read(natural, "quotas"), _planted(natural, "H06")
    key = quotas["rep_id"] + "|" + quotas["period"]
    named = {detail: set(rows["row_id"]) for detail, rows in planted.groupby("detail")}
    assert set(key[key.duplicated()]) == named["changed mid-period"]
    assert set(key[quotas["amount"] == 0]) == named.get("zero", set())
    assert not set(key) & named["missing"]


def test_leavers_leave_and_movers_move(natural: Path) -> None:
    reps = _read(natural, "reps").query("role == 'account executive'")
    assert set(reps.loc[reps["left_on"].notna(), "rep_id"]) == set(_planted(natural, "H08")["row_id"])
    moves = reps.groupby("rep_id")[["territory", "manager_id"]].nunique().max(axis=1)
    assert set(moves.index[moves > 1]) <= set(_planted(natural, "H09")["row_id"])


def test_reversed_deals_were_won_before(natural: Path) -> None:
    events = _read(natural, "opportunity_events").dropna(subset=["outcome"]).sort_values("recorded_at", kind="stable")
    for deal in set(_planted(natural, "H13")["row_id"]):
        outcomes = events.loc[events["opportunity_id"] == deal, "outcome"].tolist()
        after = outcomes[outcomes.index("won") + 1]
        assert after in ("lost", "open")


def test_zombies_are_open_and_old(natural: Path) -> None:
    deals = _read(natural, "opportunities").set_index("opportunity_id").loc[_planted(natural, "H17")["row_id"]]
    age = pd.Timestamp("2026-11-20", tz="UTC") - deals["recorded_at"]
    assert (deals["outcome"] == "open").all()
    assert (age.dt.days >= Organisation().zombie_after_days).all()


def test_the_weak_are_sent_to_programs(natural: Path, clean: Path) -> None:
    def lack(folder: Path) -> float:
        enrolled, outcomes = _read(folder, "enrolments"), _read(folder / "truth", "outcomes")
        enrolled["period"] = pd.PeriodIndex(pd.to_datetime(enrolled["started_on"]), freq="Q")
        outcomes["period"] = pd.PeriodIndex(outcomes["period"].str.replace("Q", "-Q"), freq="Q") + 1
        sent = enrolled.merge(outcomes, on=["rep_id", "period"])
        return float(outcomes["attainment"].mean() - sent["attainment"].mean())

    assert lack(natural) > 0.25
    assert abs(lack(clean)) < 0.25


@pytest.mark.parametrize("code", _DIRTY)
def test_dirty_hazards_can_be_planted_alone(tmp_path: Path, code: str) -> None:
    summary = simulate(tmp_path, reps=24, periods=4, seed=3, fmt="parquet", hazards=[code])
    assert summary.planted[code] > 0
    assert len(_planted(tmp_path, code)) == summary.planted[code]


def test_foreign_amounts_have_rates(tmp_path: Path) -> None:
    simulate(tmp_path, reps=24, periods=4, seed=3, fmt="parquet", hazards=["H10"])
    deals, rates = _read(tmp_path, "opportunities"), _read(tmp_path, "fx_rates")
    foreign = deals[deals["currency"] != "USD"]
    assert 0 < len(foreign) < len(deals)
    assert set(foreign["currency"]) == set(rates["currency"])
    first = rates.groupby("currency")["rate_on"].min()
    assert (pd.to_datetime(first) <= pd.Timestamp("2025-10-01")).all()


def test_a_retail_year_has_whole_weeks(tmp_path: Path) -> None:
    summary = simulate(tmp_path, reps=4, periods=3, seed=3, fmt="parquet", hazards=["H11"])
    organisation = Organisation.read(tmp_path / "organisation.yaml")
    assert organisation.fiscal.pattern == "4-4-5"
    assert summary.first_day.weekday() == 6


def test_duplicates_and_test_records_are_told_apart(tmp_path: Path) -> None:
    simulate(tmp_path, reps=24, periods=4, seed=3, fmt="parquet", hazards=["H14"])
    deals, planted = _read(tmp_path, "opportunities"), _planted(tmp_path, "H14")
    twice = deals[deals.duplicated("opportunity_id", keep=False)].groupby("opportunity_id")["amount"].nunique()
    assert set(twice.index[twice == 1]) == set(planted.query("detail == 'exact copy'")["row_id"])
    assert set(twice.index[twice == 2]) == set(planted.query("detail == 'conflicting copy'")["row_id"])
    assert set(deals.query("account_id == 'TEST'")["opportunity_id"]) == set(
        planted.query("detail == 'test record'")["row_id"]
    )


def test_an_old_stage_name_is_declared_with_its_last_day(tmp_path: Path) -> None:
    simulate(tmp_path, reps=24, periods=4, seed=3, fmt="parquet", hazards=["H16"])
    alias = Organisation.read(tmp_path / "organisation.yaml").stages[2].aliases[0]
    events = _read(tmp_path, "opportunity_events")
    local = events["recorded_at"].dt.tz_convert("America/New_York").dt.date
    assert local[events["stage"] == alias.name].max() <= alias.valid_to
    assert local[events["stage"] == "proposal"].min() > alias.valid_to
    assert alias.name not in set(_read(tmp_path, "opportunities")["stage"])


def test_gamers_log_more_but_sell_no_more(tmp_path: Path) -> None:
    simulate(tmp_path, reps=40, periods=4, seed=3, fmt="parquet", hazards=["H22"])
    gamers = set(_planted(tmp_path, "H22")["row_id"])
    activities = _read(tmp_path, "activities")
    late = activities[activities["occurred_at"] >= pd.Timestamp("2026-07-02", tz="UTC")].groupby("rep_id").size()
    assert late[late.index.isin(gamers)].min() > 1.5 * late[~late.index.isin(gamers)].median()
    early = activities[activities["occurred_at"] < pd.Timestamp("2026-06-30", tz="UTC")].groupby("rep_id").size()
    assert early[early.index.isin(gamers)].mean() < 1.3 * early[~early.index.isin(gamers)].mean()


def test_a_stale_export_ends_early(tmp_path: Path) -> None:
    summary = simulate(tmp_path, reps=4, periods=2, seed=3, fmt="parquet", hazards=["H25"])
    recorded = _read(tmp_path, "activities")["recorded_at"].max()
    assert recorded.tz_convert("America/New_York").date() <= summary.last_day
    assert (pd.Timestamp("2026-11-20") - pd.Timestamp(summary.last_day)).days == 60


def test_spoilt_files_hold_the_rows_that_are_listed(tmp_path: Path) -> None:
    summary = simulate(tmp_path, reps=4, periods=2, seed=3, hazards=["bad_rows", "encoding"])
    planted = _planted(tmp_path, "bad_rows")
    assert summary.planted["bad_rows"] == len(planted)
    for table, rows in planted.groupby("table"):
        encoding = "cp1252" if table == "reps" else "utf-8"
        lines = (tmp_path / f"{table}.csv").read_text(encoding=encoding).splitlines()
        assert max(rows["row_id"].astype(int)) == len(lines)
    assert (tmp_path / "reps.csv").read_bytes().startswith(b'"rep_id";"name"')
