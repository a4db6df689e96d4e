"""Who is trained in what, within limits: an integer optimum, drawn lots that teach, and what the plan is worth.

Pure functions of numbers: nothing here knows tables, models or the store.
"""

from spm_ml.planning.candidates import MIN_P_POSITIVE, Candidate, Limits
from spm_ml.planning.evidence import MIN_GAP
from spm_ml.planning.plan import Plan, PlanLine, make_plan
from spm_ml.planning.power import Design, detectable_effect
from spm_ml.planning.value import PolicyValue

__all__ = [
    "MIN_GAP",
    "MIN_P_POSITIVE",
    "Candidate",
    "Design",
    "Limits",
    "Plan",
    "PlanLine",
    "PolicyValue",
    "detectable_effect",
    "make_plan",
]
