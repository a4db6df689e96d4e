# ruff: noqa: S608 — every name is the contract's own
"""Finds the open stages of an organisation that declares none."""

import duckdb

from spm_ml.settings import StageSettings


def discover_stages(
    connection: duckdb.DuckDBPyConnection, deals: str | None, events: str | None
) -> tuple[StageSettings, ...]:
    """Orders the stages of open deals by the mean age of the deals that enter them, youngest first.

    A deal's age in a stage is the days from its creation to the event that put it there. A stage that no event
    names takes the age that its open deals have on the last day seen. Stages of equal age are ordered by name.

    Args:
        connection: DuckDB database.
        deals: Relation of `opportunities`.
        events: Relation of `opportunity_events`.
    """
    if deals is None:
        return ()
    last_day = f"(SELECT max(greatest(created_on, closed_on)) FROM {deals})"
    observed = [
        f"SELECT stage, date_diff('day', created_on, {last_day}) AS age, 1 AS source FROM {deals} "
        "WHERE outcome = 'open'"
    ]
    if events is not None:
        observed.append(
            f"SELECT events.stage, date_diff('day', created_on, recorded_at::DATE), 0 FROM {events} AS events "
            f"JOIN {deals} AS deals USING (opportunity_id) "
            "WHERE events.stage IS NOT NULL AND coalesce(events.outcome, 'open') = 'open'"
        )
    rows = connection.execute(
        "SELECT stage, min_by(age, source) FROM "
        f"(SELECT stage, source, avg(age) AS age FROM ({' UNION ALL '.join(observed)}) GROUP BY ALL) "
        "GROUP BY stage ORDER BY 2, 1"
    ).fetchall()
    return tuple(StageSettings(name=row[0]) for row in rows)
