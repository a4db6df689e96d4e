"""Payout so far and expected, against a plan worked out by hand."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from spm_ml.compensation import CompensationPlan, Credit, commission_on, payout, payout_at
from spm_ml.errors import NotReadyError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.distribution import LEVELS
from spm_ml.history import SalesHistory
from spm_ml.predictions import ExpectedPay
from spm_ml.scoring import incentive_cost
from spm_ml.scoring.pay import pay_ladders, pay_outlooks, pay_until
from spm_ml.scoring.target import ScoringTarget, scoring_target
from spm_ml.settings import FiscalSettings
from tests.metric_world import deal, history_of, together

Q1 = FiscalCalendar(FiscalSettings(), "UTC").parse("2026Q1")
QUOTA = 250_000_00
TIERS = [
    {"from": "0", "to": "0.5", "rate": "0"},
    {"from": "0.5", "to": "1", "rate": "0.08"},
    {"from": "1", "to": "1.25", "rate": "0.12"},
    {"from": "1.25", "rate": "0.15"},
]


def plan(**settings: object) -> CompensationPlan:
    return CompensationPlan.parse({"plan_id": "ae", "name": "AE", "tiers": TIERS} | settings, where="test")


def credit(number: int, amount: int) -> Credit:
    return Credit(entry=str(number), opportunity_id=f"d{number}", booked_on=date(2026, 2, 1), amount=amount)


def forecast(quantiles: ArrayLike, *reps: str, booked: float, floor: float) -> AttainmentForecast:
    """The same quantiles for each rep, as of 15 March 2026."""
    rows = np.broadcast_to(np.asarray(quantiles, dtype=float), (len(reps), LEVELS.size))
    whole = np.ones(len(reps))
    return AttainmentForecast(
        keys=pd.DataFrame({"rep_id": list(reps), "period": "2026Q1", "as_of": pd.Timestamp(2026, 3, 15)}),
        bookings=rows,
        mean_bookings=rows.mean(axis=1),
        booked=booked * whole,
        quota=QUOTA * whole,
        floor=floor * whole,
        dependence=Dependence.usual(),
        teams=np.array(["t"] * len(reps), dtype=object),
        elapsed_share=0.8 * whole,
        abstentions=(None,) * len(reps),
    )


@pytest.fixture(scope="module")
def world() -> SalesHistory:
    """Two account executives who booked 100 000; the second has no quota; and somebody on no plan."""
    reps = [
        {"rep_id": rep, "name": rep, "role": role, "hired_on": date(2024, 1, 1), "recorded_at": "2024-01-01T00:00:00"}
        for rep, role in (("ann", "ae"), ("bea", "ae"), ("eve", "se"))
    ]
    won = [
        deal(
            f"{rep}-1",
            (date(2026, 1, 5), {"rep_id": rep, "amount": 100_000, "expected_close_on": date(2026, 2, 1)}),
            (date(2026, 2, 1), {"outcome": "won"}),
            rep_id=rep,
        )
        for rep in ("ann", "bea", "eve")
    ]
    quota = {"rep_id": "ann", "period": "2026Q1", "amount": QUOTA // 100, "set_on": date(2025, 12, 20)}
    news = deal("news", (date(2026, 3, 15), {"rep_id": "eve", "amount": 1}), rep_id="eve")
    return history_of(together({"reps": reps, "quotas": [quota, quota | {"rep_id": "eve"}]}, news, *won))


def test_the_forecast_goes_through_the_tiers(world: SalesHistory) -> None:
    target = scoring_target(world.calendar, world.watermark)
    assert target.as_of == date(2026, 3, 15)
    # A level l of the bookings is 100 000 + 300 000 l: P50 is the quota, P90 is 148 % of it.
    quantiles = 100_000_00 + 300_000_00 * LEVELS
    found = pay_outlooks(
        pay_ladders(
            pay_until(world, target, [plan(roles=["ae"])]),
            target,
            forecast(quantiles, "ann", "eve", booked=100_000_00, floor=100_000_00),
        )
    )
    assert list(found) == ["ann"], "no plan, or no quota: no payout"
    pay = found["ann"]
    assert (pay.so_far, pay.commission, pay.at_quota) == (0, 0, 10_000_00)
    assert pay.expected is not None
    # 130 000: 5 000 × 8 %; 175 000: 50 000 × 8 %; 250 000: 10 000; 325 000: 10 000 + 62 500 × 12 % + 12 500 × 15 %.
    assert pay.expected.quantiles == (400_00, 4_000_00, 10_000_00, 19_375_00, 26_125_00)
    # The payout is straight between these corners, so its average over even outcomes is that of the trapezoids.
    corners, paid = [100e5, 125e5, 250e5, 312.5e5, 400e5], [0, 0, 10e5, 17.5e5, 30.625e5]
    assert pay.expected.mean == pytest.approx(np.trapezoid(paid, corners) / 300e5, rel=0.02)
    assert pay.expected.mean > 1.1 * 10_000_00, "not the payout of the average outcome"


def test_without_a_forecast_what_is_earned_is_told(world: SalesHistory) -> None:
    target = scoring_target(world.calendar, world.watermark)
    silent = forecast(np.full(LEVELS.size, np.nan), "ann", booked=100_000_00, floor=0.0)
    for given_forecast in (None, silent):
        pay = pay_outlooks(
            pay_ladders(pay_until(world, target, [plan(draw={"amount": 1_000})]), target, given_forecast)
        )["ann"]
        assert (pay.so_far, pay.draw, pay.expected) == (1_000_00, 1_000_00, None)
    assert pay_outlooks(pay_ladders(pay_until(world, target, []), target, None)) == {}


def test_before_a_period_begins_its_plan_pays_nothing_yet(world: SalesHistory) -> None:
    eve = date(2025, 12, 31)
    target = ScoringTarget(Q1, eve, (eve,))
    pay = pay_outlooks(pay_ladders(pay_until(world.as_of(eve), target, [plan()]), target, None))["ann"]
    assert (pay.so_far, pay.at_quota, pay.expected) == (0, 10_000_00, None)


def test_the_cost_of_all_is_more_spread_than_if_each_were_alone(world: SalesHistory) -> None:
    quantiles = 100_000_00 + 300_000_00 * LEVELS
    both = forecast(quantiles, "ann", "eve", booked=100_000_00, floor=100_000_00)
    together_ = replace(both, dependence=Dependence(np.full(3, 0.7), np.full(3, 0.1), 30.0))
    paid_by = [plan(), plan(plan_id="se", roles=["se"])]

    def cost(given: AttainmentForecast, plans: list[CompensationPlan] = paid_by) -> pd.Series:
        forecaster = SimpleNamespace(predict=lambda _: given)
        found = incentive_cost(world, forecaster, plans)  # type: ignore[arg-type]
        assert (found.period, found.as_of, found.currency) == ("2026Q1", date(2026, 3, 15), "USD")
        return found.table.set_index("group").loc["company"]

    alone, shared = cost(replace(both, dependence=Dependence.none())), cost(together_)
    single = cost(both, paid_by[1:])
    assert (alone["reps"], single["reps"], alone["not_foreseen"]) == (2, 1, 0)
    target = scoring_target(world.calendar, world.watermark)
    expected = pay_outlooks(pay_ladders(pay_until(world, target, paid_by), target, both))["eve"].expected
    assert expected is not None
    assert single[["p10", "p50", "p90"]].tolist() == pytest.approx([expected.p10, expected.p50, expected.p90], rel=0.02)
    assert single["mean"] == pytest.approx(expected.mean, rel=0.01)
    for found in (alone, shared):
        assert found["mean"] == pytest.approx(2 * single["mean"], rel=0.02)
    assert shared["p90"] - shared["p10"] > 1.2 * (alone["p90"] - alone["p10"])
    assert alone["mean"] > 1.1 * alone["of_mean_bookings"], "tiers bend upwards"
    counts_others = [{"measure": {"of": "team"}, "tiers": TIERS}]
    lead = CompensationPlan.parse({"plan_id": "lead", "components": counts_others}, where="test")
    assert cost(both, [lead])["not_foreseen"] == 2
    with pytest.raises(NotReadyError, match="no rep on a plan has a quota"):
        cost(both, [plan(roles=["nobody"])])


def test_expected_pay_is_in_order() -> None:
    with pytest.raises(ValueError, match="not in order"):
        ExpectedPay(1, 2, 4, 3, 5, mean=3.0)


amounts = st.lists(st.integers(-90_000_00, 400_000_00), min_size=1, max_size=6)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mode": "retroactive"},
        {"cap": "12000"},
        {"tiers": [{"from": 0, "to": 1, "rate": "0.1"}]},
        {"draw": {"amount": "5000"}},
    ],
)
@given(so_far=amounts, more=st.integers(-100_000_00, 300_000_00))
def test_more_credit_is_paid_as_if_it_were_booked(settings: dict[str, object], so_far: list[int], more: int) -> None:
    of = plan(**settings)
    entries = [credit(number, amount) for number, amount in enumerate(so_far)]
    before = payout(of, QUOTA, entries, rep_id="r", period=Q1)
    after = payout(of, QUOTA, [*entries, credit(99, more)], rep_id="r", period=Q1)
    assert commission_on(of, QUOTA, [before.credited]) == before.commission
    assert payout_at(of, before, 0) == before.amount
    assert payout_at(of, before, more) == after.amount
