"""The plan of a period as a whole: what it is worth beside the other ways to choose people, and what limits it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from markupsafe import Markup

from serving import formats
from serving.charts.effects import EffectMark, effects_chart
from serving.formats import Money
from serving.pages.effect_words import between
from spm_ml.predictions import PlanSummary, PlanValue


@dataclass(frozen=True)
class ValueRow:
    """The plan, or a way to choose people beside it."""

    label: str
    chosen: bool
    people: str
    cost: str
    value: str
    interval: str
    text: str


@dataclass(frozen=True)
class PlanWords:
    """A plan as a reader sees it.

    Attributes:
        lead: What it does, in a sentence.
        facts: Its limits, in pairs.
        chart: Its value beside the others; None where no value is claimed for any.
    """

    lead: str
    facts: tuple[tuple[str, str], ...]
    chart: Markup | None
    rows: tuple[ValueRow, ...]
    holdout: str
    limits: str


def plan_words(
    plan: PlanSummary, names: Mapping[str, str], money: Money, *, published: PlanSummary | None = None
) -> PlanWords:
    """The words and the picture of a plan.

    Args:
        plan: As published, or a preview.
        names: How programs are called.
        money: Writes amounts.
        published: The published plan, where the other is a preview: its value stands beside. That of "worst
            performers" does too where the preview has none, as for readers who see no attainment: under other limits
            it would tell them who they are.
    """
    values = plan.values if published is None else _beside(plan.values, published.values)
    rows = tuple(_row(value, place == 0, money) for place, value in enumerate(values))
    return PlanWords(
        lead=_lead(plan, rows, money),
        facts=_facts(plan, names, money),
        chart=_chart(plan, values, rows) if any(value.value is not None for value in values) else None,
        rows=rows,
        holdout=formats.stored(plan.holdout_words),
        limits=formats.stored(named(plan.limits_words, names)),
    )


def named(text: str, names: Mapping[str, str]) -> str:
    """A sentence of the planner with programs by their names, and days as a page writes them.

    >>> named("p-1 has 12 seats; p-10 none.", {"p-1": "Discovery", "p-10": "Closing"})
    'Discovery has 12 seats; Closing none.'
    """
    text = re.sub(r"\b\d{4}-\d\d-\d\d\b", lambda at: formats.day(date.fromisoformat(at[0])), text)
    ids = "|".join(re.escape(program) for program in names)
    return re.sub(rf"(?<![\w-])({ids})(?![\w-])", lambda at: names[at[0]], text) if names else text


def _beside(values: Sequence[PlanValue], published: Sequence[PlanValue]) -> tuple[PlanValue, ...]:
    known = {value.slug: value for value in published}
    beside = [replace(value, label="The published plan") for value in published if value.slug == "plan"]
    for value in values:
        before = known.get(value.slug)
        if value.slug == "worst_performers" and value.value is None and before is not None:
            value = replace(before, label=f"{before.label}, published limits")
        if value.slug == "plan":
            beside.insert(0, replace(value, label="This preview"))
        else:
            beside.append(value)
    return tuple(beside)


def _lead(plan: PlanSummary, rows: Sequence[ValueRow], money: Money) -> str:
    if not plan.people:
        return "Nobody is offered a program: no offer is worth its cost and its time by the evidence so far."
    people = "1 person is" if plan.people == 1 else f"{formats.whole(plan.people)} people are"
    lead = f"{people} offered a program, for {money.full(plan.spent)}"
    own = plan.values[0] if plan.values else None
    if own is None or own.value is None:
        return f"{lead}. No effect is claimed: offers go to the largest gaps."
    interval = f" ({rows[0].interval})" if rows[0].interval else ""
    return f"{lead}; together they are expected to gain {rows[0].value} points of attainment{interval}."


def _facts(plan: PlanSummary, names: Mapping[str, str], money: Money) -> tuple[tuple[str, str], ...]:
    limit = plan.people_limit
    facts = [
        ("Budget", "no limit" if plan.budget is None else money.full(plan.budget)),
        ("Spent", money.full(plan.spent)),
        ("People offered a program", formats.whole(plan.people) + ("" if limit is None else f" of at most {limit}")),
        ("Held out by lot", formats.whole(plan.holdout)),
    ]
    if plan.seats:
        seats = (f"{names.get(program_id, program_id)}: {held}" for program_id, held in sorted(plan.seats.items()))
        facts.append(("Seats", "; ".join(seats)))
    return tuple(facts)


def _row(value: PlanValue, chosen: bool, money: Money) -> ValueRow:
    return ValueRow(
        label=value.label,
        chosen=chosen,
        people=formats.whole(value.people),
        cost="unknown" if value.cost is None else money.amount(value.cost),
        value="none claimed" if value.value is None else formats.points(value.value),
        interval=between(value.low, value.high) if value.low != value.high else "",
        text=formats.stored(value.text),
    )


def _chart(plan: PlanSummary, values: Sequence[PlanValue], rows: Sequence[ValueRow]) -> Markup:
    marks = [
        EffectMark(
            value.label,
            value.value,
            None if value.low is None or value.high is None else (value.low, value.high),
            f"{row.value} ({row.interval})" if row.interval else row.value,
            "chosen" if row.chosen else "other",
        )
        for value, row in zip(values, rows, strict=True)
    ]
    return effects_chart(
        marks,
        title=f"Expected gain of the plan for {plan.period} beside other ways to choose, in points summed over people",
        description="; ".join(f"{mark.label} {mark.text}" for mark in marks) + ". The dashed line is no gain.",
        key="plan",
    )
