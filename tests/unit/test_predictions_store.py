import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from spm_ml.errors import ConfigurationError, DataError, NotReadyError
from spm_ml.predictions import (
    CoachingBatch,
    Level,
    Person,
    PredictionStore,
    Principal,
    Scope,
    Selection,
    UnknownPeriodError,
    UnseenOrderError,
)
from spm_ml.predictions.engine import connect, writing
from spm_ml.predictions.publishing import ABANDONED_AFTER, KEPT_BATCHES, BatchContent
from spm_ml.predictions.selection import BandChoice
from tests.prediction_world import NO_QUOTA, NORTH, SOUTH, VP, World, make_world

EVERYBODY = Scope("manager", VP)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(weeks=3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    with PredictionStore.open(tmp_path / "predictions.db") as opened:
        yield opened


def test_what_is_published_is_read_back(store: PredictionStore, world: World) -> None:
    assert store.published_batch() is None
    world.publish_into(store)
    assert store.published_batch() == world.batch
    with store.read(EVERYBODY) as batch:
        current = {row.rep_id: row for row in world.predictions if row.as_of == world.batch.as_of}
        assert {row.rep_id: row for row in batch.predictions().items} == current
        history = tuple(row for row in world.predictions if row.rep_id == "r-101")
        assert batch.history("r-101") == history
        weeks = batch.weeks("r-101")
        assert [vars(week) for week in weeks] == [{name: vars(row)[name] for name in vars(weeks[0])} for row in history]
        assert batch.model_card() == world.model_card
        levels: tuple[Level, ...] = ("team", "region", "company")
        for level in levels:
            current_groups = [one for one in world.teams if one.as_of == world.batch.as_of and one.level == level]
            assert batch.groups(level) == tuple(sorted(current_groups, key=lambda one: one.label))
            assert all(batch.group(level, one.key) == one for one in current_groups)
        assert {offer.recommendation for offer in batch.offers().items} == set(world.recommendations)


def test_nothing_is_read_before_the_first_batch(store: PredictionStore) -> None:
    with pytest.raises(NotReadyError, match="spm score"), store.read(EVERYBODY):
        pass
    with pytest.raises(NotReadyError, match="spm score"):
        store.publish_coaching(CoachingBatch((), (), (), (), (), None))


def test_a_staged_batch_is_invisible_until_the_flip(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    later = replace(world.batch, batch_id="b-0002", model_version="8")
    content = BatchContent(world.people, world.predictions, world.teams, (), world.model_card)
    store.stage(later, content)
    assert store.published_batch() == world.batch
    store.stage(later, content)  # a second try after a crash
    store.flip(later, actor="a test")
    assert store.published_batch() == later
    assert [(line.actor, line.subject, line.model_version) for line in tuple(store.audit.entries())] == [
        ("scoring", "b-0001", "7"),
        ("a test", "b-0002", "8"),
    ]


def test_a_batch_is_published_once_and_staged_first(store: PredictionStore, world: World) -> None:
    with pytest.raises(DataError, match="never staged"):
        store.flip(world.batch)
    world.publish_into(store)
    with pytest.raises(DataError, match="was published on"):
        world.publish_into(store)


def test_a_rep_outside_the_tree_is_refused_and_nothing_is_kept(store: PredictionStore, world: World) -> None:
    with pytest.raises(DataError, match=re.escape("2 reps who are not among its people (first: 'r-203'")):
        store.publish(
            world.batch,
            (replace(world.predictions[0], rep_id="r-203"), replace(world.predictions[0], rep_id="r-9")),
            (),
            (),
            world.model_card,
            people=world.people,
        )
    assert store.published_batch() is None


def test_reps_are_sorted_filtered_searched_and_paged(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    with store.read(EVERYBODY) as batch:
        risks = [row.p_hit for row in batch.predictions(Selection(sort="risk")).items]
        known = [risk for risk in risks if risk is not None]
        assert risks == sorted(known) + [None] * (len(risks) - len(known))
        falling = [row.quota for row in batch.predictions(Selection(sort="quota", descending=True)).items]
        assert falling[-1] is None
        assert falling[:-1] == sorted(filter(None, falling), reverse=True)
        names = [row.name for row in batch.reps(Selection(sort="name")).items]
        assert names == sorted(names, key=str.casefold)
        assert {row.manager_id for row in batch.predictions(Selection(manager_id=SOUTH)).items} == {SOUTH}
        assert [row.name for row in batch.reps(Selection(search="ÁLVA")).items] == ["Rosa Álvarez"]
        assert batch.reps(Selection(search="%")).total == 0
        first, second = (batch.reps(Selection(sort="name", limit=4, offset=at)) for at in (0, 4))
        assert [row.name for row in (*first.items, *second.items)] == names[:8]
        assert first.total == len(names)
        bands: tuple[BandChoice, ...] = ("high", "medium", "low", "none")
        counts = batch.band_counts()
        for band in bands:
            found = batch.predictions(Selection(band=band))
            assert {row.risk_band or "none" for row in found.items} <= {band}
            assert found.total == counts.get(band, 0)
        assert sum(batch.band_counts(SOUTH).values()) == 4
        assert [person.name for person in batch.people()] == sorted(person.name for person in world.people)


def test_recommendations_are_replaced_without_a_new_batch(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    offer = next(offer for offer in world.recommendations if offer.abstention is None)
    stranger = replace(offer, rep_id="r-elsewhere")
    assert store.publish_coaching(CoachingBatch((offer, stranger), (), (), (), (), None)) == 1
    with store.read(EVERYBODY) as batch:
        assert [one.recommendation for one in batch.offers().items] == [offer]
    assert tuple(store.audit.entries())[-1].detail == {
        "offers": 1, "abstentions": 0, "held_out": 0, "diagnoses": 0, "findings": {}
    }  # fmt: skip
    with pytest.raises(DataError, match="are for 2026Q3, the published batch is for 2026Q2"):
        store.publish_coaching(CoachingBatch((replace(offer, period="2026Q3"),), (), (), (), (), None))


def test_offers_are_carried_into_the_next_batch_of_the_period(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    for number, period, carried in ((2, "2026Q2", len(world.recommendations)), (3, "2026Q3", 0)):
        batch = replace(world.batch, batch_id=f"b-{number}", period=period)
        store.publish(batch, world.predictions, world.teams, None, world.model_card, people=world.people)
        with store.read(EVERYBODY) as reader:
            assert reader.offers().total == carried


def test_the_last_batch_of_each_period_is_kept_and_old_ones_go(store: PredictionStore, world: World) -> None:
    replace(world, batch=replace(world.batch, batch_id="old", period="2026Q1")).publish_into(store)
    content = BatchContent(world.people, world.predictions[:1], (), (), world.model_card)
    for number in range(KEPT_BATCHES + 3):
        batch = replace(world.batch, batch_id=f"b-{number:02d}")
        store.stage(batch, content)
        store.flip(batch)
    store.stage(replace(world.batch, batch_id="abandoned"), content)
    with writing(store._engine) as connection:
        long_ago = (datetime.now(UTC) - ABANDONED_AFTER - timedelta(hours=1)).replace(tzinfo=None)
        connection.execute(text("UPDATE batches SET staged_at = :at WHERE batch_id = 'abandoned'"), {"at": long_ago})
    store.stage(replace(world.batch, batch_id="next"), content)
    with writing(store._engine) as connection:
        kept = set(connection.execute(text("SELECT batch_id FROM batches")).scalars())
        owners = set(connection.execute(text("SELECT DISTINCT batch_id FROM predictions")).scalars())
    assert kept == {"old", "next"} | {f"b-{number:02d}" for number in range(3, KEPT_BATCHES + 3)}
    assert owners == kept
    assert [(one.batch.batch_id, one.current) for one in store.periods()] == [
        (f"b-{KEPT_BATCHES + 2:02d}", True),
        ("old", False),
    ]
    with store.read(EVERYBODY, period="2026Q1") as reader:
        assert reader.batch.batch_id == "old"
    with pytest.raises(UnknownPeriodError, match="1999Q1"), store.read(EVERYBODY, period="1999Q1"):
        pass


def test_a_batch_of_the_past_is_found_by_its_day_and_read_whole(store: PredictionStore, world: World) -> None:
    assert store.published_on(world.batch.as_of) is None
    world.publish_into(store)
    again = replace(world.batch, batch_id="b-0002")
    later = replace(world.batch, batch_id="b-0003", as_of=world.batch.as_of + timedelta(days=7))
    for batch in (again, later):
        replace(world, batch=batch).publish_into(store)
    unseen = replace(world.batch, batch_id="staged")
    store.stage(unseen, BatchContent(world.people, world.predictions, world.teams, (), world.model_card))
    assert store.published_on(world.batch.as_of) == again
    assert store.published_on(later.as_of) == later == store.published_batch()
    assert store.published_on(world.batch.as_of + timedelta(days=1)) is None
    content = store.content(again)
    assert set(content.people) == set(world.people)
    assert set(content.predictions) == set(world.predictions)
    assert set(content.teams) == set(world.teams)
    assert content.recommendations is not None
    assert set(content.recommendations) == set(world.recommendations)
    assert content.model_card == world.model_card
    with pytest.raises(DataError, match="no longer kept"):
        store.content(replace(again, batch_id="gone"))
    traced = [line.detail for line in store.audit.entries() if line.subject == "b-0002"]
    assert [(detail["data_version"], detail["data_hash"]) for detail in traced] == [(3, "5f2c9d0a41e7")]


@pytest.mark.parametrize(
    ("scope", "sees"),
    [
        (EVERYBODY, {"region": {"EMEA", "Americas"}, "company": {"company"}}),
        (Scope("manager", NORTH), {"region": set(), "company": set()}),
        (Scope("manager", "nobody"), {"region": set(), "company": set()}),
        (Scope("analyst"), {"region": set(), "company": {"company"}}),
        (Scope("hr"), {"region": set(), "company": set()}),
        (Scope("rep", "r-101"), {"region": set(), "company": set()}),
    ],
    ids=["everybody", "north", "nobody", "analyst", "hr", "rep"],
)
def test_the_whole_is_for_those_who_see_every_rep(
    store: PredictionStore, world: World, scope: Scope, sees: dict[Level, set[str]]
) -> None:
    world.publish_into(store)
    with store.read(scope) as batch:
        for level, keys in sees.items():
            assert {group.key for group in batch.groups(level)} == keys
            for key in ("EMEA", "Americas", "company"):
                assert (batch.group(level, key) is not None) is (key in keys)
    stranger = replace(world.predictions[-1], rep_id="r-new")
    people = (*world.people, Person("r-new", "New", None, ""))
    batch_with = replace(world.batch, batch_id="b-0002")
    replace(world, batch=batch_with, people=people, predictions=(*world.predictions, stranger)).publish_into(store)
    if scope.role == "manager":
        with store.read(scope) as batch:
            assert batch.groups("region") == batch.groups("company") == (), "somebody is outside the tree"


def test_who_sees_no_figures_orders_by_bands_alone(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    with store.read(Scope("hr")) as batch:
        for falling in (False, True):
            rows = batch.reps(Selection(sort="risk", descending=falling)).items
            places = [*["high", "medium", "low"][:: -1 if falling else 1], None]
            assert rows == tuple(sorted(rows, key=lambda row: (places.index(row.risk_band), row.name.casefold())))
        for sort in ("quota", "booked", "forecast"):
            with pytest.raises(UnseenOrderError, match="order by risk or name"):
                batch.reps(Selection(sort=sort))


def test_an_analyst_reads_sums_without_words(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    with store.read(Scope("analyst")) as analyst, store.read(EVERYBODY) as manager:
        (bare,), (full,) = analyst.groups("company"), manager.groups("company")
    assert full.change is not None
    assert bare.change is not None
    assert all(part.text for part in (*full.parts, *full.change.parts))
    assert not any(part.text or part.drivers for part in (*bare.parts, *bare.change.parts))
    assert [part.amount for part in bare.parts] == [part.amount for part in full.parts]
    with store.read(Scope("analyst")) as analyst, store.read(EVERYBODY) as manager:
        assert {group.own_quota for group in analyst.groups("team")} == {None}, "a manager's own quota is a person's"
        assert {group.own_quota for group in manager.groups("team")} != {None}


def test_an_earlier_period_is_seen_through_todays_tree(store: PredictionStore, world: World) -> None:
    replace(world, batch=replace(world.batch, batch_id="old", period="2026Q1")).publish_into(store)
    moved = tuple(
        Person(one.rep_id, one.name, SOUTH, one.role) if one.rep_id == "r-101" else one for one in world.people
    )
    replace(world, people=moved).publish_into(store)
    for manager, sees in ((NORTH, False), (SOUTH, True)):
        with store.read(Scope("manager", manager), period="2026Q1") as batch:
            assert (batch.prediction("r-101") is not None) is sees


@pytest.fixture
def manager() -> Principal:
    return Principal("t-1", "Anna Keller", Scope("manager", NORTH))


def test_a_decision_is_recorded_with_its_audit_row(store: PredictionStore, world: World, manager: Principal) -> None:
    world.publish_into(store)
    offer = next(one for one in world.recommendations if one.abstention is None and one.rep_id < "r-2")
    key = {"rep_id": offer.rep_id, "program_id": offer.program_id}
    assert store.decide(manager, **key, verdict="accepted") is not None
    with pytest.raises(ValueError, match="needs a reason"):
        store.decide(manager, **key, verdict="overridden", reason="  ")
    assert store.decide(manager, **key, verdict="overridden", reason=" on leave in May ") is not None
    with store.read(manager.scope) as batch:
        (decided,) = batch.offers(rep_ids=[offer.rep_id]).items
    assert decided.decision is not None
    assert (decided.decision.verdict, decided.decision.reason) == ("overridden", "on leave in May")
    assert [line.action for line in tuple(store.audit.entries())[1:]] == [
        "recommendation accepted",
        "recommendation overridden",
    ]
    assert tuple(store.audit.entries())[-1].watermark == world.batch.watermark


def test_decisions_outside_the_scope_change_nothing(store: PredictionStore, world: World, manager: Principal) -> None:
    world.publish_into(store)
    offers = {one.rep_id: one for one in world.recommendations}
    south = next(one for one in offers.values() if one.abstention is None and one.rep_id > "r-2")
    own = next(one for one in offers.values() if one.abstention is None and one.rep_id < "r-2")
    abstained = next(one for one in offers.values() if one.abstention is not None and one.rep_id < "r-2")
    refused = [
        (manager, south.rep_id, south.program_id),
        (manager, abstained.rep_id, ""),
        (manager, own.rep_id, "p-unknown"),
        (manager, "nobody", own.program_id),
        (Principal("t-2", "x", Scope("rep", own.rep_id)), own.rep_id, own.program_id),
        (Principal("t-3", "x", Scope("analyst")), own.rep_id, own.program_id),
        (Principal("t-4", "x", Scope("hr", own.rep_id)), own.rep_id, own.program_id),
        (Principal("t-5", "x", Scope("manager", own.rep_id)), own.rep_id, own.program_id),
    ]
    for principal, rep_id, program_id in refused:
        assert store.decide(principal, rep_id=rep_id, program_id=program_id, verdict="accepted") is None
    assert len(tuple(store.audit.entries())) == 1


@pytest.mark.parametrize("table", ["audit", "decisions"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid + 1"])
def test_records_cannot_be_changed(
    store: PredictionStore, world: World, manager: Principal, table: str, change: str
) -> None:
    world.publish_into(store)
    offer = next(one for one in world.recommendations if one.abstention is None)
    store.decide(manager, rep_id=offer.rep_id, program_id=offer.program_id, verdict="accepted")
    with pytest.raises(IntegrityError, match="append-only"), writing(store._engine) as connection:
        connection.execute(text(change.format(table)))


def test_the_file_is_private_and_checks_its_references(store: PredictionStore, tmp_path: Path) -> None:
    assert (tmp_path / "predictions.db").stat().st_mode & 0o077 == 0
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), writing(store._engine) as connection:
        connection.execute(text("INSERT INTO pointer VALUES ('published', 'no such batch')"))


def test_what_is_no_store_is_refused_with_words(tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("not a database, but long enough to look at" * 40)
    with pytest.raises(ConfigurationError, match="file is not a database"):
        PredictionStore.open(wrong)
    with pytest.raises(ConfigurationError, match="give a path, or a URL whose driver is installed"):
        PredictionStore.open("nosuchdb://host/name")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="check the path"):
        PredictionStore.open(tmp_path / "file" / "predictions.db")


def test_a_reader_keeps_its_snapshot_while_a_batch_is_published(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    with store.read(EVERYBODY) as before:
        replace(world, batch=replace(world.batch, batch_id="b-0002")).publish_into(store)
        assert before.predictions().total == 11
        assert before.batch.batch_id == "b-0001"
    with store.read(EVERYBODY) as after:
        assert after.batch.batch_id == "b-0002"


def test_write_ahead_logging_is_on(store: PredictionStore, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "predictions.db")
    try:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        connection.close()


def test_a_rep_without_quota_is_found_by_what_is_missing(store: PredictionStore, world: World) -> None:
    world.publish_into(store)
    with store.read(Scope("hr")) as batch:
        summary = batch.rep(NO_QUOTA)
        assert summary is not None
        assert summary.abstention is not None
        assert summary.abstention.reason == "quota_missing"
        assert batch.rep("nobody") is None


def test_a_url_of_a_file_is_the_file(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'a.db'}")
    engine.dispose()
    assert (tmp_path / "a.db").exists()


@pytest.mark.parametrize("scope", [Scope("rep", "r-201"), Scope("manager", SOUTH), Scope("analyst")], ids=str)
def test_every_read_goes_through_the_scope(store: PredictionStore, world: World, scope: Scope) -> None:
    """Asked for a rep of the other team, each way to read says there is nothing."""
    world.publish_into(store)
    vp = Principal("t-1", "Vera", EVERYBODY)
    offer = next(one for one in world.recommendations if one.abstention is None and one.rep_id.startswith("r-1"))
    assert store.decide(vp, rep_id=offer.rep_id, program_id=offer.program_id, verdict="accepted") is not None
    with store.read(scope) as batch:
        assert batch.rep(offer.rep_id) is None
        assert batch.prediction(offer.rep_id) is None
        assert batch.history(offer.rep_id) == batch.weeks(offer.rep_id) == ()
        assert batch.offers(rep_ids=[offer.rep_id]).items == ()
        assert batch.reps(Selection(manager_id=NORTH)).total == 0
        assert batch.predictions(Selection(manager_id=NORTH)).total == 0
        assert batch.offers(Selection(manager_id=NORTH)).total == 0
        assert batch.band_counts(NORTH) == {}
        assert offer.rep_id not in {person.rep_id for person in batch.people()}
        if scope.role != "analyst":
            assert batch.group("team", NORTH) is None
            assert batch.groups("region") == batch.groups("company") == ()
