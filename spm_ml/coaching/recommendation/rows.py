"""Recommendations as they are stored: offers, those whom the lot left out, and a reason for everybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from spm_ml.coaching.programs import Program
from spm_ml.coaching.recommendation.words import NOTHING_OFFERED, abstention_of, offer_words
from spm_ml.fiscal import Period
from spm_ml.hazards import Abstention
from spm_ml.planning import Plan, PlanLine
from spm_ml.predictions.coaching import Diagnosis, ProgramOption
from spm_ml.predictions.rows import EvidenceLevel, Recommendation


@dataclass(frozen=True)
class Told:
    """What the words are made of.

    Attributes:
        period: Of the plan.
        programs: On record.
        options: Of every rep and program.
        levels: Evidence level by rep and program.
        diagnoses: By rep.
    """

    period: Period
    programs: Sequence[Program]
    options: Sequence[ProgramOption]
    levels: Mapping[tuple[str, str], str]
    diagnoses: Mapping[str, Diagnosis]

    @cached_property
    def by_id(self) -> dict[str, Program]:
        """Programs by id."""
        return {program.program_id: program for program in self.programs}

    @cached_property
    def of_rep(self) -> dict[str, list[ProgramOption]]:
        """Options by rep."""
        found: dict[str, list[ProgramOption]] = {}
        for option in self.options:
            found.setdefault(option.rep_id, []).append(option)
        return found


def recommendations(reps: Sequence[str], plan: Plan, told: Told) -> tuple[Recommendation, ...]:
    """One row a rep: offers first, then those whom the lot left out, then everybody else."""
    planned = tuple(_planned(line, told) for line in plan.lines)
    named = {row.rep_id for row in planned}
    return (*planned, *(_nothing(rep, plan, told) for rep in reps if rep not in named))


def _planned(line: PlanLine, told: Told) -> Recommendation:
    options, program = told.of_rep[line.rep_id], told.by_id[line.program_id]
    option = next(one for one in options if one.program_id == line.program_id)
    reason = offer_words(line, options, told.by_id, told.diagnoses.get(line.rep_id))
    abstention = None
    if line.held_out:
        abstention = Abstention("lottery" if line.by_tie else "held_out")
        reason = f"{abstention.detail} {reason}"
    dear = line.cost is not None and line.net is not None and line.net > 0
    return Recommendation(
        rep_id=line.rep_id,
        period=told.period.label,
        program_id=line.program_id,
        program_name=program.name,
        skill=option.skill,
        effect=option.effect,
        effect_low=option.low,
        effect_high=option.high,
        p_positive=option.p_positive,
        cost=line.cost,
        evidence=option.evidence,
        reason=reason,
        expires_on=told.period.end,
        abstention=abstention,
        cost_per_point=round((line.cost or 0) / (100 * (line.net or 1.0))) if dear else None,
        evidence_level=cast(EvidenceLevel, told.levels[line.rep_id, line.program_id]),
        propensity=line.propensity,
        held_out=line.held_out,
    )


def _nothing(rep: str, plan: Plan, told: Told) -> Recommendation:
    why = plan.unplanned.get(rep)
    if not told.programs:
        abstention = Abstention("no_program")
    elif why is None:
        abstention = Abstention("no_assessment")
    else:
        abstention = abstention_of(why, told.of_rep[rep], told.by_id, told.diagnoses.get(rep))
    return Recommendation(
        rep_id=rep,
        period=told.period.label,
        program_id="",
        program_name="",
        skill="",
        effect=None,
        effect_low=None,
        effect_high=None,
        p_positive=None,
        cost=None,
        evidence=NOTHING_OFFERED,
        reason=abstention.detail,
        expires_on=told.period.end,
        abstention=abstention,
    )
