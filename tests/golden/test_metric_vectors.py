"""Worked examples with known answers, and the definitions that are wrong in the wild."""

from datetime import date

import pytest

from spm_ml.compensation import CompensationPlan, Credit, payout
from spm_ml.fiscal import FiscalCalendar
from spm_ml.metrics import METRIC_BY_SLUG
from spm_ml.settings import FiscalSettings

VECTORS = [
    ("quota_attainment", {"booked": 325_000, "quota": 250_000}, 1.3),
    ("team_attainment", {"booked": 90 + 10, "quota": 100 + 100}, 0.5),
    ("share_at_quota", {"reps_at_quota": 3, "reps_with_quota": 8}, 0.375),
    ("linear_pace", {"booked": 3_000, "elapsed_days": 20, "period_days": 65}, 9_750),
    ("seasonal_pace", {"booked": 3_000, "usual_share": 0.2}, 15_000),
    ("required_daily_rate", {"booked": 3_000, "quota": 12_000, "elapsed_days": 20, "period_days": 65}, 200),
    ("pace_gap", {"booked": 3_000, "quota": 12_000, "elapsed_days": 20, "period_days": 65}, 50),
    ("bookings_linearity", {"booked_in_last_month": 5.5, "booked_in_quarter": 9}, 0.611),
    ("pipeline_coverage_total", {"open_amount": 4.8, "quota": 2.0}, 2.4),
    ("pipeline_coverage_remaining", {"open_amount": 4.8, "quota": 2.0, "booked": 0.4}, 3.0),
    ("required_coverage", {"won_deals": 22, "lost_deals": 78}, 4.55),
    ("win_rate_count", {"won_deals": 22, "lost_deals": 78}, 0.22),
    ("sales_cycle_days_mean", {"won_cycle_days": 24 * 78, "won_deals": 24}, 78),
    (
        "sales_velocity",
        {"open_deals": 18, "won_amount": 24 * 42_000, "won_deals": 24, "lost_deals": 76, "won_cycle_days": 24 * 78},
        2_326.15,
    ),
    ("slip_rate", {"forecast_not_won": 6, "forecast_deals": 10}, 0.6),
    ("revenue_growth_rate", {"booked": 90, "booked_prior": 120}, -0.25),
    (
        "customer_acquisition_cost",
        {"sales_and_marketing_spend": 5_000, "new_customers": 10} | {"spend_of_company": 9_000},
        500,
    ),
    (
        "cac_payback_months",
        {
            "sales_and_marketing_spend": 500,
            "new_customers": 1,
            "monthly_revenue_of_new": 100,
            "gross_margin": 0.7,
            "spend_of_company": 900,
        },
        7.14,
    ),
    ("quota_to_ote_ratio", {"quota_on_plan": 250_000, "on_target_earnings": 50_000}, 5),
    ("forecast_bias", {"commit_forecast": 110 + 95, "commit_actual": 100 + 100}, 0.025),
    ("forecast_accuracy", {"commit_error": 10 + 5, "commit_actual": 100 + 100}, 0.925),
    (
        "forecast_value_added",
        {"naive_error_of_commits": 40, "commit_error_with_naive": 15, "actual_with_naive": 200, "commit_error": 15},
        0.125,
    ),
]


@pytest.mark.parametrize(("slug", "inputs", "expected"), VECTORS, ids=[slug for slug, _, _ in VECTORS])
def test_a_worked_example(slug: str, inputs: dict[str, float], expected: float) -> None:
    result = METRIC_BY_SLUG[slug].of(inputs)
    digits = 3 if slug == "bookings_linearity" else 2 if expected in (4.55, 2_326.15, 7.14) else 9
    assert result.value is not None
    assert round(result.value, digits) == expected


@pytest.mark.parametrize(("mode", "expected"), [("marginal", 19_375_00), ("retroactive", 48_750_00)])
def test_commission_of_325_000_on_a_quota_of_250_000(mode: str, expected: int) -> None:
    bounds = (("0", "0.5", "0"), ("0.5", "1", "0.08"), ("1", "1.25", "0.12"), ("1.25", "1.5", "0.15"))
    tiers = [{"from": lower, "to": upper, "rate": rate} for lower, upper, rate in bounds]
    plan = CompensationPlan.parse({"plan_id": "golden", "mode": mode, "tiers": tiers}, where="test")
    period = FiscalCalendar(FiscalSettings()).parse("2026Q1")
    sale = Credit("e1", "d1", date(2026, 3, 31), 325_000_00)
    assert payout(plan, 250_000_00, [sale], rep_id="r1", period=period).amount == expected


def test_attainment_is_bookings_by_quota_and_not_the_inverse() -> None:
    assert METRIC_BY_SLUG["quota_attainment"].compute(booked=325, quota=250).value == 325 / 250 != 250 / 325


def test_average_deal_size_leaves_lost_deals_out_of_the_denominator() -> None:
    assert METRIC_BY_SLUG["average_deal_size"].inputs == ("won_amount", "won_deals")
    assert METRIC_BY_SLUG["average_deal_size"].compute(won_amount=900, won_deals=3).value == 300


def test_win_rates_by_deals_and_by_money_are_two_metrics() -> None:
    inputs = {"won_deals": 1, "lost_deals": 3, "won_amount": 900, "lost_amount": 100}
    assert METRIC_BY_SLUG["win_rate_count"].of(inputs).value == 0.25
    assert METRIC_BY_SLUG["win_rate_value"].of(inputs).value == 0.9
