"""Statements and the plan back-test against a small organisation worked out by hand."""

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from spm_ml.compensation import CompensationPlan, plans_text
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.history import SalesHistory
from spm_ml.incentives import PARTS, backtest_plans, last_year, statements
from spm_ml.metrics.window import Window
from spm_ml.settings import FiscalSettings
from tests.command import spm
from tests.metric_world import ORGANISATION, Tables, deal, frames_of, history_of, together

QUOTA = 100_000
FLAT = [{"from": 0, "rate": "0.1"}]
STEEP = [{"from": 0, "to": 1, "rate": "0.05"}, {"from": 1, "rate": "0.3"}]


def plan(**settings: object) -> CompensationPlan:
    return CompensationPlan.parse({"plan_id": "ae", "roles": ["ae"]} | settings, where="test")


def tables() -> Tables:
    """Two reps of a manager and a rep who is on no plan, two periods: below, at and above the quota."""
    people = [
        {"rep_id": rep, "name": rep, "role": role, "manager_id": manager, "hired_on": date(2024, 1, 1)}
        for rep, role, manager in (
            ("ann", "ae", "max"),
            ("bea", "ae", "max"),
            ("max", "lead", None),
            ("eve", "se", "max"),
        )
    ]
    won = [
        deal(
            f"{rep}-{close}",
            (date(2025, 6, 2), {"rep_id": rep, "amount": amount, "expected_close_on": close}),
            (close, {"outcome": "won"}),
            rep_id=rep,
        )
        for rep, close, amount in (
            ("ann", date(2025, 8, 1), 60_000),
            ("bea", date(2025, 8, 2), 150_000),
            ("ann", date(2025, 11, 3), 100_000),
            ("bea", date(2025, 11, 4), 90_000),
            ("eve", date(2025, 11, 5), 10_000),
        )
    ]
    quotas = [
        {"rep_id": rep, "period": period, "amount": amount, "set_on": date(2025, 6, 1)}
        for rep, amount in (("ann", QUOTA), ("bea", QUOTA), ("max", 2 * QUOTA))
        for period in ("2025Q3", "2025Q4")
    ]
    news = deal("news", (date(2026, 1, 15), {"rep_id": "eve", "amount": 1}), rep_id="eve")
    recorded = [row | {"recorded_at": "2024-01-01T00:00:00"} for row in people]
    return together({"reps": recorded, "quotas": quotas}, news, *won)


@pytest.fixture(scope="module")
def world() -> SalesHistory:
    return history_of(tables())


def window(world: SalesHistory, period: str) -> Window:
    return Window.of(world.calendar, world.periods(), world.watermark, period)


LEAD = plan(
    plan_id="lead", roles=["lead"], components=[{"measure": {"of": "team"}, "tiers": [{"from": 0, "rate": "0.01"}]}]
)


def test_a_statement_adds_up_and_managers_are_paid_for_their_team(world: SalesHistory) -> None:
    found = statements(world, [plan(tiers=FLAT), LEAD], window(world, "2025Q3..2025Q4"))
    amounts = {(row.rep_id, row.period): row.amount for row in found.table.itertuples()}
    assert amounts == {
        ("ann", "2025Q3"): 6_000_00,
        ("bea", "2025Q3"): 15_000_00,
        ("max", "2025Q3"): 2_100_00,
        ("ann", "2025Q4"): 10_000_00,
        ("bea", "2025Q4"): 9_000_00,
        ("max", "2025Q4"): 2_000_00,
    }
    assert found.without_plan == ("eve",)
    table = found.table.set_index(["rep_id", "period"])
    parts = table[list(PARTS)].drop(columns=["amount", "draw_repaid"]).sum(axis=1) - table["draw_repaid"]
    assert parts.equals(table["amount"])
    assert found.lines.groupby(["rep_id", "period"])["amount"].sum().to_dict() == amounts
    own = found.of("max")
    assert set(own.lines["owner"]) == {"ann", "bea", "eve"}
    with pytest.raises(DataError, match=r"'maxi' is on no plan in this period \(did you mean 'max'\?\)"):
        found.of("maxi")


