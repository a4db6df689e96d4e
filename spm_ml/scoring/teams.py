"""Managers' teams and the organisation's tree on the board's day."""

from collections.abc import Mapping, Sequence

import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.history.people import profiles_on
from spm_ml.predictions import Person, Prediction, TeamPrediction
from spm_ml.scoring.beside import MetricsByKey
from spm_ml.scoring.target import ScoringTarget


def build_people(history: SalesHistory, target: ScoringTarget, predictions: Sequence[Prediction]) -> tuple[Person, ...]:
    """The tree on the as-of day, and whoever has a forecast but is no longer (or not yet) in it."""
    tree = history.tree(target.as_of)
    rows = profiles_on(history.profiles, target.as_of).select("rep_id", "name", "role").to_pyarrow().to_pylist()
    known = {row["rep_id"]: row for row in rows}
    people = {
        str(rep_id): Person(
            rep_id=str(rep_id),
            name=known.get(rep_id, {}).get("name") or str(rep_id),
            manager_id=manager_id if isinstance(manager_id, str) else None,
            role=known.get(rep_id, {}).get("role") or "",
        )
        for rep_id, manager_id in zip(tree["rep_id"], tree["manager_id"], strict=True)
    }
    for row in predictions:
        if row.rep_id not in people:
            manager = row.manager_id if row.manager_id in people else None
            people[row.rep_id] = Person(row.rep_id, row.name, manager, row.role)
    return tuple(people.values())


def build_teams(
    history: SalesHistory,
    target: ScoringTarget,
    predictions: Sequence[Prediction],
    people: Sequence[Person],
    metrics: MetricsByKey,
) -> tuple[TeamPrediction, ...]:
    """One row for each manager with anybody on the board below, on the board's day; deals count once (H05)."""
    on_board = [row for row in predictions if row.as_of == target.as_of]
    revenue = _revenue(history, target)
    above = {person.rep_id: person.manager_id for person in people}
    names = {person.rep_id: person.name for person in people}
    members: dict[str, list[Prediction]] = {}
    for row in on_board:
        for manager in _managers_of(row.rep_id, above):
            members.setdefault(manager, []).append(row)
    leads = {manager for manager in above.values() if manager}
    teams = []
    for manager in sorted(leads & set(members)):
        rows = members[manager]
        quotas = [row.quota for row in rows if row.quota]
        teams.append(
            TeamPrediction(
                level="team",
                key=manager,
                label=names[manager],
                manager_id=manager,
                manager_name=names[manager],
                period=target.period.label,
                as_of=target.as_of,
                quota=sum(quotas) if quotas else None,
                booked=sum(revenue.get(row.rep_id, 0) for row in rows),
                metrics=metrics.get(manager, ()),
                reps_at_risk=sum(row.risk_band == "high" for row in rows),
                reps=len(rows),
            )
        )
    return tuple(teams)


def _managers_of(rep_id: str, above: Mapping[str, str | None]) -> tuple[str, ...]:
    """The rep and everybody above; the rep's own row counts in the rep's own team."""
    chain = [rep_id]
    while (manager := above.get(chain[-1])) is not None and manager not in chain:
        chain.append(manager)
    return tuple(chain)


def _revenue(history: SalesHistory, target: ScoringTarget) -> dict[str, int]:
    """Revenue credit of each rep in the period up to the day, minor units; overlay credit is left out."""
    rows = history.bookings
    rows = rows.filter(rows.credit == "revenue", rows.booked_on >= target.period.start, rows.booked_on <= target.as_of)
    summed: pd.DataFrame = rows.group_by("rep_id").aggregate(booked=rows.amount.sum()).to_pandas()
    return {str(rep_id): int(booked) for rep_id, booked in zip(summed["rep_id"], summed["booked"], strict=True)}
