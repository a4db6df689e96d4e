"""Teams, regions and the company on every as-of day, and the organisation's tree."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from spm_ml.forecasting import AttainmentForecast
from spm_ml.history import SalesHistory
from spm_ml.history.people import profiles_on
from spm_ml.predictions import Counted, Person, TeamPrediction
from spm_ml.scoring.beside import Beside, pace_of
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.day_sums import DaySums
from spm_ml.scoring.members import Group, groups_of
from spm_ml.scoring.sellers import sellers
from spm_ml.scoring.sums import Sums
from spm_ml.scoring.target import ScoringTarget
from spm_ml.scoring.two_days import rows_of


def build_people(history: SalesHistory, target: ScoringTarget, predictions: Sequence[Counted]) -> tuple[Person, ...]:
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
    predictions: Sequence[Counted],
    people: Sequence[Person],
    beside: Beside,
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
        beside: Baseline metrics by group, and those of growth in finished periods.
        sums: What the members' forecasts add up to; None where nothing is forecast.
    """
    board = [row for row in predictions if row.as_of == target.as_of]
    groups = groups_of(board, people, history.organisation.name or "Company")
    credited = Credited.of(history, target) if sums is None else sums.credited
    carriers = _carriers(history, target, groups)
    rows = _rows(history, target, board, groups, credited, carriers)
    metrics, growth = beside.of_groups, beside.finished.growth
    known = [
        replace(row, metrics=metrics.get((row.level, row.key), ()), growth=growth.get((row.level, row.key)))
        for row in rows
    ]
    return tuple(known) if sums is None else sums.added_to(known, groups, board, carriers)


def build_earlier_teams(
    history: SalesHistory,
    target: ScoringTarget,
    predictions: Sequence[Counted],
    people: Sequence[Person],
    forecast: AttainmentForecast | None,
) -> tuple[TeamPrediction, ...]:
    """One row for each group and as-of day before the board's: what it adds up to, and its linear pace.

    People belong to the manager of the board's day, whoever they reported to on the day; what is booked, quotas and
    forecasts are as known on the day.

    Args:
        history: What is known.
        target: The period and the board's day.
        predictions: Rows of the reps on every day.
        people: The tree on the board's day.
        forecast: What was answered for the same rows, in their order; None where nothing is forecast.
    """
    found: list[TeamPrediction] = []
    calendar, period = history.calendar, target.period
    selling_days = calendar.selling_days(period.start, period.end)
    for then in target.earlier():
        places = np.array([at for at, row in enumerate(predictions) if row.as_of == then.as_of], dtype=np.int64)
        board = [predictions[at] for at in places]
        groups, credited = groups_of(board, people, history.organisation.name or "Company"), Credited.of(history, then)
        rows = _rows(history, then, board, groups, credited, _carriers(history, then, groups))
        elapsed = calendar.elapsed_selling_days(period, then.as_of)
        paced = [replace(row, metrics=(pace_of(row.booked, elapsed, selling_days),)) for row in rows]
        found += paced if forecast is None else DaySums(rows_of(forecast, places), credited).added_to(paced, groups)
    return tuple(found)


def _rows(
    history: SalesHistory,
    target: ScoringTarget,
    board: Sequence[Counted],
    groups: Sequence[Group],
    credited: Credited,
    carriers: Collection[str],
) -> list[TeamPrediction]:
    """One row a group: what is counted on the target's day, and no forecast yet."""
    booked = credited.column("now", pd.Index([row.rep_id for row in board], dtype=object))
    quotas = _quotas(history, target)
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
                metrics=(),
                reps_at_risk=sum(row.risk_band == "high" for row in members),
                reps=len(members),
                own_quota=quotas.get(manager) or None,
            )
        )
    return rows


def _carriers(history: SalesHistory, target: ScoringTarget, groups: Sequence[Group]) -> set[str]:
    """Managers who have a quota and never sold: it is what their team has to reach."""
    quotas = _quotas(history, target)
    return {group.key for group in groups if group.level == "team" and group.key in quotas} - sellers(history)


def _quotas(history: SalesHistory, target: ScoringTarget) -> dict[str, int]:
    """Everybody's quota for the period that is in force on the day."""
    rows = history.quotas
    rows = rows.filter(rows.period_start == target.period.start, rows.known_on <= target.as_of)
    known = rows.select("rep_id", "known_on", "amount").order_by("known_on").to_pyarrow().to_pylist()
    return {row["rep_id"]: row["amount"] for row in known}
