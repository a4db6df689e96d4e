# ruff: noqa: S608 — every name is the contract's own
"""Finds the open stages of an organisation that declares none."""

import duckdb

from spm_ml.settings import StageSettings


def note_closed_stages(connection: duckdb.DuckDBPyConnection, deals: str, events: str) -> None:
    """Fills `closed_stages` with the names that only closed deals bear, such as "Closed Won".

    They are recognised where an event into them leaves its outcome empty: no open deal and no event of an open deal
    bears the name, and no other event follows.

    Args:
        connection: DuckDB database.
        deals: Relation of `opportunities`.
        events: Relation of the records of `opportunity_events`, as text.
    """
    connection.execute(
        f"CREATE OR REPLACE TABLE closed_stages AS SELECT DISTINCT stage AS closed_stage FROM {deals} "
        f"WHERE outcome <> 'open' AND stage NOT IN (SELECT stage FROM {deals} WHERE outcome = 'open')"
    )
    connection.execute(
        "DELETE FROM closed_stages WHERE closed_stage IN (SELECT events.stage "
        f"FROM {events} AS events SEMI JOIN closed_stages ON closed_stage = events.stage "
        f"LEFT JOIN (SELECT opportunity_id, max(recorded_at) AS last FROM {events} GROUP BY ALL) AS ends "
        "ON ends.opportunity_id = events.opportunity_id "
        f"LEFT JOIN {deals} AS deals ON deals.opportunity_id = events.opportunity_id "
        "WHERE lower(events.outcome) = 'open' "
        "OR (events.outcome IS NULL AND (events.recorded_at < last OR coalesce(deals.outcome, 'open') = 'open')))"
    )


def discover_stages(
    connection: duckdb.DuckDBPyConnection, deals: str | None, events: str | None
) -> tuple[StageSettings, ...]:
    """Orders the stages of open deals by the mean age of the deals that enter them, youngest first.

    Names that only closed deals bear (`closed_stages`) are none.

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
            "SELECT events.stage, date_diff('day', deals.created_on, events.recorded_at::DATE), 0 "
            f"FROM {events} AS events JOIN {deals} AS deals USING (opportunity_id) "
            "ANTI JOIN closed_stages ON closed_stage = events.stage "
            "WHERE events.stage IS NOT NULL AND coalesce(events.outcome, 'open') = 'open'"
        )
    rows = connection.execute(
        "SELECT stage, min_by(age, source) FROM "
        f"(SELECT stage, source, avg(age) AS age FROM ({' UNION ALL '.join(observed)}) GROUP BY ALL) "
        "GROUP BY stage ORDER BY 2, 1"
    ).fetchall()
    return tuple(StageSettings(name=row[0]) for row in rows)
