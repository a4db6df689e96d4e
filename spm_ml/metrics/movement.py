"""How the pipeline moves: created, pushed, slipped, and the waterfall from its start to its end."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, known, ratio

_AT_START: Final = "deals open at the end of the day before the period and expected to close in it"
_PIPELINE_INSPECTION: Final = "Salesforce Help, Pipeline Inspection: pipeline flow; netting rules are the house's"
_SCOPE: Final = "the period's pipeline = open deals expected to close in the period, zombies left out"
_ADDS_UP: Final = "start + new + pulled in − pushed out − lost − won + amount changes = end"


def pipeline_created(created_amount: Scalar) -> MetricResult:
    """Amount of the deals created in the period."""
    return known(created_amount, missing="amount_missing")


def push_rate_of_forecasted(pushed_deals: Scalar, forecast_deals: Scalar) -> MetricResult:
    """Share of the deals forecast for the period that now expect to close after it."""
    return ratio(pushed_deals, forecast_deals, missing="not_a_single_period", zero="no_forecast_deals")


def push_rate_of_closed(closed_after_push: Scalar, closed_with_expected: Scalar, closed_deals: Scalar) -> MetricResult:
    """Share of the closed deals that had been pushed to a later period before they closed."""
    zero = "no_expected_close" if closed_deals else "no_closed_deals"
    return ratio(closed_after_push, closed_with_expected, missing="no_closed_deals", zero=zero)


def slip_rate(forecast_not_won: Scalar, forecast_deals: Scalar) -> MetricResult:
    """Share of the deals forecast for the period that were not won in it.

    >>> slip_rate(forecast_not_won=6, forecast_deals=10).value
    0.6
    """
    return ratio(forecast_not_won, forecast_deals, missing="not_a_finished_period", zero="no_forecast_deals")


def _waterfall_start(waterfall_start: Scalar) -> MetricResult:
    return known(waterfall_start, missing="amount_missing")


def _waterfall_new(waterfall_new: Scalar) -> MetricResult:
    return known(waterfall_new, missing="amount_missing")


def _waterfall_pulled_in(waterfall_pulled_in: Scalar) -> MetricResult:
    return known(waterfall_pulled_in, missing="amount_missing")


def _waterfall_pushed_out(waterfall_pushed_out: Scalar) -> MetricResult:
    return known(waterfall_pushed_out, missing="amount_missing")


def _waterfall_lost(waterfall_lost: Scalar) -> MetricResult:
    return known(waterfall_lost, missing="amount_missing")


def _waterfall_won(waterfall_won: Scalar) -> MetricResult:
    return known(waterfall_won, missing="amount_missing")


def _waterfall_amount_changes(waterfall_amount_changes: Scalar) -> MetricResult:
    return known(waterfall_amount_changes, missing="amount_missing")


def _waterfall_end(waterfall_end: Scalar) -> MetricResult:
    return known(waterfall_end, missing="amount_missing")


_WATERFALL_NULL: Final = "null if deals take part and none of them carries an amount"

MOVEMENT: Final = (
    Metric(
        "pipeline_created",
        "Pipeline created",
        "money",
        "Σ first known amount of the deals created in the period, for who created them",
        pipeline_created,
        "null if deals were created and none of them carries an amount",
        "house definition",
    ),
    Metric(
        "push_rate_of_forecasted",
        "Push rate of forecast deals",
        "ratio",
        f"still open and expected to close after the period ÷ forecast; forecast = {_AT_START}",
        push_rate_of_forecasted,
        "null if no deal was forecast, or for a range of periods",
        "house definition",
    ),
    Metric(
        "push_rate_of_closed",
        "Push rate of closed deals",
        "ratio",
        "deals closed in the period whose expected close had moved to a later fiscal period at least once before ÷ "
        "deals closed in the period that ever had an expected close",
        push_rate_of_closed,
        "null if no deal was won or lost, or none of them had an expected close",
        "house definition",
    ),
    Metric(
        "slip_rate",
        "Slip rate",
        "ratio",
        f"forecast deals not won in the period ÷ forecast deals; forecast = {_AT_START}",
        slip_rate,
        "null unless the period is a single one that is over, or if no deal was forecast",
        "house definition",
    ),
    Metric(
        "pipeline_waterfall_start",
        "Waterfall: start",
        "money",
        f"Σ amount of the period's pipeline at the end of the day before it; {_SCOPE}; {_ADDS_UP}",
        _waterfall_start,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
    Metric(
        "pipeline_waterfall_new",
        "Waterfall: new",
        "money",
        "Σ amount at creation of deals created, and amount at the end of deals reopened, in the period and "
        "expected to close in it",
        _waterfall_new,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
    Metric(
        "pipeline_waterfall_pulled_in",
        "Waterfall: pulled in",
        "money",
        "Σ amount of deals that were not expected in the period and now are, or were won in it",
        _waterfall_pulled_in,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
    Metric(
        "pipeline_waterfall_pushed_out",
        "Waterfall: pushed out",
        "money",
        "Σ amount of deals that were expected in the period, are still open, and now are expected outside it "
        "or were aged out as zombies",
        _waterfall_pushed_out,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
    Metric(
        "pipeline_waterfall_lost",
        "Waterfall: lost",
        "money",
        "Σ last amount while open of the period's pipeline that was lost",
        _waterfall_lost,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
    Metric(
        "pipeline_waterfall_won",
        "Waterfall: won",
        "money",
        "Σ amount of the deals won in the period",
        _waterfall_won,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
    Metric(
        "pipeline_waterfall_amount_changes",
        "Waterfall: amount changes",
        "money",
        "Σ (amount at leaving or at the end − amount at entering) of the deals that took part",
        _waterfall_amount_changes,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
    Metric(
        "pipeline_waterfall_end",
        "Waterfall: end",
        "money",
        f"Σ amount of the period's pipeline at the end of the as-of day; {_ADDS_UP}",
        _waterfall_end,
        _WATERFALL_NULL,
        _PIPELINE_INSPECTION,
    ),
)
