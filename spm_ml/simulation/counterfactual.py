"""What each enrolment truly brought in the first period after it: the same period played with and without it."""

from pathlib import Path

import numpy as np
import pandas as pd

from spm_ml.simulation.book import Rates
from spm_ml.simulation.factors import improved
from spm_ml.simulation.oracle import open_book, play
from spm_ml.simulation.truth import Truth, read_truth
from spm_ml.simulation.world import SKILLS, Floats, Ints

_DEALS_AT_ONCE = 400_000


def first_period_effects(folder: Path, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Attainment that enrolments brought in the first period in which they worked.

    Less than the steady-state effect in `truth/enrolment_effects.parquet`: pipeline that a rep creates better today
    is mostly won later. This is what an estimate from the first period after a program should find.

    Args:
        folder: `truth/` of a simulation.
        draws: Futures played with and without; the standard error of one effect is near 0.8 ÷ √draws.
        seed: Of the futures.

    Returns:
        One row an enrolment whose period is simulated: rep_id, program_id, period, effect (NaN without quota).
    """
    truth = read_truth(folder)
    enrolled = pd.read_parquet(folder / "enrolment_effects.parquet").dropna(subset=["period"])
    place = {rep_id: index for index, rep_id in enumerate(truth.rep_ids) if rep_id}
    labels = [period.label for period in truth.timeline.periods]
    rng = np.random.default_rng(seed)
    parts = []
    for label, rows in enrolled.groupby("period", sort=True):
        period, reps = labels.index(str(label)), np.array([place[rep_id] for rep_id in rows["rep_id"]])
        gain = np.zeros((truth.presence.count, len(SKILLS)))
        gain[reps] = rows[[f"gain_{skill}" for skill in SKILLS]]
        with_it = truth.rates[period]
        without_it = improved(with_it, -gain, truth.world)
        means = [_mean_bookings(truth, rates, period, reps, draws, rng) for rates in (with_it, without_it)]
        asked = truth.outcomes[truth.outcomes["period"] == label].set_index("rep_id")["quota_final"]
        quota = asked.reindex(rows["rep_id"]).replace(0.0, np.nan).to_numpy(dtype=np.float64)
        parts.append(rows[["rep_id", "program_id", "period"]].assign(effect=(means[0] - means[1]) / quota))
    columns = ["rep_id", "program_id", "period", "effect"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _mean_bookings(truth: Truth, rates: Rates, period: int, reps: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """(reps,) expected bookings of a period, seen from its eve; everybody else's deals stand still."""
    eve, week = truth.timeline.start_of(period) - 1, int(truth.timeline.weeks_of(period)[0])
    alone = np.zeros(truth.presence.count, dtype=np.bool_)
    alone[reps] = True
    book = open_book(truth, eve, week)
    book = book.take(alone[book.owner])
    only = Rates(rates.created * alone, rates.speed, rates.win, rates.lose, rates.size, rates.colleague)
    at_once = max(1, min(draws, _DEALS_AT_ONCE // max(len(book), 1)))
    total = np.zeros(truth.presence.count)
    for first in range(0, draws, at_once):
        scenarios = min(at_once, draws - first)
        total += play(truth, book, only, period, (eve, week), scenarios, rng).sum(axis=0)
    return np.asarray((total / draws)[reps])
