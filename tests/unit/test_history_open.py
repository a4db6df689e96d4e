"""Opening a workspace: versions, what was known on a day, tables that were never loaded, and nothing at all."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spm_ml.errors import DataError, NotReadyError
from spm_ml.history import SalesHistory, credit, ledger, people, quota, records
from spm_ml.history.frames import arrow_tables
from spm_ml.history.sales_history import READABLE
from spm_ml.history.store import TableStore
from spm_ml.settings import FiscalSettings, Organisation, Workspace
from tests.history_world import ORGANISATION, Rows, deal, event, frames_of, history_of, in_order, rows_of

DERIVED = {
    "ledger": ledger.COLUMNS,
    "bookings": credit.COLUMNS,
    "profiles": people.COLUMNS,
    "quotas": quota.COLUMNS,
    "activity": records.ACTIVITY_COLUMNS,
}
Load = Callable[[dict[str, Rows]], int]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "it's here")
    ORGANISATION.write(workspace.organisation_file)
    return workspace


@pytest.fixture
def load(workspace: Workspace, tmp_path: Path) -> Load:
    """Publishes rows as the next version, as ingest does."""

    def publish(tables: dict[str, Rows]) -> int:
        store, staged = TableStore(workspace), {}
        for name, table in arrow_tables(frames_of(tables), ORGANISATION).items():
            rows = table.drop_columns(["_occurrence"]) if "_occurrence" in table.column_names else table
            rows = rows.append_column("_occurrence", pa.array([0] * len(rows), pa.int32()))
            rows = rows.append_column("_removed", pa.array([False] * len(rows)))
            rows = rows.append_column("_version", pa.array([store.latest + 1] * len(rows), pa.int32()))
            staged[name] = tmp_path / f"{name}.parquet"
            pq.write_table(rows, staged[name])
        return store.append(staged, source="test", mapping=None, files={}, tables={}).version

    return publish


REPS: Rows = [{"rep_id": "ann", "hired_on": "2020-01-01"}]


def test_a_workspace_without_tables_says_what_to_run(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="spm ingest DIR --workspace"):
        SalesHistory.open(workspace)
    with pytest.raises(NotReadyError, match="spm ingest"):
        SalesHistory.open(Workspace(tmp_path / "nowhere"))


def test_versions_keep_their_answers(workspace: Workspace, load: Load) -> None:
    row = deal(outcome="won", closed_on="2026-02-01")
    load(
        {
            "reps": REPS,
            "opportunities": [row | {"amount": 1}],
            "opportunity_events": [event("2026-01-05", rep_id="ann")],
        }
    )
    load({"opportunities": [row | {"amount": 2}], "activities": []})
    with SalesHistory.open(workspace) as newest, SalesHistory.open(workspace, version=1) as first:
        assert (newest.version, first.version) == (2, 1)
        assert [row["amount"] for row in rows_of(newest.table("opportunities"))] == [200]
        assert [row["amount"] for row in rows_of(first.table("opportunities"))] == [100]
        assert newest.data_hash != first.data_hash
        assert in_order(newest, "recorded_on") == [(date(2026, 1, 5),)]
        with SalesHistory.open(workspace, version=1) as again:
            assert again.data_hash == first.data_hash
    with pytest.raises(NotReadyError, match="has versions 1 to 2, not 3"):
        SalesHistory.open(workspace, version=3)


def test_known_on_is_the_version_in_force_at_the_end_of_that_day(workspace: Workspace, load: Load) -> None:
    load({"reps": REPS})
    today = datetime.now(UTC).astimezone(ORGANISATION.zone).date()
    with SalesHistory.open(workspace, known_on=today) as history:
        assert history.version == 1
    with pytest.raises(NotReadyError, match="nothing had been ingested"):
        SalesHistory.open(workspace, known_on=date(2020, 1, 1))


def test_every_table_and_view_exists_and_is_typed_when_nothing_was_loaded(workspace: Workspace, load: Load) -> None:
    load({"reps": REPS})
    with SalesHistory.open(workspace) as history:
        for seen in (history, history.as_of(date(2026, 3, 1))):
            for table in READABLE:
                found = seen.table(table.name)
                assert list(found.columns) == [column.name for column in table.columns]
                assert seen.has(table.name) == (table.name == "reps")
            for name, columns in DERIVED.items():
                assert {each: str(kind) for each, kind in getattr(seen, name).schema().items()} == columns
                assert len(rows_of(getattr(seen, name))) == (1 if name == "profiles" else 0)
        assert history.watermark == date(2020, 1, 1)
        assert [period.label for period in history.periods()] == ["2020Q1"]
        assert list(history.tree(date(2026, 3, 1)).rep_id) == ["ann"]


def test_frames_without_a_row_work_as_well() -> None:
    with SalesHistory.from_frames({}, Organisation()) as history:
        assert history.watermark == date(1970, 1, 1)
        assert history.tree(date(2026, 1, 1)).empty
        assert rows_of(history.ledger) == []
        assert [stage.name for stage in history.organisation.stages] == ["Open"]
        assert len(history.periods()) == 1


def test_the_folder_of_a_history_goes_with_it() -> None:
    history = history_of(opportunities=[deal()])
    folder = history._records.engine.folder
    with history.as_of(date(2026, 2, 1)) as seen:
        assert rows_of(seen.ledger)
    assert rows_of(history.ledger)
    history.close()
    history.close()
    assert not folder.exists()


def test_rows_can_be_replaced_for_an_experiment() -> None:
    events = [event("2026-01-05", rep_id="ann", amount=1), event("2026-01-09", outcome="won")]
    with history_of(opportunities=[deal()], opportunity_events=events) as history:
        source = history.source("opportunity_events")
        other = history.replacing({"opportunity_events": source.filter(source.outcome.isnull())})
        assert in_order(other, "outcome") == [("open",)]
        assert in_order(history, "outcome") == [("open",), ("won",)]
        assert other.watermark == history.watermark
        assert other.data_hash != history.data_hash
        assert "_occurrence" in source.columns
        with pytest.raises(DataError, match="no table of the data contract"):
            history.replacing({"events": source})


def test_other_settings_are_other_data() -> None:
    """A stored dataset must not be taken for that of another calendar; a new name or band changes no number."""
    hashes = []
    for changed in ({}, {"zombie_after_days": 90}, {"fiscal": FiscalSettings(start_month=2)}, {"name": "Renamed"}):
        with SalesHistory.from_frames({}, Organisation().model_copy(update=changed)) as history:
            hashes.append(history.data_hash)
    assert hashes[0] == hashes[3]
    assert len(set(hashes)) == 3
