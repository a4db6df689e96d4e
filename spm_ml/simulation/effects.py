"""What programs truly do, stated three ways: for each program, each enrolment, and each rep who could take one."""

import numpy as np
import pyarrow as pa

from spm_ml.simulation.contract import period_labels
from spm_ml.simulation.engine import Course
from spm_ml.simulation.factors import improved, steady_bookings
from spm_ml.simulation.first_period import Pipelines
from spm_ml.simulation.programs import gains
from spm_ml.simulation.render import dates, words
from spm_ml.simulation.staff import Staff
from spm_ml.simulation.world import SKILLS, Floats, Ints


def attainment_effect(course: Course, period: int, gain: Floats) -> Floats:
    """(P,) attainment gained in a period by a gain in skills (P, K), everything else as it was; NaN without quota.

    The steady-state expectation with and without the gain, so the full effect, not that of the first weeks.
    """
    rates = course.rates[period]
    better = improved(rates, gain, course.world)
    segment, weeks = course.people.segment, course.timeline.week_load[course.timeline.weeks_of(period)].sum()
    more = steady_bookings(course.world, better, segment) - steady_bookings(course.world, rates, segment)
    quota = course.quotas.final[period]
    return np.asarray(more * weeks / np.where(quota > 0, quota, np.nan))


def individual_effects(course: Course, staff: Staff, pipelines: Pipelines) -> pa.Table:
    """For each reported period, rep with a quota and program: attainment gained if it had been taken just before.

    Columns: period, rep_id, program_id, effect (steady state), first_period (in that period alone).
    """
    people, timeline, world = course.people, course.timeline, course.world
    parts, programs = [], len(world.programs)
    for period in range(timeline.first_reported, len(timeline.periods)):
        start, end = timeline.start_of(period), timeline.end_of(period)
        there = staff.known & (people.hired_on <= end) & (people.left_on >= start) & (course.quotas.final[period] > 0)
        rep = np.flatnonzero(there)
        gain = gains(world, people, course.skills[period], start)
        effect = np.stack([attainment_effect(course, period, gain[:, place])[rep] for place in range(programs)], axis=1)
        rows = np.repeat(rep, programs)
        money = pipelines.effect(period, rows, gain[rep].reshape(len(rows), gain.shape[2]))
        parts.append((np.full(len(rows), period), rows, effect.ravel(), money / course.quotas.final[period, rows]))
    period_of, rep, effects, first = (np.concatenate(column) for column in zip(*parts, strict=True))
    program = np.tile(np.arange(programs), len(rep) // programs)
    return pa.table(
        {
            "period": words(period_labels(course), period_of),
            "rep_id": words(staff.ids, rep),
            "program_id": words([each.program_id for each in world.programs], program),
            "effect": pa.array(effects),
            "first_period": pa.array(first),
        }
    )


def enrolment_effects(course: Course, staff: Staff, pipelines: Pipelines) -> pa.Table:
    """For each enrolment of a finished or running period: skill gained and attainment gained in the period after.

    Columns: rep_id, program_id, started_on, period (in which it begins to work; null: not simulated), `gain_` and each
    skill, effect (steady state), first_period (in that period alone) and time_lost (in that period, as pipeline was not
    created while the rep sat in class: negative), all three null without quota or period.
    """
    last = len(course.timeline.periods) - 1
    parts = []
    for (rep, program, started, _, taken_in, _), gain in zip(
        course.schooling.enrolments, course.schooling.enrolment_gains, strict=True
    ):
        after = int(taken_in[0]) + 1 if len(taken_in) else last + 1
        effect = first = lost = np.full(len(rep), np.nan)
        if after <= last:
            whole = np.zeros((course.people.count, gain.shape[1]))
            whole[rep] = gain
            # The rates of the period after already hold the gain, so what it added is what taking it away would cost.
            effect = -attainment_effect(course, after, -whole)[rep]
            quota = course.quotas.final[after, rep]
            quota = np.where(quota > 0, quota, np.nan)
            first = -pipelines.effect(after, rep, -gain) / quota
            lost = -pipelines.lost(after - 1, rep, _days_lost(course, after - 1, program)) / quota
        after_period = np.full(len(rep), after if after <= last else -1)
        parts.append((rep, program, started, after_period, gain, effect, first, lost))
    rep, program, started, after_period, gains_in, effects, firsts, losses = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    seen = staff.known[rep] & (started <= course.timeline.end)
    return pa.table(
        {
            "rep_id": words(staff.ids, rep[seen]),
            "program_id": words([each.program_id for each in course.world.programs], program[seen]),
            "started_on": dates(started[seen]),
            "period": words(period_labels(course), after_period[seen]),
            **{f"gain_{skill}": pa.array(gains_in[seen, place]) for place, skill in enumerate(SKILLS)},
            "effect": pa.array(effects[seen], from_pandas=True),
            "first_period": pa.array(firsts[seen], from_pandas=True),
            "time_lost": pa.array(losses[seen], from_pandas=True),
        }
    )


def _days_lost(course: Course, period: int, program: Ints) -> Floats:
    """(n,) share of a period's selling days that programs take."""
    selling = course.timeline.week_load[course.timeline.weeks_of(period)].sum() * 5
    return np.asarray(np.array([each.days for each in course.world.programs])[program] / selling)


def program_effects(course: Course, individual: pa.Table, enrolments: pa.Table) -> pa.Table:
    """For each program: gain for a point of gap, and mean attainment gained by all reps and by those who took it.

    Columns: program_id, skills, gain_per_gap, effect_everybody, effect_enrolled (null: nobody yet); both effects in
    the steady state.
    """
    everybody, enrolled = (table.to_pandas() for table in (individual, enrolments))
    listed = course.world.programs
    ids = [program.program_id for program in listed]
    return pa.table(
        {
            "program_id": ids,
            "skills": [";".join(program.skills) for program in listed],
            "gain_per_gap": [course.world.effect_of(program) for program in listed],
            "effect_everybody": pa.array(
                everybody.groupby("program_id")["effect"].mean().reindex(ids), from_pandas=True
            ),
            "effect_enrolled": pa.array(enrolled.groupby("program_id")["effect"].mean().reindex(ids), from_pandas=True),
        }
    )
