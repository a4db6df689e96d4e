"""How the simulated reps are paid: one plan for everybody, with tiers, an accelerator, a draw and clawbacks."""

from typing import Final

from spm_ml.compensation import CompensationPlan

PLANS_FILE: Final = "comp_plans.yaml"

_TERMS: Final = {
    "plan_id": "ae",
    "name": "Account executives",
    "tiers": [
        {"from": "0", "to": "0.5", "rate": "0.05"},
        {"from": "0.5", "to": "1", "rate": "0.10"},
        {"from": "1", "to": "2", "rate": "0.15"},
        {"from": "2", "rate": "0.08"},
    ],
    "draw": {"amount": "1000"},
    "clawback_days": 90,
    "on_target_earnings": "40000",
    "roles": ["account executive"],
}


def plan_of_reps(currency: str) -> CompensationPlan:
    """The plan of account executives: 5% up to half the quota, 10% up to it, 15% up to twice the quota, 8% beyond."""
    return CompensationPlan.parse(_TERMS | {"currency": currency}, where="the simulated plan")
