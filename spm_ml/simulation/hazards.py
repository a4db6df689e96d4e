"""Plants data hazards: each is a function that turns knobs of the world, and `PLANTED` names them all.

What the knobs do to rows is in the modules that make the rows; `simulation.finders` lists the rows that were touched.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.settings import FiscalSettings, StageAlias, StageSettings
from spm_ml.simulation.timeline import Timeline, day_of
from spm_ml.simulation.world import World


def _knobs(world: World, **changes: Any) -> World:
    return replace(world, knobs=replace(world.knobs, **changes))


def backdated(world: World) -> World:
    """Some closings are entered days after the day they count for."""
    return _knobs(world, late_entry=0.03)


def pushed(world: World) -> World:
    """Close days of overdue deals are not always moved in time."""
    return _knobs(world, push=0.7)


def reassigned(world: World) -> World:
    """Colleagues inherit the deals of leavers."""
    return _knobs(world, inherit=True)


def split(world: World) -> World:
    """Deals with shared and overlay credit."""
    return _knobs(world, split=0.04, overlay=0.03)


def quota_changed(world: World) -> World:
    """Quotas changed mid-period, missing or zero."""
    return _knobs(world, quota_change=0.04, quota_missing=0.01, quota_zero=0.003)


def ramping(world: World) -> World:
    """New hires ramp up; some work part time."""
    return _knobs(world, growth=0.12, ramp_days=180, part_time=0.05)


def left(world: World) -> World:
    """Reps leave, also in the middle of a period."""
    return _knobs(world, attrition=0.16)


def moved(world: World) -> World:
    """Reps change team and territory, teams change managers."""
    return _knobs(world, moves=0.02, manager_change=0.03)


def cut_off(world: World) -> World:
    """Closings late in the evening, most on the last day of a period."""
    return _knobs(world, late_hours=0.06)


def reversed_(world: World) -> World:
    """Won deals that are cancelled or reopened later."""
    return _knobs(world, cancel=0.002)


def zombie(world: World) -> World:
    """Open deals that nobody touches any more."""
    return _knobs(world, dormant=0.03)


def whale(world: World) -> World:
    """Deals six times as large as usual."""
    return _knobs(world, whale=0.004)


def selected(world: World) -> World:
    """Managers send reps to programs after a bad period."""
    return _knobs(world, selection=2.5)


def proxy(world: World) -> World:
    """One group has the poorer territories."""
    return _knobs(world, proxy=0.06)


def hockey_stick(world: World) -> World:
    """Bookings land at the end of the period."""
    return _knobs(world, hockey_stick=1.0)


def unchanged(world: World) -> World:
    """Nothing is turned: every CRM's deals hold the last state only (H01), and files are spoilt after writing."""
    return world


def foreign(world: World) -> World:
    """Some teams sell in other currencies."""
    return _knobs(world, foreign=0.3)


def retail_calendar(world: World) -> World:
    """A 4-4-5 year that starts in February."""
    fiscal = FiscalSettings(start_month=2, pattern="4-4-5", holidays="US")
    return replace(world, organisation=world.organisation.model_copy(update={"fiscal": fiscal}))


def duplicated(world: World) -> World:
    """Deals exported twice, and test records."""
    return _knobs(world, duplicates=0.004)


def mixed_basis(world: World) -> World:
    """Some deals are entered as monthly revenue, a twelfth of what the others are."""
    return _knobs(world, mixed_basis=0.03)


def renamed_stages(world: World) -> World:
    """The third stage had another name in the first 60 % of the history."""
    return _knobs(world, renamed_stage=0.6)


def rename_third_stage(world: World, timeline: Timeline) -> World:
    """Declares the older name of the third stage, where the knob asks for one, up to a day of the timeline."""
    share = world.knobs.renamed_stage
    if share == 0:
        return world
    last_day = day_of(timeline.report_start + int(share * (timeline.end - timeline.report_start)))
    stages = list(world.organisation.stages)
    stages[2] = StageSettings(name=stages[2].name, aliases=(StageAlias(name="solution fit", valid_to=last_day),))
    return replace(world, organisation=world.organisation.model_copy(update={"stages": tuple(stages)}))


def thin(world: World) -> World:
    """Most reps were hired in the last two periods."""
    return _knobs(world, newcomers=0.7)


def fed_back(world: World) -> World:
    """Half of the latest enrolments followed the flag of an earlier model."""
    return _knobs(world, flagged=0.5)


def gamed(world: World) -> World:
    """Some reps triple the activity they log, and sell no more for it."""
    return _knobs(world, gamed=0.08)


def stale(world: World) -> World:
    """The last two months were never loaded."""
    return _knobs(world, missing_days=60)


@dataclass(frozen=True)
class PlantedHazard:
    """How a hazard gets into the data.

    Attributes:
        code: As in `spm_ml.hazards`; `bad_rows` and `encoding` are spoilt files (CSV only, `simulation.spoil`).
        natural: Found in every organisation, so planted unless left out.
        shape: Turns the knobs.
    """

    code: str
    natural: bool
    shape: Callable[[World], World]


PLANTED: tuple[PlantedHazard, ...] = (
    PlantedHazard("H01", True, unchanged),
    PlantedHazard("H02", True, backdated),
    PlantedHazard("H03", True, pushed),
    PlantedHazard("H04", True, reassigned),
    PlantedHazard("H05", True, split),
    PlantedHazard("H06", True, quota_changed),
    PlantedHazard("H07", True, ramping),
    PlantedHazard("H08", True, left),
    PlantedHazard("H09", True, moved),
    PlantedHazard("H10", False, foreign),
    PlantedHazard("H11", False, retail_calendar),
    PlantedHazard("H12", True, cut_off),
    PlantedHazard("H13", True, reversed_),
    PlantedHazard("H14", False, duplicated),
    PlantedHazard("H15", False, mixed_basis),
    PlantedHazard("H16", False, renamed_stages),
    PlantedHazard("H17", True, zombie),
    PlantedHazard("H18", True, whale),
    PlantedHazard("H19", False, thin),
    PlantedHazard("H20", True, selected),
    PlantedHazard("H21", False, fed_back),
    PlantedHazard("H22", False, gamed),
    PlantedHazard("H23", True, proxy),
    PlantedHazard("H24", True, hockey_stick),
    PlantedHazard("H25", False, stale),
    PlantedHazard("bad_rows", False, unchanged),
    PlantedHazard("encoding", False, unchanged),
)

FILE_HAZARDS = ("bad_rows", "encoding")
"""They spoil the text of CSV files, so Parquet cannot have them."""

NATURAL: tuple[str, ...] = tuple(hazard.code for hazard in PLANTED if hazard.natural)


def plant(world: World, codes: Collection[str]) -> World:
    """The world with the hazards of the codes in it.

    Raises:
        ConfigurationError: A code is none that can be planted.
    """
    known = {hazard.code: hazard for hazard in PLANTED}
    for code in codes:
        if code not in known:
            raise ConfigurationError(
                f"hazard {code!r} cannot be planted{did_you_mean(code, known)}: choose from {', '.join(known)}"
            )
    for hazard in PLANTED:
        if hazard.code in codes:
            world = hazard.shape(world)
    return replace(world, planted=tuple(sorted(codes)))
