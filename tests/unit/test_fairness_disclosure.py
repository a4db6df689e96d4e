"""Small groups stay unknown: pooled or withheld, and not to be found by adding and subtracting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm_ml.fairness.cuts import cuts_of
from spm_ml.fairness.disclosure import OTHERS, is_named, pooled, withheld
from spm_ml.fairness.groups import NOT_ON_RECORD


def people(**sizes: int) -> pd.Series:
    return pd.Series(np.repeat(list(sizes), list(sizes.values())), dtype=object)


@pytest.mark.parametrize(
    ("sizes", "published"),
    [
        ({"a": 9, "b": 8}, {"a": 9, "b": 8}),
        ({"a": 9, "b": 3, "c": 3}, {"a": 9, OTHERS: 6}),
        ({"a": 9, "b": 7, "c": 1}, {"a": 9, OTHERS: 8}),
        ({"a": 9, "b": 1}, {OTHERS: 10}),
        ({"a": 1}, {OTHERS: 1}),
        ({"a": 9}, {"a": 9}),
        ({}, {}),
    ],
)
def test_small_groups_are_pooled_until_they_are_enough(sizes: dict[str, int], published: dict[str, int]) -> None:
    assert pooled(people(**sizes), 5).value_counts().to_dict() == published


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(3, 10))
def test_pools_never_leave_a_group_to_subtraction(sizes: list[int], minimum: int) -> None:
    values = people(**{f"g{place}": size for place, size in enumerate(sizes)})
    found = pooled(values, minimum).value_counts()
    assert found.sum() == sum(sizes)
    assert found.min() >= minimum or list(found.index) == [OTHERS]
    behind = values[pooled(values, minimum) == OTHERS]
    assert behind.empty or behind.nunique() > 1 or len(found) == 1


@given(st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=2, max_size=4))
@settings(max_examples=40, deadline=None)
def test_no_hidden_small_cell_has_one_value_only(sizes: list[list[int]]) -> None:
    """Another table agrees with all that is published: an independent search finds one by moving persons in circles."""
    table = np.array(sizes)
    hidden = withheld(table, 5)
    assert hidden[(table > 0) & (table < 5)].all()
    assert not hidden[table == 0].any()
    for row, column in np.argwhere(hidden & (table < 5)):
        assert moves(table, hidden, row, column) or hidden.sum() == (table > 0).sum()


def moves(table: np.ndarray, hidden: np.ndarray, row: int, column: int) -> bool:
    """Whether a person can be moved into or out of a cell along hidden cells, all sums kept."""

    def reachable(step: int) -> bool:
        start, seen = ("column", column, -step), set()
        open_ = [start]
        while open_:
            kind, at, sign = open_.pop()
            if (kind, at) in seen:
                continue
            seen.add((kind, at))
            for other in np.flatnonzero(hidden[:, at] if kind == "column" else hidden[at, :]):
                cell = (other, at) if kind == "column" else (at, other)
                if cell == (row, column) or (sign < 0 and table[cell] < 1):
                    continue
                if kind == "column" and other == row:
                    return True
                open_.append(("row" if kind == "column" else "column", other, -sign))
        return False

    return reachable(1) or (table[row, column] > 0 and reachable(-1))


def test_a_single_row_is_a_table_of_which_the_whole_is_known() -> None:
    assert withheld(np.array([[9, 8, 7]]), 5).tolist() == [[False, False, False]]
    assert withheld(np.array([[9, 8, 1]]), 5).tolist() == [[False, True, True]]
    assert withheld(np.array([[1, 0, 0]]), 5).tolist() == [[True, False, False]]
    assert withheld(np.zeros((2, 2), dtype=int), 5).tolist() == [[False, False], [False, False]]


def test_attributes_of_one_group_are_not_cut_and_pairs_are() -> None:
    known = pd.DataFrame(
        {
            "gender": ["f", "m"] * 12,
            "age": ["old"] * 8 + ["young"] * 16,
            "site": ["here"] * 24,
            "rare": ["x"] * 23 + ["y"],
        },
        index=pd.Index([f"r{place}" for place in range(24)]),
    )
    cuts, notes = cuts_of(known, 5)
    assert [cut.attribute for cut in cuts] == ["gender", "age", "gender and age"]
    assert [note.split(":")[0] for note in notes] == ["site", "rare"]
    cells = cuts[2].cells(known.index, 5)
    assert {(cell.group, len(cell.reps)) for cell in cells if not cell.hidden} == {
        ("f, young", 8),
        ("m, young", 8),
    } or (all(cell.hidden for cell in cells))
    whole = cuts[0].cells(known.index, 5)
    assert [(cell.group, len(cell.reps), cell.hidden, cell.named) for cell in whole] == [
        ("f", 12, False, True),
        ("m", 12, False, True),
    ]
    assert not is_named(OTHERS)
    assert not is_named(NOT_ON_RECORD)
