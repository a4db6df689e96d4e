"""Finds the rows that each planted hazard touched, for `truth/planted_hazards.csv`."""

from collections.abc import Callable

import numpy as np

from spm_ml.simulation import ledger
from spm_ml.simulation.traces import Evidence, Trace
from spm_ml.simulation.world import STAGES, Bools, Ints

_LOW_ATTAINMENT = 0.8
_WHALE_SHARE = 0.5
_LAST_WEEKS = 2


def _overwritten(seen: Evidence) -> list[Trace]:
    rows = seen.events("resized", "won") & (seen.snapshot.events["amount"] != ledger.UNCHANGED)
    deals = seen.deals(seen.snapshot.events["deal"][rows])
    return [Trace("H01", "opportunities", deals, "amount changed since created")]


def _backdated(seen: Evidence) -> list[Trace]:
    events = seen.snapshot.events
    late = seen.events("won", "lost") & (events["recorded_on"] > events["event_on"])
    return [Trace("H02", "opportunities", seen.deals(events["deal"][late]), "entered after the day it counts for")]


def _pushed(seen: Evidence) -> list[Trace]:
    overdue = (seen.snapshot.outcome == ledger.OPEN) & (seen.snapshot.expected < seen.last_day)
    pushes = np.bincount(seen.snapshot.events["deal"][seen.events("pushed")], minlength=len(seen.course.deals))
    often = np.flatnonzero(pushes >= 3)
    return [
        Trace("H03", "opportunities", seen.deals(seen.snapshot.deal[overdue]), "open and past its close date"),
        Trace("H03", "opportunities", seen.deals(often), "close date moved three times or more"),
    ]


def _reassigned(seen: Evidence) -> list[Trace]:
    moved = seen.events("reassigned")
    return [Trace("H04", "opportunities", seen.deals(seen.snapshot.events["deal"][moved]), "inherited from a leaver")]


def _split(seen: Evidence) -> list[Trace]:
    partner = seen.course.deals.partner[seen.snapshot.deal]
    shared = (partner >= 0) & (partner != seen.snapshot.owner)
    return [Trace("H05", "credits", seen.deals(seen.snapshot.deal[shared]), "second credit")]


def _quotas(seen: Evidence) -> list[Trace]:
    quotas, staff, timeline = seen.course.quotas, seen.staff, seen.course.timeline
    labels = [period.label for period in timeline.periods]
    rep, period, amount, set_on = (np.concatenate(column) for column in zip(*quotas.rows, strict=True))
    written = staff.known[rep] & (period >= timeline.first_reported) & (set_on <= seen.last_day)
    # Each period appended its first quotas, then their changes.
    version = np.concatenate([np.full(len(part[0]), place % 2) for place, part in enumerate(quotas.rows)])
    changed, zero = written & (version == 1), written & (amount == 0)
    missing = np.argwhere(np.isnan(quotas.original) & _employed(seen) & staff.known)

    def keys(rows: Bools) -> list[str]:
        return [f"{staff.ids[rep[row]]}|{labels[period[row]]}" for row in np.flatnonzero(rows)]

    return [
        Trace("H06", "quotas", keys(changed), "changed mid-period"),
        Trace("H06", "quotas", keys(zero), "zero"),
        Trace("H06", "quotas", [f"{staff.ids[r]}|{labels[p]}" for p, r in missing], "missing"),
    ]


def _employed(seen: Evidence) -> Bools:
    """(Q, P) reps employed on some day of each reported period up to the last day."""
    people, timeline = seen.course.people, seen.course.timeline
    periods = np.arange(len(timeline.periods))[:, None]
    starts = np.array([timeline.start_of(index) for index in periods[:, 0]])[:, None]
    ends = np.minimum([timeline.end_of(index) for index in periods[:, 0]], seen.last_day)[:, None]
    return np.asarray((people.hired_on <= ends) & (people.left_on >= starts) & (periods >= timeline.first_reported))


