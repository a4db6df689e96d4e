"""Diagnosis of every rep from the trailing year: conditions and behaviours beside fair peers, and a verdict."""

from dataclasses import replace
from typing import Final, cast

import pandas as pd

from spm_ml.coaching.diagnosis.figures import Figures
from spm_ml.coaching.diagnosis.parts import explain
from spm_ml.coaching.diagnosis.sums import see
from spm_ml.coaching.diagnosis.verdict import judge
from spm_ml.coaching.diagnosis.words import LABELS, evidence, headline
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.coaching.skills import SkillGaps
from spm_ml.hazards import Abstention
from spm_ml.predictions.coaching import Diagnosis, DiagnosisVerdict, SkillRating

TRAILING: Final = 4
"""Newest finished periods that are diagnosed together."""


def diagnose(periods: RepPeriods, gaps: SkillGaps | None = None) -> tuple[Diagnosis, ...]:
    """Diagnoses every rep who is there in the newest period, by the finished ones of the trailing year.

    Args:
        periods: Rep-periods with their results.
        gaps: Skills beside peers; None: none are known.

    Returns:
        One diagnosis a rep, in the order of their ids; without a finished period or a quota it abstains.
    """
    frame = periods.frame
    present = sorted(frame.loc[frame["t"] == periods.last, "rep_id"].astype(str))
    finished = frame[frame["finished"]]
    trailing = finished[finished["t"] > finished["t"].max() - TRAILING]
    seen = see(periods)
    seen = replace(seen, rows=seen.rows[seen.rows["t"].isin(trailing["t"])])
    explained = explain(seen, ["rep_id"])
    figures = Figures(explained, judge(explained), seen.left_out)
    spans = {str(rep_id): _span(own) for rep_id, own in seen.rows.groupby("rep_id")["period"]}
    segments = (
        seen.rows.drop_duplicates("rep_id", keep="last").set_index("rep_id")["segment"].astype("object").fillna("")
    )
    skills, places = _ratings(gaps), {str(rep_id): place for place, rep_id in enumerate(explained.spans["rep_id"])}
    return tuple(
        _diagnosis(figures, places[rep_id], spans[rep_id], _peers(segments, rep_id), skills.get(rep_id, ()))
        if rep_id in places
        else _abstention(rep_id, trailing[trailing["rep_id"] == rep_id], skills.get(rep_id, ()))
        for rep_id in present
    )


def _diagnosis(figures: Figures, place: int, span: str, peers: str, skills: tuple[SkillRating, ...]) -> Diagnosis:
    found = figures.verdicts
    verdict, cause = cast(DiagnosisVerdict, str(found.verdict[place])), str(found.cause[place])
    attainment = float(figures.explained.attainment[place])
    own = figures.beside(cause, place) if verdict == "behaviour" else None
    sums = (float(found.conditions[place]), float(found.behaviours[place]), float(found.luck[place]))
    return Diagnosis(
        rep_id=str(figures.explained.spans["rep_id"].iloc[place]),
        period=span,
        attainment=attainment,
        gap=attainment - 1,
        parts=tuple(figures.parts(place)),
        skills=skills,
        verdict=verdict,
        headline=headline(verdict, cause, attainment, float(found.fair[place]), float(found.usual[place]), own),
        evidence=evidence(attainment, span, sums, LABELS.get(cause, ""), own.p_below if own else None),
        peers=peers,
        abstention=None,
    )


def _abstention(rep_id: str, trailing: pd.DataFrame, skills: tuple[SkillRating, ...]) -> Diagnosis:
    """Nothing to divide, or nothing to divide by."""
    if trailing.empty:
        abstention = Abstention("not_started", "No period has been finished yet, so there is nothing to diagnose.")
    elif (trailing["quota_final"] == 0).any():
        abstention = Abstention("quota_zero")
    else:
        abstention = Abstention("quota_missing")
    return Diagnosis(
        rep_id=rep_id,
        period=_span(trailing["period"]) if len(trailing) else "",
        attainment=None,
        gap=None,
        parts=(),
        skills=skills,
        verdict="cannot_tell",
        headline="No diagnosis.",
        evidence=abstention.detail,
        peers="",
        abstention=abstention,
    )


def _span(labels: pd.Series) -> str:
    """From the first period to the last, in the order of time."""
    first, last = str(labels.iloc[0]), str(labels.iloc[-1])
    return first if first == last else f"{first} to {last}"


def _peers(segments: pd.Series, rep_id: str) -> str:
    """Whom a rep is compared with."""
    segment, others = str(segments[rep_id]), len(segments) - 1
    if not others:
        return "Nobody to compare with."
    same = int((segments == segment).sum()) - 1
    own = f", {same} of them in {segment}" if segment else ""
    return f"{others} other reps{own}; segment, tenure, territory, season and presence are allowed for."


def _ratings(gaps: SkillGaps | None) -> dict[str, tuple[SkillRating, ...]]:
    """The newest known gap of each rep and skill."""
    if gaps is None:
        return {}
    known = gaps.frame[gaps.frame["source"].isin(["assessment", "kpi"])]
    newest = known.drop_duplicates(["rep_id", "skill"], keep="last")
    ratings: dict[str, list[SkillRating]] = {}
    for row in newest.to_dict("records"):
        rating = SkillRating(row["skill"], float(row["gap"]), float(row["sd"]), row["source"], row["text"])
        ratings.setdefault(str(row["rep_id"]), []).append(rating)
    return {rep_id: tuple(found) for rep_id, found in ratings.items()}
