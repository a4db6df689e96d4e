"""Incentives: statements of what plans pay, closing their periods, and what a draft plan would have paid."""

from spm_ml.incentives.closing import (
    OpenPeriodError,
    Unsettled,
    changed_plans,
    close_period,
    closed_periods,
    payable_plans,
    statement_of,
)
from spm_ml.incentives.plan_backtest import PlanBacktest, backtest_plans, last_year
from spm_ml.incentives.statements import PARTS, Statements, statements

__all__ = [
    "PARTS",
    "OpenPeriodError",
    "PlanBacktest",
    "Statements",
    "Unsettled",
    "backtest_plans",
    "changed_plans",
    "close_period",
    "closed_periods",
    "last_year",
    "payable_plans",
    "statement_of",
    "statements",
]
