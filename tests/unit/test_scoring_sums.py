"""Sums over people: coherent, each deal once, nobody dropped silently; on an organisation made by hand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from spm_ml.backtest import run_backtest
from spm_ml.dataset import build_dataset
from spm_ml.forecasting import HistoricalMean
from spm_ml.forecasting.dependence import BANDS, Dependence
from spm_ml.forecasting.submissions import ManagerOverride, RepCommit
from spm_ml.history import SalesHistory
from spm_ml.predictions import COMPANY, Prediction, TeamPrediction
from spm_ml.predictions.chances import FINE_LEVELS, chance_of
from spm_ml.registry import ModelVersion
from spm_ml.scoring import QuotaLimits, as_published, propose_quotas
from spm_ml.scoring.compute import Known, ScoredRows, compute
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.day_sums import DaySums
from spm_ml.scoring.members import Group
from spm_ml.scoring.model import ScoringModel
from tests.history_world import ORGANISATION, Rows, deal, frames_of

AS_OF = date(2026, 5, 20)
QUARTERS = [(year, month) for year in (2024, 2025) for month in (1, 4, 7, 10)] + [(2026, 1)]
SELLERS = {"ann": 100, "bob": 200, "cy": 150, "dee": 120}
PLACES = {"ann": ("l1", "East"), "bob": ("l1", "East"), "cy": ("l2", "West"), "dee": ("l2", "West")}


def people() -> list[dict[str, Any]]:
    """The boss over two leads; bob moves to the other lead in the period, dee leaves in it, se has overlay credit."""
    hired = {"hired_on": "2020-01-01"}
    rows = [
        {"rep_id": "boss", "name": "Boss", "role": "manager"} | hired,
        {"rep_id": "l1", "name": "Lead 1", "role": "manager", "manager_id": "boss"} | hired,
        {"rep_id": "l2", "name": "Lead 2", "role": "manager", "manager_id": "boss"} | hired,
        {"rep_id": "se", "name": "Se", "manager_id": "l1", "region": "East"} | hired,
        {"rep_id": "new", "name": "New", "manager_id": "l2", "region": "West", "hired_on": "2026-05-01"},
    ]
    for rep, (lead, region) in PLACES.items():
        row = {"rep_id": rep, "name": rep.title(), "manager_id": lead, "region": region, "team": lead} | hired
        rows.append(row | ({"left_on": "2026-05-10"} if rep == "dee" else {}))
    moved = {"rep_id": "bob", "name": "Bob", "manager_id": "l2", "region": "West", "team": "l2"}
    rows.append(moved | hired | {"effective_from": "2026-05-06"})
    return rows


def tables() -> dict[str, pd.DataFrame]:
    deals: Rows = []
    shares: list[tuple[str, str, float, str]] = []
    quotas: Rows = []
    said: Rows = []
    for number, (year, month) in enumerate([*QUARTERS, (2026, 4)]):
        for place, (rep, size) in enumerate(SELLERS.items()):
            name, day = f"{rep}-{number}", f"{year}-{month:02d}-{10 + place:02d}"
            amount = float(size + 10 * ((number * 7 + place * 3) % 5))
            won = {
                "outcome": "won",
                "amount": amount,
                "created_on": day,
                "closed_on": day,
                "recorded_at": f"{day}T12:00:00Z",
            }
            deals.append(deal(name, rep, **won))
            shares += [(name, rep, 1.0, "revenue")] + ([(name, "se", 0.5, "overlay")] if rep == "ann" else [])
    for year, month in [*QUARTERS, (2026, 4)]:
        period = f"{year}Q{(month + 2) // 3}"
        quotas += [{"rep_id": rep, "period": period, "amount": float(size)} for rep, size in SELLERS.items()]
        for rep, hope in (("ann", 150.0), ("bob", 190.0)):
            at = f"{year}-{month:02d}-08T12:00:00Z"
            row = {"rep_id": rep, "period": period, "submitted_at": at, "kind": "commit", "submitted_by": rep}
            said.append(row | {"amount": hope})
    quotas.append({"rep_id": "l1", "period": "2026Q2", "amount": 400.0})
    said.append(
        {"rep_id": "ann", "period": "2026Q2", "submitted_at": "2026-05-12T12:00:00Z", "kind": "commit", "amount": 170.0}
        | {"submitted_by": "ann"}
    )
    deals.append(deal("open", "ann", created_on="2026-05-20", amount=80.0, expected_close_on="2026-06-01"))
    deals[-1]["recorded_at"] = "2026-05-20T12:00:00Z"
    made = frames_of({"reps": people(), "opportunities": deals, "quotas": quotas, "submissions": said})
    return made | {"credits": pd.DataFrame(shares, columns=["opportunity_id", "rep_id", "share", "kind"])}


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    with SalesHistory.from_frames(tables(), ORGANISATION) as made:
        yield made


@pytest.fixture(scope="module")
def model(history: SalesHistory, tmp_path_factory: pytest.TempPathFactory) -> ScoringModel:
    dataset, file = build_dataset(history), tmp_path_factory.mktemp("model") / "backtest.parquet"
    run_backtest(dataset, forecasters=(HistoricalMean, RepCommit, ManagerOverride), periods=2).write(file)
    fitted = HistoricalMean().fit(dataset.finished())
    return cast("ScoringModel", SimpleNamespace(forecaster=fitted, backtest_file=file))


@pytest.fixture(scope="module")
def scored(history: SalesHistory, model: ScoringModel) -> ScoredRows:
    return compute(Known.on(history, AS_OF), model)


@pytest.fixture(scope="module")
def groups(scored: ScoredRows) -> dict[str, TeamPrediction]:
    return {row.key: row for row in scored.teams}


@pytest.fixture(scope="module")
def board(scored: ScoredRows) -> dict[str, Prediction]:
    return {row.rep_id: row for row in scored.predictions if row.as_of == AS_OF}


def mean(row: TeamPrediction) -> float:
    assert row.mean_bookings is not None
    return row.mean_bookings


def test_everybody_is_in_a_team_a_region_and_the_company(groups: dict[str, TeamPrediction]) -> None:
    assert {key: row.level for key, row in groups.items()} == {
        "boss": "team",
        "l1": "team",
        "l2": "team",
        "East": "region",
        "No region": "region",
        "West": "region",
        COMPANY: "company",
    }
    assert groups[COMPANY].label == ORGANISATION.name or "Company"
    assert groups[COMPANY].metrics


def test_means_and_parts_of_a_level_add_up_to_the_company(groups: dict[str, TeamPrediction]) -> None:
    whole = groups[COMPANY]
    assert mean(groups["l1"]) + mean(groups["l2"]) == pytest.approx(mean(whole))
    assert mean(groups["East"]) + mean(groups["West"]) == pytest.approx(mean(whole))
    assert mean(groups["boss"]) == pytest.approx(mean(whole))
    for row in groups.values():
        if row.key == "No region":  # only a manager who sells nothing
            assert row.mean_bookings is None or row.mean_bookings >= 0
            continue
        assert sum(part.amount for part in row.parts) == pytest.approx(mean(row))
        assert row.change is not None
        assert sum(part.amount for part in row.change.parts) == pytest.approx(mean(row) - row.change.before)
        assert row.bookings_quantiles is not None
        assert row.bookings_quantiles[0] >= row.booked - 1
    booked = [part.amount for row in (groups["l1"], groups["l2"]) for part in row.parts if part.slug == "booked"]
    assert sum(booked) == whole.booked


def test_overlay_credit_counts_once(groups: dict[str, TeamPrediction], board: dict[str, Prediction]) -> None:
    revenue = sum(row.booked for rep, row in board.items() if rep != "se")
    assert board["se"].booked > 0
    assert groups[COMPANY].booked == revenue
    # ann's own future counts whole, that of se, who only ever had overlay credit, not at all
    assert mean(groups["East"]) == pytest.approx(board["ann"].mean_bookings)


def test_a_mover_belongs_to_the_manager_of_the_day(
    groups: dict[str, TeamPrediction], board: dict[str, Prediction], history: SalesHistory, model: ScoringModel
) -> None:
    assert board["bob"].manager_id == "l2"
    before = {row.key: row for row in compute(Known.on(history, date(2026, 5, 5)), model).teams}
    assert before["l1"].booked == groups["l1"].booked + board["bob"].booked
    assert before[COMPANY].booked == groups[COMPANY].booked
    assert groups["l2"].booked == board["bob"].booked + board["cy"].booked + board["dee"].booked
    assert groups["l2"].quota == (200 + 150 + 120) * 100


def test_who_is_not_forecast_is_counted_and_said(
    groups: dict[str, TeamPrediction], board: dict[str, Prediction]
) -> None:
    assert board["dee"].bookings_quantiles is None
    assert board["new"].bookings_quantiles is None
    booked = next(part for part in groups["l2"].parts if part.slug == "booked")
    assert "Forecasts of 2 of 4 people are added up" in booked.text
    assert "1 left" in booked.text
    assert "1 with too little history" in booked.text
    known = [board[rep].mean_bookings or 0 for rep in ("bob", "cy")]
    assert mean(groups["l2"]) == pytest.approx(sum(known) + board["dee"].booked)


def test_a_manager_s_quota_stands_beside_the_sum_of_the_members(groups: dict[str, TeamPrediction]) -> None:
    team = groups["l1"]
    assert (team.quota, team.own_quota) == (100_00, 400_00)
    assert team.p_hit is not None
    assert team.p_hit_own is not None
    assert team.p_hit_own <= team.p_hit
    assert groups["l2"].own_quota is None
    assert groups["l2"].p_hit_own is None
    assert groups[COMPANY].quota == sum(SELLERS.values()) * 100


def test_the_company_s_chance_can_be_read_at_any_goal(groups: dict[str, TeamPrediction]) -> None:
    company = groups[COMPANY]
    assert company.fine_quantiles is not None
    assert company.bookings_quantiles is not None
    assert company.fine_quantiles[9::10] == pytest.approx(company.bookings_quantiles)
    assert chance_of(company.fine_quantiles, company.quota or 0, FINE_LEVELS) == pytest.approx(company.p_hit, abs=0.006)
    assert groups["l1"].fine_quantiles is None, "a team's goal is the sum of its quotas"


def test_submissions_are_the_newest_known_with_their_record(board: dict[str, Prediction]) -> None:
    [said] = board["ann"].submissions
    assert (said.kind, said.amount, said.submitted_on, said.submitted_by) == (
        "commit",
        170_00,
        date(2026, 5, 12),
        "Ann",
    )
    assert said.compared == 2
    assert said.typical_bias is not None
    assert said.typical_bias > 0
    assert board["cy"].submissions == ()


def test_a_change_names_the_deal_that_was_created(board: dict[str, Prediction]) -> None:
    change = board["ann"].change
    assert change is not None
    assert change.since == date(2026, 5, 19)
    assert any("1 created (80)" in part.text for part in change.parts)


def test_on_the_eve_nothing_has_changed_yet(history: SalesHistory, model: ScoringModel) -> None:
    rows = compute(Known.on(history, date(2026, 3, 31)), model)
    assert {row.period for row in rows.predictions} == {"2026Q2"}
    assert all(row.change is None for row in rows.predictions)
    assert all(row.change is None for row in rows.teams)
    assert {row.key: row.booked for row in rows.teams}[COMPANY] == 0


def test_every_earlier_week_has_its_own_sums(history: SalesHistory, model: ScoringModel, scored: ScoredRows) -> None:
    earlier = date(2026, 5, 12)
    week = {row.key: row for row in scored.teams if row.as_of == earlier}
    again = {row.key: row for row in compute(Known.on(history, earlier), model).teams if row.as_of == earlier}
    assert set(week) == set(again)
    for key, row in week.items():
        if key in ("l1", "l2", "East", "West"):  # bob moved and dee left: people stand where they are now
            continue
        assert (row.quota, row.booked) == (again[key].quota, again[key].booked)
        assert row.bookings_quantiles == again[key].bookings_quantiles
        assert row.independent_range == again[key].independent_range
        assert (row.parts, row.change) == ((), None)
        assert row.metrics == tuple(one for one in again[key].metrics if one.slug == "linear_pace")
    reps = {row.rep_id: row for row in scored.predictions if row.as_of == earlier}
    assert [metric.slug for metric in reps["ann"].metrics] == ["linear_pace"]
    assert reps["ann"].metrics[0].value == pytest.approx(reps["ann"].booked / 30 * 65, rel=0.1)


def test_the_range_of_a_sum_knows_what_reps_share(
    history: SalesHistory, model: ScoringModel, groups: dict[str, TeamPrediction]
) -> None:
    known = Known.on(history, AS_OF)
    forecast = model.forecaster.predict(build_dataset(known.history, as_of_days=(AS_OF,)))
    spread = forecast.booked[:, None] + 1e6 * np.linspace(0.1, 2.0, 19)[None, :]
    everybody = [Group("company", COMPANY, "Company", tuple(range(len(forecast.keys))))]

    def widths(shared: float) -> tuple[float, float]:
        dependence = Dependence(np.full(BANDS, shared), np.zeros(BANDS), 12.0)
        wide = replace(forecast, bookings=spread, mean_bookings=spread.mean(axis=1), dependence=dependence)
        sums = DaySums(wide, Credited.of(known.history, known.target))
        [row] = sums.added_to([replace(groups[COMPANY], parts=(), change=None)], everybody)
        assert row.independent_range is not None
        assert row.bookings_quantiles is not None
        low, high = row.independent_range
        return row.bookings_quantiles[-2] - row.bookings_quantiles[1], high - low

    joint, alone = widths(0.8)
    assert joint > 1.2 * alone
    assert widths(0.0) == (alone, alone)


def test_a_proposed_quota_says_what_it_rests_on_and_adds_up_by_manager(
    history: SalesHistory, model: ScoringModel
) -> None:
    found = propose_quotas(
        history, model.forecaster, QuotaLimits(share=0.5), as_of=date(2026, 3, 31), with_reasons=True
    )
    version = SimpleNamespace(name="m", version=3)
    new = as_published(found, QuotaLimits(share=0.5), history, cast("ModelVersion", version), actor="operator")
    quotas = {one.rep_id: one for one in new.quotas}
    ann = {reason.label: reason for reason in quotas["ann"].reasons}
    assert "Days with the company" in ann["Territory, ramp and hours"].text
    assert "in the same period a year before" in ann["Season"].text
    assert sum(reason.amount or 0 for reason in quotas["ann"].reasons) == pytest.approx(quotas["ann"].median, abs=2)
    assert quotas["ann"].at_share[0] == quotas["ann"].quota
    company, *teams = new.terms.groups
    assert (company.key, company.reps) == (COMPANY, len(quotas))
    assert {one.key: one.reps for one in teams} == {"boss": len(quotas), "l1": 3, "l2": 2}
    assert company.chance == found.company_chance == company.chance_at_share[0]
    assert company.chance_at_share[-1] > company.chance


def test_groups_carry_the_growth_of_finished_periods(scored: ScoredRows) -> None:
    usual = {row.key: row for row in scored.teams if row.as_of == AS_OF}
    growth = usual["l1"].growth
    assert growth is not None
    assert growth.periods[-1] == "2026Q1"
    assert not any(growth.of_enough), "two people sell there"
    booked = next(course for course in growth.courses if course.slug == "bookings")
    whole = usual[COMPANY].growth
    assert whole is not None
    parts = (usual[key].growth for key in ("East", "West", "No region"))
    by_region = [next(one for one in part.courses if one.slug == "bookings").values[-1] for part in parts if part]
    assert sum(value or 0 for value in by_region) == whole.courses[0].values[-1]
    assert booked.values[-1] is not None
    assert {metric.slug for metric in usual["East"].metrics} == {metric.slug for metric in usual["l1"].metrics}
