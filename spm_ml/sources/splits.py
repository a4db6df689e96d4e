# ruff: noqa: S608 — every name is the contract's own
"""Shares of deals: revenue shares that add up to more than the deal would be credited, and paid, beyond it."""

from typing import Final

import duckdb

from spm_ml.sources.findings import FindingLog
from spm_ml.sources.rules import Rule
from spm_ml.tables import MOST_SHARED

_RULE: Final = Rule(
    "share",
    "must sum to at most 1 with the deal's other revenue shares",
    "true",
    "correct the shares of the deal, and state one that ended as 0; until then those known before count, or the owner",
)


def set_aside_oversplit(connection: duckdb.DuckDBPyConnection, log: FindingLog, state: str | None) -> int:
    """Quarantines the given revenue shares of every deal whose shares add up to more than 1.

    Args:
        connection: Holds `typed_credits` and `accepted_credits`.
        log: Receives the rows.
        state: SELECT of the shares that stay in force where none is given for the same deal, rep and kind.

    Returns:
        How many rows were set aside.
    """
    revenue = "coalesce(kind, 'revenue') = 'revenue'"
    before = (
        f"UNION ALL SELECT opportunity_id, share FROM ({state}) AS known WHERE {revenue} AND NOT EXISTS "
        f"(SELECT 1 FROM accepted_credits AS given WHERE given.opportunity_id = known.opportunity_id "
        f"AND given.rep_id = known.rep_id AND coalesce(given.kind, 'revenue') = 'revenue')"
        if state
        else ""
    )
    connection.execute(
        "CREATE TABLE oversplit_credits AS SELECT _source, _line, share::VARCHAR AS t_share FROM accepted_credits "
        f"WHERE {revenue} AND opportunity_id IN (SELECT opportunity_id FROM "
        f"(SELECT opportunity_id, share FROM accepted_credits WHERE {revenue} {before}) "
        f"GROUP BY opportunity_id HAVING sum(share) > {MOST_SHARED})"
    )
    count = log.add("credits", _RULE, "oversplit_credits")
    if count:
        connection.execute(
            "UPDATE typed_credits SET _bad = true FROM oversplit_credits AS rows "
            "WHERE typed_credits._source = rows._source AND typed_credits._line = rows._line"
        )
    return count
