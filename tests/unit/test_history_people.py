"""Profiles over time and the tree of managers on a day: movers, leavers, newcomers, cycles."""

from datetime import date
from typing import Any

import pytest

from spm_ml.history.people import COLUMNS, tree_of
from tests.history_world import Rows, history_of, rows_of


def rep(rep_id: str = "ann", hired_on: str = "2024-01-01", **columns: Any) -> dict[str, Any]:
    return {"rep_id": rep_id, "hired_on": hired_on} | columns


def spans(reps: Rows, *columns: str, as_of: date | None = None) -> list[tuple[Any, ...]]:
    with history_of(reps=reps) as history:
        seen = history.as_of(as_of) if as_of else history
        assert {name: str(kind) for name, kind in seen.profiles.schema().items()} == COLUMNS
        rows = rows_of(seen.profiles.order_by("rep_id", "valid_from"))
        return [tuple(row[column] for column in columns) for row in rows]


def test_a_row_holds_until_the_next_one_of_the_rep() -> None:
    reps = [rep(team="a"), rep(team="b", effective_from="2025-03-01"), rep(team="c", effective_from="2025-07-01")]
    assert spans([*reps, rep("bob")], "rep_id", "valid_from", "valid_to", "team") == [
        ("ann", date(2024, 1, 1), date(2025, 3, 1), "a"),
        ("ann", date(2025, 3, 1), date(2025, 7, 1), "b"),
        ("ann", date(2025, 7, 1), None, "c"),
        ("bob", date(2024, 1, 1), None, None),
    ]


def test_of_two_rows_of_one_day_the_one_that_states_it_holds() -> None:
    reps = [rep(team="hired"), rep(team="stated", effective_from="2024-01-01")]
    assert spans(reps, "valid_from", "valid_to", "team") == [(date(2024, 1, 1), None, "stated")]


def test_as_of_a_day_later_moves_and_departures_are_hidden() -> None:
    reps = [
        rep(team="a", left_on="2025-09-30"),
        rep(team="b", effective_from="2025-03-01", left_on="2025-09-30"),
        rep("bob", hired_on="2025-05-01"),
    ]
    columns = ("rep_id", "valid_to", "team", "left_on")
    assert spans(reps, *columns, as_of=date(2025, 2, 28)) == [("ann", None, "a", None)]
    assert spans(reps, *columns, as_of=date(2025, 4, 30))[1:] == [("ann", None, "b", None)]
    assert spans(reps, *columns, as_of=date(2025, 9, 30))[1:] == [
        ("ann", None, "b", date(2025, 9, 30)),
        ("bob", None, None, None),
    ]


def test_full_time_is_what_an_empty_cell_means() -> None:
    assert spans([rep(), rep("bob", fte=0.5)], "rep_id", "fte") == [("ann", 1.0), ("bob", 0.5)]


def test_the_tree_of_a_day_follows_moves_and_leaves_out_who_is_not_employed() -> None:
    reps = [
        rep("top"),
        rep("low", manager_id="top", left_on="2025-05-31"),
        rep("ann", manager_id="low"),
        rep("ann", manager_id="top", effective_from="2025-06-01"),
        rep("new", hired_on="2025-07-01", manager_id="top"),
        rep("solo", manager_id="outside"),
    ]
    with history_of(reps=reps) as history:
        before = history.tree(date(2025, 5, 31)).set_index("rep_id").path.to_dict()
        after = history.tree(date(2025, 6, 1)).set_index("rep_id").path.to_dict()
        assert history.tree(date(2023, 1, 1)).empty
    alone = {"outside": ("outside",), "solo": ("outside", "solo"), "top": ("top",)}
    assert before == alone | {"low": ("top", "low"), "ann": ("top", "low", "ann")}
    assert after == alone | {"ann": ("top", "ann")}


@pytest.mark.parametrize(
    ("managers", "paths"),
    [
        ({}, []),
        ({"a": None}, [("a",)]),
        ({"a": "a"}, [("a",)]),
        ({"a": "b", "b": "a"}, [("a",), ("a", "b")]),
        ({"c": "b", "b": "d", "d": "c", "z": "b"}, [("b",), ("b", "c"), ("b", "z"), ("b", "c", "d")]),
        ({"a": "x", "b": ""}, [("b",), ("x",), ("x", "a")]),
    ],
)
def test_cycles_are_cut_above_their_smallest_member(
    managers: dict[str, str | None], paths: list[tuple[str, ...]]
) -> None:
    tree = tree_of(managers)
    assert list(tree.path) == paths
    assert list(tree.level) == [len(path) - 1 for path in paths]
    assert list(tree.manager_id) == [path[-2] if len(path) > 1 else None for path in paths]
    assert list(tree.columns) == ["rep_id", "manager_id", "level", "path"]
