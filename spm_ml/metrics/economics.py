"""Growth, and what a new customer costs."""

from typing import Final

from spm_ml.metrics.metric import Level, Metric, MetricResult, Scalar, known, ratio, undefined

_SKOK: Final = "Skok, SaaS Metrics 2.0 (For Entrepreneurs)"
_OF_GROUPS: Final[tuple[Level, ...]] = ("team", "region", "segment", "organisation")
_SPEND_NULL: Final = "null if no spend is recorded for the period, or none of it names the group"
_TEAM_OF_SPEND: Final = (
    "a team's name stands for the lowest manager who led everybody in it at the end of the period, and what is spent "
    "on a manager's team is spent on those above, too"
)
_LIKE_FOR_LIKE: Final = "in a running period both end at the same share of their selling days"


def _growth(this: Scalar, prior: Scalar) -> MetricResult:
    if this is None or prior is None:
        return undefined("no_prior_period")
    if prior <= 0:
        return undefined("prior_not_positive")
    return MetricResult((this - prior) / prior)


def revenue_growth_rate(booked: Scalar, booked_prior: Scalar) -> MetricResult:
    """Change of bookings against the period before, as a share of those.

    >>> revenue_growth_rate(booked=120, booked_prior=100).value
    0.2
    >>> revenue_growth_rate(booked=120, booked_prior=-1).reason
    'prior_not_positive'
    """
    return _growth(booked, booked_prior)


def revenue_growth_rate_year_over_year(booked: Scalar, booked_year_before: Scalar) -> MetricResult:
    """Change of bookings against the same period of the year before, as a share of those."""
    return _growth(booked, booked_year_before)


def sales_and_marketing_spend(sales_and_marketing_spend: Scalar, spend_of_company: Scalar) -> MetricResult:
    """Sales and marketing spend of the period: the company's is all of it, a group's what names it.

    >>> sales_and_marketing_spend(sales_and_marketing_spend=None, spend_of_company=500).reason
    'no_spend_of_group'
    """
    return known(sales_and_marketing_spend, missing=_no_spend(spend_of_company))


def _no_spend(spend_of_company: Scalar) -> str:
    return "no_spend_data" if spend_of_company is None else "no_spend_of_group"


def _spend_without_team(spend_without_team: Scalar) -> MetricResult:
    return known(spend_without_team, missing="no_spend_data")


def _spend_without_region(spend_without_region: Scalar) -> MetricResult:
    return known(spend_without_region, missing="no_spend_data")


def _spend_without_segment(spend_without_segment: Scalar) -> MetricResult:
    return known(spend_without_segment, missing="no_spend_data")


def customer_acquisition_cost(
    sales_and_marketing_spend: Scalar, new_customers: Scalar, spend_of_company: Scalar
) -> MetricResult:
    """Sales and marketing spend for each new customer."""
    missing = _no_spend(spend_of_company)
    return ratio(sales_and_marketing_spend, new_customers, missing=missing, zero="no_new_customers")


def cac_payback_months(
    sales_and_marketing_spend: Scalar,
    new_customers: Scalar,
    monthly_revenue_of_new: Scalar,
    gross_margin: Scalar,
    spend_of_company: Scalar,
) -> MetricResult:
    """Months in which a new customer's gross profit pays for its acquisition.

    >>> round(cac_payback_months(sales_and_marketing_spend=500, new_customers=1, monthly_revenue_of_new=100,
    ...                          gross_margin=0.7, spend_of_company=500).value, 2)
    7.14
    """
    cost = customer_acquisition_cost(sales_and_marketing_spend, new_customers, spend_of_company)
    if cost.value is None or sales_and_marketing_spend is None:
        return cost
    if gross_margin is None:
        return undefined("no_gross_margin")
    if not monthly_revenue_of_new or monthly_revenue_of_new < 0:
        return undefined("no_recurring_revenue")
    return ratio(
        sales_and_marketing_spend,
        monthly_revenue_of_new * gross_margin,
        missing="no_recurring_revenue",
        zero="no_gross_margin",
    )


ECONOMICS: Final = (
    Metric(
        "revenue_growth_rate",
        "Growth on the period before",
        "ratio",
        f"(this − prior) ÷ prior, prior = bookings of the period before; {_LIKE_FOR_LIKE}",
        revenue_growth_rate,
        "null if the data do not reach back, or the prior bookings are ≤ 0",
        "house definition",
    ),
    Metric(
        "revenue_growth_rate_year_over_year",
        "Growth on the year before",
        "ratio",
        f"(this − prior) ÷ prior, prior = bookings of the same period a year before; {_LIKE_FOR_LIKE}",
        revenue_growth_rate_year_over_year,
        "null if the data do not reach back, or the prior bookings are ≤ 0",
        "house definition",
    ),
    Metric(
        "sales_and_marketing_spend",
        "Sales and marketing spend",
        "money",
        f"Σ sales and marketing spend of the period, of a group what names it; {_TEAM_OF_SPEND}",
        sales_and_marketing_spend,
        _SPEND_NULL,
        "house definition",
        levels=_OF_GROUPS,
    ),
    *(
        Metric(
            f"spend_without_{level}",
            f"Spend of no {level}",
            "money",
            f"Σ sales and marketing spend of the period that names no {level}, or one that nobody belongs to; with the "
            f"spend of {level}s it is all spend",
            compute,
            "null if no spend is recorded for the period",
            "house definition",
            levels=("organisation",),
        )
        for level, compute in (
            ("team", _spend_without_team),
            ("region", _spend_without_region),
            ("segment", _spend_without_segment),
        )
    ),
    Metric(
        "customer_acquisition_cost",
        "Customer acquisition cost",
        "money",
        "sales and marketing spend of the period ÷ new customers; new = an account whose first won deal closed in "
        "the period and is no expansion or renewal; a deal without an account is its own customer; a group's are those "
        "whose first deal was closed by one of its people",
        customer_acquisition_cost,
        f"{_SPEND_NULL}, or no customer was won",
        _SKOK,
        levels=_OF_GROUPS,
    ),
    Metric(
        "cac_payback_months",
        "CAC payback",
        "months",
        "customer acquisition cost ÷ (monthly revenue of a new customer × gross margin)",
        cac_payback_months,
        "null as customer acquisition cost, if the organisation declares no gross margin, or amounts are not "
        "recurring (basis mrr, arr or acv)",
        _SKOK,
        levels=_OF_GROUPS,
    ),
)
