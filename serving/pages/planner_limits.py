"""The limits of a plan as a reader moves them, what binds, what a hold-out would see, and how to publish the same."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

from serving import formats
from serving.formats import Money
from serving.pages.planner_query import HOLD_OUT, SEATS, PlannerQuery, written
from serving.previews import Ground, Preview

if TYPE_CHECKING:
    from spm_ml.planning import Design

_MIN_P_POSITIVE: Final = 0.975
"""What `spm recommend` asks for unless it is told otherwise."""


@dataclass(frozen=True)
class Field:
    """A limit that can be moved.

    Attributes:
        name: Under which it is sent.
        label: What it limits.
        value: As it stands; empty: no limit, or what is on record.
        most: Right end of the slider, beyond which nothing changes.
        step: Of the slider.
        unit: Of the number; empty: a count.
        empty: What an empty field means.
    """

    name: str
    label: str
    value: str
    most: int
    step: int
    unit: str
    empty: str


@dataclass(frozen=True)
class LimitsForm:
    """Every limit, as it stands.

    Attributes:
        fields: Budget, people, seats, least share of a team.
        lot: Whether some are held out.
        hold_out: Share that is, in percent.
    """

    fields: tuple[Field, ...]
    lot: bool
    hold_out: int


def limits_form(query: PlannerQuery, ground: Ground, money: Money, *, previewed: bool) -> LimitsForm:
    """The form as it was sent, or with the published limits."""
    published = ground.published
    if previewed or published is None:
        budget, people, share, lot, held = query.budget, query.people, query.min_share, query.lot, query.hold_out
        seats = dict(query.seats)
    else:
        budget = None if published.budget is None else money.units(published.budget)
        people, share = published.people_limit, round(100 * published.min_share)
        lot, held = published.hold_out > 0, round(100 * published.hold_out) or HOLD_OUT
        seats = {**published.seats}
    top = _top(ground, money, budget)
    step = max(int(10 ** max(floor(log10(top)) - 1, 0)) // 2, 1)
    fields = [
        Field("budget", "Budget", _text(budget), top, step, money.currency, "no limit"),
        Field("people", "People", _text(people), max(len(ground.reps), 1), 1, "", "no limit"),
    ]
    fields += [_seats(program, seats, ground) for program in ground.programs]
    share_field = Field("min_share", "Least share of each team", str(share), 100, 5, "%", "0")
    return LimitsForm((*fields, share_field), lot, held)


def _seats(program: str, seats: dict[str, int | None], ground: Ground) -> Field:
    finding = ground.findings.get(program)
    on_record = None if finding is None else finding.seats
    asked = seats.get(program)
    value = on_record if asked is None else asked
    able = len({option.rep_id for option in ground.options if option.program_id == program and not option.barred})
    label = f"Seats: {ground.name_of(program)}"
    most = max(able, value or 0, 1)
    empty = "no limit" if on_record is None else f"{on_record} on record"
    return Field(f"{SEATS}{program}", label, _text(value), most, 1, "", empty)


def _text(value: float | None) -> str:
    return "" if value is None else written(value)


def _top(ground: Ground, money: Money, budget: float | None) -> int:
    """An amount, in units, that everybody's dearest open program would cost, with two digits."""
    dearest: dict[str, int] = {}
    for option in ground.options:
        cost = ground.cost_of(option.program_id)
        if cost is not None and not option.barred and (option.effect is None or option.effect > option.time_lost):
            dearest[option.rep_id] = max(cost, dearest.get(option.rep_id, 0))
    most = max(money.units(sum(dearest.values())), budget or 0.0, 1.0)
    unit = int(10 ** max(floor(log10(most)) - 1, 0))
    return ceil(most / unit) * unit


