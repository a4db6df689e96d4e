"""The assignment log and the values of past plans as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from spm_ml.coaching.evidence.log import UNKNOWN
from spm_ml.coaching.evidence.value import PastPlan
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.predictions import Assignment, Decision

ASSIGNMENT_COLUMNS: Final = (
    "happened_on",
    "period",
    "rep_id",
    "program_id",
    "event",
    "actor",
    "reason",
    "propensity",
    "effect",
    "value",
    "source",
)
VALUE_COLUMNS: Final = (
    "plan",
    "offered",
    "held_out",
    "enrolled",
    "known",
    "gain",
    "gain_low",
    "gain_high",
    "standard_error",
    "total",
    "total_low",
    "total_high",
    "randomised",
    "randomised_low",
    "randomised_high",
    "words",
)


def assignment_table(
    log: Sequence[Assignment], decisions: Iterable[tuple[str, Decision]], periods: RepPeriods
) -> pd.DataFrame:
    """Who got what, who decided and why: the log, what people decided, and enrolments from before the log.

    Args:
        log: Its lines.
        decisions: With the label of their period.
        periods: For enrolments from before the log; their people and reasons are those on record.

    Returns:
        `ASSIGNMENT_COLUMNS`, oldest first; effect and value in points of attainment, `source` says where a line is
        from: `log`, `decision` or `enrolments`.
    """
    rows = [
        {
            "happened_on": line.happened_on,
            "period": line.period,
            "rep_id": line.rep_id,
            "program_id": line.program_id,
            "event": line.event,
            "actor": line.actor,
            "reason": line.reason,
            "propensity": line.propensity,
            "effect": _points(line.effect),
            "value": _points(line.value),
            "source": "log",
        }
        for line in log
    ]
    rows += [
        {
            "happened_on": decision.decided_at.date(),
            "period": period,
            "rep_id": decision.rep_id,
            "program_id": decision.program_id,
            "event": decision.verdict,
            "actor": decision.decided_by,
            "reason": decision.reason,
            "source": "decision",
        }
        for period, decision in decisions
    ]
    told = {(line.rep_id, line.program_id, line.happened_on) for line in log if line.event == "enrolled"}
    labels = periods.frame.drop_duplicates("t").set_index("t")["period"]
    rows += [
        {
            "happened_on": row["started_on"].date(),
            "period": str(labels[row["t"]]),
            "rep_id": row["rep_id"],
            "program_id": row["program_id"],
            "event": "enrolled",
            "actor": UNKNOWN if pd.isna(row["assigned_by"]) else row["assigned_by"],
            "reason": UNKNOWN if pd.isna(row["reason"]) else row["reason"],
            "source": "enrolments",
        }
        for row in periods.starts.to_dict("records")
        if (row["rep_id"], row["program_id"], row["started_on"].date()) not in told
    ]
    table = pd.DataFrame(rows, columns=list(ASSIGNMENT_COLUMNS))
    numbers = dict.fromkeys(("propensity", "effect", "value"), "float64")
    return table.astype(numbers).sort_values("happened_on", kind="stable", ignore_index=True)


def plan_value_table(plans: Iterable[PastPlan]) -> pd.DataFrame:
    """`VALUE_COLUMNS`, one row a plan; gains in points of attainment, those of an offer and all together."""
    rows = []
    for plan in plans:
        row: dict[str, object] = {
            "plan": plan.period,
            "offered": plan.offered,
            "held_out": plan.held_out,
            "enrolled": plan.enrolled,
            "known": plan.known,
            "standard_error": _points(plan.gain.se if plan.gain else None),
            "words": plan.words,
        }
        for name, gain in (("gain", plan.gain), ("total", plan.total), ("randomised", plan.randomised)):
            row |= {
                name: _points(gain.value if gain else None),
                f"{name}_low": _points(gain.low if gain else None),
                f"{name}_high": _points(gain.high if gain else None),
            }
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(VALUE_COLUMNS))
    numbers = list(VALUE_COLUMNS[5:-1])
    return table.astype(dict.fromkeys(numbers, "float64"))


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share