def _ramping(seen: Evidence) -> list[Trace]:
    people, first = seen.course.people, seen.course.timeline.report_start
    part_time = np.asarray((people.fte[seen.course.timeline.first_reported :] < 1).any(axis=0))
    hired = people.hired_on >= first - seen.course.world.knobs.ramp_days
    return [
        Trace("H07", "reps", seen.reps(hired), "ramped up during the history"),
        Trace("H07", "reps", seen.reps(part_time), "part time"),
    ]


def _left(seen: Evidence) -> list[Trace]:
    return [Trace("H08", "reps", seen.reps(seen.course.people.left_on <= seen.last_day), "left")]


def _moved(seen: Evidence) -> list[Trace]:
    people, first = seen.course.people, seen.course.timeline.first_reported
    manager = np.take_along_axis(people.manager, people.team, axis=1)
    there = _employed(seen)[first:]
    traces = []
    for column, detail in ((people.territory, "another territory"), (manager, "another manager")):
        changed = (column[first + 1 :] != column[first:-1]) & there[1:] & there[:-1]
        traces.append(Trace("H09", "reps", seen.reps(changed.any(axis=0)), detail))
    return traces


def _foreign(seen: Evidence) -> list[Trace]:
    abroad = seen.pricing.currency[seen.snapshot.deal] > 0
    return [Trace("H10", "opportunities", seen.deals(seen.snapshot.deal[abroad]), "in another currency")]


def _retail_calendar(seen: Evidence) -> list[Trace]:
    return [Trace("H11", "quotas", ["*"], f"{seen.course.world.organisation.fiscal.pattern} year")]


def _cut_off(seen: Evidence) -> list[Trace]:
    timeline, events = seen.course.timeline, seen.snapshot.events
    day = events["recorded_on"]
    utc_day = timeline.utc_seconds(day, events["seconds"]) // 86_400
    near = (timeline.period_end(day) != timeline.period_end(utc_day)) & seen.events("won", "lost")
    return [Trace("H12", "opportunity_events", seen.deals(events["deal"][near]), "next period by UTC")]


def _reversed(seen: Evidence) -> list[Trace]:
    deal = seen.snapshot.events["deal"]
    return [
        Trace("H13", "opportunity_events", seen.deals(deal[seen.events("cancelled")]), "cancelled after it was won"),
        Trace("H13", "opportunity_events", seen.deals(deal[seen.events("reopened")]), "reopened after it was won"),
    ]


def _mixed_basis(seen: Evidence) -> list[Trace]:
    monthly = seen.pricing.monthly[seen.snapshot.deal]
    return [Trace("H15", "opportunities", seen.deals(seen.snapshot.deal[monthly]), "monthly revenue")]


def _renamed_stages(seen: Evidence) -> list[Trace]:
    alias = seen.course.world.organisation.stages[2].aliases[0]
    return [Trace("H16", "opportunity_events", ["*"], f"{STAGES[2]} was {alias.name} until {alias.valid_to}")]


def _zombie(seen: Evidence) -> list[Trace]:
    age = seen.last_day - seen.snapshot.recorded_on
    old = age > seen.course.world.organisation.zombie_after_days
    dead = old & seen.course.deals.dormant[seen.snapshot.deal] & (seen.snapshot.outcome == ledger.OPEN)
    return [Trace("H17", "opportunities", seen.deals(seen.snapshot.deal[dead]), "open and untouched")]


def _whale(seen: Evidence) -> list[Trace]:
    timeline, events = seen.course.timeline, seen.snapshot.events
    won = seen.events("won")
    owner, amount = ledger.running(events["owner"])[won], ledger.running(events["amount"])[won]
    starts = np.array([timeline.start_of(index) for index in range(len(timeline.periods))])
    period = np.searchsorted(starts, events["event_on"][won], side="right") - 1
    quota = seen.course.quotas.final[period, owner]
    large = amount * seen.pricing.value(events)[won] > _WHALE_SHARE * quota
    return [Trace("H18", "opportunities", seen.deals(events["deal"][won][large]), "won, above half the owner's quota")]


