"""The list of metrics: names, null rules, reasons, the generated catalogue and a light import."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from spm_ml.metrics import GROUPS, METRIC_BY_SLUG, METRICS, NULL_REASONS, MetricResult
from spm_ml.metrics.catalogue_page import catalogue_page

QUOTA = {"booked": 1, "quota": 10, "elapsed_days": 5, "period_days": 60}
CLOSED = {"won_deals": 1, "lost_deals": 1, "won_amount": 5, "lost_amount": 5, "won_cycle_days": 3, "open_deals": 2}
CAC = {"sales_and_marketing_spend": 9, "new_customers": 3, "monthly_revenue_of_new": 2, "gross_margin": 0.5} | {
    "spend_of_company": 9
}
IN_PERIOD = {"open_amount_in_period": 1, "open_deals": 3, "open_with_expected": 2, "quota": 9}
PUSHED = {"closed_after_push": 0, "closed_with_expected": 4, "closed_deals": 5}
FORECAST = {"commit_forecast": 4, "commit_actual": 5, "commit_error": 1}

NULLS = [
    ("bookings", {"booked": None}, "no_bookings"),
    ("quota_in_force", {"quota": None}, "quota_missing"),
    ("quota_in_force", {"quota": 0}, "quota_zero"),
    ("quota_attainment", {"booked": 1, "quota": None}, "quota_missing"),
    ("quota_attainment", {"booked": 1, "quota": 0}, "quota_zero"),
    ("quota_attainment_original", {"booked": 1, "quota_original": 0}, "quota_zero"),
    ("quota_attainment_prorated", {"booked": 1, "quota": 5, "exposure": 0}, "not_employed"),
    ("quota_attainment_prorated", {"booked": 1, "quota": None, "exposure": 1}, "quota_missing"),
    ("team_attainment", {"booked": 1, "quota": 0}, "quota_zero"),
    ("share_at_quota", {"reps_at_quota": 0, "reps_with_quota": 0}, "no_rep_with_quota"),
    ("linear_pace", QUOTA | {"elapsed_days": 0}, "not_started"),
    ("seasonal_pace", {"booked": 1, "usual_share": None}, "no_finished_period"),
    ("seasonal_pace", {"booked": 1, "usual_share": 0}, "nothing_usual_yet"),
    ("required_daily_rate", QUOTA | {"elapsed_days": 60}, "period_over"),
    ("required_daily_rate", QUOTA | {"quota": 0}, "quota_zero"),
    ("pace_gap", QUOTA | {"elapsed_days": 0}, "not_started"),
    ("pace_gap", QUOTA | {"quota": None}, "quota_missing"),
    ("bookings_linearity", {"booked_in_last_month": None, "booked_in_quarter": None}, "not_a_finished_quarter"),
    ("bookings_linearity", {"booked_in_last_month": 3, "booked_in_quarter": -1}, "no_bookings"),
    ("open_pipeline", {"open_amount": None}, "amount_missing"),
    ("weighted_pipeline", {"stage_weighted_amount": None, "open_amount": 3}, "no_stage_history"),
    ("weighted_pipeline", {"stage_weighted_amount": 0, "open_amount": None}, "amount_missing"),
    ("pipeline_coverage_total", {"open_amount": 3, "quota": 0}, "quota_zero"),
    ("pipeline_coverage_remaining", {"open_amount": 3, "quota": 2, "booked": 2}, "quota_reached"),
    ("pipeline_coverage_in_period", IN_PERIOD | {"open_amount_in_period": None}, "amount_missing"),
    ("pipeline_coverage_in_period", IN_PERIOD | {"open_with_expected": 0}, "no_expected_close"),
    (
        "pipeline_coverage_weighted",
        {"stage_weighted_amount": None, "open_amount": 3, "quota": 2},
        "no_stage_history",
    ),
    ("required_coverage", {"won_deals": 0, "lost_deals": 3}, "no_won_deals"),
    ("required_coverage", {"won_deals": 0, "lost_deals": 0}, "no_closed_deals"),
    ("won_value", {"won_amount": None}, "amount_missing"),
    ("win_rate_count", {"won_deals": 0, "lost_deals": 0}, "no_closed_deals"),
    ("win_rate_value", CLOSED | {"won_deals": 0, "lost_deals": 0}, "no_closed_deals"),
    ("win_rate_value", CLOSED | {"lost_amount": 0}, "amount_missing"),
    ("win_rate_created_cohort", {"mature_won": 0, "mature_created": 0, "created_deals": 4}, "cohort_immature"),
    ("win_rate_created_cohort", {"mature_won": 0, "mature_created": 0, "created_deals": 0}, "no_created_deals"),
    ("average_deal_size", {"won_amount": 0, "won_deals": 0}, "no_won_deals"),
    ("average_deal_size", {"won_amount": None, "won_deals": 2}, "amount_missing"),
    ("sales_cycle_days_mean", {"won_cycle_days": 0, "won_deals": 0}, "no_won_deals"),
    ("sales_cycle_days_median", {"won_cycle_median": None}, "no_won_deals"),
    ("closed_cycle_days_mean", {"closed_cycle_days": 0, "won_deals": 0, "lost_deals": 0}, "no_closed_deals"),
    ("closed_cycle_days_median", {"closed_cycle_median": None}, "no_closed_deals"),
    ("sales_velocity", CLOSED | {"won_deals": 0}, "no_won_deals"),
    ("sales_velocity", CLOSED | {"won_cycle_days": 0}, "same_day_cycle"),
    ("pipeline_created", {"created_amount": None}, "amount_missing"),
    ("push_rate_of_forecasted", {"pushed_deals": None, "forecast_deals": None}, "not_a_single_period"),
    ("push_rate_of_forecasted", {"pushed_deals": 0, "forecast_deals": 0}, "no_forecast_deals"),
    ("push_rate_of_closed", PUSHED | {"closed_with_expected": 0, "closed_deals": 0}, "no_closed_deals"),
    ("push_rate_of_closed", PUSHED | {"closed_with_expected": 0}, "no_expected_close"),
    ("slip_rate", {"forecast_not_won": None, "forecast_deals": 4}, "not_a_finished_period"),
    ("pipeline_waterfall_start", {"waterfall_start": None}, "amount_missing"),
    ("activity_rate", {"activities": None, "rep_selling_days": 4}, "no_activity_data"),
    ("activity_rate", {"activities": 0, "rep_selling_days": 0}, "not_started"),
    ("ramp_days", {"ramp_days_total": 0, "ramped_reps": 0, "ramping_reps": 1}, "not_ramped"),
    ("ramp_days", {"ramp_days_total": 0, "ramped_reps": 0, "ramping_reps": 0}, "hired_before_data"),
    ("revenue_growth_rate", {"booked": 1, "booked_prior": None}, "no_prior_period"),
    ("revenue_growth_rate", {"booked": 1, "booked_prior": 0}, "prior_not_positive"),
    ("revenue_growth_rate_year_over_year", {"booked": 1, "booked_year_before": -2}, "prior_not_positive"),
    ("customer_acquisition_cost", CAC | {"sales_and_marketing_spend": None, "spend_of_company": None}, "no_spend_data"),
    ("cac_payback_months", CAC | {"sales_and_marketing_spend": None}, "no_spend_of_group"),
    ("spend_without_region", {"spend_without_region": None}, "no_spend_data"),
    ("customer_acquisition_cost", CAC | {"new_customers": 0}, "no_new_customers"),
    ("cac_payback_months", CAC | {"new_customers": 0}, "no_new_customers"),
    ("cac_payback_months", CAC | {"gross_margin": None}, "no_gross_margin"),
    ("cac_payback_months", CAC | {"monthly_revenue_of_new": None}, "no_recurring_revenue"),
    ("forecast_bias", FORECAST | {"commit_forecast": None}, "no_forecast"),
    ("forecast_bias", FORECAST | {"commit_actual": 0}, "no_bookings"),
    ("forecast_accuracy", FORECAST | {"commit_error": None}, "no_forecast"),
    (
        "forecast_value_added",
        {"naive_error_of_commits": None, "commit_error_with_naive": None, "actual_with_naive": None, "commit_error": 1},
        "no_baseline",
    ),
    (
        "forecast_value_added_of_override",
        {"commit_error_with_override": None, "override_error": None, "actual_with_override": None},
        "no_forecast",
    ),
    ("quota_to_ote_ratio", {"quota_on_plan": 5, "on_target_earnings": None}, "no_plan"),
    ("quota_to_ote_ratio", {"quota_on_plan": 0, "on_target_earnings": 5}, "quota_missing"),
    ("commission_payout", {"payout": None, "on_plan": 0}, "no_plan"),
    ("commission_payout", {"payout": None, "on_plan": 1}, "quota_missing"),
]


@pytest.mark.parametrize(("slug", "inputs", "reason"), NULLS, ids=[f"{slug}-{reason}" for slug, _, reason in NULLS])
def test_undefined_is_null_with_its_reason(slug: str, inputs: dict[str, float | None], reason: str) -> None:
    assert METRIC_BY_SLUG[slug].of(inputs) == MetricResult(None, reason)


def test_every_declared_reason_occurs() -> None:
    assert {reason for _, _, reason in NULLS} == NULL_REASONS.keys()


def test_slugs_are_unique_and_snake_case_and_nothing_is_left_blank() -> None:
    assert len(METRIC_BY_SLUG) == len(METRICS) == sum(len(group) for group in GROUPS.values())
    for metric in METRICS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.slug)
        assert all([metric.label, metric.formula, metric.null_rule, metric.source, metric.levels, metric.inputs])
        assert metric.version >= 1


def test_the_house_list_is_complete() -> None:
    listed = """quota_attainment team_attainment share_at_quota linear_pace seasonal_pace required_daily_rate pace_gap
    bookings_linearity pipeline_coverage_total pipeline_coverage_remaining pipeline_coverage_in_period
    pipeline_coverage_weighted required_coverage weighted_pipeline win_rate_count win_rate_value win_rate_created_cohort
    average_deal_size sales_cycle_days_mean sales_cycle_days_median sales_velocity pipeline_created
    push_rate_of_forecasted push_rate_of_closed slip_rate activity_rate ramp_days revenue_growth_rate
    customer_acquisition_cost cac_payback_months quota_to_ote_ratio commission_payout forecast_bias forecast_accuracy
    forecast_value_added"""
    assert set(listed.split()) <= METRIC_BY_SLUG.keys()


@pytest.mark.parametrize(
    ("value", "reason"), [(None, None), (None, "because"), (1.0, "quota_zero"), (float("inf"), None)]
)
def test_a_result_is_a_finite_value_or_a_declared_reason(value: float | None, reason: str | None) -> None:
    with pytest.raises(ValueError, match="reason"):
        MetricResult(value, reason)


def test_the_catalogue_in_docs_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == catalogue_page(), "docs/metrics.md is out of date: run 'make docs'"


def test_importing_the_metrics_loads_no_data_library() -> None:
    heavy = {"pandas", "numpy", "ibis", "duckdb", "pyarrow", "sklearn", "mlflow"}
    code = f"import sys, spm_ml.metrics; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
