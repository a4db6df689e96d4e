"""Skill gaps: how far a rep lies below fair peers, from assessments, or from KPIs where nobody was assessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.history import SalesHistory

ASSESSMENT_VALID_DAYS = 364
MIN_PEERS = 8
"""A segment with fewer reps is compared with everyone."""


@dataclass(frozen=True)
class Kpi:
    """A measured behaviour that stands in for skills nobody assessed.

    Attributes:
        feature: Column of the dataset.
        label: For the reason.
        sign: -1 where a larger number is worse.
        words: Parts of skill names it stands in for.
    """

    feature: str
    label: str
    sign: int
    words: tuple[str, ...]


KPIS: tuple[Kpi, ...] = (
    Kpi("created_amount_91", "pipeline created in a quarter", 1, ("prospect", "pipeline", "outbound", "lead")),
    Kpi("win_rate_364", "win rate", 1, ("clos", "negotiat", "win", "objection")),
    Kpi("average_deal_364", "average deal size", 1, ("value", "size", "pricing", "upsell", "expansion")),
    Kpi("cycle_days_364", "sales cycle", -1, ("qualif", "discovery", "cycle", "speed")),
)


@dataclass(frozen=True)
class SkillGap:
    """One rep's gap in one skill.

    Attributes:
        rep_id: The rep.
        skill: As programs name it.
        gap: Standard deviations below the peers' median; positive = below.
        source: What it was measured by.
        evidence: One sentence with the figures.
    """

    rep_id: str
    skill: str
    gap: float
    source: Literal["assessment", "kpi"]
    evidence: str


def skill_gaps(history: SalesHistory, dataset: RepPeriodDataset, day: date, skills: set[str]) -> tuple[SkillGap, ...]:
    """Every rep's gap in every skill of `skills` as known at the end of `day`.

    Assessments of the last year decide; a skill that a rep was not assessed in falls back to its KPI, for reps with
    at least the organisation's `min_history_periods` finished periods.

    Args:
        history: For assessments.
        dataset: For peers (segment) and KPIs.
        day: As-of day.
        skills: Skills that some program teaches.
    """
    people = _people(dataset, day)
    assessed = _assessed_gaps(history, people, day, skills)
    known = {(gap.rep_id, gap.skill) for gap in assessed}
    experienced = people[people["periods_of_history"] >= history.organisation.min_history_periods]
    measured = [gap for gap in _kpi_gaps(experienced, skills) if (gap.rep_id, gap.skill) not in known]
    return (*assessed, *measured)


def _people(dataset: RepPeriodDataset, day: date) -> pd.DataFrame:
    """The newest row of each rep up to the day, with the group the rep is compared with."""
    frame = dataset.frame
    frame = frame[frame["as_of"] <= pd.Timestamp(day)].sort_values("as_of")
    people: pd.DataFrame = frame.groupby("rep_id").tail(1)
    people = people[people["as_of"] == people["as_of"].max()].copy()
    size = people.groupby("segment")["rep_id"].transform("count")
    people["peers"] = people["segment"].where(size >= MIN_PEERS, "everyone").fillna("everyone")
    return people


def _standardised(values: pd.Series, peers: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Deviation below the peers' median in standard deviations of the peers, and that median."""
    grouped = values.groupby(peers)
    median = grouped.transform("median")
    spread = grouped.transform("std").replace(0.0, np.nan)
    return (median - values) / spread, median


def _assessed_gaps(history: SalesHistory, people: pd.DataFrame, day: date, skills: set[str]) -> tuple[SkillGap, ...]:
    scores: pd.DataFrame = history.as_of(day).table("assessments").execute()
    scores = scores[scores["skill"].isin(skills)]
    scores = scores.assign(assessed_on=pd.to_datetime(scores["assessed_on"]))
    scores = scores[scores["assessed_on"] > pd.Timestamp(day - timedelta(days=ASSESSMENT_VALID_DAYS))]
    by_others = scores.groupby(["rep_id", "skill"])["assessor"].transform(lambda who: (who != "self").any())
    scores = scores[(scores["assessor"] != "self") | ~by_others.astype(bool)]
    newest = scores.sort_values("assessed_on").groupby(["rep_id", "skill", "assessor"]).tail(1)
    rating = newest.groupby(["rep_id", "skill"], as_index=False).agg(
        score=("score", "mean"), on=("assessed_on", "max"), by=("assessor", lambda who: " and ".join(sorted(set(who))))
    )
    rating = rating.merge(people[["rep_id", "peers"]], on="rep_id")
    gaps: list[SkillGap] = []
    for skill, rows in rating.groupby("skill"):
        deviation, median = _standardised(rows["score"], rows["peers"])
        gaps.extend(
            SkillGap(
                str(row.rep_id),
                str(skill),
                float(gap),
                "assessment",
                f"{str(skill).replace('_', ' ')} rated {row.score:.2g} by {row.by} on {row.on:%Y-%m-%d}; "
                f"peers ({row.peers}) have {middle:.2g}",
            )
            for row, gap, middle in zip(rows.itertuples(), deviation, median, strict=True)
            if np.isfinite(gap)
        )
    return tuple(gaps)


def _kpi_gaps(people: pd.DataFrame, skills: set[str]) -> tuple[SkillGap, ...]:
    gaps: list[SkillGap] = []
    for kpi in KPIS:
        matched = sorted(skill for skill in skills if any(word in skill.lower() for word in kpi.words))
        rows = people[["rep_id", "peers"]].assign(value=people[kpi.feature]).dropna(subset=["value"])
        deviation, median = _standardised(kpi.sign * rows["value"], rows["peers"])
        for row, gap, middle in zip(rows.itertuples(), deviation, median, strict=True):
            if not np.isfinite(gap):
                continue
            share = row.value / (kpi.sign * middle) if middle else float("nan")
            evidence = f"{kpi.label} is {share:.0%} of that of peers ({row.peers}); no assessment of this skill"
            gaps.extend(SkillGap(str(row.rep_id), skill, float(gap), "kpi", evidence) for skill in matched)
    return tuple(gaps)
