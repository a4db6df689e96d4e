"""Teams, regions and the company on the board's day, and the organisation's tree."""

from collections.abc import Sequence

import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.history.people import profiles_on
from spm_ml.predictions import Person, Prediction, TeamPrediction
from spm_ml.scoring.beside import ORGANISATION, MetricsByKey
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.members import groups_of
from spm_ml.scoring.sums import Sums
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
    sums: Sums | None = None,
) -> tuple[TeamPrediction, ...]:
    """One row for each group on the board's day; deals count once (H05).

    The quota of a manager who never owned a deal and was never credited is what the team has to reach: it stands beside
    the sum of the members' quotas and is not in it, nor in a sum further up.

    Args:
        history: What is known.
        target: The period and the board's day.
        predictions: Rows of the reps.
        people: The tree on that day.
        metrics: Baseline metrics by manager, and of the company by `ORGANISATION`.
        sums: What the members' forecasts add up to; None where nothing is forecast.
    """
    board = [row for row in predictions if row.as_of == target.as_of]
    groups = groups_of(board, people, history.organisation.name or "Company")
    credited = Credited.of(history, target) if sums is None else sums.credited
    booked = credited.column("now", pd.Index([row.rep_id for row in board], dtype=object))
    quotas, sellers = _quotas(history, target), _sellers(history)
    leads = {group.key for group in groups if group.level == "team"}
    carriers = {manager for manager in leads if manager in quotas and manager not in sellers}
    rows = []
    for group in groups:
        members = [board[place] for place in group.members]
        known = [row.quota for row in members if row.quota and row.rep_id not in carriers]
        manager = group.key if group.level == "team" else ""
        rows.append(
            TeamPrediction(
                level=group.level,
                key=group.key,
                label=group.label,
                manager_id=manager,
                manager_name=group.label if manager else "",
                period=target.period.label,
                as_of=target.as_of,
                quota=sum(known) if known else None,
                booked=round(booked[list(group.members)].sum()),
                metrics=metrics.get(ORGANISATION if group.level == "company" else manager, ()),
                reps_at_risk=sum(row.risk_band == "high" for row in members),
                reps=len(members),
                own_quota=quotas.get(manager) or None,
            )
        )
    return tuple(rows) if sums is None else sums.added_to(rows, groups, board, carriers)


def _quotas(history: SalesHistory, target: ScoringTarget) -> dict[str, int]:
    """Everybody's quota for the period that is in force on the day."""
    rows = history.quotas
    rows = rows.filter(rows.period_start == target.period.start, rows.known_on <= target.as_of)
    known = rows.select("rep_id", "known_on", "amount").order_by("known_on").to_pyarrow().to_pylist()
    return {row["rep_id"]: row["amount"] for row in known}


def _sellers(history: SalesHistory) -> set[str]:
    """Whoever owned a deal or was credited with one."""
    owners, credited = history.ledger.select("rep_id"), history.bookings.select("rep_id")
    return set(owners.union(credited).distinct().to_pyarrow()["rep_id"].to_pylist())
