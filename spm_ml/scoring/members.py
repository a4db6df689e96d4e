"""Who is added up to what on the board's day: managers' trees, segments, regions and the company."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spm_ml.predictions import COMPANY, Counted, Level, Person
from spm_ml.predictions.rows import NO_REGION, NO_SEGMENT


@dataclass(frozen=True)
class Group:
    """People whose bookings are added up.

    Attributes:
        level: What it is.
        key: As in `TeamPrediction`.
        label: What a reader sees.
        members: Places among the board's rows, ascending.
    """

    level: Level
    key: str
    label: str
    members: tuple[int, ...]


def groups_of(board: Sequence[Counted], people: Sequence[Person], company: str) -> tuple[Group, ...]:
    """Every manager with anybody on the board below (the own row counts), every segment and region, and the company.

    People belong to the manager, segment and region of the board's day alone, whoever they reported to before.

    Args:
        board: Rows of the board's day.
        people: The organisation's tree on that day.
        company: What the company is called.
    """
    above = {person.rep_id: person.manager_id for person in people}
    names = {person.rep_id: person.name for person in people}
    teams: dict[str, list[int]] = {}
    regions: dict[str, list[int]] = {}
    segments: dict[str, list[int]] = {}
    for place, row in enumerate(board):
        for manager in _managers_of(row.rep_id, above):
            teams.setdefault(manager, []).append(place)
        regions.setdefault(row.region or NO_REGION, []).append(place)
        segments.setdefault(row.segment or NO_SEGMENT, []).append(place)
    leads = {manager for manager in above.values() if manager}
    found = [Group("team", manager, names[manager], tuple(teams[manager])) for manager in sorted(leads & set(teams))]
    if set(segments) != {NO_SEGMENT}:
        found += [Group("segment", segment, segment, tuple(segments[segment])) for segment in sorted(segments)]
    if set(regions) != {NO_REGION}:
        found += [Group("region", region, region, tuple(regions[region])) for region in sorted(regions)]
    if board:
        found.append(Group("company", COMPANY, company, tuple(range(len(board)))))
    return tuple(found)


def _managers_of(rep_id: str, above: Mapping[str, str | None]) -> tuple[str, ...]:
    """The rep and everybody above; the rep's own row counts in the rep's own team."""
    chain = [rep_id]
    while (manager := above.get(chain[-1])) is not None and manager not in chain:
        chain.append(manager)
    return tuple(chain)
