"""Which aggregates say nothing about a few reps, also when they are subtracted from each other.

A team that is large enough still tells about the others when its manager's total stands beside it: total − team. So a
group is given out only if every rep shares the same given-out groups with enough others. Then whatever sums and
differences of aggregates somebody makes, each is about that many reps or about none (complementary suppression, as in
Willenborg and de Waal, Elements of Statistical Disclosure Control, 2001). Days count alike: what a total was before
somebody joined tells about the one who did, so of an earlier day only groups of the same people are given.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import date
from typing import Final, TypeVar

from spm_ml.predictions.batch import Person
from spm_ml.predictions.rows import COMPANY, NO_REGION, NO_SEGMENT, Counted, Level, TeamPrediction
from spm_ml.predictions.scope import SMALLEST_GROUP

_FIRST: Final[tuple[Level, ...]] = ("company", "region", "team", "segment")
"""Of groups of one size, what is given out first; segments, which cut across the others, come after all of them."""

Group = tuple[Level, str, date]
Key = TypeVar("Key", bound=Hashable)


def disclosable(
    groups: Sequence[TeamPrediction], predictions: Sequence[Counted], people: Sequence[Person]
) -> set[Group]:
    """The groups, by level, key and day, that may be given to somebody who may see no single rep.

    The newest day comes first, and larger groups before smaller ones, so that totals are kept and teams give way, and
    segments to both. A group whose size is not that of its members here is never given.
    """
    above = {person.rep_id: person.manager_id for person in people}
    given: set[Group] = set()
    cell_of: dict[str, int] = {}
    size: dict[int, int] = {}
    for day in sorted({group.as_of for group in groups}, reverse=True):
        members = _members([row for row in predictions if row.as_of == day], above)
        # Every rep begins in one cell: with those who share all groups that are given out so far.
        unseen = set().union(*members.values()) - set(cell_of)
        cell_of |= dict.fromkeys(unseen, len(size))
        size[len(size)] = len(unseen)
        own = [group for group in groups if group.as_of == day]
        given |= {(level, key, day) for level, key in _given(own, members, cell_of, size)}
    return given


def _given(
    groups: Iterable[TeamPrediction],
    members: Mapping[tuple[Level, str], set[str]],
    cell_of: dict[str, int],
    size: dict[int, int],
) -> Iterator[tuple[Level, str]]:
    ranked = sorted(groups, key=lambda one: (one.level == "segment", -one.reps, _FIRST.index(one.level), one.key))
    named = ((group, members.get((group.level, group.key), set())) for group in ranked)
    yield from apart((((one.level, one.key), own) for one, own in named if len(own) == one.reps), cell_of, size)


def apart(groups: Iterable[tuple[Key, Set[str]]], cell_of: dict[str, int], size: dict[int, int]) -> Iterator[Key]:
    """The groups that may stand beside those that were given before them: each cuts no cell below the minimum.

    Args:
        groups: Key and members, in the order in which they are to be given.
        cell_of: Of each person, the cell of those who share all groups given so far; is kept up to date.
        size: People in each cell; likewise.
    """
    for key, own in groups:
        inside = Counter(cell_of[rep] for rep in own)
        outside = {cell: size[cell] - number for cell, number in inside.items()}
        if min([*inside.values(), *(number for number in outside.values() if number)], default=0) < SMALLEST_GROUP:
            continue
        new = {cell: len(size) + place for place, cell in enumerate(cell for cell in inside if outside[cell])}
        for cell, made in new.items():
            size[cell], size[made] = outside[cell], inside[cell]
        for rep in own:
            cell_of[rep] = new.get(cell_of[rep], cell_of[rep])
        yield key


def enough_beyond(groups: Sequence[TeamPrediction], known: int) -> tuple[TeamPrediction, ...]:
    """Of groups that lie in one another, those that say nothing about a few reps to somebody who knows some of them.

    Args:
        groups: Each holds everybody of the smaller ones.
        known: Reps whose figures the reader sees, who are in all of them.
    """
    told = []
    for group in sorted(groups, key=lambda one: (one.reps, -_FIRST.index(one.level))):
        if group.reps - known >= SMALLEST_GROUP or group.reps == known:
            told.append(group)
            known = group.reps
    return tuple(told)


def _members(rows: Iterable[Counted], above: Mapping[str, str | None]) -> dict[tuple[Level, str], set[str]]:
    """Reps of every group: a manager's tree with the manager, the segment, the region, and the company."""
    members: dict[tuple[Level, str], set[str]] = {}
    for row in rows:
        keys: list[tuple[Level, str]] = [("company", COMPANY), ("region", row.region or NO_REGION)]
        keys.append(("segment", row.segment or NO_SEGMENT))
        managers: list[str] = []
        person: str | None = row.rep_id
        while person is not None and person not in managers:
            managers.append(person)
            person = above.get(person)
        keys += [("team", manager) for manager in managers]
        for key in keys:
            members.setdefault(key, set()).add(row.rep_id)
    return members
