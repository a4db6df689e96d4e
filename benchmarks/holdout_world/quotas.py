"""Quotas of the hold-out world: around what is expected, late to see the break, so that about half of the reps hit."""

from typing import Final

import numpy as np

from benchmarks.holdout_world.days import share_between
from benchmarks.holdout_world.truth import Truth
from spm_ml.simulation.world import Floats, Ints

_LOOK_BACK: Final = 4
_OWN_WEIGHT: Final = 0.55
_STRETCH: Final = 0.84
_FULL_QUOTA_DAYS: Final = 190
_LEAST_SHARE: Final = 0.15
_MISSING, _LATE, _CHANGED = 0.01, 0.04, 0.04
_ROUNDED_TO: Final = 100_000
_SETTLED_DAYS: Final = 130


def quota_rows(truth: Truth, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    """Rep, period, amount (minor units) and calendar day of setting of every version of every written quota."""
    days, people = truth.days, truth.staff.count
    booked = np.array([truth.booked(days.first_of(period), days.last_of(period)) for period in range(days.running)])
    rows = []
    for period in range(days.first_reported, days.running + 1):
        start, end = days.first_of(period), days.last_of(period)
        share = _share(truth, start, end)
        amount = _rounded(_STRETCH * _expected(truth, booked, period) * share)
        has = np.flatnonzero((share > _LEAST_SHARE) & (rng.random(people) >= _MISSING))
        late = rng.random(people) < _LATE
        set_on = days.calendar[start] + np.where(late, rng.integers(4, 18, people), -rng.integers(3, 20, people))
        set_on = np.maximum(set_on, truth.staff.hired_on + 3)
        rows.append((has, np.full(len(has), period), amount[has], set_on[has]))
        changed = has[rng.random(len(has)) < _CHANGED]
        changed_on = np.maximum(set_on[changed] + 7, days.calendar[(start + end) // 2])
        in_time = changed_on < days.calendar[end]
        changed, changed_on = changed[in_time], changed_on[in_time]
        revised = _rounded(amount[changed] * rng.choice([0.8, 0.9, 1.1], len(changed)))
        rows.append((changed, np.full(len(changed), period), revised, changed_on))
    rep, which, target, known_on = (np.concatenate(column) for column in zip(*rows, strict=True))
    written = (known_on <= days.end) & (truth.staff.left[rep] >= days.first_of(days.first_reported))
    return rep[written], which[written], target[written], known_on[written]


def _rounded(amount: Floats) -> Ints:
    return np.asarray(np.maximum(np.round(amount / _ROUNDED_TO), 1).astype(np.int64) * _ROUNDED_TO)


def _share(truth: Truth, start: int, end: int) -> Floats:
    """(P,) of a full quota: days at work by the hiring date, and ramp; leavers keep theirs."""
    staff = truth.staff
    present = share_between(staff.hired, np.full(staff.count, end), start, end) * (staff.left >= start)
    tenure = (np.maximum(staff.hired, start) + end) / 2 - staff.hired
    return np.asarray(present * np.clip(0.25 + 0.75 * tenure / _FULL_QUOTA_DAYS, 0.0, 1.0))


def _expected(truth: Truth, booked: Floats, period: int) -> Floats:
    """(P,) bookings of a settled rep: own past and that of the segment, by about half each."""
    staff, days = truth.staff, truth.days
    back = range(period - _LOOK_BACK, period)
    settled = np.array(
        [(staff.hired <= days.first_of(past) - _SETTLED_DAYS) & (staff.left > days.last_of(past)) for past in back]
    )
    past = booked[back.start : back.stop]
    segment = np.zeros(staff.count)
    for code in np.unique(staff.segment):
        own = settled & (staff.segment == code)
        segment[staff.segment == code] = past[own].sum() / max(own.sum(), 1)
    seen = settled.sum(axis=0)
    mean = (past * settled).sum(axis=0) / np.maximum(seen, 1)
    weight = _OWN_WEIGHT * seen / _LOOK_BACK
    return np.asarray(weight * mean + (1 - weight) * segment)
