"""Plans read from YAML, splits of deals, and snapshots that stay."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from spm_ml.compensation import (
    CompensationPlan,
    overlay_credit,
    plan_for,
    read_plans,
    split_credit,
)
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import FiscalSettings

Q1 = FiscalCalendar(FiscalSettings(), "UTC").parse("2026Q1")

YAML = """\
plan_id: ae
name: Account executive
on_target_earnings: 50000
roles: [account executive]
tiers:
  - {from: 0, to: 1, rate: 0.08}
  - {from: 1, rate: 0.12}
clawback_days: 90
---
plan_id: everyone
tiers:
  - {from: 0, rate: 0.1}
"""


def plan(**settings: object) -> CompensationPlan:
    return CompensationPlan.parse({"plan_id": "p", "tiers": [{"from": 0, "rate": "0.1"}]} | settings, where="plan.yaml")


def test_reads_one_plan_a_document_with_exact_rates(tmp_path: Path) -> None:
    (tmp_path / "plans.yaml").write_text(YAML, encoding="utf-8")
    plans = read_plans(tmp_path)
    assert plans == read_plans(tmp_path / "plans.yaml")
    assert [each.plan_id for each in plans] == ["ae", "everyone"]
    component = plans[0].components[0]
    assert component.rate_of(component.tiers[0]) == Decimal("0.08")
    assert plans[0].clawback_days == 90


def test_a_folder_without_plans_gives_none(tmp_path: Path) -> None:
    assert read_plans(tmp_path) == ()


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ([{"from": 0, "to": "0.5", "rate": 0}, {"from": "0.6", "rate": 1}], "gap from 0.5 to 0.6"),
        ([{"from": 0, "to": "0.5", "rate": 0}, {"from": "0.4", "rate": 1}], "overlap from 0.4 to 0.5"),
        ([{"from": "0.1", "rate": 0}], "first tier starts at 0.1"),
        ([{"from": 0, "rate": 0}, {"from": 1, "rate": 1}], "has no end, but another follows"),
        ([{"from": 0, "to": 0, "rate": 0}], "must end above its start"),
        ([{"from": 0}], "either a rate or a multiplier"),
        ([{"from": 0, "multiplier": 2}], "no base_rate"),
        ([], "at least 1 item"),
    ],
)
def test_tiers_that_do_not_fit_are_refused(tiers: list[dict[str, object]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        plan(tiers=tiers)


def test_errors_name_the_file_and_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"plan\.yaml is no compensation plan: colour: Extra inputs"):
        plan(colour="red")
    for slip in ({"tiers": [{"from": 0, "rate": "1e30"}]}, {"holdback": {"share": "0.1", "release_days": 10**10}}):
        with pytest.raises(ConfigurationError, match="less than or equal to"):
            plan(**slip)
    with pytest.raises(ConfigurationError, match="either an amount or a rate"):
        plan(spifs=[{"name": "s"}])
    with pytest.raises(ConfigurationError, match="before it starts"):
        plan(spifs=[{"name": "s", "amount": 1, "first_day": "2026-02-01", "last_day": "2026-01-01"}])
    (tmp_path / "twice.yaml").write_text("---\n".join([YAML, YAML]), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="plan 'ae' stands there twice for the same days"):
        read_plans(tmp_path)
    (tmp_path / "twice.yaml").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be read as YAML"):
        read_plans(tmp_path)


def test_the_narrowest_plan_wins_and_ties_are_refused() -> None:
    everyone, role = plan(plan_id="all"), plan(plan_id="role", roles=["ae"])
    named = plan(plan_id="named", rep_ids=["r1"], valid_to="2026-06-30")
    plans, day = (everyone, role, named), date(2026, 3, 1)
    chosen = [
        plan_for(plans, rep_id="r1", role="ae", day=day),
        plan_for(plans, rep_id="r2", role="ae", day=day),
        plan_for(plans, rep_id="r2", role=None, day=day),
        plan_for(plans, rep_id="r1", role="ae", day=date(2026, 7, 1)),
    ]
    assert [each and each.plan_id for each in chosen] == ["named", "role", "all", "role"]
    assert plan_for((role,), rep_id="r2", role="se", day=day) is None
    with pytest.raises(ConfigurationError, match="plans 'all' and 'p'"):
        plan_for((everyone, plan()), rep_id="r2", role=None, day=day)


def test_revenue_shares_sum_to_the_deal_and_overlays_may_exceed_it() -> None:
    thirds = {"a": Decimal("0.3333"), "b": Decimal("0.3333"), "c": Decimal("0.3334")}
    for amount in (100_01, -100_01, 1, 0):
        assert sum(split_credit(amount, thirds).values()) == amount
    assert [overlay_credit(100_00, Decimal(1)), overlay_credit(100_00, Decimal("0.5"))] == [100_00, 50_00]


@pytest.mark.parametrize(
    "shares", [{"a": Decimal(1), "b": Decimal(1)}, {"a": Decimal("1.5"), "b": Decimal("-0.5")}, {}]
)
def test_shares_that_do_not_sum_to_one_are_refused(shares: dict[str, Decimal]) -> None:
    with pytest.raises(DataError, match="sum to 1"):
        split_credit(100_00, shares)
