"""The scope rule against an oracle that walks the tree in Python."""

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, select

from spm_ml.predictions import Role, Scope
from spm_ml.predictions.schema import metadata, people, predictions, teams
from spm_ml.predictions.scope import REACH, ROLES

IDS = [f"p{number}" for number in range(8)]
Tree = dict[str, str | None]


def reachable(tree: Tree, top: str) -> set[str]:
    seen, queue = {top}, [top]
    while queue:
        above = queue.pop()
        for person, manager in tree.items():
            if manager == above and person not in seen:
                seen.add(person)
                queue.append(person)
    return seen


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('scope') / 'a.db'}")
    metadata.create_all(engine, tables=[people, predictions, teams])
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.dictionaries(st.sampled_from(IDS), st.sampled_from([*IDS, "gone", None]), min_size=1),
    who=st.sampled_from([*IDS, "gone"]),
)
def test_every_role_reaches_what_the_oracle_says(database: Connection, tree: Tree, who: str) -> None:
    """Trees are arbitrary: cycles, several tops, managers who are not listed, people who are their own manager."""
    database.execute(people.delete())
    database.execute(
        insert(people),
        [
            {"batch_id": batch, "rep_id": rep, "name": rep, "manager_id": manager, "role": ""}
            for batch, rows in (("b", tree), ("other", dict.fromkeys(IDS, who)))
            for rep, manager in rows.items()
        ],
    )
    expected = {
        ("manager", "figures"): reachable(tree, who),
        ("manager", "decision"): reachable(tree, who) - {who},
        ("rep", "figures"): {who},
        ("hr", "person"): set(tree),
        ("hr", "figures"): set(),
        ("hr", "decision"): set(tree) - {who},
        ("analyst", "person"): set(),
        ("rep", "decision"): set(),
    }
    for (role, subject), allowed in expected.items():
        query = select(people.c.rep_id).where(
            people.c.batch_id == "b", Scope(role, who).predicate(subject, people.c.rep_id, "b")
        )
        assert set(database.execute(query).scalars()) == allowed & set(tree), (role, subject)
    database.rollback()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.dictionaries(st.sampled_from(IDS), st.sampled_from([*IDS, "gone", None]), min_size=1),
    forecast=st.sets(st.sampled_from(IDS), min_size=1),
    who=st.sampled_from([*IDS, "gone"]),
)
def test_the_whole_is_for_managers_with_every_forecast_rep_below(
    database: Connection, tree: Tree, forecast: set[str], who: str
) -> None:
    day, earlier = date(2026, 1, 7), date(2026, 1, 1)
    row = dict.fromkeys(("name", "name_folded", "role", "team", "region", "segment", "body"), "") | {"booked": 0}
    rows = [{"rep_id": rep, "batch_id": "b", "as_of": day} | row for rep in forecast]
    rows += [{"rep_id": "left", "batch_id": "b", "as_of": earlier} | row]
    rows += [{"rep_id": "elsewhere", "batch_id": "other", "as_of": day} | row]
    database.execute(
        insert(people),
        [
            {"batch_id": "b", "rep_id": rep, "name": rep, "manager_id": manager, "role": ""}
            for rep, manager in tree.items()
        ],
    )
    database.execute(insert(predictions), rows)
    company = {"level": "company", "key": "company", "label": "", "manager_id": "", "reps": 1, "body": ""}
    database.execute(insert(teams), [{"batch_id": "b", "as_of": day} | company])
    query = select(teams.c.key).where(Scope("manager", who).predicate("whole", teams.c.batch_id, "b"))
    assert bool(database.execute(query).all()) is (forecast <= reachable(tree, who))
    database.rollback()


def test_analysts_see_only_groups_that_tell_nothing_about_a_few(database: Connection) -> None:
    own = {"batch_id": "b", "level": "team", "as_of": date(2026, 1, 1), "label": "", "reps": 9, "body": ""}
    found = {"given": True, "kept": False}
    database.execute(
        insert(teams), [own | {"key": key, "manager_id": key, "disclosable": given} for key, given in found.items()]
    )
    query = select(teams.c.manager_id).where(Scope("analyst").predicate("team", teams.c.manager_id, "b"))
    assert set(database.execute(query).scalars()) == {"given"}
    database.rollback()


def test_every_role_has_a_rule_for_every_subject() -> None:
    subjects = set(REACH["manager"])
    assert set(REACH) == set(ROLES)
    assert all(set(rules) == subjects for rules in REACH.values())


@pytest.mark.parametrize("role", ["manager", "rep"])
@pytest.mark.parametrize("rep_id", [None, ""])
def test_a_manager_or_rep_is_somebody(role: Role, rep_id: str | None) -> None:
    with pytest.raises(ValueError, match="must name a rep_id"):
        Scope(role, rep_id)
