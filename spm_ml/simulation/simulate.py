"""Simulates an organisation and writes its tables and its truth."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from spm_ml.errors import ConfigurationError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.progress import Progress, silent
from spm_ml.simulation import contract, staff
from spm_ml.simulation.engine import run, streams
from spm_ml.simulation.hazards import NATURAL, plant
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.truth import bookings_of, write_truth
from spm_ml.simulation.world import Ints, World
from spm_ml.simulation.write import Format, TableWriter

DEFAULT_END = date(2026, 11, 20)
"""Last day of the history unless told otherwise: day 51 of 2026Q4, never today's date."""


@dataclass(frozen=True)
class SimulationSummary:
    """What was written.

    Attributes:
        path: The folder.
        rows: Rows of each table.
        planted: Rows touched by each planted hazard.
        first_day, last_day: Of the history.
    """

    path: Path
    rows: dict[str, int]
    planted: dict[str, int]
    first_day: date
    last_day: date


def simulate(
    out: Path,
    *,
    reps: int,
    periods: int,
    seed: int,
    fmt: Format = "csv",
    start: date | None = None,
    end: date = DEFAULT_END,
    hazards: Collection[str] = NATURAL,
    effects: float = 1.0,
    progress: Progress = silent,
) -> SimulationSummary:
    """Writes an organisation of `reps` seats over `periods` finished periods and part of a running one.

    The same arguments give the same bytes. A seat whose holder leaves is filled again, so the tables name more reps
    than there are seats.

    Args:
        out: Folder for the tables, `organisation.yaml` and `truth/`.
        reps: Seats of quota-carrying reps; their managers come on top.
        periods: Finished fiscal quarters.
        seed: Of every chance in it.
        fmt: Of the tables; the truth is always Parquet.
        start: A day of the first period; by default counted back from `end`.
        end: Last day of the history, in the running period.
        hazards: Codes of `simulation.hazards.PLANTED`.
        effects: Multiplies what programs do to skills; 0 makes all of them duds.
        progress: Told of each period.

    Raises:
        ConfigurationError: A size is not positive, the format or a hazard is unknown.
    """
    if reps < 1 or periods < 1:
        raise ConfigurationError(f"reps is {reps} and periods is {periods}: both must be at least 1")
    if fmt not in ("csv", "parquet"):
        raise ConfigurationError(f"format {fmt!r} is not known: choose csv or parquet")
    world = plant(World.clean(effects), hazards)
    calendar = FiscalCalendar.of(world.organisation)
    timeline = Timeline.of(calendar, last=end, periods=periods, burn_in=world.burn_in, start=start)
    chance = streams(seed)
    out.mkdir(parents=True, exist_ok=True)
    truth = out / "truth"
    truth.mkdir(exist_ok=True)
    last_day = timeline.end - world.knobs.missing_days
    diary: list[dict[str, Ints]] = []
    course = run(world, timeline, reps, chance, diary.append, progress)
    people = staff.Staff.of(course, chance["tables"])
    columns = course.ledger.columns()
    snapshot = contract.Snapshot.of(columns, last_day)
    rng = chance["tables"]
    tables = {
        "reps": staff.reps_table(course, people),
        "quotas": contract.quotas_table(course, people, last_day),
        "opportunities": contract.opportunities_table(course, people, snapshot, rng),
        "opportunity_events": contract.events_table(course, people, snapshot),
        "credits": contract.credits_table(course, people, snapshot),
        "programs": contract.programs_table(course),
        "enrolments": contract.enrolments_table(course, people, last_day),
        "assessments": contract.assessments_table(course, people, last_day),
        "spend": contract.spend_table(course, last_day, rng),
        "submissions": contract.submissions_table(course, people, last_day, rng),
        "protected_groups": staff.groups_table(course, people),
    }
    rows = {}
    for name, table in tables.items():
        with TableWriter(out, name, fmt) as writer:
            writer.write(table)
            rows[name] = writer.rows
    with TableWriter(out, "activities", fmt) as writer:
        for number, part in enumerate(diary):
            writer.write(contract.activities_part(course, people, part, last_day))
            progress("write activities", number + 1, len(diary))
        rows["activities"] = writer.rows
    world.organisation.write(out / "organisation.yaml")
    bookings = bookings_of(course, columns, np.ones(len(columns["deal"])))
    write_truth(truth, course, people, columns, bookings, periods)
    epoch = date(1970, 1, 1).toordinal()
    return SimulationSummary(
        out,
        rows,
        {},
        date.fromordinal(epoch + timeline.report_start),
        date.fromordinal(epoch + int(np.int64(last_day))),
    )