def test_a_draft_pays_the_same_deals_otherwise(world: SalesHistory) -> None:
    draft = plan(tiers=STEEP, valid_from="2027-01-01")
    result = backtest_plans(world, [plan(tiers=FLAT)], [draft], window(world, "2025Q3..2025Q4"))
    rows = {(row.rep_id, row.period): (row.paid_now, row.paid_draft) for row in result.rows.itertuples()}
    assert rows == {
        ("ann", "2025Q3"): (6_000_00, 3_000_00),
        ("bea", "2025Q3"): (15_000_00, 20_000_00),
        ("ann", "2025Q4"): (10_000_00, 5_000_00),
        ("bea", "2025Q4"): (9_000_00, 4_500_00),
    }
    by_rep = result.by_rep()
    assert by_rep[["rep_id", "difference"]].to_numpy().tolist() == [["ann", -8_000_00], ["bea", 500_00]]
    periods = result.by_period().set_index("period")
    assert periods.loc["all", ["paid_now", "paid_draft", "difference"]].tolist() == [40_000_00, 32_500_00, -7_500_00]
    assert periods.loc["all", "rate_now"] == pytest.approx(0.1)
    bands = result.by_band()
    assert bands[["band", "difference"]].astype({"band": str}).to_numpy().tolist() == [
        ["50%–80%", -3_000_00],
        ["80%–100%", -4_500_00],
        ["100%–120%", -5_000_00],
        ["from 120%", 5_000_00],
    ]
    assert result.by_role()["role"].tolist() == ["ae"]


def test_whoever_is_paid_by_one_alone_is_named_and_left_out(world: SalesHistory) -> None:
    result = backtest_plans(world, [plan(tiers=FLAT), LEAD], [plan(tiers=STEEP)], window(world, "2025Q4"))
    assert result.unpaid.to_numpy().tolist() == [["max", "2025Q4", "lead", None]]
    assert set(result.rows["rep_id"]) == {"ann", "bea"}


@pytest.mark.parametrize(("fiscal", "year"), [(FiscalSettings(pattern="4-4-5"), 2022), (FiscalSettings(), 2024)])
def test_the_last_year_has_all_its_periods_also_if_it_has_53_weeks(fiscal: FiscalSettings, year: int) -> None:
    calendar = FiscalCalendar(fiscal, "UTC")
    periods = calendar.periods_between(date(year - 1, 2, 1), date(year, 12, 20))
    ended = SimpleNamespace(as_of_day=periods[-1].end, periods=lambda: periods, calendar=calendar)
    assert last_year(ended) == f"{year}Q1..{year}Q4"  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_refused(world: SalesHistory) -> None:
    whole = window(world, "2025Q4")
    with pytest.raises(ConfigurationError, match="no plan in force"):
        backtest_plans(world, [], [plan(tiers=FLAT)], whole)
    with pytest.raises(DataError, match="2026Q1 is not over on 2026-01-15"):
        backtest_plans(world, [plan(tiers=FLAT)], [plan(tiers=FLAT)], window(world, "2026Q1"))
    with pytest.raises(DataError, match="nobody is paid by both in 2025Q4"):
        backtest_plans(world, [plan(tiers=FLAT)], [plan(tiers=FLAT, roles=["nobody"])], whole)
    versions = [plan(tiers=FLAT, valid_to="2025-10-01"), plan(tiers=STEEP, valid_from="2025-10-02")]
    with pytest.raises(ConfigurationError, match="stands there twice"):
        backtest_plans(world, [plan(tiers=FLAT)], versions, whole)
    with pytest.raises(ConfigurationError, match="state their money in USD"):
        backtest_plans(world, [plan(tiers=FLAT)], [plan(tiers=FLAT, currency="EUR")], whole)
    assert last_year(world) == "2025Q2..2025Q4"
    with pytest.raises(DataError, match="no period is over"):
        last_year(world.as_of(date(2025, 6, 5)))


