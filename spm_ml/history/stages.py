"""Names of stages as they were used over time, mapped to the organisation's stages and their order (H16)."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from spm_ml.settings import StageAlias, StageSettings


@dataclass(frozen=True)
class StageMap:
    """The organisation's open stages in order, and every other name they went by.

    Names are compared without regard to case and surrounding blanks. A dated alias goes before a name that always
    holds, because a name may have meant another stage for a while.

    Attributes:
        stages: At least one stage.
    """

    stages: tuple[StageSettings, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Stages in the order of the pipeline."""
        return tuple(stage.name for stage in self.stages)

    def canonical(self, raw: ir.StringValue, day: ir.DateValue) -> ir.StringValue:
        """The organisation's stage for the name written on a day; NULL where the name is none of its stages."""
        written = raw.strip().lower()
        branches = [
            (_matches(written, day, alias), name)
            for name, alias in sorted(self._aliases(), key=lambda pair: not _dated(pair[1]))
        ]
        return ibis.cases(*branches, else_=ibis.null("string"))

    def position(self, stage: ir.StringValue) -> ir.IntegerValue:
        """1 … S for a canonical stage, NULL otherwise."""
        branches = [(stage == name, ibis.literal(number, "int32")) for number, name in enumerate(self.names, start=1)]
        return ibis.cases(*branches, else_=ibis.null("int32"))

    def _aliases(self) -> list[tuple[str, StageAlias]]:
        own = [(stage.name, StageAlias(name=stage.name)) for stage in self.stages]
        return own + [(stage.name, alias) for stage in self.stages for alias in stage.aliases]


def stages_in_order(walks: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Orders stages by how far along their deals they are met on average, 0 = at the start; ties by name.

    >>> stages_in_order([["Qualify", "Propose"], ["Qualify", "Propose", "Negotiate"], ["Propose"]])
    ('Qualify', 'Propose', 'Negotiate')
    """
    places: dict[str, list[int]] = {}
    for walk in walks:
        for place, stage in enumerate(dict.fromkeys(walk)):
            places.setdefault(stage, []).append(place)
    return tuple(sorted(places, key=lambda stage: (sum(places[stage]) / len(places[stage]), stage)))


def _dated(alias: StageAlias) -> bool:
    return alias.valid_from is not None or alias.valid_to is not None


def _matches(written: ir.StringValue, day: ir.DateValue, alias: StageAlias) -> ir.BooleanValue:
    match = written == alias.name.strip().lower()
    if alias.valid_from is not None:
        match &= day >= ibis.literal(alias.valid_from)
    if alias.valid_to is not None:
        match &= day <= ibis.literal(alias.valid_to)
    return match
