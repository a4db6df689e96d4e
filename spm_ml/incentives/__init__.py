"""Incentives: statements of what plans pay, and what a draft plan would have paid."""

from spm_ml.incentives.plan_backtest import PlanBacktest, backtest_plans, last_year
from spm_ml.incentives.statements import PARTS, Statements, statements

__all__ = ["PARTS", "PlanBacktest", "Statements", "backtest_plans", "last_year", "statements"]