def test_people_who_are_paid_for_each_other_are_refused(world: SalesHistory) -> None:
    """By name alone when plans are read; through a team when it is known who is in it."""
    named = plan(plan_id="named", roles=[], rep_ids=["ann"], components=[{"measure": {"of": ["max"]}, "tiers": FLAT}])
    with pytest.raises(ConfigurationError, match="pays 'ann' for the credit of 'max', and plan 'lead' pays 'max' for"):
        statements(world, [LEAD, named], window(world, "2025Q4"))
    other = named.model_copy(update={"rep_ids": ("zoe",)})
    assert "max" in set(statements(world, [LEAD, other], window(world, "2025Q4")).table["rep_id"])


def test_a_deal_that_is_shared_beyond_itself_pays_nobody() -> None:
    shares = [
        {"opportunity_id": "ann-2025-08-01", "rep_id": rep_id, "share": share, "kind": kind}
        for rep_id, share, kind in (("ann", 0.7, None), ("bea", 0.6, "revenue"), ("max", 1.0, "overlay"))
    ]
    shared = history_of(together(tables(), {"credits": shares}))
    found = statements(shared, [plan(tiers=FLAT)], window(shared, "2025Q3"))
    assert found.oversplit == ("ann-2025-08-01",)
    assert dict(zip(found.table["rep_id"], found.table["amount"], strict=True)) == {"ann": 0, "bea": 15_000_00}


def test_the_commands(tmp_path: Path) -> None:
    export, workspace = tmp_path / "export", tmp_path / "workspace"
    ORGANISATION.write(export / "organisation.yaml")
    for name, frame in frames_of(tables()).items():
        frame.to_csv(export / f"{name}.csv", index=False)
    spm("ingest", export, "--workspace", workspace)
    at = ("--workspace", workspace)
    assert "put comp_plans.yaml beside the tables" in spm("payouts", *at, expect=1).stderr
    (export / "comp_plans.yaml").write_text(plans_text([plan(tiers=FLAT), LEAD]), encoding="utf-8")
    spm("ingest", export, *at)
    draft = tmp_path / "draft.yaml"
    draft.write_text(plans_text([plan(tiers=STEEP)]), encoding="utf-8")
    assert "ae" in spm("plans", "check", draft, *at).stdout
    draft.write_text(draft.read_text(encoding="utf-8").replace("rate: '0.3'", "rate: much"), encoding="utf-8")
    assert "draft.yaml is no compensation plan: line" in spm("plans", "check", draft, *at, expect=1).stderr
    draft.write_text(plans_text([plan(tiers=STEEP)]), encoding="utf-8")
    done = spm(
        "plans", "backtest", draft, "--period", "2025Q3..2025Q4", "--by", "rep", "--out", tmp_path / "b.csv", *at
    )
    assert "max in 2025Q3 is paid by 'lead', in force, alone" in done.stderr
    assert "-8,000" in done.stdout
    assert len((tmp_path / "b.csv").read_text(encoding="utf-8").splitlines()) == 5
    told = json.loads(spm("payouts", "--period", "2025Q4", "--json", *at).stdout)
    assert {row["rep_id"]: row["amount"] for row in told} == {"ann": 10_000.0, "bea": 9_000.0, "max": 2_000.0}
    trace = json.loads(spm("payouts", "--period", "2025Q4", "--rep", "ann", "--json", *at).stdout)
    assert [(line["opportunity_id"], line["amount"]) for line in trace] == [("ann-2025-11-03", 10_000.0)]
    earlier = json.loads(spm("payouts", "--period", "2025Q4", "--as-of", "2025-11-03", "--json", *at).stdout)
    assert {row["rep_id"]: row["amount"] for row in earlier}["bea"] == 0
