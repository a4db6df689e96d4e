"""Simulates an organisation and writes its tables and its truth."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from spm_ml.compensation import plans_text
from spm_ml.errors import ConfigurationError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.progress import Progress, silent
from spm_ml.simulation import contract, deal_tables, spoil, staff
from spm_ml.simulation.deal_tables import Snapshot
from spm_ml.simulation.engine import Course, run, streams
from spm_ml.simulation.finders import find_planted
from spm_ml.simulation.hazards import FILE_HAZARDS, NATURAL, plant, rename_third_stage
from spm_ml.simulation.plans import PLANS_FILE, plan_of_reps
from spm_ml.simulation.pricing import Pricing
from spm_ml.simulation.program_worlds import DUDS, with_programs
from spm_ml.simulation.staff import Staff
from spm_ml.simulation.timeline import Timeline, day_of
from spm_ml.simulation.traces import Evidence, Trace, planted_table
from spm_ml.simulation.truth import bookings_of, write_truth
from spm_ml.simulation.world import Ints, World
from spm_ml.simulation.write import FORMATS, TRUTH, Format, TableWriter, clear

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
    programs: str = DUDS,
    activities: float | None = None,
    progress: Progress = silent,
) -> SimulationSummary:
    """Writes an organisation of `reps` seats over `periods` finished periods and part of a running one.

    The same arguments give the same bytes. A seat whose holder leaves is filled again, so the tables name more reps
    than there are seats.

    Args:
        out: Folder for the tables, `organisation.yaml`, `comp_plans.yaml` and `truth/`; an earlier simulation in it is
            replaced.
        reps: Seats of quota-carrying reps; their managers come on top.
        periods: Finished fiscal quarters.
        seed: Of every chance in it.
        fmt: Of the tables; the truth is always Parquet.
        start: A day of the first period; by default counted back from `end`.
        end: Last day of the history, in the running period.
        hazards: Codes of `simulation.hazards.PLANTED`.
        effects: Multiplies what programs do to skills; 0 makes all of them duds.
        programs: What they are truly like: a name of `simulation.program_worlds.PROGRAM_WORLDS`.
        activities: Calls, mails and meetings a rep and week; by default as many as are usual. Most rows are these, so
            few of them make a large organisation quick to simulate and to read.
        progress: Told of each period.

    Raises:
        ConfigurationError: A size is not positive, the format, a hazard or the programs are unknown, Parquet files
            should be spoilt in a way that only text can be, or the folder holds tables that no simulation wrote.
    """
    _check(reps, periods, fmt, hazards)
    world = plant(with_programs(World.clean(effects), programs), hazards)
    world = world if activities is None else replace(world, activities=activities)
    calendar = FiscalCalendar.of(world.organisation)
    timeline = Timeline.of(calendar, last=end, periods=periods, burn_in=world.burn_in, start=start)
    world = rename_third_stage(world, timeline)
    last_day = timeline.end - world.knobs.missing_days
    chance = streams(seed)
    truth = out / TRUTH
    clear(out)
    diary: list[dict[str, Ints]] = []
    course = run(world, timeline, reps, chance, diary.append, progress)
    columns = course.ledger.columns()
    evidence, written = _evidence(course, columns, last_day, chance["tables"])
    tables, traces = _tables(course, evidence, chance["tables"])
    rows = {name: _write(out, name, fmt, [table]) for name, table in tables.items()}
    parts = _activity_parts(evidence, diary, progress)
    rows["activities"] = _write(out, "activities", fmt, parts)
    world.organisation.write(out / "organisation.yaml")
    (out / PLANS_FILE).write_text(plans_text([plan_of_reps(world.organisation.currency)]), encoding="utf-8")
    traces += spoil.bad_rows(out) if "bad_rows" in hazards else []
    traces += spoil.recode(out) if "encoding" in hazards else []
    bookings = bookings_of(course, written, evidence.pricing.value(written))
    write_truth(truth, course, evidence.staff, columns, bookings, periods)
    planted = planted_table(find_planted(evidence) + traces)
    pa.csv.write_csv(planted, truth / "planted_hazards.csv")
    counted = Counter(planted["code"].to_pylist())
    touched = {code: counted.get(code, 0) for code in world.planted}
    return SimulationSummary(out, rows, touched, day_of(timeline.report_start), day_of(last_day))


def _check(reps: int, periods: int, fmt: str, hazards: Collection[str]) -> None:
    if reps < 1 or periods < 1:
        raise ConfigurationError(f"reps is {reps} and periods is {periods}: both must be at least 1")
    if fmt not in FORMATS:
        raise ConfigurationError(f"format {fmt!r} is not known: choose {' or '.join(FORMATS)}")
    spoilt = [code for code in hazards if code in FILE_HAZARDS]
    if spoilt and fmt != "csv":
        raise ConfigurationError(f"{' and '.join(spoilt)} spoil the text of CSV files: leave them out or choose csv")


def _evidence(
    course: Course, columns: dict[str, Ints], last_day: int, rng: np.random.Generator
) -> tuple[Evidence, dict[str, Ints]]:
    """What the tables are made of, and the whole ledger with amounts as they are written."""
    people, pricing = Staff.of(course, rng), Pricing.of(course, rng)
    written = pricing.written(columns, course.deals.created_on)
    return Evidence(course, people, Snapshot.of(written, last_day), pricing, last_day), written


def _tables(course: Course, seen: Evidence, rng: np.random.Generator) -> tuple[dict[str, pa.Table], list[Trace]]:
    """All tables but the activities, and the traces of rows that were added to them."""
    people, snapshot, last_day = seen.staff, seen.snapshot, seen.last_day
    tables = {
        "reps": staff.reps_table(course, people),
        "quotas": contract.quotas_table(course, people, last_day),
        "opportunities": deal_tables.opportunities_table(course, people, snapshot, seen.pricing, rng),
        "opportunity_events": deal_tables.events_table(course, people, snapshot),
        "credits": deal_tables.credits_table(course, people, snapshot),
        "programs": contract.programs_table(course),
        "enrolments": contract.enrolments_table(course, people, last_day),
        "assessments": contract.assessments_table(course, people, last_day),
        "spend": contract.spend_table(course, last_day, rng),
        "submissions": contract.submissions_table(course, people, last_day, rng),
        "protected_groups": staff.groups_table(course, people),
    }
    rates = seen.pricing.table(last_day)
    if rates is not None:
        tables["fx_rates"] = rates
    traces: list[Trace] = []
    if course.world.knobs.duplicates:
        tables["opportunities"], traces = spoil.duplicate_deals(tables["opportunities"], course.world, rng)
    return tables, traces


def _activity_parts(seen: Evidence, diary: list[dict[str, Ints]], progress: Progress) -> Iterator[pa.Table]:
    """A part a period; each period's codes are let go once they are written."""
    total = len(diary)
    for number in range(total):
        yield contract.activities_part(seen.course, seen.staff, diary.pop(0), seen.last_day)
        progress("write activities", number + 1, total)


def _write(out: Path, name: str, fmt: Format, parts: Iterable[pa.Table]) -> int:
    with TableWriter(out, name, fmt) as writer:
        for part in parts:
            writer.write(part)
        return writer.rows
