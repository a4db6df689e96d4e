"""Human forecasts against what was booked."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, share, undefined

_SCOPE: Final = (
    "first commit of each rep for each finished period; A = the rep's bookings of that period; "
    "Σ over reps and periods before the ratio"
)
_GILLILAND: Final = "Gilliland, The Business Forecasting Deal (Wiley, 2010): forecast value added"
_KOLASSA: Final = "1 − MAD/mean ratio; Kolassa & Schütz, Foresight 6 (2007)"


def forecast_bias(commit_forecast: Scalar, commit_actual: Scalar) -> MetricResult:
    """Forecast minus actual, as a share of the actual; above 0 is too high.

    >>> forecast_bias(commit_forecast=110, commit_actual=100).value
    0.1
    """
    difference = None if commit_forecast is None or commit_actual is None else commit_forecast - commit_actual
    return share(difference, commit_actual, missing="no_forecast", none="no_bookings")


def forecast_accuracy(commit_error: Scalar, commit_actual: Scalar) -> MetricResult:
    """One minus the absolute error as a share of the actual; below 0 when the error exceeds it.

    >>> forecast_accuracy(commit_error=25, commit_actual=100).value
    0.75
    """
    relative = share(commit_error, commit_actual, missing="no_forecast", none="no_bookings")
    return relative if relative.value is None else MetricResult(1 - relative.value)


def _value_added(baseline_error: Scalar, stage_error: Scalar, actual: Scalar, missing: str) -> MetricResult:
    if baseline_error is None or stage_error is None:
        return undefined(missing)
    return share(baseline_error - stage_error, actual, missing=missing, none="no_bookings")


def forecast_value_added(
    naive_error_of_commits: Scalar, commit_error_with_naive: Scalar, actual_with_naive: Scalar, commit_error: Scalar
) -> MetricResult:
    """Error of the naive forecast minus error of the commit; above 0 the commit helped."""
    missing = "no_forecast" if commit_error is None else "no_baseline"
    return _value_added(naive_error_of_commits, commit_error_with_naive, actual_with_naive, missing)


def forecast_value_added_of_override(
    commit_error_with_override: Scalar, override_error: Scalar, actual_with_override: Scalar
) -> MetricResult:
    """Error of the commit minus error of the manager's override; above 0 the override helped."""
    return _value_added(commit_error_with_override, override_error, actual_with_override, "no_forecast")


SUBMISSIONS: Final = (
    Metric(
        "forecast_bias",
        "Bias of the commit",
        "ratio",
        f"Σ(F − A) ÷ Σ A; F = {_SCOPE}",
        forecast_bias,
        "null if nothing was submitted for a finished period, or Σ A is ≤ 0",
        _GILLILAND,
    ),
    Metric(
        "forecast_accuracy",
        "Accuracy of the commit",
        "ratio",
        f"1 − Σ|F − A| ÷ Σ A; F = {_SCOPE}",
        forecast_accuracy,
        "null if nothing was submitted for a finished period, or Σ A is ≤ 0",
        _KOLASSA,
    ),
    Metric(
        "forecast_value_added",
        "Value added by the commit",
        "ratio",
        f"error(naive) − error(commit), error = Σ|F − A| ÷ Σ A; naive = the rep's bookings of the period before; "
        f"F = {_SCOPE}",
        forecast_value_added,
        "null if nothing was submitted for a finished period with one before it, or Σ A is ≤ 0",
        _GILLILAND,
    ),
    Metric(
        "forecast_value_added_of_override",
        "Value added by the override",
        "ratio",
        "error(commit) − error(override), error = Σ|F − A| ÷ Σ A; first commit and first manager override of each rep "
        "for each finished period that has both",
        forecast_value_added_of_override,
        "null if no finished period has both, or Σ A is ≤ 0",
        _GILLILAND,
    ),
)
