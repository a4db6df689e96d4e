"""What past plans have brought against training nobody, by doubly robust estimation.

Where an offer was drawn by lot, its logged chance corrects what the uplift's own prediction missed. Where it was not,
those offered are compared with reps who were not, weighted by their estimated chance. Both add the outcomes that were
seen to a model's prediction, and are right if either the chances or the model are. Source: Dudík, Langford & Li
(2011), Doubly robust policy evaluation and learning, section 3; for those who were chosen without a lot Robins,
Rotnitzky & Zhao (1994).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from spm_ml.coaching.evidence.gain import Gain, compare_by_lot, gain_by_lot, gain_of_the_chosen, together
from spm_ml.coaching.evidence.words import value_words
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.coaching.skills import SkillGaps
from spm_ml.coaching.uplift.episodes import Episodes, episodes_of
from spm_ml.coaching.uplift.nuisances import fit_outcome, fit_propensity, fold_of_rows
from spm_ml.predictions import Assignment, standing_offers

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BEFORE_THE_LOG: Final = "before the log"
ALL_PLANS: Final = "all plans"

_OVERLAP: Final = (0.02, 0.98)
"""Estimated chances are drawn in to these bounds, as in the effects of programs."""


@dataclass(frozen=True)
class PastPlan:
    """What one plan has brought, or all of them, in attainment shares.

    Attributes:
        period: Label of the period it was for, `ALL_PLANS`, or `BEFORE_THE_LOG`.
        offered: People who were offered a program; before the log those who started one.
        held_out: People held out by lot.
        enrolled: Of those offered, who started it.
        known: People offered or held out whose outcome is known.
        gain: Mean gain of an offer, with its 95 % interval; None when it cannot be told.
        randomised: The simple comparison of those offered with those held out; None without a lot.
        words: What it means, and what it does not.
    """

    period: str
    offered: int
    held_out: int
    enrolled: int
    known: int
    gain: Gain | None
    randomised: Gain | None
    words: str

    @property
    def total(self) -> Gain | None:
        """Gain of everybody who was offered a program, together."""
        return None if self.gain is None else self.gain.times(self.offered)


@dataclass(frozen=True, eq=False)
class _Units:
    """Rep-periods with what was planned for them; arrays of length n.

    Attributes:
        offered: An offer stood.
        planned: An offer stood, or the rep was held out of one.
        chance: Logged chance of the offer; NaN where it was certain, unknown, or nothing was planned.
        claimed: Gain that was expected of the offer; 0 where none was claimed.
    """

    episodes: Episodes
    period: npt.NDArray[np.object_]
    offered: Bools
    planned: Bools
    sent: Bools
    chance: Floats
    claimed: Floats


def value_of_past_plans(periods: RepPeriods, gaps: SkillGaps, log: Iterable[Assignment]) -> tuple[PastPlan, ...]:
    """Estimates what each logged plan has brought, all together, and what was done before the log began.

    Args:
        periods: Who started what, and what came of it.
        gaps: Skill gaps, which belong to what was known.
        log: The assignment log.

    Returns:
        One entry a logged plan, oldest first; one for all where there are several; one for what came before.
    """
    offers = standing_offers(log)
    if periods.frame.empty:
        return ()
    units = _units(periods, gaps, offers)
    labels = periods.frame.drop_duplicates("t").sort_values("t")["period"].astype(str)
    logged = [label for label in labels if any(period == label for period, _, _ in offers)]
    plans = [_plan(units, label, np.asarray(units.period == label)) for label in logged]
    if len(logged) > 1:
        plans.append(_plan(units, ALL_PLANS, np.isin(units.period, logged)))
    first = min((list(labels).index(label) for label in logged), default=len(labels))
    return (*plans, _before(units, periods, first))


def _units(periods: RepPeriods, gaps: SkillGaps, offers: dict[tuple[str, str, str], Assignment]) -> _Units:
    frame = periods.frame
    by_rep: dict[tuple[str, str], Assignment] = {(period, rep): line for (period, rep, _), line in offers.items()}
    lines = [by_rep.get(key) for key in zip(frame["period"].astype(str), frame["rep_id"].astype(str), strict=True)]
    episodes = episodes_of(periods, gaps)
    chance = np.array([np.nan if line is None or line.propensity is None else line.propensity for line in lines])
    return _Units(
        episodes=episodes,
        period=frame["period"].astype(str).to_numpy(dtype=object),
        offered=np.array([line is not None and line.event == "offered" for line in lines]),
        planned=np.array([line is not None for line in lines]),
        sent=episodes.started.max(axis=1, initial=0.0) > 0,
        chance=np.where((chance > 0) & (chance < 1), chance, np.nan),
        claimed=np.array([0.0 if line is None or line.effect is None else line.effect for line in lines]),
    )


def _plan(units: _Units, label: str, chosen: Bools) -> PastPlan:
    planned = units.planned & chosen
    known = planned & units.episodes.known
    by_lot = known & np.isfinite(units.chance)
    outcome, reps = units.episodes.attainment, units.episodes.rep_id
    lot = certain = None
    if known.any():
        expected = _expected(units.episodes, units.sent | units.offered)
        lot = gain_by_lot(
            outcome[by_lot] - expected[by_lot],
            units.offered[by_lot],
            units.chance[by_lot],
            units.claimed[by_lot],
            reps[by_lot],
        )
        treated = known & ~by_lot & units.offered
        controls = chosen & units.episodes.known & ~units.offered & ~units.sent
        certain = _compared(units.episodes, treated, controls, outcome - expected)
    offered, enrolled = units.offered & chosen, units.offered & chosen & units.sent
    gain = together(lot, certain)
    randomised = compare_by_lot(outcome[by_lot], units.offered[by_lot], units.chance[by_lot], reps[by_lot])
    found = PastPlan(
        period=label,
        offered=int(offered.sum()),
        held_out=int((planned & ~units.offered).sum()),
        enrolled=int(enrolled.sum()),
        known=int(known.sum()),
        gain=gain,
        randomised=randomised,
        words="",
    )
    trained = int((enrolled & units.episodes.known).sum())
    return replace(found, words=value_words(gain, randomised, trained=trained, known=found.known))


def _before(units: _Units, periods: RepPeriods, first: int) -> PastPlan:
    """What was done before the log: those who started a program beside those who did not."""
    early = units.episodes.t < first
    known = early & units.episodes.known
    treated, controls = known & units.sent, known & ~units.sent
    gain = None
    if treated.any():
        expected = _expected(units.episodes, units.sent | units.offered)
        gain = _compared(units.episodes, treated, controls, units.episodes.attainment - expected)
    starts = periods.starts[periods.starts["t"] < first]
    trained = int(treated.sum())
    started = int((early & units.sent).sum())
    words = f"{_who_decided(starts)} {value_words(gain, None, trained=trained, known=trained)}"
    return PastPlan(BEFORE_THE_LOG, started, 0, started, trained, gain, None, words)


def _expected(episodes: Episodes, touched: Bools) -> Floats:
    """(n,) attainment expected without a program, never fitted on the rep."""
    untouched = np.where(touched, np.nan, episodes.attainment)
    return fit_outcome(episodes, untouched, fold_of_rows(episodes)).expected


def _compared(episodes: Episodes, treated: Bools, controls: Bools, surprise: Floats) -> Gain | None:
    """Those who were chosen beside those who could have been, weighted by the estimated chance."""
    use = treated | controls
    if not treated.any() or not controls.any():
        return None
    pool = replace(
        episodes,
        rep_id=episodes.rep_id[use],
        t=episodes.t[use],
        attainment=episodes.attainment[use],
        started=treated[use, None].astype(np.float64),
        need=episodes.need[use],
        covariates=episodes.covariates[use],
    )
    chance = np.clip(fit_propensity(pool, fold_of_rows(pool))[:, 0], *_OVERLAP)
    return gain_of_the_chosen(surprise[use], treated[use], chance, pool.rep_id)


def _who_decided(starts: pd.DataFrame) -> str:
    if starts.empty:
        return "No program was started before the log began."
    people = starts["assigned_by"].nunique()
    unsaid = int(starts["assigned_by"].isna().sum())
    reasons = starts["reason"].fillna("no reason on record").value_counts(normalize=True).head(3)
    listed = ", ".join(f"{reason} {share:.0%}" for reason, share in reasons.items())
    deciders = "one person or system" if people == 1 else f"{people} people or systems"
    by = f"decided by {deciders}" if people else "nobody is on record as having decided"
    more = f", {unsaid} without a name" if unsaid and people else ""
    return f"{len(starts)} starts, {by}{more}; reasons on record: {listed}. No chance was logged, so it is estimated."
