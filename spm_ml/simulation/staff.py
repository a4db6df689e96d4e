"""The tables about people: reps with their history, protected groups; and who counts as known."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spm_ml.simulation.engine import Course
from spm_ml.simulation.names import people_names
from spm_ml.simulation.people import NEVER, REGIONS
from spm_ml.simulation.render import dates, numbers, words
from spm_ml.simulation.world import Bools, Floats, Ints

_GROUPS = {"gender": ("male", "female", "not stated"), "age_band": ("under 35", "35 to 49", "50 and over")}
_LEADER_BAND = 200


@dataclass(frozen=True)
class Staff:
    """Everybody that the tables name: reps first, then managers, directors, the head.

    Attributes:
        ids: rep_id by index; reps that the tables do not name have none.
        names: Name by index.
        known: (P,) reps employed on some day from the first reported to the last written.
        manager_ids: rep_id of each manager.
        director_ids: rep_id of each director.
        head_id: rep_id of the head; None in an organisation of one team.
    """

    ids: list[str]
    names: list[str]
    known: Bools
    manager_ids: list[str]
    director_ids: list[str]
    head_id: str | None

    @classmethod
    def of(cls, course: Course, rng: np.random.Generator) -> "Staff":
        """Numbers and names everybody."""
        people, timeline = course.people, course.timeline
        known = (people.left_on >= timeline.report_start) & (people.hired_on <= timeline.end)
        places = np.cumsum(known)
        managers, directors = len(people.manager_since), people.directors
        one_team = len(people.team_segment) == 1
        return cls(
            ids=[f"R{place:04d}" if is_known else "" for place, is_known in zip(places, known, strict=True)],
            names=people_names(people.count + managers + directors + 1, rng),
            known=known,
            manager_ids=[f"M{number + 1:03d}" for number in range(managers)],
            director_ids=[f"D{number + 1:02d}" for number in range(directors)],
            head_id=None if one_team else "VP1",
        )

    def boss_of_team(self, team: int) -> str | None:
        """Who leads the manager of a team."""
        return self.director_ids[team % len(self.director_ids)] if self.director_ids else self.head_id


def team_names(course: Course) -> list[str]:
    """`East SMB 1` and so on."""
    people = course.people
    segments = [course.world.segments[code].name for code in people.team_segment]
    return [
        f"{REGIONS[region]} {segment} {number + 1}"
        for number, (region, segment) in enumerate(zip(people.team_region, segments, strict=True))
    ]


def reps_table(course: Course, staff: Staff) -> pa.Table:
    """Sellers with a row for each change of team, manager, territory or hours (H07, H09), then their leaders."""
    people, timeline = course.people, course.timeline
    span = range(timeline.first_reported, len(timeline.periods))
    rep, period = _changes(course, staff.known)
    team = people.team[period, rep]
    first = period == np.maximum(timeline.first_reported, _hire_period(course))[rep]
    start = np.array([timeline.start_of(index) for index in range(len(timeline.periods))])[period]
    left = people.left_on[rep]
    sellers = pa.table(
        {
            "rep_id": words(staff.ids, rep),
            "name": words(staff.names, rep),
            "role": words(["account executive"], np.zeros(len(rep), dtype=np.int64)),
            "team": words(team_names(course), team),
            "region": words(REGIONS, people.team_region[team]),
            "segment": words([segment.name for segment in course.world.segments], people.team_segment[team]),
            "manager_id": words(staff.manager_ids, people.manager[period, team]),
            "hired_on": dates(people.hired_on[rep]),
            "left_on": dates(np.minimum(left, NEVER), left > timeline.end),
            "fte": numbers(people.fte[period, rep]),
            "territory": words(_territories(people.territory), people.territory[period, rep]),
            "territory_potential": numbers(people.potential[period, rep]),
            "effective_from": dates(start, first),
        }
    )
    return pa.concat_tables([sellers, _leaders(course, staff, span, sellers.schema)])


def groups_table(course: Course, staff: Staff) -> pa.Table:
    """Protected attributes of the sellers (H23)."""
    rep = np.flatnonzero(staff.known)
    both = np.tile(rep, 2)
    attribute = np.repeat([0, 1], len(rep))
    values = [*_GROUPS["gender"], *_GROUPS["age_band"]]
    codes = np.concatenate([course.people.group[rep], 3 + course.people.age_band[rep]])
    return pa.table(
        {"rep_id": words(staff.ids, both), "attribute": words(list(_GROUPS), attribute), "value": words(values, codes)}
    )


def _hire_period(course: Course) -> Ints:
    starts = np.array([course.timeline.start_of(index) for index in range(len(course.timeline.periods))])
    return np.maximum(np.searchsorted(starts, course.people.hired_on, side="right") - 1, 0)


def _changes(course: Course, known: Bools) -> tuple[Ints, Ints]:
    """Rep and period of each row: the first period of a rep, and those in which something differs."""
    people, first = course.people, course.timeline.first_reported
    hire, total = np.maximum(_hire_period(course), first), len(course.timeline.periods)
    starts = np.array([course.timeline.start_of(index) for index in range(total)])[:, None]
    manager = np.take_along_axis(people.manager, people.team, axis=1)
    seen: list[Ints | Floats] = [people.team, manager, people.territory, people.potential, people.fte]
    differs = np.zeros(people.team.shape, dtype=np.bool_)
    for column in seen:
        differs[1:] |= column[1:] != column[:-1]
    periods = np.arange(total)[:, None]
    there = (periods > hire) & (starts <= people.left_on) & (starts <= course.timeline.end)
    row = ((differs & there) | (periods == hire)) & known
    rep, period = np.nonzero(row.T)
    return rep, period


def _territories(territory: Ints) -> list[str]:
    return [f"T{number + 1:04d}" for number in range(int(territory.max()) + 1)]


def _leaders(course: Course, staff: Staff, span: range, schema: pa.Schema) -> pa.Table:
    """Managers, directors, the head; few enough for a loop."""
    people, timeline = course.people, course.timeline
    teams, long_ago = team_names(course), timeline.start_of(0) - 5 * _LEADER_BAND
    names = iter(staff.names[people.count :])
    rows: list[tuple[str | int | None, ...]] = []
    for number, rep_id in enumerate(staff.manager_ids):
        since, until = int(people.manager_since[number]), int(people.manager_until[number])
        team = int(np.flatnonzero(people.manager[since] == number)[0])
        name = next(names)
        if until < span.start:
            continue
        hired = long_ago + 17 * number % _LEADER_BAND if since == 0 else timeline.start_of(since)
        left = timeline.end_of(until) if until < span[-1] else None
        region, segment = REGIONS[people.team_region[team]], course.world.segments[people.team_segment[team]].name
        rows.append((rep_id, name, "manager", teams[team], region, segment, staff.boss_of_team(team), hired, left))
    rows.extend(
        (rep_id, next(names), "director", None, None, None, staff.head_id, long_ago, None)
        for rep_id in staff.director_ids
    )
    if staff.head_id:
        rows.append((staff.head_id, next(names), "head of sales", None, None, None, None, long_ago, None))
    columns = list(zip(*rows, strict=True))
    table = {name: pa.array(column) for name, column in zip(schema.names[:7], columns[:7], strict=True)}
    table |= {
        name: pa.array(column, type=pa.int32()).cast(pa.date32())
        for name, column in zip(("hired_on", "left_on"), columns[7:], strict=True)
    }
    table |= {
        "fte": pa.array([1.0] * len(rows)),
        "territory": pa.nulls(len(rows)),
        "territory_potential": pa.nulls(len(rows)),
        "effective_from": pa.nulls(len(rows)),
    }
    return pa.table({name: table[name] for name in schema.names}).cast(schema)
