"""Who may do what: every route, method and principal against an oracle that knows nothing of the scope rule.

The routes are taken from the application; one without a rule in `tests.authorisation` fails.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from tests.authorisation import LIVING, RULES, Matrix, Rule, cases, routes_of, unruled
from tests.databases import PostgresServer
from tests.prediction_world import World


@pytest.fixture(scope="module")
def matrix(harbour: World, harbour_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """Over an own store, since some requests decide."""
    own = tmp_path_factory.mktemp("authorisation") / "predictions.db"
    shutil.copy(harbour_file, own)
    with Matrix(own, harbour) as opened:
        yield opened


def test_every_route_has_a_rule(matrix: Matrix) -> None:
    assert unruled(matrix.app) == set(), "a route without a rule, or a rule without a route"


def test_every_rule_knows_every_principal() -> None:
    for method, route, rule in cases():
        assert set(rule.sees) == set(LIVING), (method, route)


SIGNED = ("/v1/events", "/v1/events/{receipt_id}")
"""Routes of the API that ask for a system's signature in place of an account's token."""


def test_every_route_of_the_api_asks_for_a_token(matrix: Matrix) -> None:
    opened = {path for (_, path), rule in RULES.items() if rule.open and path.startswith("/v1")}
    assert opened == {"/v1/openapi.json", *SIGNED}
    for route in routes_of(matrix.app.routes):
        if isinstance(route, APIRoute) and route.path.startswith("/v1") and route.path not in SIGNED:
            operation = matrix.app.openapi()["paths"][route.path.replace(":path}", "}")][
                next(iter(route.methods)).lower()
            ]
            assert operation["security"] == [{"HTTPBearer": []}], route.path


@pytest.mark.parametrize(
    ("method", "route", "rule"),
    [
        pytest.param(*case, id=f"{case[0]} {case[1]}{case[2].query} {case[2].body.__name__}".removesuffix(" nothing"))
        for case in cases()
    ],
)
def test_each_principal_gets_what_the_oracle_says(matrix: Matrix, method: str, route: str, rule: Rule) -> None:
    assert list(matrix.differences([(method, route, rule)])) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_reading_addresses_take_no_other_method(matrix: Matrix, method: str) -> None:
    for other, route in RULES:
        if other == "GET" and (method, route) not in RULES and "{" not in route:
            answer = matrix.send("vp", method, route)
            assert answer.status_code == 405, route


@pytest.mark.parametrize("route", [route for (method, route), rule in RULES.items() if rule.page and method == "POST"])
def test_no_form_is_taken_from_another_site(matrix: Matrix, route: str) -> None:
    for site in ("cross-site", "same-site", "none"):
        answer = matrix.send("vp", "POST", route.replace("{case_id}", "1"), page=True, body={}, site=site)
        assert answer.status_code == 403, site


def test_postgresql_gives_each_principal_the_same(
    postgresql: PostgresServer, harbour_database: str, harbour: World
) -> None:
    """The rule is SQL, so both databases are asked; here for lists, files and one kind of object."""
    target = postgresql.address(postgresql.new_database(harbour_database))
    asked = cases(
        lambda method, route, rule: (
            method == "GET" and not rule.page and (rule.lists is not None or route.startswith("/v1/reps/{"))
        )
    )
    with Matrix(target, harbour) as matrix:
        assert list(matrix.differences(asked)) == []
