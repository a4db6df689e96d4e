"""Whatever an export holds, no record is lost and a second ingest changes nothing."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spm_ml.errors import DataError
from spm_ml.settings import Workspace
from spm_ml.sources import ingest
from tests.ingest_world import rows

ids = st.sampled_from(["r1", "r2", "r3", "R1", "", " r1", "x"])
deals = st.sampled_from(["o1", "o2", "o3", ""])
days = st.one_of(st.dates().map(str), st.sampled_from(["2024-01-05", "2024-02-30", "", "soon", "2024-01-05T10:00:00Z"]))
amounts = st.one_of(
    st.decimals(-(10**6), 10**6, places=2).map(str), st.sampled_from(["", "1,5", "1e3", "nan", "99999999999999999999"])
)
words = st.one_of(st.sampled_from(["Qualify", "open", "won", "lost", ""]), st.text(max_size=6))
rep_rows = st.lists(st.tuples(ids, words, ids, days, days), max_size=6)
deal_rows = st.lists(st.tuples(deals, ids, amounts, days, days, words, words), max_size=8)
event_rows = st.lists(st.tuples(deals, days, words, amounts), max_size=6)
mess = st.sampled_from(["", "\n", "r1\n", 'r1,"open\n', 'r1,"a"b,c\n', ",,,,,,,,,,\n", "\x00,\n", "\ufeff\n", '"\n"\n'])

TABLES = {
    "reps": ["rep_id", "name", "manager_id", "hired_on", "left_on"],
    "opportunities": ["opportunity_id", "rep_id", "amount", "created_on", "closed_on", "stage", "outcome"],
    "opportunity_events": ["opportunity_id", "recorded_at", "stage", "amount"],
}


def as_csv(header: list[str], records: list[tuple[str, ...]], tail: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *records])
    return (text.getvalue() + tail).encode("utf-8", "replace")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rep_rows, deal_rows, event_rows, mess)
def test_no_record_is_lost_and_a_second_ingest_changes_nothing(
    reps: list[tuple[str, ...]], found: list[tuple[str, ...]], events: list[tuple[str, ...]], tail: str
) -> None:
    records = {
        "reps": [("r1", "Ann", "", "2020-01-01", ""), *reps],
        "opportunities": [("o9", "r1", "1", "2024-01-01", "", "Qualify", ""), *found],
        "opportunity_events": [("o9", "2024-01-02T00:00:00Z", "Qualify", ""), *events],
    }
    with TemporaryDirectory() as name:
        source, workspace = Path(name) / "in", Workspace(Path(name) / "workspace")
        source.mkdir()
        (source / "quotas.csv").write_text("rep_id,period,amount\n")
        for table, header in TABLES.items():
            (source / f"{table}.csv").write_bytes(as_csv(header, records[table], tail))
        try:
            report = ingest(workspace, source)
        except DataError:
            assert not (workspace.tables / "versions.json").exists()
            return
        for table in report.tables:
            assert table.rows_in == table.accepted + table.quarantined
            assert len(rows(workspace, table.table)) == table.accepted
            if table.table != "quotas":
                assert len(records[table.table]) <= table.rows_in <= len(records[table.table]) + 2
        quarantined = {(each.file, each.line) for each in report.findings if each.kind == "row"}
        assert len(quarantined) == sum(table.quarantined for table in report.tables)
        assert ingest(workspace, source).version is None