def binding(preview: Preview, money: Money) -> tuple[str, ...]:
    """What keeps more people from a program, in sentences."""
    plan, limits, ground = preview.plan, preview.limits, preview.ground
    waiting = sum(why == "limits" for why in plan.unplanned.values())
    planned = [line for line in plan.lines if not line.by_tie]
    if not plan.lines and not waiting:
        return ("No limit binds: a gain is likely enough for nobody.",)
    kept = sum(line.cost or 0 for line in planned if line.held_out)
    reserved = [f"{money.full(kept)} is kept for those who wait by lot."] if kept and limits.budget is not None else []
    if not waiting:
        return ("No limit binds: everybody for whom a gain is likely enough has a place, or waits by lot.", *reserved)
    said = [f"{formats.counted(waiting, 'person', 'people')} more would gain but for the limits."]
    for program, number in limits.seats.items():
        taken = sum(line.program_id == program for line in planned)
        if taken >= number:
            seats = "its only seat is" if number == 1 else f"all {number} seats are" if number else "no seat is"
            said.append(f"{ground.name_of(program)}: {seats} {'taken' if number else 'there'}.")
    if limits.people is not None and len(planned) >= limits.people:
        said.append(f"The plan holds the {formats.whole(limits.people)} people that it may.")
    if limits.budget is not None:
        left = limits.budget - sum(line.cost or 0 for line in planned)
        costs = [ground.cost_of(program) for program in ground.programs]
        cheapest = min((cost for cost in costs if cost is not None), default=0)
        if left < cheapest:
            said.append(f"{money.full(left)} of the budget is left, less than one more seat costs.")
    return (*said, *reserved)


def power_words(design: "Design", share: float) -> tuple[str, ...]:
    """What the hold-out of a plan would see; where there is none, what one would.

    Args:
        design: Of the plan.
        share: That was to be held out.
    """
    if design.held_out:
        words = _seen(design, design.held_out)
        needed = design.periods_needed()
        if design.expected is not None and design.expected > 0:
            gain = f"The {_points(design.expected)} that the plan expects of a person"
            wait = "more than 12 periods" if needed is None else f"{needed} {'period' if needed == 1 else 'periods'}"
            return (words, f"{gain} would take {wait} to show.")
        return (words,)
    planned = design.offered
    if share:
        return (f"{formats.percent(share)} of so few is nobody: nothing will be learnt from a lot.",)
    held = round(planned * HOLD_OUT / 100)
    first = "Nobody is held out: what this plan brings will be known from comparisons alone, never for sure."
    if not held or planned == held:
        return (first,)
    other = type(design)(planned - held, held, design.outcome_sd, design.expected)
    return (first, f"If {HOLD_OUT}% were: {_seen(other, held)}")


def _seen(design: "Design", held: int) -> str:
    one, two = design.detects(), design.detects(2)
    if two is None:
        why = "how much results vary is not known" if design.outcome_sd is None else "the groups are too small"
        return f"with {held} held out, nobody can say what would be noticed: {why}."
    after = "" if one is None else f"an effect below {_points(one)} would go unnoticed after one period, "
    below = f"below {_points(two)} after two" if after else f"an effect below {_points(two)} goes unnoticed for two"
    return f"with {held} held out, {after}{below} (four times in five)."


def _points(share: float) -> str:
    return f"{formats.decimal(100 * share, 0)} points"


def command(query: PlannerQuery, preview: Preview, money: Money, *, seed: int) -> str:
    """The command that makes and publishes a plan under the same limits."""
    return shlex.join(["spm", "recommend", *_arguments(query, preview, money, seed)])


def _arguments(query: PlannerQuery, preview: Preview, money: Money, seed: int) -> Iterator[str]:
    limits = preview.limits
    if limits.budget is not None:
        yield from ("--budget", f"{money.units(limits.budget):.{money.minor_digits}f}".removesuffix(".00"))
    if limits.people is not None:
        yield from ("--people", str(limits.people))
    for program, number in limits.seats.items():
        finding = preview.ground.findings.get(program)
        if finding is None or finding.seats != number:
            yield from ("--seats", f"{program}={number}")
    if query.min_share:
        yield from ("--min-share", written(query.min_share / 100))
    if query.lot:
        yield from ("--hold-out", written(query.hold_out / 100))
    if limits.min_p_positive != _MIN_P_POSITIVE:
        yield from ("--min-probability", written(limits.min_p_positive))
    if seed:
        yield from ("--seed", str(seed))


def against(lines: Sequence[str | None]) -> str:
    """What a preview changes against the published plan, in a sentence.

    >>> against(["added", "same", "same", None])
    'Against the published plan: 1 added, 2 the same.'
    >>> against(["same", None])
    'The same offers as in the published plan.'
    """
    words = {"added": "added", "dropped": "dropped", "other": "in another program", "same": "the same"}
    counts = {change: lines.count(change) for change in words}
    if not any(counts[change] for change in ("added", "dropped", "other")):
        return "The same offers as in the published plan." if counts["same"] else "No offers, as in the published plan."
    said = ", ".join(f"{counts[change]} {word}" for change, word in words.items() if counts[change])
    return f"Against the published plan: {said}."
