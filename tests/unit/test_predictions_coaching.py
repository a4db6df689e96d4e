"""What coaching publishes: read back whole and through each scope, kept, replaced and pruned with its batch."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from spm_ml.errors import DataError, NotReadyError
from spm_ml.hazards import Abstention
from spm_ml.predictions import (
    CoachingBatch,
    Diagnosis,
    DiagnosisPart,
    EffectPoint,
    Person,
    PlanValue,
    PredictionStore,
    ProgramOption,
    Scope,
    schema,
)
from spm_ml.predictions.engine import reading
from spm_ml.predictions.publishing import KEPT_BATCHES
from tests.coaching_world import make_coaching
from tests.prediction_world import NORTH, SOUTH, VP, World, make_world

NORTH_REP, SOUTH_REP = "r-101", "r-201"
OPTIONS = tuple(
    ProgramOption(rep, "p-disco", "discovery", 0.03, 0.0, 0.06, 0.9, 0.01, (1.0, 0.5), 0.0, "pooled effect", "why")
    for rep in (NORTH_REP, SOUTH_REP)
)
COVARIANCE = ((0.0004, 0.0001), (0.0001, 0.0002))


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(weeks=2)


@pytest.fixture(scope="module")
def coaching(world: World) -> CoachingBatch:
    made = make_coaching(world)
    return replace(made, options=OPTIONS, covariance=COVARIANCE)


@pytest.fixture
def store(tmp_path: Path, world: World, coaching: CoachingBatch) -> Iterator[PredictionStore]:
    with PredictionStore.open(tmp_path / "a.db") as opened:
        world.publish_into(opened)
        opened.publish_coaching(coaching)
        yield opened


def test_what_is_published_is_read_back_whole(store: PredictionStore, world: World, coaching: CoachingBatch) -> None:
    found = store.coaching(world.batch)
    assert set(found.recommendations) == set(coaching.recommendations)
    assert {row.rep_id: row for row in found.diagnoses} == {row.rep_id: row for row in coaching.diagnoses}
    assert (found.findings, found.options) == (coaching.findings, coaching.options)
    assert (found.covariance, found.plan) == (COVARIANCE, coaching.plan)


@pytest.mark.parametrize(
    ("scope", "diagnosed", "optional", "plan"),
    [
        (Scope("manager", VP), {NORTH_REP, SOUTH_REP}, {NORTH_REP, SOUTH_REP}, True),
        (Scope("manager", NORTH), {NORTH_REP}, {NORTH_REP}, False),
        (Scope("manager", SOUTH), {SOUTH_REP}, {SOUTH_REP}, False),
        (Scope("hr"), set(), {NORTH_REP, SOUTH_REP}, True),
        (Scope("analyst"), set(), set(), True),
        (Scope("rep", SOUTH_REP), {SOUTH_REP}, {SOUTH_REP}, False),
    ],
    ids=["vp", "north", "south", "hr", "analyst", "rep"],
)
def test_each_role_reads_what_its_scope_allows(
    store: PredictionStore, coaching: CoachingBatch, scope: Scope, diagnosed: set[str], optional: set[str], plan: bool
) -> None:
    own = {row.rep_id: row for row in coaching.diagnoses}
    with store.read(scope) as batch:
        for rep in (NORTH_REP, SOUTH_REP):
            assert batch.diagnosis(rep) == (own.get(rep) if rep in diagnosed else None)
        assert {option.rep_id for option in batch.options()} == optional
        assert {option.rep_id for option in batch.options(manager_id=NORTH)} == optional & {NORTH_REP}
        assert {option.rep_id for option in batch.options(rep_ids=[SOUTH_REP])} == optional & {SOUTH_REP}
        assert (batch.plan_summary() is not None) is plan
        assert batch.findings() == coaching.findings
        assert batch.covariance() == COVARIANCE


def test_a_new_batch_of_the_period_keeps_what_coaching_said(
    store: PredictionStore, world: World, coaching: CoachingBatch
) -> None:
    people = tuple(person for person in world.people if person.rep_id != SOUTH_REP)
    later = replace(world.batch, batch_id="b-0002")
    rows = tuple(row for row in world.predictions if row.rep_id != SOUTH_REP)
    store.publish(later, rows, world.teams, None, world.model_card, people=people)
    found = store.coaching(later)
    assert {row.rep_id for row in found.diagnoses} == {row.rep_id for row in coaching.diagnoses} - {SOUTH_REP}
    assert (found.options, found.covariance) == (OPTIONS[:1], COVARIANCE)
    assert (found.findings, found.plan) == (coaching.findings, coaching.plan)
    assert store.assignments.lines(), "the log belongs to no batch"
    store.publish(replace(later, batch_id="b-3", period="2026Q3"), (), (), None, world.model_card, people=people)
    assert store.coaching(replace(later, batch_id="b-3")) == CoachingBatch((), (), (), (), (), None)


def test_publishing_again_replaces_every_row(store: PredictionStore, world: World, coaching: CoachingBatch) -> None:
    stranger = replace(OPTIONS[0], rep_id="r-elsewhere")
    store.publish_coaching(CoachingBatch((), (), coaching.findings[:1], (stranger,), COVARIANCE, None))
    found = store.coaching(world.batch)
    assert found == CoachingBatch((), (), coaching.findings[:1], (), COVARIANCE, None)
    with store.read(Scope("hr")) as batch:
        assert batch.plan_summary() is None


def test_coaching_of_another_period_or_without_a_batch_is_refused(
    store: PredictionStore, coaching: CoachingBatch, tmp_path: Path
) -> None:
    assert coaching.plan is not None
    wrong = replace(coaching, recommendations=(), plan=replace(coaching.plan, period="2027Q1"))
    with pytest.raises(DataError, match="for 2027Q1"):
        store.publish_coaching(wrong)
    with PredictionStore.open(tmp_path / "empty.db") as empty, pytest.raises(NotReadyError, match="spm score"):
        empty.publish_coaching(coaching)


def test_rows_are_pruned_with_their_batch(store: PredictionStore, world: World) -> None:
    for number in range(KEPT_BATCHES + 2):
        batch = replace(world.batch, batch_id=f"b-1{number:03d}")
        store.publish(batch, world.predictions[:1], (), None, world.model_card, people=world.people)
    with reading(store._engine) as connection:
        for table in (schema.diagnoses, schema.findings, schema.options, schema.plans):
            assert connection.execute(select(func.count(table.c.batch_id.distinct()))).scalar_one() == KEPT_BATCHES + 1
            gone = select(table.c.batch_id).where(table.c.batch_id == world.batch.batch_id)
            assert connection.execute(gone).first() is None


def test_coaching_follows_the_tree_of_today(store: PredictionStore, world: World) -> None:
    moved = tuple(
        Person(one.rep_id, one.name, SOUTH, one.role) if one.rep_id == NORTH_REP else one for one in world.people
    )
    later = replace(world.batch, batch_id="b-0002")
    store.publish(later, world.predictions, world.teams, None, world.model_card, people=moved)
    for manager, sees in ((NORTH, False), (SOUTH, True)):
        with store.read(Scope("manager", manager)) as batch:
            assert bool(batch.options(rep_ids=[NORTH_REP])) is sees


def _diagnosis(attainment: float | None, gap: float | None, *points: float) -> Diagnosis:
    parts = tuple(DiagnosisPart("behaviour", f"b{at}", "x", value, "") for at, value in enumerate(points))
    return Diagnosis("r", "2026Q1", attainment, gap, parts, (), "behaviour", "", "", "", None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _diagnosis(0.8, -0.2, -0.1, -0.05), "the parts add up to"),
        (lambda: _diagnosis(0.8, -0.1), "the gap is attainment − 1"),
        (lambda: _diagnosis(None, -0.1), "the gap is attainment − 1"),
        (lambda: _diagnosis(None, None, 0.1), "the parts add up to"),
        (lambda: _diagnosis(math.nan, math.nan), "attainment is nan"),
        (lambda: DiagnosisPart("condition", "quota", "x", math.inf, ""), "points is inf"),
        (lambda: EffectPoint(1, 0.1, 0.2, 0.3, 4), "does not hold its estimate"),
        (lambda: PlanValue("plan", "x", 1, None, None, 0.1, None, ""), "stands beside no estimate"),
        (lambda: replace(OPTIONS[0], p_positive=1.1), "lies between 0 and 1"),
        (lambda: replace(OPTIONS[0], loadings=(math.nan, 1.0)), "loading 0 is nan"),
        (lambda: CoachingBatch((), (), (), OPTIONS[:1] * 2, COVARIANCE, None), "options hold one key twice"),
        (lambda: CoachingBatch((), (), (), OPTIONS, ((1.0,),), None), "has 2 loadings; the covariance has 1"),
        (lambda: CoachingBatch((), (), (), (), ((1.0, 2.0),), None), "not square"),
    ],
)
def test_rows_that_say_nothing_sound_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_diagnosis_may_abstain() -> None:
    unknown = replace(_diagnosis(None, None), verdict="cannot_tell", abstention=Abstention("thin_history"))
    assert unknown.gap is None
    assert _diagnosis(0.8, 0.8 - 1, -0.1, -0.1 + 1e-13).parts
