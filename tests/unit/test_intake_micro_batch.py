"""Events from the inbox to the tables: in any order, in any parts, with kills in between, as one ingest of all."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spm_ml.errors import DataError, NotReadyError
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.intake import ingest_waiting
from spm_ml.only_one import only_one
from spm_ml.predictions import Arrival, PredictionStore
from spm_ml.settings import Workspace
from spm_ml.sources import ingest
from spm_ml.tables import TABLE_BY_NAME
from tests.arrivals_world import arrival
from tests.ingest_world import GOOD, rows, write

EVENTS_BEFORE = "opportunity_id,recorded_at,stage,amount\no2,2024-02-01 10:00:00,Qualify,150\n"
TABLES = ("reps", "opportunities", "opportunity_events", "activities", "credits")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return ready(tmp_path / "workspace", tmp_path / "export")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[PredictionStore]:
    with PredictionStore.of(workspace) as opened:
        yield opened


def ready(root: Path, export: Path) -> Workspace:
    ingest(Workspace(root), write(export, {**GOOD, "opportunity_events": EVENTS_BEFORE}))
    return Workspace(root)


def deal(name: str, key: str, at: str, stage: str = "Propose", **more: object) -> Arrival:
    record = {"opportunity_id": key, "rep_id": "r1", "created_on": "2024-02-02", "stage": stage, "amount": 10, **more}
    return arrival(name, "opportunities", at, **record)


def moved(name: str, key: str, at: str, **more: object) -> Arrival:
    return arrival(name, "opportunity_events", at, opportunity_id=key, **more)


def states(store: PredictionStore, receipt: str) -> list[tuple[str, str]]:
    return [(one.event_id, one.state) for one in store.inbox.receipt("crm", receipt) or ()]


STORY = (
    deal("d1", "o9", "2024-02-02T08:00:00Z", "Qualify"),
    moved("m1", "o9", "2024-02-02T08:00:00Z", rep_id="r1", stage="Qualify", amount=10),
    moved("m2", "o9", "2024-02-03T08:00:00Z", stage="Propose"),
    moved("m3", "o9", "2024-02-03T08:00:00Z", amount=25),  # the same moment, another change
    deal("d2", "o9", "2024-02-04T08:00:00Z", amount=30),
    deal("d3", "o9", "2024-02-05T08:00:00Z", amount=31, rep_id="r3"),  # corrects d2; its owner arrives beside it
    arrival("p1", "reps", "2024-02-04T07:00:00Z", rep_id="r3", manager_id="m1", hired_on="2024-02-01", name="Cy Old"),
    arrival("p2", "reps", "2024-02-06T07:00:00Z", rep_id="r3", manager_id="m1", hired_on="2024-02-01", name="Cy Doe"),
    arrival("c1", "credits", "2024-02-05T08:00:00Z", opportunity_id="o9", rep_id="r3", share=0.5),
    arrival("a1", "activities", "2024-02-03T09:00:00Z", rep_id="r1", occurred_at="2024-02-03T08:50:00Z", kind="call"),
    arrival("a2", "activities", "2024-02-03T09:00:00Z", rep_id="r1", occurred_at="2024-02-03T08:50:00Z", kind="demo"),
    moved("m4", "o2", "2024-01-20T08:00:00Z", stage="Propose", amount=150),  # late: before what is known of o2
    moved("m5", "o2", "2024-02-01T10:00:00Z", stage="Qualify", amount=150),  # what the export held already
    deal("d4", "o2", "2023-12-31T08:00:00Z", created_on="2023-12-01"),  # the export's row bears no moment: it is older
)
_COUNTING = [event for event in STORY if event.event_id not in {"d1", "d2", "p1", "m5"}]


def _expected(root: Path) -> dict[str, list[tuple[object, ...]]]:
    """What an export of everything, the newest row of each key, makes of the tables."""
    workspace = ready(root / "whole", root / "whole-export")
    folder = root / "all"
    folder.mkdir()
    for name in TABLES:
        columns = [column.name for column in TABLE_BY_NAME[name].columns]
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            if name == "opportunity_events":
                writer.writerow({"opportunity_id": "o2", "recorded_at": "2024-02-01 10:00:00", "stage": "Qualify"}
                                | {"amount": "150"})  # fmt: skip
            writer.writerows(dict(event.record) for event in _COUNTING if event.table == name)
    ingest(workspace, folder)
    return content(workspace)


def content(workspace: Workspace, tables: Sequence[str] = TABLES) -> dict[str, list[tuple[object, ...]]]:
    named = {name: ", ".join(column.name for column in TABLE_BY_NAME[name].columns) for name in tables}
    return {name: rows(workspace, name, columns=columns) for name, columns in named.items()}


def test_in_any_order_with_repeats_and_in_any_parts_it_is_as_one_ingest_of_everything(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    expected = _expected(tmp_path_factory.mktemp("expected"))

    @settings(max_examples=3, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(
        order=st.permutations(range(len(STORY))),
        cuts=st.lists(st.integers(0, 18), min_size=1, max_size=3),
        data=st.data(),
    )
    def arrive(order: Sequence[int], cuts: list[int], data: st.DataObject) -> None:
        root = tmp_path_factory.mktemp("arrived")
        workspace = ready(root / "workspace", root / "export")
        repeats = data.draw(st.lists(st.sampled_from(range(len(STORY))), max_size=4))
        sent = [STORY[at] for at in (*order, *repeats)]
        with PredictionStore.of(workspace) as store:
            for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(sent)], strict=True):
                if sent[first:last]:
                    store.inbox.take("crm", sent[first:last])
                    ingest_waiting(workspace, store)
            assert store.inbox.count_waiting() == 0
            assert store.audit.check().problems == ()
        assert content(workspace) == expected

    arrive()


def test_what_an_export_knew_later_is_not_undone_by_an_older_event(
    tmp_path: Path, workspace: Workspace, store: PredictionStore
) -> None:
    newer = "opportunity_id,rep_id,created_on,stage,recorded_at\no3,r2,2024-01-07,Propose,2024-03-01 08:00:00\n"
    ingest(workspace, write(tmp_path / "newer", {"opportunities": newer}))
    receipt = store.inbox.take("crm", [deal("d1", "o3", "2024-02-20T08:00:00Z", "Qualify")])
    assert ingest_waiting(workspace, store).version is None
    assert states(store, receipt) == [("d1", "superseded")]


def test_a_row_that_refers_to_one_that_has_not_arrived_waits_for_it(
    workspace: Workspace, store: PredictionStore
) -> None:
    receipt = store.inbox.take("crm", [moved("m1", "o9", "2024-02-02T08:00:00Z", stage="Qualify")])
    before = ingest_waiting(workspace, store)
    assert before.version is None
    assert [(one.event_id, one.state, one.finding) for one in store.inbox.receipt("crm", receipt) or ()] == [
        ("m1", "waiting", "waits for opportunities 'o9'")
    ]
    assert TableStore(workspace).latest == 1
    store.inbox.take("crm", [deal("d1", "o9", "2024-02-02T08:00:00Z", "Qualify")])
    assert ingest_waiting(workspace, store).version == 2
    assert states(store, receipt) == [("m1", "ingested")]
    # Nobody waits for ever: after a day the rules of the table decide.
    late = store.inbox.take("crm", [moved("m2", "o10", "2024-02-02T08:00:00Z", stage="Qualify")])
    ingest_waiting(workspace, store)
    ingest_waiting(workspace, store, now=datetime.now(UTC) + timedelta(hours=25))
    [only] = store.inbox.receipt("crm", late) or ()
    assert only.state == "quarantined"
    assert only.finding is not None
    assert only.finding.startswith("opportunity_id must occur in opportunities")


def test_what_breaks_a_rule_is_quarantined_and_the_others_go_on(workspace: Workspace, store: PredictionStore) -> None:
    receipt = store.inbox.take(
        "crm",
        [
            deal("bad", "o7", "2024-02-02T08:00:00Z", "Bogus"),
            deal("good", "o8", "2024-02-02T08:00:00Z"),
            arrival("odd", "quotas", "2024-02-02T08:00:00Z", rep_id="r1", period="2024Q9", amount=5),
        ],
    )
    made = ingest_waiting(workspace, store)
    found = {one.event_id: one for one in store.inbox.receipt("crm", receipt) or ()}
    assert {name: one.state for name, one in found.items()} == {
        "bad": "quarantined",
        "good": "ingested",
        "odd": "quarantined",
    }
    assert "add it to stages in organisation.yaml" in (found["bad"].finding or "")
    assert (made.version, found["good"].version) == (2, 2)
    assert made.text() == "1 ingested, 2 quarantined: version 2"


def test_a_good_row_counts_though_a_bad_or_an_early_one_of_the_same_key_arrived_with_it(
    workspace: Workspace, store: PredictionStore
) -> None:
    receipt = store.inbox.take(
        "crm",
        [
            deal("old", "o7", "2024-02-02T08:00:00Z", "Qualify"),
            deal("good", "o7", "2024-02-03T08:00:00Z", "Propose"),
            deal("bad", "o7", "2024-02-04T08:00:00Z", "Bogus"),
            deal("known", "o8", "2024-02-02T08:00:00Z"),
            deal("early", "o8", "2024-02-03T08:00:00Z", rep_id="r9"),  # r9 has not arrived
        ],
    )
    ingest_waiting(workspace, store)
    assert dict(states(store, receipt)) == {
        "old": "superseded",
        "good": "ingested",
        "bad": "quarantined",
        "known": "ingested",
        "early": "waiting",
    }
    kept = rows(workspace, "opportunities", columns="opportunity_id, stage, rep_id")
    assert {("o7", "Propose", "r1"), ("o8", "Propose", "r1")} <= set(kept)


def test_a_kill_between_the_tables_and_the_inbox_counts_nothing_twice(
    workspace: Workspace, store: PredictionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = store.inbox.take("crm", [deal("d1", "o9", "2024-02-02T08:00:00Z"), *STORY[9:11]])

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(store.inbox), "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest_waiting(workspace, store)
    assert TableStore(workspace).latest == 2
    touched = ("opportunities", "activities")
    before, made = content(workspace, touched), ingest_waiting(workspace, store)
    assert made.version is None
    assert {state for _, state in states(store, receipt)} == {"ingested"}
    assert content(workspace, touched) == before
    assert len(rows(workspace, "activities")) == 2


def test_a_late_event_is_known_from_its_own_moment_on_and_earlier_versions_stay(
    workspace: Workspace, store: PredictionStore
) -> None:
    store.inbox.take("crm", [deal("d1", "o9", "2024-02-02T08:00:00Z", "Qualify"), STORY[1]])
    ingest_waiting(workspace, store)
    store.inbox.take("crm", [STORY[2]])  # recorded a day later
    ingest_waiting(workspace, store)

    def stages(day: int, version: int | None = None) -> list[str]:
        with SalesHistory.open(workspace, version=version) as history:
            ledger = history.as_of(datetime(2024, 2, day, tzinfo=UTC).date()).ledger
            found = ledger.filter(ledger.opportunity_id == "o9").order_by("event_number").select("stage")
            return [str(row["stage"]) for row in found.to_pyarrow().to_pylist()]

    assert stages(2) == ["Qualify"]
    assert stages(3) == ["Qualify", "Propose"]
    assert stages(3, version=2) == ["Qualify"]


def test_without_tables_events_wait_and_one_at_a_time_is_at_work(tmp_path: Path) -> None:
    empty = Workspace(tmp_path / "empty")
    with PredictionStore.of(empty) as store:
        store.inbox.take("crm", [STORY[0]])
        with pytest.raises(NotReadyError, match="until then events wait"):
            ingest_waiting(empty, store)
        ready(empty.root, tmp_path / "export")
        with (
            only_one(empty.root / "inbox.lock", what="test"),
            pytest.raises(DataError, match="another ingest of events"),
        ):
            ingest_waiting(empty, store)
        assert ingest_waiting(empty, store).version == 2
        assert ingest_waiting(empty, store).text() == "no event waits"
