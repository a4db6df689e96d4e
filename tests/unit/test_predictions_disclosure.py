"""Aggregates that may stand beside each other: no sum or difference of them is about a few reps."""

import random
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest

from spm_ml.predictions import COMPANY, Person, TeamPrediction
from spm_ml.predictions.disclosure import disclosable
from spm_ml.predictions.scope import SMALLEST_GROUP
from tests.prediction_world import VP, World, make_world


def organisation(sizes: dict[str, int], above: dict[str, str], regions: int, seed: int) -> World:
    """Managers with so many direct reports, spread over regions."""
    dice = random.Random(seed)  # noqa: S311
    people = [Person(name, name, above.get(name), "manager") for name in sizes]
    people += [Person(f"{name}-{n}", f"{name} {n}", name, "rep") for name, size in sizes.items() for n in range(size)]
    world = make_world(weeks=1, people=tuple(people))
    places = {row.rep_id: f"region {dice.randrange(regions)}" for row in world.predictions}
    rows = tuple(replace(row, region=places[row.rep_id]) for row in world.predictions)
    groups = [one for one in world.teams if one.level != "region"]
    for region in sorted(set(places.values())):
        like = next(one for one in groups if one.level == "company")
        reps = sum(place == region for place in places.values())
        groups.append(replace(like, level="region", key=region, label=region, reps=reps))
    return replace(world, predictions=rows, teams=tuple(groups))


def members(world: World, group: TeamPrediction) -> frozenset[str]:
    above = {person.rep_id: person.manager_id for person in world.people}

    def is_below(rep_id: str | None) -> bool:
        return rep_id is not None and (rep_id == group.key or is_below(above[rep_id]))

    return frozenset(
        row.rep_id
        for row in world.predictions
        if group.level == "company" or (row.region == group.key if group.level == "region" else is_below(row.rep_id))
    )


def test_a_small_team_is_not_what_is_left_of_a_total(harbour: World) -> None:
    given = {(level, key) for level, key, day in disclosable(harbour.teams, harbour.predictions, harbour.people)
             if day == harbour.batch.as_of}  # fmt: skip
    assert given == {("company", COMPANY), ("team", VP)}, "South has four reps: neither North nor its region is given"


def test_large_groups_beside_each_other_are_given() -> None:
    world = organisation({"top": 0, "a": 6, "b": 5, "c": 5}, dict.fromkeys("abc", "top"), 1, 0)
    given = {key for level, key, _ in disclosable(world.teams, world.predictions, world.people) if level == "team"}
    assert given == {"top", "a", "b", "c"}
    wrong = tuple(replace(one, reps=one.reps + 1) if one.key == "a" else one for one in world.teams)
    assert "a" not in {key for _, key, _ in disclosable(wrong, world.predictions, world.people)}


@pytest.mark.parametrize("seed", range(8))
def test_no_combination_is_about_a_few_reps(seed: int) -> None:
    """Every sum of the given groups with weights −1, 0 and 1 that counts some reps once and the others not at all."""
    dice = random.Random(seed)  # noqa: S311
    names = ["top", *"abcdef"]
    above = {name: dice.choice(names[:place]) for place, name in enumerate(names) if place}
    world = organisation({name: dice.randrange(0, 9) for name in names}, above, dice.randrange(1, 4), seed)
    given = disclosable(world.teams, world.predictions, world.people)
    sets = {members(world, one) for one in world.teams if (one.level, one.key, one.as_of) in given}
    assert sets, "the company at least"
    cells = Counter(tuple(rep in own for own in sets) for rep in frozenset().union(*sets))
    for weights in product((-1, 0, 1), repeat=len(sets)):
        counted = {cell: sum(weight for weight, inside in zip(weights, cell, strict=True) if inside) for cell in cells}
        if set(counted.values()) <= {0, 1} and any(counted.values()):
            assert sum(cells[cell] for cell, times in counted.items() if times) >= SMALLEST_GROUP