def _thin(seen: Evidence) -> list[Trace]:
    timeline = seen.course.timeline
    new = np.asarray(seen.course.people.hired_on >= timeline.start_of(len(timeline.periods) - 3))
    return [Trace("H19", "reps", seen.reps(new), "hired in the last two finished periods or later")]


def _enrolments(seen: Evidence, code: str, detail: str, chosen: Callable[[Ints, Ints, Ints], Bools]) -> list[Trace]:
    ids, programs, rows = seen.staff.ids, seen.course.world.programs, []
    for rep, program, started, _, period, flagged in seen.course.schooling.enrolments:
        picked = chosen(rep, period, flagged) & seen.staff.known[rep] & (started <= seen.last_day)
        days = started[picked].astype("datetime64[D]")
        listed = zip(rep[picked], program[picked], days, strict=True)
        rows += [f"{ids[who]}|{programs[which].program_id}|{day}" for who, which, day in listed]
    return [Trace(code, "enrolments", rows, detail)]


def _selected(seen: Evidence) -> list[Trace]:
    def after_a_bad_period(rep: Ints, period: Ints, _: Ints) -> Bools:
        before = seen.course.quotas.attainment(int(period[0]) - 1)[rep] if len(period) else np.zeros(0)
        return np.asarray(before < _LOW_ATTAINMENT)

    return _enrolments(seen, "H20", "sent after a bad period", after_a_bad_period)


def _fed_back(seen: Evidence) -> list[Trace]:
    return _enrolments(seen, "H21", "followed a model's flag", lambda _rep, _period, flagged: flagged == 1)


def _gamed(seen: Evidence) -> list[Trace]:
    return [Trace("H22", "activities", seen.reps(seen.course.people.gamer), "logs three times what was done")]


def _proxy(seen: Evidence) -> list[Trace]:
    people, potentials = seen.course.people, []
    for group in (0, 1):
        potential = people.potential[-1][seen.staff.known & (people.group == group)]
        potentials.append(f"{np.exp(np.log(potential).mean()):.3f}" if len(potential) else "unknown")
    return [Trace("H23", "protected_groups", ["*"], f"usual territory potential {' and '.join(potentials)}")]


def _hockey_stick(seen: Evidence) -> list[Trace]:
    timeline, events = seen.course.timeline, seen.snapshot.events
    won = seen.events("won")
    late = events["event_on"] > timeline.period_end(events["event_on"]) - 7 * _LAST_WEEKS
    share = late[won].mean() if won.any() else np.nan
    return [Trace("H24", "opportunities", ["*"], f"{share:.0%} of wins in the last {_LAST_WEEKS} weeks")]


def _stale(seen: Evidence) -> list[Trace]:
    return [Trace("H25", "opportunities", ["*"], f"nothing from the last {seen.course.world.knobs.missing_days} days")]


FINDERS: dict[str, Callable[[Evidence], list[Trace]]] = {
    "H01": _overwritten,
    "H02": _backdated,
    "H03": _pushed,
    "H04": _reassigned,
    "H05": _split,
    "H06": _quotas,
    "H07": _ramping,
    "H08": _left,
    "H09": _moved,
    "H10": _foreign,
    "H11": _retail_calendar,
    "H12": _cut_off,
    "H13": _reversed,
    "H15": _mixed_basis,
    "H16": _renamed_stages,
    "H17": _zombie,
    "H18": _whale,
    "H19": _thin,
    "H20": _selected,
    "H21": _fed_back,
    "H22": _gamed,
    "H23": _proxy,
    "H24": _hockey_stick,
    "H25": _stale,
}
"""Who finds the rows of each hazard; those of H14 and of spoilt files are told by `simulation.spoil`."""


def find_planted(seen: Evidence) -> list[Trace]:
    """Traces of every hazard planted in the world."""
    return [trace for code, find in FINDERS.items() if code in seen.course.world.planted for trace in find(seen)]
