"""What became of past plans: the log of who got what and why, and what plans have been worth.

`log` brings enrolments, completions and outcomes from the data into the assignment log, `value` estimates what plans
have brought against training nobody, `tables` lays both out for people.
"""

from spm_ml.coaching.evidence.log import events_since, sync_log
from spm_ml.coaching.evidence.tables import assignment_table, plan_value_table
from spm_ml.coaching.evidence.value import PastPlan, value_of_past_plans

__all__ = ["PastPlan", "assignment_table", "events_since", "plan_value_table", "sync_log", "value_of_past_plans"]
