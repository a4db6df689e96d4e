"""What programs can truly be like: named worlds on which coaching is tried out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.simulation.world import World

DUDS: Final = "duds"
"""The world unless told otherwise."""

_HARMFUL_PROGRAM, _HARM = "P5", -0.4


def duds(world: World) -> World:
    """Four programs close the gap in the skill they teach, one does nothing, one little."""
    return world


def tenure(world: World) -> World:
    """Programs give most to the newest reps, whatever their gaps."""
    return replace(world, gain_by="tenure")


def confounded(world: World) -> World:
    """A motivation that nobody sees makes reps volunteer for programs, and sell more later with or without them."""
    return replace(world, knobs=replace(world.knobs, motivation=0.06, volunteering=1.0))


def none(world: World) -> World:
    """No program does anything."""
    return replace(world, effects=0.0)


def harmful(world: World) -> World:
    """The dud does harm: who takes it unlearns what works, the more the wider the gap."""
    programs = tuple(
        replace(program, effect=_HARM) if program.program_id == _HARMFUL_PROGRAM else program
        for program in world.programs
    )
    return replace(world, programs=programs)


PROGRAM_WORLDS: Final[dict[str, Callable[[World], World]]] = {
    DUDS: duds,
    "tenure": tenure,
    "confounded": confounded,
    "none": none,
    "harmful": harmful,
}


def with_programs(world: World, name: str) -> World:
    """The world with the programs of one of `PROGRAM_WORLDS`; data hazards are planted independently of them.

    Raises:
        ConfigurationError: There is none of that name.
    """
    if name not in PROGRAM_WORLDS:
        raise ConfigurationError(
            f"program world {name!r} is not known{did_you_mean(name, PROGRAM_WORLDS)}: choose from "
            f"{', '.join(PROGRAM_WORLDS)}"
        )
    return PROGRAM_WORLDS[name](world)
