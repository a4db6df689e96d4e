"""The other tables of the contract: quotas, activities, programs, assessments, submissions and spend."""

import numpy as np
import pyarrow as pa

from spm_ml.simulation import activity, programs, submissions
from spm_ml.simulation.deal_tables import opportunity_ids
from spm_ml.simulation.engine import Course
from spm_ml.simulation.people import REGIONS
from spm_ml.simulation.render import dates, money, numbers, timestamps, words
from spm_ml.simulation.staff import Staff
from spm_ml.simulation.world import SKILLS, Ints

_SALES_COST, _MARKETING_COST = 1_450_000, 520_000
"""Minor units for each rep and month."""


def quotas_table(course: Course, staff: Staff, last_day: int) -> pa.Table:
    """Every version of every quota that was set by the last day (H06)."""
    rep, period, amount, set_on = (np.concatenate(column) for column in zip(*course.quotas.rows, strict=True))
    seen = (period >= course.timeline.first_reported) & (set_on <= last_day) & staff.known[rep]
    order = np.flatnonzero(seen)[np.lexsort((set_on[seen], rep[seen], period[seen]))]
    return pa.table(
        {
            "rep_id": words(staff.ids, rep[order]),
            "period": words(period_labels(course), period[order]),
            "amount": money(amount[order]),
            "currency": words([course.world.organisation.currency], np.zeros(len(order), dtype=np.int64)),
            "set_on": dates(set_on[order]),
        }
    )


def period_labels(course: Course) -> list[str]:
    """Labels of all periods, burn-in included."""
    return [period.label for period in course.timeline.periods]


def activities_part(course: Course, staff: Staff, columns: dict[str, Ints], last_day: int) -> pa.Table:
    """Activities of a period that were recorded by the last day."""
    wide = {name: column.astype(np.int64) for name, column in columns.items()}
    seen = wide["day"] + (wide["seconds"] + wide["delay"]) // 86_400 <= last_day
    seen &= staff.known[wide["rep"]]
    wide = {name: column[seen] for name, column in wide.items()}
    occurred = course.timeline.utc_seconds(wide["day"], wide["seconds"])
    return pa.table(
        {
            "rep_id": words(staff.ids, wide["rep"]),
            "occurred_at": timestamps(occurred),
            "kind": words(activity.KINDS, wide["kind"]),
            "opportunity_id": opportunity_ids(wide["deal"]),
            "minutes": numbers(wide["minutes"]),
            "recorded_at": timestamps(occurred + wide["delay"]),
        }
    )


def programs_table(course: Course) -> pa.Table:
    """What can be taken."""
    listed = course.world.programs
    seats = [max(1, round(program.seats_share * course.people.count)) for program in listed]
    return pa.table(
        {
            "program_id": [program.program_id for program in listed],
            "name": [program.name for program in listed],
            "skill": [";".join(program.skills) for program in listed],
            "cost": money(np.array([round(100 * program.cost) for program in listed])),
            "seats": pa.array(seats, type=pa.int64()),
            "days": pa.array([program.days for program in listed], type=pa.int64()),
        }
    )


def enrolments_table(course: Course, staff: Staff, last_day: int) -> pa.Table:
    """Who took what, who decided and why (H20, H21)."""
    rep, program, started, completed, period, flagged = _stacked(course.schooling.enrolments, 6)
    score = np.concatenate([*course.schooling.enrolment_scores, np.zeros(0)])
    seen = (started <= last_day) & staff.known[rep]
    rep, program, started, completed, period, flagged, score = (
        column[seen] for column in (rep, program, started, completed, period, flagged, score)
    )
    running = (completed < 0) | (completed > last_day)
    manager = course.people.manager[period, course.people.team[period, rep]]
    attainment = np.array([course.quotas.attainment(before) for before in range(len(course.timeline.periods))])[
        period - 1, rep
    ]
    reasons = ("development plan", "missed last period", "flagged by the model")
    reason = np.where(flagged == 1, 2, (np.nan_to_num(attainment, nan=1.0) < 0.8).astype(np.int64))
    assigned = words(staff.manager_ids, np.where(flagged == 1, -1, manager)).fill_null("model")
    return pa.table(
        {
            "rep_id": words(staff.ids, rep),
            "program_id": words([each.program_id for each in course.world.programs], program),
            "started_on": dates(started),
            "completed_on": dates(np.maximum(completed, 0), running),
            "score": numbers(score, running),
            "assigned_by": assigned,
            "reason": words(reasons, reason),
        }
    )


