"""What the risk board says of the whole team: its numbers, and what to know of them."""

from dataclasses import dataclass
from typing import Final

from serving import formats
from serving.formats import Money
from serving.pages.results import group_result, held_words
from spm_ml.predictions import GroupOutcome, HeldRanges, TeamPrediction, WithoutQuota

_WIDER: Final = 1.05
"""Ratio of widths below which the noise of the simulation could be the difference."""


@dataclass(frozen=True)
class Fact:
    """A number about the whole team."""

    label: str
    value: str
    detail: str


def facts_of(
    team: TeamPrediction,
    money: Money,
    *,
    rated: int,
    outcome: GroupOutcome | None = None,
    held: HeldRanges | None = None,
) -> tuple[Fact, ...]:
    """The team in numbers.

    Args:
        team: As of the day.
        money: Writes amounts.
        rated: How many of its reps have a band.
        outcome: What its reps booked together in a finished period; None while that is not known of every one.
        held: How many of its reps' ranges held their results; None while those are not known.
    """
    quota = team.quota

    def of_quota(amount: float | None) -> str:
        return f"{formats.percent(amount / quota)} of quota" if quota and amount is not None else ""

    facts = [
        Fact("Sum of quotas", money.full(quota), formats.counted(team.reps, "rep")),
        Fact("Booked", money.full(team.booked), of_quota(team.booked)),
    ]
    if (result := group_result(outcome, team, money)) is not None and outcome is not None:
        share = f"{result.share} of quota, {result.verdict}" if result.share else result.verdict
        facts.append(Fact("Ended at", money.full(outcome.revenue), share))
    number, detail = held_words(held)
    if number:
        facts.append(Fact("Ranges P10–P90", number, detail))
    pace = next((metric.value for metric in team.metrics if metric.slug == "linear_pace"), None)
    if pace is not None and held is None:
        facts.append(Fact("Linear pace", money.full(pace), of_quota(pace) or "at the current rate"))
    if (median := team.quantile(0.5)) is not None:
        facts.append(Fact("Team forecast, P50", money.full(median), of_quota(median)))
    if team.p_hit is not None:
        facts.append(Fact("Chance of the sum", formats.chance(team.p_hit), "all reps together"))
    if team.own_quota is not None:
        facts.append(Fact("Chance of own quota", formats.chance(team.p_hit_own), money.full(team.own_quota)))
    if rated:
        facts.append(Fact("At high risk", f"{team.reps_at_risk} of {team.reps}", "reps"))
    else:
        facts.append(Fact("At high risk", formats.NOTHING, "nobody can be rated"))
    return tuple(facts)


def team_notes(team: TeamPrediction, without: WithoutQuota, money: Money) -> tuple[str, ...]:
    """What to know of the team's forecast, in sentences."""
    return tuple(note for note in (range_words(team, money), _without_quota(team, without, money)) if note)


def _without_quota(team: TeamPrediction, without: WithoutQuota, money: Money) -> str:
    """Whose bookings stand in the sum without a quota beside them, and what that does to the share of the quota."""
    median = team.quantile(0.5)
    if not team.quota or median is None or not without.reps or without.forecast <= 0:
        return ""
    whose = "1 rep has" if without.reps == 1 else f"{without.reps} reps have"
    return (
        f"{whose} no quota, but bookings: about {money.full(without.forecast)} of this forecast. Without them P50 is "
        f"about {formats.percent((median - without.forecast) / team.quota)} of the quotas, and the chance is lower."
    )


def range_words(group: TeamPrediction, money: Money) -> str:
    """How wide its forecast is beside what adding up independent reps would give; empty where that is not stored."""
    low, high, alone = group.quantile(0.1), group.quantile(0.9), group.independent_range
    if low is None or high is None or alone is None or alone[1] <= alone[0]:
        return ""
    width, narrow = high - low, alone[1] - alone[0]
    if width < _WIDER * narrow:
        return (
            f"From P10 to P90 it is {money.full(width)}, about as wide as if the reps' results had nothing to do with "
            f"each other ({money.full(narrow)}): in past errors of this model they hardly moved together."
        )
    return (
        f"From P10 to P90 it is {money.full(width)}. Adding up the reps as if their results had nothing to do with "
        f"each other would give {money.full(narrow)}: too sure of itself, because good and bad periods come to many "
        "reps at once. This range counts on that."
    )
