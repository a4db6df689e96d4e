"""What reps and managers of the hold-out world say they will book: from what the CRM shows, with lasting biases.

Nothing in it comes from what only the truth knows, so the oracle has nothing to learn from it.
"""

from typing import Final

import numpy as np

from benchmarks.holdout_world.law import STAGES
from benchmarks.holdout_world.truth import Truth
from spm_ml.simulation.timeline import day_number
from spm_ml.simulation.world import Floats, Ints

KINDS: Final = ("commit", "best_case", "manager_override")
COMMIT, BEST_CASE, OVERRIDE = range(3)
_REP_WEEKS, _MANAGER_WEEKS = (2, 5, 8, 11), (5, 8)
_BELIEF: Final = np.array([0.05, 0.15, 0.30, 0.50, 0.70])
_ROUNDED_TO: Final = 100_000
_TEAM_NOISE, _WEEK_NOISE = 0.08, 0.15


def submission_rows(truth: Truth, rng: np.random.Generator) -> tuple[Ints, ...]:
    """Rep, period, selling day, kind and amount (minor units) of every submission up to the last written day."""
    days, staff = truth.days, truth.staff
    rep_bias = rng.normal(0.05, 0.25, staff.count)
    manager_bias = rng.normal(0.0, _TEAM_NOISE, staff.teams)[staff.team]
    rows: list[tuple[Ints, ...]] = []
    for period in range(days.first_reported, days.running + 1):
        start = day_number(days.periods[period].start)
        for week in _REP_WEEKS:
            today = days.until(start - 1 + 7 * week)
            if days.calendar[today] > days.end:
                continue
            who = np.flatnonzero((staff.hired <= today) & (staff.left > today))
            booked = truth.booked(days.first_of(period), today)[who]
            likely, upside = (column[who] for column in _pipeline(truth, period, today))
            seen = np.exp(rep_bias[who] + _WEEK_NOISE * rng.normal(size=len(who)))
            said = {COMMIT: booked + likely * seen, BEST_CASE: booked + likely * seen + 0.5 * upside}
            if week in _MANAGER_WEEKS:
                trusted = np.exp(0.4 * rep_bias[who] + manager_bias[who])
                said[OVERRIDE] = booked + likely * trusted
            rows.extend(
                (who, np.full(len(who), period), np.full(len(who), today), np.full(len(who), kind), _rounded(amount))
                for kind, amount in said.items()
            )
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def _pipeline(truth: Truth, period: int, today: int) -> tuple[Floats, Floats]:
    """(P,) worth of the open deals as reps see it, and all of the late ones, at the end of a selling day."""
    deals, rounds, staff = truth.deals, truth.rounds, truth.staff
    open_now = np.flatnonzero((deals.created <= today) & (rounds.decided[deals.round] > today))
    stage = (deals.entered[open_now] <= today).sum(axis=1)
    owner = staff.owner(rounds.rep[deals.round[open_now]], today + 1)
    amount = deals.amount[open_now]
    first, last = truth.days.first_of(period), truth.days.last_of(period)
    left = 0.3 + 1.4 * (last - today) / (last - first + 1)
    likely = np.bincount(owner, weights=left * amount * _BELIEF[stage], minlength=staff.count)
    upside = np.bincount(owner, weights=amount * (stage == len(STAGES) - 1), minlength=staff.count)
    return likely.astype(np.float64), upside.astype(np.float64)


def _rounded(amount: Floats) -> Ints:
    return np.round(amount / _ROUNDED_TO).astype(np.int64) * _ROUNDED_TO
