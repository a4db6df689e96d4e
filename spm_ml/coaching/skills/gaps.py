"""The latent skill of every rep on every eve: a Kalman filter over ratings, joined with the behaviour of the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from spm_ml.coaching.programs import Kpi, Program, kpi_of
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.coaching.skills.readings import standardised_behaviour, standardised_ratings
from spm_ml.coaching.skills.reliability import Reliability, fit_reliability, kpi_loading
from spm_ml.history import SalesHistory

Floats = npt.NDArray[np.float64]

NEED_FROM: Final = -1.0
"""Gap, in standard deviations, from which there is something to learn: the best sixth learn nothing new."""


@dataclass(frozen=True, eq=False)
class SkillGaps:
    """Gaps of every rep, period and skill that some program teaches, as known when the period began.

    Attributes:
        frame: `rep_id, t, skill, gap` (standard deviations of all reps' skill; positive: below the mean), `sd` (its
            standard error; 1: nothing is known), `source` (`assessment`, `kpi` or `` for nothing) and `text` (the
            evidence in a sentence, for the newest period only); sorted by rep, time and skill.
        reliability: What ratings are worth here.
        behaviour_loadings: Correlation of each skill's behaviour with the skill; skills without one are left out.
    """

    frame: pd.DataFrame
    reliability: Reliability
    behaviour_loadings: dict[str, float]

    def matched(self, program: Program) -> pd.DataFrame:
        """What a program could give to each rep.

        Returns:
            `rep_id, t, need` (expected gap above `NEED_FROM`, mean over the program's skills, never negative),
            `need_sd` (standard deviation of what is not known about it), `gap, skill, source, text` (of the skill
            with the largest gap); one row a rep and period, sorted.
        """
        rows = self.frame[self.frame["skill"].isin(program.skills)]
        mean, sd = _positive_part(rows["gap"].to_numpy() - NEED_FROM, rows["sd"].to_numpy())
        rows = rows.assign(need=mean, variance=sd**2)
        keys = ["rep_id", "t"]
        needs = rows.groupby(keys, as_index=False).agg(
            need=("need", "mean"), variance=("variance", "sum"), n=("need", "size")
        )
        needs["need_sd"] = np.sqrt(needs["variance"]) / needs["n"]
        largest = rows.sort_values([*keys, "gap"]).drop_duplicates(keys, keep="last")
        columns = [*keys, "gap", "skill", "source", "text"]
        return needs[[*keys, "need", "need_sd"]].merge(largest[columns], on=keys)


def skill_gaps(history: SalesHistory, periods: RepPeriods) -> SkillGaps:
    """Gaps in every skill that some program on record teaches.

    Args:
        history: For assessments.
        periods: Reps, behaviours and programs.
    """
    return gaps_from(history.table("assessments").execute(), periods)


def gaps_from(assessments: pd.DataFrame, periods: RepPeriods) -> SkillGaps:
    """The same from a frame of assessments: `rep_id, skill, assessed_on, score, assessor`."""
    skills = sorted({skill for program in periods.programs for skill in program.skills})
    ratings = standardised_ratings(assessments[assessments["skill"].isin(skills)], periods)
    reliability = fit_reliability(ratings)
    parts, loadings = [], {}
    behaviours: dict[Kpi, Floats] = {}
    for skill in skills:
        own = ratings[ratings["skill"] == skill]
        mean, variance, rated = _filtered(own, periods, reliability)
        kpi = kpi_of(skill)
        source = np.where(rated, "assessment", "")
        texts = _rating_texts(own, periods, skill)
        if kpi is not None:
            if kpi not in behaviours:
                behaviours[kpi] = standardised_behaviour(periods, kpi)
            behaviour = behaviours[kpi]
            loadings[skill] = kpi_loading(behaviour, mean, np.sqrt(variance))
            seen = np.isfinite(behaviour)
            mean, variance = _updated(mean, variance, np.where(seen, behaviour, 0.0), loadings[skill], seen)
            source = np.where((source == "") & seen, "kpi", source)
            texts = np.where(texts != "", texts, _behaviour_texts(periods, kpi, skill, behaviour))
        part = periods.frame[["rep_id", "t"]].assign(
            skill=skill, gap=-mean, sd=np.sqrt(variance), source=source, text=texts
        )
        parts.append(part)
    columns = ["rep_id", "t", "skill", "gap", "sd", "source", "text"]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return SkillGaps(frame.sort_values(["rep_id", "t", "skill"], ignore_index=True), reliability, loadings)


def _positive_part(mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of max(x, 0) for x normal: the first two moments of a rectified Gaussian."""
    sd = np.maximum(sd, 1e-9)
    ratio = mean / sd
    first = mean * norm.cdf(ratio) + sd * norm.pdf(ratio)
    second = (mean**2 + sd**2) * norm.cdf(ratio) + mean * sd * norm.pdf(ratio)
    return first, np.sqrt(np.maximum(second - first**2, 0.0))


def _updated(
    mean: Floats, variance: Floats, reading: Floats, loading: float, seen: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Kalman update with a reading z = λ·skill + noise of variance 1 − λ², where there is one."""
    innovation = loading**2 * variance + 1 - loading**2
    gain = np.where(seen, variance * loading / innovation, 0.0)
    return mean + gain * (reading - loading * mean), variance * (1 - gain * loading)


def _filtered(
    ratings: pd.DataFrame, periods: RepPeriods, reliability: Reliability
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """(n,) mean and variance of one skill as known from ratings when each rep-period began, and whether there were any.

    Source: Kalman (1960), A New Approach to Linear Filtering and Prediction Problems.
    """
    frame = periods.frame
    reps, row_of = np.unique(frame["rep_id"].to_numpy(dtype=object), return_inverse=True)
    t = frame["t"].to_numpy()
    place = pd.Index(reps).get_indexer(ratings["rep_id"])
    # A rating of an earlier period was known on the eve; in the newest one, whatever is on record by now.
    known_from = np.where(ratings["t"].to_numpy() == periods.last, periods.last, ratings["t"].to_numpy() + 1)
    mean, variance, rated = np.zeros(len(reps)), np.ones(len(reps)), np.zeros(len(reps), dtype=bool)
    out_mean, out_variance, out_rated = np.zeros(len(frame)), np.ones(len(frame)), np.zeros(len(frame), dtype=bool)
    for now in range(periods.last + 1):
        persistence = reliability.persistence
        mean, variance = persistence * mean, persistence**2 * variance + 1 - persistence**2
        for assessor, loading in reliability.loadings.items():
            chosen = (known_from == now) & (ratings["assessor"] == assessor).to_numpy()
            reading, seen = np.zeros(len(reps)), np.zeros(len(reps), dtype=bool)
            reading[place[chosen]], seen[place[chosen]] = ratings["z"].to_numpy()[chosen], True
            mean, variance = _updated(mean, variance, reading, loading, seen)
            rated |= seen
        rows = t == now
        who = row_of[rows]
        out_mean[rows], out_variance[rows], out_rated[rows] = mean[who], variance[who], rated[who]
    return out_mean, out_variance, out_rated


def _rating_texts(ratings: pd.DataFrame, periods: RepPeriods, skill: str) -> npt.NDArray[np.object_]:
    """(n,) what was last rated, beside peers; for rows of the newest period."""
    texts = np.full(len(periods.frame), "", dtype=object)
    newest = ratings.sort_values(["assessed_on", "assessor"]).drop_duplicates(["rep_id", "assessor"], keep="last")
    others = newest[newest["assessor"] != "self"]
    newest = pd.concat([others, newest[~newest["rep_id"].isin(others["rep_id"])]])
    rows = periods.frame["t"].to_numpy() == periods.last
    said = {
        str(rep): [_said(row["score"], row["assessor"], row["peers"]) for row in group.to_dict("records")]
        for rep, group in newest.groupby("rep_id")
    }
    words = skill.replace("_", " ")
    texts[rows] = [
        f"{words} rated {' and '.join(said[rep])}" if rep in said else "" for rep in periods.frame["rep_id"][rows]
    ]
    return texts


def _said(score: float, assessor: str, peers: float) -> str:
    return f"{score:.2g} by {_WHO.get(assessor, assessor)} (peers {peers:.2g})"


_WHO: Final = {"manager": "the manager", "quiz": "a quiz", "self": "the rep"}


def _behaviour_texts(periods: RepPeriods, kpi: Kpi, skill: str, behaviour: Floats) -> npt.NDArray[np.object_]:
    texts = np.full(len(periods.frame), "", dtype=object)
    for row in np.flatnonzero((periods.frame["t"].to_numpy() == periods.last) & np.isfinite(behaviour)):
        side = "below" if behaviour[row] < 0 else "above"
        texts[row] = (
            f"nobody rated {skill.replace('_', ' ')}; {kpi.label} is {abs(behaviour[row]):.1f} standard deviations "
            f"{side} that of comparable reps"
        )
    return texts
