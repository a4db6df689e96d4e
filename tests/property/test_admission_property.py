"""One statement that looks up the managers above finds what the scope's own predicate finds among everybody below."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, literal, select

from spm_ml.predictions import PredictionStore, Scope
from spm_ml.predictions.admission import ABOUT, EmbeddedDoor
from spm_ml.predictions.engine import connect, reading, writing
from spm_ml.predictions.schema import people
from spm_ml.predictions.scope import REACH, ROLES, Subject
from tests.prediction_world import make_world

NAMES = [f"p{number}" for number in range(7)]
ABOUT_PEOPLE: tuple[Subject, ...] = (
    "person",
    "figures",
    "offer",
    "decision",
    "own_offer",
    "case",
    "answer",
    "own_case",
)
BATCH = "b-0001"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("admission") / "predictions.db"
    with PredictionStore.open(path) as opened:
        replace(make_world(weeks=1), predictions=(), teams=(), recommendations=()).publish_into(opened)
    return path


@pytest.fixture(scope="module")
def engine(store: Path) -> Iterator[Engine]:
    opened = connect(store)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def logins(store: Path) -> dict[tuple[str, str | None], str]:
    with PredictionStore.open(store) as opened:
        return {
            (role, rep_id): opened.credentials.issue(role, rep_id=rep_id, label="test", valid_for=timedelta(hours=1))
            for role in ROLES
            for rep_id in ([None, "p0"] if role not in ("manager", "rep") else ["p0", "gone"])
        }


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(managers=st.lists(st.sampled_from([None, *NAMES, "gone"]), min_size=len(NAMES), max_size=len(NAMES)))
def test_both_directions_find_the_same_people(
    engine: Engine, logins: dict[tuple[str, str | None], str], managers: list[str | None]
) -> None:
    rows = [
        {"batch_id": BATCH, "rep_id": name, "name": name, "manager_id": manager, "role": "x"}
        for name, manager in zip(NAMES, managers, strict=True)
    ]
    with writing(engine) as connection:
        connection.execute(delete(people))
        connection.execute(insert(people), rows)
    door = EmbeddedDoor(engine)
    try:
        with reading(engine) as connection:
            for (role, rep_id), token in logins.items():
                scope = Scope(role, rep_id)  # type: ignore[arg-type]
                for subject in ABOUT_PEOPLE:
                    below = set(
                        connection.execute(
                            select(people.c.rep_id).where(scope.predicate(subject, people.c.rep_id, BATCH))
                        ).scalars()
                    )
                    asked = [scope.predicate(subject, literal(name), BATCH).label(name) for name in NAMES]
                    row = connection.execute(select(*asked)).one()
                    above = {name for name, sees in zip(NAMES, row, strict=True) if sees}
                    assert above == below, (role, rep_id, subject)
                    if subject in ABOUT:
                        assert asyncio.run(_admitted(door, subject, token)) == below
    finally:
        asyncio.run(door.close())


async def _admitted(door: EmbeddedDoor, subject: Subject, token: str) -> set[str]:
    found = {name: await door.ask(subject, token, name) for name in NAMES}
    return {name for name, one in found.items() if one and one.sees}


def test_subjects_are_about_people() -> None:
    assert {REACH[role][subject] for role in ROLES for subject in ABOUT} <= {"tree", "self", "all", "none"}
