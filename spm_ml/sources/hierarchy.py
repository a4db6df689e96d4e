# ruff: noqa: S608 — every name is the contract's own
"""The tree of managers: a manager who is unknown or closes a circle is set aside, the rep stays."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from graphlib import CycleError, TopologicalSorter

import duckdb

from spm_ml.sources.findings import FindingLog
from spm_ml.sources.rules import Hint, Rule


@dataclass(frozen=True)
class Reporting:
    """A rep reports to a manager from a day on; without a day: since hired.

    Attributes:
        row: Number of the input row that says so; None if it was ingested before.
    """

    rep_id: str
    manager_id: str | None
    since: date | None
    row: int | None


def rows_in_circles(lines: Iterable[Reporting]) -> set[int]:
    """Numbers of the input rows whose manager closes a circle on some day; every row of a circle is one.

    A manages B in one year and B manages A in the next is no circle.

    >>> sorted(rows_in_circles([Reporting("a", "b", None, 1), Reporting("b", "a", None, 2)]))
    [1, 2]
    """
    by_rep: dict[str, list[Reporting]] = defaultdict(list)
    for line in sorted(lines, key=lambda each: each.since or date.min):
        by_rep[line.rep_id].append(line)
    managers = {rep: [line.manager_id for line in history if line.manager_id] for rep, history in by_rep.items()}
    try:
        TopologicalSorter(managers).prepare()
    except CycleError:
        return _find_circles(by_rep)
    return set()


def _find_circles(by_rep: dict[str, list[Reporting]]) -> set[int]:
    found: set[int] = set()
    days = sorted({line.since or date.min for history in by_rep.values() for line in history})
    for day in days:
        current = {
            rep: line
            for rep, history in by_rep.items()
            for line in history
            if (line.since or date.min) <= day and line.row not in found
        }
        done: set[str] = set()
        for start in current:
            path: dict[str, Reporting] = {}
            rep: str | None = start
            while rep is not None and rep in current and rep not in done and rep not in path:
                path[rep] = current[rep]
                rep = current[rep].manager_id
            if rep in path:
                circle = list(path)[list(path).index(rep) :]
                found |= {row for each in circle if (row := path[each].row) is not None}
            done |= path.keys()
    return found


def mend_hierarchy(
    connection: duckdb.DuckDBPyConnection, log: FindingLog, state: str | None, hint: Hint | None
) -> None:
    """Empties the manager of accepted reps where it is unknown or closes a circle, and takes note of each.

    Args:
        connection: Holds `typed_reps`, `accepted_reps` and `known_reps`.
        log: Receives the cells.
        state: SELECT of the reps in force before.
        hint: Names a rep_id close to an unknown one.
    """
    connection.execute(
        "CREATE TABLE unknown_managers AS SELECT _source, _line, manager_id AS t_manager_id FROM accepted_reps "
        "ANTI JOIN known_reps ON known_reps.id = manager_id WHERE manager_id IS NOT NULL"
    )
    remedy = "the rep was kept without a manager; add the manager to reps, or correct it"
    _empty(connection, log, "unknown_managers", Rule("manager_id", "must occur in reps", "true", remedy, hint))
    same = "state.rep_id = given.rep_id AND state.effective_from IS NOT DISTINCT FROM given.effective_from"
    kept = f"SELECT rep_id, manager_id, effective_from, NULL FROM ({state}) AS state ANTI JOIN accepted_reps AS given"
    before = f"UNION ALL {kept} ON {same}" if state else ""
    reporting = connection.execute(
        f"SELECT rep_id, manager_id, effective_from, typed_reps.rowid FROM typed_reps WHERE NOT _bad {before}"
    ).fetchall()
    circles = rows_in_circles(Reporting(*line) for line in reporting)
    connection.execute("CREATE TABLE circular_managers (row BIGINT)")
    if circles:
        connection.executemany("INSERT INTO circular_managers VALUES (?)", [[row] for row in sorted(circles)])
    connection.execute(
        "CREATE TABLE circles AS SELECT _source, _line, manager_id AS t_manager_id FROM typed_reps "
        "JOIN circular_managers ON row = typed_reps.rowid"
    )
    remedy = "the rep was kept without a manager; correct one of the managers of the circle"
    _empty(connection, log, "circles", Rule("manager_id", "must not lead back to the rep", "true", remedy))


def _empty(connection: duckdb.DuckDBPyConnection, log: FindingLog, relation: str, rule: Rule) -> None:
    if log.add("reps", rule, relation, kind="cell"):
        connection.execute(
            f"UPDATE typed_reps SET manager_id = NULL FROM {relation} AS cells "
            "WHERE typed_reps._source = cells._source AND typed_reps._line = cells._line"
        )