def assessments_table(course: Course, staff: Staff, last_day: int) -> pa.Table:
    """Half-yearly ratings of every skill on a scale of 1 to 5."""
    rep, skill, day, assessor = _stacked(course.schooling.assessments, 4)
    score = np.concatenate([*course.schooling.scores, np.zeros(0)])
    seen = (day <= last_day) & staff.known[rep]
    names = {programs.MANAGER: "manager", programs.SELF: "self", programs.QUIZ: "quiz"}
    return pa.table(
        {
            "rep_id": words(staff.ids, rep[seen]),
            "skill": words(SKILLS, skill[seen]),
            "assessed_on": dates(day[seen]),
            "score": numbers(score[seen]),
            "assessor": words([names[code] for code in range(3)], assessor[seen]),
        }
    )


def submissions_table(course: Course, staff: Staff, last_day: int, rng: np.random.Generator) -> pa.Table:
    """Commits, best cases and managers' overrides."""
    rep, period, day, kind, amount = _stacked(course.submissions.parts, 5)
    seen = (day <= last_day) & staff.known[rep]
    rep, period, day, kind, amount = (column[seen] for column in (rep, period, day, kind, amount))
    manager = course.people.manager[period, course.people.team[period, rep]]
    seconds = course.timeline.utc_seconds(day, rng.integers(9 * 3600, 12 * 3600, len(rep)))
    who = np.where(kind == submissions.OVERRIDE, len(staff.ids) + manager, rep)
    return pa.table(
        {
            "rep_id": words(staff.ids, rep),
            "period": words(period_labels(course), period),
            "submitted_at": timestamps(seconds),
            "kind": words(submissions.KINDS, kind),
            "amount": money(amount),
            "submitted_by": words([*staff.ids, *staff.manager_ids], who),
        }
    )


def spend_table(course: Course, last_day: int, rng: np.random.Generator) -> pa.Table:
    """Monthly spend by headcount: sales of each region, and marketing of none in particular."""
    months = np.arange(
        np.datetime64(course.timeline.report_start, "D").astype("datetime64[M]"),
        np.datetime64(last_day, "D").astype("datetime64[M]"),
    )
    last = ((months + 1).astype("datetime64[D]") - 1).astype(np.int64)
    people, starts = course.people, [course.timeline.start_of(place) for place in range(len(course.timeline.periods))]
    regions = people.team_region[people.team[np.searchsorted(starts, last, side="right") - 1]]
    employed = (people.hired_on <= last[:, None]) & (people.left_on >= last[:, None])
    heads = np.stack([(employed & (regions == code)).sum(axis=1) for code in range(len(REGIONS))], axis=1)
    price = np.array([_SALES_COST, _MARKETING_COST]) * rng.lognormal(0, 0.08, (len(last), 2))
    amounts = np.concatenate([heads * price[:, :1], heads.sum(axis=1, keepdims=True) * price[:, 1:]], axis=1)
    month, code = np.nonzero(amounts)
    is_sales, nowhere = code < len(REGIONS), words([], np.full(len(code), -1))
    return pa.table(
        {
            "spent_on": dates(last[month]),
            "category": words(("sales", "marketing"), np.where(is_sales, 0, 1)),
            "amount": money(np.round(amounts[month, code]).astype(np.int64)),
            "team": nowhere,
            "region": words(REGIONS, np.where(is_sales, code, -1)),
            "segment": nowhere,
        }
    )


def _stacked(parts: list[tuple[Ints, ...]], width: int) -> list[Ints]:
    empty = tuple(np.zeros(0, dtype=np.int64) for _ in range(width))
    return [np.concatenate(column) for column in zip(empty, *parts, strict=True)]
