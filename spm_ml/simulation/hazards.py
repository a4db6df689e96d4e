"""Plants data hazards: each natural one turns knobs of the world, each is a function named in `PLANTED`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.simulation.world import World


def _knobs(world: World, **changes: float | int | bool) -> World:
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
    return _knobs(world, whale=0.006)


def selected(world: World) -> World:
    """Managers send reps to programs after a bad period."""
    return _knobs(world, selection=2.5)


def proxy(world: World) -> World:
    """One group has the poorer territories."""
    return _knobs(world, proxy=0.06)


def hockey_stick(world: World) -> World:
    """Bookings land at the end of the period."""
    return _knobs(world, hockey_stick=1.0)


@dataclass(frozen=True)
class PlantedHazard:
    """How a hazard gets into the data.

    Attributes:
        code: As in `spm_ml.hazards`.
        natural: Found in every organisation, so planted unless left out.
        shape: Turns the knobs.
    """

    code: str
    natural: bool
    shape: Callable[[World], World]


PLANTED: tuple[PlantedHazard, ...] = (
    PlantedHazard("H02", True, backdated),
    PlantedHazard("H03", True, pushed),
    PlantedHazard("H04", True, reassigned),
    PlantedHazard("H05", True, split),
    PlantedHazard("H06", True, quota_changed),
    PlantedHazard("H07", True, ramping),
    PlantedHazard("H08", True, left),
    PlantedHazard("H09", True, moved),
    PlantedHazard("H12", True, cut_off),
    PlantedHazard("H13", True, reversed_),
    PlantedHazard("H17", True, zombie),
    PlantedHazard("H18", True, whale),
    PlantedHazard("H20", True, selected),
    PlantedHazard("H23", True, proxy),
    PlantedHazard("H24", True, hockey_stick),
)

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
