"""Writes and reads `truth/`: what a simulation knows and no source system does, all of it as Parquet or JSON."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.fiscal import FiscalCalendar
from spm_ml.simulation import ledger
from spm_ml.simulation.book import Book, Rates, credited
from spm_ml.simulation.contract import period_labels
from spm_ml.simulation.deal_tables import opportunity_ids
from spm_ml.simulation.effects import enrolment_effects, individual_effects, program_effects
from spm_ml.simulation.engine import Course
from spm_ml.simulation.first_period import Pipelines
from spm_ml.simulation.people import Presence
from spm_ml.simulation.render import ArrowColumn, words
from spm_ml.simulation.staff import Staff
from spm_ml.simulation.timeline import Timeline, day_of
from spm_ml.simulation.world import SKILLS, Floats, Ints, World

_PRESENCE = ("hired_on", "left_on", "hired_week", "left_week", "segment")
_RATES = ("created", "speed", "win", "lose", "size")
_STATIC = ("created_on", "owner", "segment", "urgency", "dormant", "partner", "share", "credit")


@dataclass(frozen=True)
class Truth:
    """What the oracle reads back.

    Attributes:
        rates: Of each period, as in `Course`.
        luck: (Q, P) part of the log win rate that the shared shocks make.
        rep_ids: (P,) empty for reps that the tables do not name.
        deals: As created, by deal number; stage, amount and expected close are in the events.
        events: Ledger columns, those after the end of the history included, by deal and time.
        outcomes: Final bookings and quotas of each rep and period.
    """

    world: World
    timeline: Timeline
    presence: Presence
    rates: list[Rates]
    luck: Floats
    rep_ids: list[str]
    deals: Book
    events: dict[str, Ints]
    outcomes: pd.DataFrame


def outcomes_table(course: Course, staff: Staff, bookings: Floats) -> pa.Table:
    """What each rep has booked when each period is over, the running one included.

    Leavers stay in it as long as a share of a deal is credited to them.

    Columns: rep_id, period, bookings, quota_original, quota_final (minor units, null = none), attainment,
    employed_share, finished (false for the running period).
    """
    people, timeline = course.people, course.timeline
    employed = np.array(
        [
            people.employed_share(timeline.start_of(index), timeline.end_of(index))
            for index in range(len(timeline.periods))
        ]
    )
    reported = np.arange(len(timeline.periods))[:, None] >= timeline.first_reported
    period, rep = np.nonzero(((employed > 0) | (bookings != 0)) & reported & staff.known)
    quota = course.quotas.final[period, rep]
    with np.errstate(divide="ignore", invalid="ignore"):
        attainment = np.where(quota > 0, bookings[period, rep] / quota, np.nan)
    return pa.table(
        {
            "rep_id": words(staff.ids, rep),
            "period": words(period_labels(course), period),
            "bookings": pa.array(np.round(bookings[period, rep]).astype(np.int64)),
            "quota_original": pa.array(course.quotas.original[period, rep], from_pandas=True),
            "quota_final": pa.array(quota, from_pandas=True),
            "attainment": pa.array(attainment, from_pandas=True),
            "employed_share": pa.array(employed[period, rep]),
            "finished": pa.array(period < len(timeline.periods) - 1),
        }
    )


def write_truth(
    folder: Path, course: Course, staff: Staff, columns: dict[str, Ints], bookings: Floats, periods: int
) -> None:
    """Writes everything but the planted hazards.

    Args:
        folder: `truth/`.
        course: What happened.
        staff: Who is named in the tables.
        columns: The whole ledger in the organisation's currency, as the kernel made it.
        bookings: (Q, P) final credited bookings, minor units.
        periods: Finished periods.
    """
    world, timeline, people = course.world, course.timeline, course.people
    world.write(folder / "world.json")
    frame = {"end": day_of(timeline.end).isoformat(), "periods": periods, "reps": int(people.seat.max()) + 1}
    (folder / "simulation.json").write_text(json.dumps(frame, indent=1) + "\n", encoding="utf-8")
    reps, labels = np.arange(people.count), period_labels(course)
    period = np.repeat(np.arange(len(labels)), people.count)
    named = {"rep_id": words(staff.ids, reps)}
    everywhere = {"rep_id": words(staff.ids, np.tile(reps, len(labels))), "period": words(labels, period)}
    luck = course.shocks.period[:, None] + np.take_along_axis(course.shocks.team, people.team, axis=1)
    tables = {
        "people": named | {name: pa.array(getattr(people, name)) for name in _PRESENCE},
        "rates": everywhere
        | {
            "team": pa.array(people.team.ravel()),
            "luck": pa.array(luck.ravel()),
            "effort": pa.array(course.shocks.effort.ravel()),
        }
        | {name: pa.array(np.concatenate([getattr(rates, name) for rates in course.rates])) for name in _RATES},
        "skills": everywhere
        | {
            name: pa.array(np.concatenate([skill[:, place] for skill in course.skills]))
            for place, name in enumerate(SKILLS)
        },
        "period_shocks": {"period": pa.array(labels), "shock": pa.array(course.shocks.period)},
        "team_shocks": _team_shocks(course, labels),
        "deals": {"opportunity_id": opportunity_ids(course.deals.deal)}
        | {name: pa.array(getattr(course.deals, name)) for name in _STATIC},
        "deal_events": {name: pa.array(column) for name, column in columns.items()},
    }
    for name, content in tables.items():
        pq.write_table(pa.table(content), folder / f"{name}.parquet")
    pq.write_table(outcomes_table(course, staff, bookings), folder / "outcomes.parquet")
    pipelines = Pipelines.of(course)
    individual, enrolments = individual_effects(course, staff, pipelines), enrolment_effects(course, staff, pipelines)
    for name, table in (
        ("program_effects", program_effects(course, individual, enrolments)),
        ("enrolment_effects", enrolments),
        ("individual_effects", individual),
    ):
        pq.write_table(table, folder / f"{name}.parquet")


def read_truth(folder: Path) -> Truth:
    """Reads what `write_truth` wrote."""
    world = World.read(folder / "world.json")
    frame = json.loads((folder / "simulation.json").read_text(encoding="utf-8"))
    calendar = FiscalCalendar.of(world.organisation)
    timeline = Timeline.of(
        calendar, last=date.fromisoformat(frame["end"]), periods=frame["periods"], burn_in=world.burn_in
    )
    people, rates, deals = (_columns(folder / f"{name}.parquet") for name in ("people", "rates", "deals"))
    shape = (len(timeline.periods), len(people["hired_on"]))
    by_period = {name: rates[name].reshape(shape) for name in ("team", "luck", *_RATES)}
    nobody, unset = np.arange(shape[1]), np.zeros(len(deals["owner"]), dtype=np.int64)
    return Truth(
        world=world,
        timeline=timeline,
        presence=Presence(**{name: people[name] for name in _PRESENCE}, team=by_period["team"]),
        rates=[
            Rates(**{name: by_period[name][period] for name in _RATES}, colleague=nobody) for period in range(shape[0])
        ],
        luck=by_period["luck"],
        rep_ids=[rep_id or "" for rep_id in pq.read_table(folder / "people.parquet")["rep_id"].to_pylist()],
        deals=Book(**{name: deals.get(name, unset) for name in Book.__dataclass_fields__}),
        events=_columns(folder / "deal_events.parquet"),
        outcomes=pd.read_parquet(folder / "outcomes.parquet"),
    )


def bookings_of(course: Course, columns: dict[str, Ints], value: Floats) -> Floats:
    """(Q, P) credited bookings by the ledger: + at a win, − where a won deal is cancelled or reopened.

    Args:
        course: Deals and their second credits.
        columns: The whole ledger, by deal and time.
        value: (events,) organisation currency for one unit of the event's amount.
    """
    people, timeline = course.people, course.timeline
    owners, amounts = ledger.running(columns["owner"]), ledger.running(columns["amount"])
    kinds = {name: code for code, name in enumerate(ledger.KINDS)}
    sign = np.where(columns["kind"] == kinds["won"], 1, 0) - np.isin(
        columns["kind"], [kinds["cancelled"], kinds["reopened"]]
    )
    rows = np.flatnonzero(sign)
    deal, owner, amount = columns["deal"][rows], owners[rows], sign[rows] * amounts[rows] * value[rows]
    book = course.deals.take(deal)
    starts = np.array([timeline.start_of(index) for index in range(len(timeline.periods))])
    period = np.searchsorted(starts, columns["event_on"][rows], side="right") - 1
    shared = Book(**{**vars(book), "owner": owner, "amount": np.round(amount).astype(np.int64), "scenario": period})
    return credited(shared, len(starts), people.count).reshape(len(starts), people.count)


def _team_shocks(course: Course, labels: list[str]) -> dict[str, ArrowColumn]:
    teams = course.shocks.team.shape[1]
    period, team = np.repeat(np.arange(len(labels)), teams), np.tile(np.arange(teams), len(labels))
    return {"period": words(labels, period), "team": pa.array(team), "shock": pa.array(course.shocks.team.ravel())}


def _columns(path: Path) -> dict[str, Any]:
    table = pq.read_table(path)
    numeric = [name for name in table.column_names if not pa.types.is_string(table.schema.field(name).type)]
    return {name: table[name].to_numpy() for name in numeric}
