"""Why this program for this rep, or why none. HR reads it: no deal figures, no bookings, no quota."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from spm_ml.coaching.programs import Program
from spm_ml.coaching.uplift import MIN_PROGRAM_EPISODES
from spm_ml.hazards import ABSTENTION_REASONS, Abstention
from spm_ml.planning import PlanLine
from spm_ml.planning.evidence import Unplanned
from spm_ml.predictions.coaching import Diagnosis, DiagnosisVerdict, ProgramOption

NO_EFFECT_EVIDENCE: Final = "no effect evidence (largest matched gap)"
NOTHING_OFFERED: Final = "nothing is offered"
_POOLED: Final = "pooled effect"

_NOT_THE_REP: Final[dict[DiagnosisVerdict, str]] = {
    "hard_quota": "The diagnosis says that this quota looks hard, which no training changes",
    "conditions": "The diagnosis says that conditions explain most of what is missing, which no training changes",
    "bad_luck": "The diagnosis says that bad luck explains most of what is missing, which no training changes",
}
"""Verdicts that are no flag."""


def evidence_words(level: str, episodes: Mapping[str, int], program_id: str) -> str:
    """What an effect rests on.

    Args:
        level: As in `Uplift.options`.
        episodes: Enrolments with a known outcome, by program.
        program_id: The program.
    """
    own, together = episodes.get(program_id, 0), sum(episodes.values())
    if level == "gap":
        return NO_EFFECT_EVIDENCE
    if level == "pooled":
        return f"{_POOLED} (all programs, {together} enrolments; of this one {own}, fewer than {MIN_PROGRAM_EPISODES})"
    return f"{level} effect ({own} enrolments in this program, {together} in all)"


def gap_words(text: str, skill: str) -> str:
    """The gap as a sentence without its full stop."""
    said = text or f"nothing is known about this rep's {skill.replace('_', ' ') or 'skills'}"
    return said[0].upper() + said[1:]


def points(share: float) -> str:
    """An attainment share in points with its sign.

    >>> points(0.0412), points(-0.02)
    ('+4.1', '−2.0')
    """
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def offer_words(
    line: PlanLine, options: Sequence[ProgramOption], programs: Mapping[str, Program], diagnosis: Diagnosis | None
) -> str:
    """Why this program for this rep.

    Args:
        line: The offer.
        options: The rep's options.
        programs: By id.
        diagnosis: The rep's; a verdict that is no flag is said too.
    """
    option = next(one for one in options if one.program_id == line.program_id)
    program = programs[line.program_id]
    said = [f"{option.reason}.", _gain_words(option, program)]
    if option.effect is not None:
        said.append(_choice_words(option, options, programs))
    if diagnosis is not None and diagnosis.verdict in _NOT_THE_REP:
        said.append(f"{_NOT_THE_REP[diagnosis.verdict]}; this offer rests on {_ground(option)}.")
    if line.near_tie:
        said.append("The last seats of near ties were drawn by lot.")
    return " ".join(said)


def _ground(option: ProgramOption) -> str:
    if option.effect is None:
        return "the gap alone"
    if option.evidence.startswith(_POOLED):
        return "what programs have done on average, as too few took this one"
    return "what the program has done for reps like this one"


def _gain_words(option: ProgramOption, program: Program) -> str:
    """The effect itself stands beside the reason, with its interval."""
    if option.effect is None or option.low is None or option.high is None:
        gap = "" if option.gap is None else f", a gap of {option.gap:.1f} standard deviations"
        return f"{program.name} teaches it{gap}; whether it raises attainment is not established here."
    if option.time_lost > 0 and program.days is not None:
        lost = (
            f"its {program.days:g} selling {_days(program.days)} cost about {100 * option.time_lost:.1f} points first"
        )
        return f"{program.name} teaches it; {lost}."
    return f"{program.name} teaches it."


def _days(number: float) -> str:
    return "day" if number == 1 else "days"


def _choice_words(option: ProgramOption, options: Sequence[ProgramOption], programs: Mapping[str, Program]) -> str:
    open_now = [one for one in options if not one.barred and one.effect is not None]
    best = max(open_now, key=net_of, default=option)
    if len(open_now) < 2:
        return "No other program is open to this rep now."
    if best.program_id == option.program_id or net_of(best) <= net_of(option):
        return f"Of the {len(open_now)} programs open to this rep it brings most."
    return f"{programs[best.program_id].name} would bring this rep more, but its seat or cost brings more elsewhere."


def net_of(option: ProgramOption) -> float:
    """Effect less time lost; nothing where no effect is claimed."""
    return float("-inf") if option.effect is None else option.effect - option.time_lost


def abstention_of(
    why: Unplanned, options: Sequence[ProgramOption], programs: Mapping[str, Program], diagnosis: Diagnosis | None
) -> Abstention:
    """Why a rep whom the plan leaves out is offered nothing."""
    if why == "limits":
        return Abstention("budget_or_seats")
    if why == "cost_unknown":
        return Abstention("cost_unknown")
    if why == "barred":
        causes = dict.fromkeys(option.barred for option in options)
        return Abstention("program_barred", f"{ABSTENTION_REASONS['program_barred'][:-1]}: {'; '.join(causes)}.")
    verdict = None if diagnosis is None else diagnosis.verdict
    if verdict in ("hard_quota", "conditions", "bad_luck", "on_plan"):
        return Abstention(verdict, f"{ABSTENTION_REASONS[verdict]} {_best_words(options, programs)}".strip())
    if why == "no_gap":
        known = any(option.gap is not None for option in options)
        return Abstention("no_matched_gap" if known else "no_assessment")
    return Abstention("no_evidence", f"{ABSTENTION_REASONS['no_evidence']} {_best_words(options, programs)}".strip())


def _best_words(options: Sequence[ProgramOption], programs: Mapping[str, Program]) -> str:
    best = max(
        (option for option in options if not option.barred and option.effect is not None), key=net_of, default=None
    )
    if best is None:
        return ""
    return (
        f"The best, {programs[best.program_id].name}, is put at {points(net_of(best))} points with its days taken off "
        f"and a probability of {best.p_positive or 0:.0%} to help; more certainty or a gain is asked for."
    )
