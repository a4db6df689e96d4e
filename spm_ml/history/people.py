"""Reps over time: who they were, whom they reported to, and the tree of managers on a day (H08, H09)."""

from collections.abc import Mapping
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

COLUMNS = {
    "rep_id": "string",
    "valid_from": "date",
    "valid_to": "date",
    "name": "string",
    "role": "string",
    "team": "string",
    "region": "string",
    "segment": "string",
    "manager_id": "string",
    "territory": "string",
    "territory_potential": "float64",
    "fte": "float64",
    "hired_on": "date",
    "left_on": "date",
}
"""Columns of the profiles and their types, in order."""


def profiles_of(reps: ir.Table) -> ir.Table:
    """One row for every rep and span of days without a change; spans of a rep do not overlap.

    A row of `reps` holds from `effective_from` (empty: since hired) until the rep's next one. Of two rows of the same
    day the one that states `effective_from` holds.

    Args:
        reps: The table `reps`.
    """
    rows = reps.mutate(
        valid_from=ibis.coalesce(reps.effective_from, reps.hired_on),
        fte=reps.fte.fill_null(1.0),
    )
    same_day = ibis.window(group_by=["rep_id", "valid_from"], order_by=[rows.effective_from.desc(nulls_first=False)])
    rows = rows.mutate(place=ibis.row_number().over(same_day))
    rows = rows.filter(rows.place == 0)
    of_rep = ibis.window(group_by="rep_id", order_by="valid_from")
    rows = rows.mutate(valid_to=rows.valid_from.lead().over(of_rep))
    return rows.select(**{name: rows[name].cast(kind) for name, kind in COLUMNS.items()})


def profiles_on(profiles: ir.Table, day: date) -> ir.Table:
    """The profiles that hold on a day, a row a rep, of those employed then."""
    on = ibis.literal(day)
    holds = (profiles.valid_from <= on) & (profiles.valid_to.isnull() | (profiles.valid_to > on))
    employed = (profiles.hired_on <= on) & (profiles.left_on.isnull() | (profiles.left_on >= on))
    return profiles.filter(holds & employed)


def tree_of(managers: Mapping[str, str | None]) -> pd.DataFrame:
    """The tree of managers: each person's place in it.

    A manager who is not among the reps, or has left, stands in the tree all the same, as a root. A cycle is cut above
    its member with the smallest id, which then reports to nobody.

    Args:
        managers: The manager's rep_id, or None, by rep_id.

    Returns:
        `rep_id`, `manager_id` (None for roots), `level` (0 for roots) and `path` (ids from the root down to the rep,
        a tuple), a row a person in the order of level and rep_id.

    >>> tree_of({"a": "b", "b": None, "c": "c"})[["rep_id", "level", "path"]].values.tolist()
    [['b', 0, ('b',)], ['c', 0, ('c',)], ['a', 1, ('b', 'a')]]
    """
    above: dict[str, str | None] = dict.fromkeys(manager for manager in managers.values() if manager)
    above.update({rep: manager or None for rep, manager in managers.items()})
    for person in sorted(above):
        seen = [person]
        while (manager := above[seen[-1]]) is not None:
            if manager in seen:
                above[min(seen[seen.index(manager) :])] = None
                break
            seen.append(manager)
    rows = []
    for person in above:
        path = [person]
        while (manager := above[path[-1]]) is not None:
            path.append(manager)
        rows.append((person, above[person], len(path) - 1, tuple(reversed(path))))
    rows.sort(key=lambda row: (row[2], row[0]))
    return pd.DataFrame(rows, columns=["rep_id", "manager_id", "level", "path"], dtype=object).astype(
        {"level": "int64"}
    )
