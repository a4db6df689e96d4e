"""What the ingests took and set aside, and which data hazards the rows carry: counts alone, no value of a record.

Files and lines of what was set aside stay in the quarantine on the operator's machine, where the records are.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq

from spm_ml.history import SalesHistory
from spm_ml.history.store import LoadedVersion, TableStore
from spm_ml.predictions import BrokenRuleCount, DataQuality, HazardCount, TableQuality
from spm_ml.predictions.model_evidence import FEWER
from spm_ml.settings import Workspace
from spm_ml.tables import PROTECTED_TABLES, TABLES

_LATEST_BY: Final = {
    "opportunities": "recorded_at",
    "opportunity_events": "recorded_at",
    "activities": "recorded_at",
    "submissions": "submitted_at",
    "quotas": "set_on",
    "enrolments": "started_on",
    "assessments": "assessed_on",
    "spend": "spent_on",
}
"""The day column that tells how far a table reaches."""

_COLUMNS: Final = ["kind", "table", "column", "rule", "remedy"]
_MOST_RULES: Final = 40


def measure_data_quality(
    history: SalesHistory, workspace: Workspace, now: pd.DataFrame, learnt: Mapping[str, int], learnt_of: int | None
) -> DataQuality:
    """Counts what is published about the data of a batch.

    Args:
        history: As it was read for the batch.
        workspace: Holds the ingests and the quarantine.
        now: Rows of the board's day.
        learnt: Rep-periods with each hazard among those that the model learnt from; empty: not on record.
        learnt_of: All of them; None: not on record.
    """
    versions = [one for one in TableStore(workspace).versions() if one.version <= history.version]
    last = {name: one for one in versions for name in one.tables if name not in PROTECTED_TABLES}
    tables = tuple(_table(history, table.name, last[table.name]) for table in TABLES if table.name in last)
    return DataQuality(history.version, tables, tuple(_rules(workspace, last)), tuple(_hazards(now, learnt, learnt_of)))


def _table(history: SalesHistory, name: str, read: LoadedVersion) -> TableQuality:
    counts = read.tables[name]
    return TableQuality(
        table=name,
        version=read.version,
        read_at=read.ingested_at,
        records=counts.rows_in,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        latest=_latest(history, name),
    )


def _latest(history: SalesHistory, name: str) -> date | None:
    column = _LATEST_BY.get(name)
    if column is None:
        return None
    found: Any = history.source(name)[column].max().execute()
    if found is None or pd.isna(found):
        return None
    moment: datetime = pd.Timestamp(found).to_pydatetime()
    return moment.date()


def _rules(workspace: Workspace, last: Mapping[str, LoadedVersion]) -> Iterable[BrokenRuleCount]:
    """Of each table what was found when it was last read; the remedy is that of the rule, without hints at values."""
    parts = []
    for version in {one.version for one in last.values()}:
        found = _findings(workspace, version)
        if found is not None:
            own = [name for name, one in last.items() if one.version == version]
            parts.append(found[found["table"].isin(own)])
    if not parts:
        return
    findings = pd.concat(parts, ignore_index=True)
    groups = findings.fillna({"column": ""}).groupby(["table", "column", "rule"], sort=False)
    rows = [
        BrokenRuleCount(
            table=str(table),
            column=str(column),
            rule=str(rule),
            remedy=_remedy(str(own["remedy"].iloc[0])),
            records=int((own["kind"] == "row").sum()),
            cells=int((own["kind"] == "cell").sum()),
        )
        for (table, column, rule), own in groups
    ]
    yield from sorted(rows, key=lambda row: -(row.records + row.cells))[:_MOST_RULES]


def _findings(workspace: Workspace, version: int) -> pd.DataFrame | None:
    files = sorted(workspace.quarantine.glob(f"{version:06d}-*.parquet"), key=lambda path: path.stat().st_mtime)
    return pq.read_table(files[-1], columns=_COLUMNS).to_pandas() if files else None


def _remedy(text: str) -> str:
    """The remedy of the rule, without what was added about the value at hand: a likely id, a place, what is wrong.

    >>> _remedy("add the rep, or correct it (did you mean 'R-001'?)"), _remedy("mend it: no period is 2026Q7")
    ('add the rep, or correct it', 'mend it')
    """
    return re.split(r" \(did you mean |: ", text, maxsplit=1)[0]


def _hazards(now: pd.DataFrame, learnt: Mapping[str, int], learnt_of: int | None) -> Iterable[HazardCount]:
    counts = Counter(code for codes in now["hazards"] for code in str(codes).split(";") if code)
    for code in sorted({*counts, *learnt}):
        before = None if learnt_of is None else _guarded(learnt.get(code, 0))
        yield HazardCount(code, before, learnt_of, _guarded(counts[code]), len(now))


def _guarded(count: int) -> int:
    return FEWER if 0 < count < FEWER else count
