"""The programs that reps can take, and which measured behaviour stands in for a skill that nobody assessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from spm_ml.history import SalesHistory


@dataclass(frozen=True)
class Program:
    """A program as it can be offered.

    Attributes:
        program_id: As in the tables.
        name: Shown on pages.
        skills: What it teaches.
        cost: Of a seat, minor units; None: unknown.
        seats: In a period; None: no limit.
        days: Selling days it takes; None: unknown.
    """

    program_id: str
    name: str
    skills: tuple[str, ...]
    cost: int | None = None
    seats: int | None = None
    days: float | None = None


@dataclass(frozen=True)
class Kpi:
    """A measured behaviour that stands in for skills nobody assessed.

    Attributes:
        slug: Short name.
        feature: Column of the dataset that holds it as of a day.
        label: For the reason.
        sign: -1 where a larger number is worse.
        words: Parts of skill names it stands in for.
    """

    slug: str
    feature: str
    label: str
    sign: int
    words: tuple[str, ...]

    def stands_for(self, skill: str) -> bool:
        """Tells whether a skill's name contains one of the words."""
        return any(word in skill.lower() for word in self.words)


KPIS: Final[tuple[Kpi, ...]] = (
    Kpi("created", "created_amount_91", "pipeline created in a quarter", 1, ("prospect", "pipeline", "outbound")),
    Kpi("win_rate", "win_rate_364", "win rate", 1, ("clos", "negotiat", "win", "objection")),
    Kpi("deal_size", "average_deal_364", "average deal size", 1, ("value", "size", "pricing", "upsell", "expansion")),
    Kpi("cycle", "cycle_days_364", "sales cycle", -1, ("qualif", "discovery", "cycle", "speed")),
)
"""The four factors of the sales velocity, each with the skills that drive it."""


def kpi_of(skill: str) -> Kpi | None:
    """The behaviour that a skill shows in; None if its name says nothing.

    >>> kpi_of("Negotiation").slug
    'win_rate'
    """
    return next((kpi for kpi in KPIS if kpi.stands_for(skill)), None)


def offered_programs(history: SalesHistory) -> tuple[Program, ...]:
    """The programs on record, in the order of their ids."""
    rows: pd.DataFrame = history.table("programs").execute()
    return tuple(
        Program(
            program_id=str(row["program_id"]),
            name=str(row["name"]),
            skills=tuple(dict.fromkeys(skill.strip() for skill in str(row["skill"]).split(";") if skill.strip())),
            cost=int(row["cost"]) if pd.notna(row["cost"]) else None,
            seats=int(row["seats"]) if pd.notna(row["seats"]) else None,
            days=float(row["days"]) if pd.notna(row["days"]) else None,
        )
        for row in rows.sort_values("program_id").to_dict("records")
    )
