"""Metric: one baseline metric with its formula, null rule and source, and the result it gives."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Unit = Literal["ratio", "money", "money_per_day", "days", "months", "count_per_day", "count"]
"""`money` and `money_per_day` are minor units of the organisation's currency."""

Level = Literal["rep", "team", "region", "segment", "organisation"]

LEVELS: Final[tuple[Level, ...]] = ("rep", "team", "region", "segment", "organisation")

Scalar = float | None
"""An input of a metric; None where it is not known."""

NULL_REASONS: Final[dict[str, str]] = {
    "quota_missing": "No quota is known for this period.",
    "quota_zero": "The quota in force is zero.",
    "quota_reached": "The quota is reached, so nothing of it remains.",
    "not_employed": "The rep was not employed on any selling day of the period.",
    "no_rep_with_quota": "No rep has a quota in this period.",
    "not_started": "No selling day of the period has passed yet.",
    "period_over": "No selling day of the period remains.",
    "no_finished_period": "No finished period shows what is usual at this point of a period.",
    "nothing_usual_yet": "Finished periods had no bookings at this point of the period.",
    "not_a_finished_quarter": "Defined for a single quarter that is over.",
    "not_a_finished_period": "Defined for a single period that is over.",
    "not_a_single_period": "Defined for a single period, not for a range of them.",
    "no_bookings": "Nothing was booked, or more was reversed than booked.",
    "amount_missing": "The deals carry no amount.",
    "no_expected_close": "The deals carry no expected close day.",
    "no_stage_history": "A stage with open deals had none at this point of the finished periods.",
    "no_closed_deals": "No deal was won or lost.",
    "no_won_deals": "No deal was won.",
    "no_created_deals": "No deal was created.",
    "cohort_immature": "The deals of the cohort are too young to judge.",
    "same_day_cycle": "The won deals closed on the day they were created.",
    "no_forecast_deals": "No deal was expected to close in the period when it began.",
    "no_activity_data": "No activities are recorded.",
    "not_ramped": "No finished period reached the quota yet.",
    "hired_before_data": "Hired before the data begin, so the ramp was not seen.",
    "no_prior_period": "The data do not reach back to the prior period.",
    "prior_not_positive": "The prior bookings are zero or negative.",
    "no_spend_data": "No sales or marketing spend is recorded for the period.",
    "no_spend_of_group": "No sales or marketing spend of the period names this group.",
    "no_new_customers": "No new customer was won.",
    "no_recurring_revenue": "The amounts are not recurring revenue, so a month's revenue is not known.",
    "no_gross_margin": "The organisation declares no gross margin.",
    "no_plan": "No compensation plan applies.",
    "no_forecast": "No forecast was submitted for a finished period.",
    "no_baseline": "No period before shows what a naive forecast would have been.",
}
"""Why a metric has no value: the reason in the output, and what a person reads."""


@dataclass(frozen=True)
class MetricResult:
    """A value, or the reason for which there is none.

    Attributes:
        value: In the metric's unit; always finite.
        reason: A key of `NULL_REASONS` where `value` is None.

    Raises:
        ValueError: Both or neither are given, the value is not finite, or the reason is not declared.
    """

    value: float | None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.value is None:
            if self.reason not in NULL_REASONS:
                raise ValueError(f"null reason {self.reason!r} is not one of {sorted(NULL_REASONS)}")
        elif self.reason is not None or not math.isfinite(self.value):
            raise ValueError(f"a metric gives a finite value or a reason, not {self.value!r} with {self.reason!r}")


def undefined(reason: str) -> MetricResult:
    """No value, and why."""
    return MetricResult(None, reason)


def ratio(numerator: Scalar, denominator: Scalar, *, missing: str, zero: str) -> MetricResult:
    """Divides, or says why it cannot.

    Args:
        numerator: What is divided.
        denominator: By what.
        missing: Reason where one of the two is not known.
        zero: Reason where the denominator is zero.

    >>> ratio(1, 4, missing="quota_missing", zero="quota_zero")
    MetricResult(value=0.25, reason=None)
    >>> ratio(1, 0, missing="quota_missing", zero="quota_zero").reason
    'quota_zero'
    """
    if numerator is None or denominator is None:
        return undefined(missing)
    if denominator == 0:
        return undefined(zero)
    return MetricResult(numerator / denominator)


def share(part: Scalar, whole: Scalar, *, missing: str, none: str) -> MetricResult:
    """Divides by a total that means something only above 0, such as bookings after reversals.

    Args:
        part: What is divided.
        whole: By what.
        missing: Reason where one of the two is not known.
        none: Reason where the total is 0 or negative.
    """
    if part is not None and whole is not None and whole <= 0:
        return undefined(none)
    return ratio(part, whole, missing=missing, zero=none)


def known(value: Scalar, *, missing: str) -> MetricResult:
    """Gives the value itself, or the reason where it is not known."""
    return undefined(missing) if value is None else MetricResult(float(value))


@dataclass(frozen=True)
class Metric:
    """One baseline metric; the same definition serves the command, the API, the pages and the docs.

    Attributes:
        slug: Name in outputs; where the field disagrees the variant is part of it.
        label: What a manager reads.
        unit: Of the value.
        formula: In words and symbols.
        compute: Takes the inputs by name, gives the result.
        null_rule: When there is no value.
        source: Where the definition comes from.
        levels: For whom it is defined; sums over a team are taken before the ratio.
        version: Rises when the definition changes.
        inputs: Names of the inputs, as in the signature of `compute`.
    """

    slug: str
    label: str
    unit: Unit
    formula: str
    compute: Callable[..., MetricResult]
    null_rule: str
    source: str
    levels: tuple[Level, ...] = LEVELS
    version: int = 1
    inputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(inspect.signature(self.compute).parameters))

    def of(self, inputs: Mapping[str, Scalar]) -> MetricResult:
        """Computes the metric from a mapping that holds at least its inputs.

        Raises:
            KeyError: An input is not in the mapping.
        """
        return self.compute(**{name: inputs[name] for name in self.inputs})
