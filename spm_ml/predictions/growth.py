"""How the baseline metrics of a group went from period to period."""

from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_args

from spm_ml.predictions.checks import require_finite

Value = TypeVar("Value")

GroupSlug = Literal[
    "bookings",
    "revenue_growth_rate",
    "revenue_growth_rate_year_over_year",
    "sales_velocity",
    "pipeline_coverage_total",
    "bookings_linearity",
    "customer_acquisition_cost",
    "cac_payback_months",
    "sales_and_marketing_spend",
]
"""Metrics of growth that every group has."""

CompanySlug = Literal["spend_without_team", "spend_without_region", "spend_without_segment"]
"""What the company has beside: spend that no group of a level is named for."""

GROUP_SLUGS: Final[tuple[GroupSlug, ...]] = get_args(GroupSlug)

GROWTH_SLUGS: Final[tuple[GroupSlug | CompanySlug, ...]] = (*GROUP_SLUGS, *get_args(CompanySlug))
"""Metrics whose course is told, in the order of pages."""

SUMS: Final = frozenset({"bookings", "sales_and_marketing_spend", *get_args(CompanySlug)})
"""Those of them that are no ratio."""


@dataclass(frozen=True)
class MetricCourse:
    """A baseline metric of a group in the finished periods before, as known on the group's day.

    Attributes:
        slug: As in `spm_ml.metrics.METRICS`.
        values: One a period, oldest first; None if undefined.
        reasons: Why a value is None; None beside a value.

    Raises:
        ValueError: A number is not finite, or a value has a reason or neither is there.
    """

    slug: str
    values: tuple[float | None, ...]
    reasons: tuple[str | None, ...]

    def __post_init__(self) -> None:
        for value, reason in zip(self.values, self.reasons, strict=True):
            require_finite(f"course of {self.slug!r}", value=value)
            if (value is None) != bool(reason):
                raise ValueError(f"course of {self.slug!r}: {value} beside the reason {reason!r}; give one of them")


@dataclass(frozen=True)
class Growth:
    """How a group's metrics went over finished periods.

    Attributes:
        periods: Their labels, oldest first.
        of_enough: Whether enough people were behind the numbers of each, alone and beside those of other groups.
        courses: Of the metrics that tell of growth.

    Raises:
        ValueError: A course has another number of periods.
    """

    periods: tuple[str, ...]
    of_enough: tuple[bool, ...]
    courses: tuple[MetricCourse, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.periods), len(self.of_enough), *(len(course.values) for course in self.courses)}
        if len(lengths) > 1:
            raise ValueError(f"growth over {len(self.periods)} periods: a course has another number of values")

    def of_many(self) -> "Growth":
        """For readers who see nobody: periods of enough people, and no sums, which tell of who came or left."""
        kept = [place for place, enough in enumerate(self.of_enough) if enough]

        def chosen(values: tuple[Value, ...]) -> tuple[Value, ...]:
            return tuple(values[place] for place in kept)

        return Growth(
            chosen(self.periods),
            chosen(self.of_enough),
            tuple(
                MetricCourse(one.slug, chosen(one.values), chosen(one.reasons))
                for one in self.courses
                if one.slug not in SUMS
            ),
        )
