"""What to do about it: recommend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option
from spm_ml.cli.fairness import warn_of_groups

if TYPE_CHECKING:
    from spm_ml.predictions import CoachingBatch, PlanSummary, PredictionStore

RECOMMENDATION_COLUMNS = [
    "rep_id",
    "program_id",
    "effect",
    "effect_low",
    "effect_high",
    "p_positive",
    "cost",
    "cost_per_point",
    "evidence_level",
    "propensity",
    "evidence",
    "reason",
    "skill",
    "expires_on",
]


@dataclass(frozen=True)
class Wishes:
    """Limits as they are typed; the budget in the organisation's currency."""

    budget: Decimal | None = None
    people: int | None = None
    seats: dict[str, int] = field(default_factory=dict)
    min_share: float = 0.0
    hold_out: float = 0.0
    min_probability: float | None = None
    seed: int = 0


def amount_option_value(context: click.Context, parameter: click.Parameter, value: str | None) -> Decimal | None:
    """An amount as it is typed, such as `20,000`."""
    if value is None:
        return None
    try:
        amount = Decimal(value.replace(",", "").replace("_", ""))
    except InvalidOperation as error:
        raise click.BadParameter(f"{value!r} is not an amount", ctx=context, param=parameter) from error
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{value} is not an amount of 0 or more", ctx=context, param=parameter)
    return amount


def _seats(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    seats: dict[str, int] = {}
    for value in values:
        program, equals, number = value.rpartition("=")
        if not equals or not program or not number.isascii() or not number.isdigit():
            raise click.BadParameter(f"{value!r} is not PROGRAM=N, as in p-discovery=12", ctx=context, param=parameter)
        if program in seats:
            raise click.BadParameter(f"{program} is named twice: give it once", ctx=context, param=parameter)
        seats[program] = int(number)
    return seats


def publish_offers(console: Console, wishes: Wishes) -> CoachingBatch:
    """Computes everything that coaching says for the published batch's day and period, and publishes it beside it.

    What became of earlier offers goes into the assignment log first. Without a batch it is computed as of the newest
    data, and nothing is published.
    """
    from spm_ml.coaching import recommend as run
    from spm_ml.coaching.evidence import sync_log
    from spm_ml.coaching.rep_periods import opening_rows, rep_periods
    from spm_ml.dataset import read_current
    from spm_ml.history import SalesHistory
    from spm_ml.planning import MIN_P_POSITIVE, Limits
    from spm_ml.predictions import PredictionStore
    from spm_ml.tables import minor_digits

    with ExitStack() as stack:
        published = console.workspace.has_predictions
        store = stack.enter_context(PredictionStore.of(console.workspace)) if published else None
        batch = store.published_batch() if store is not None else None
        rows = partial(opening_rows, at=None if batch is None else batch.as_of)
        dataset = read_current(console.workspace, rows, progress=console.progress)
        limits = Limits(
            budget=None if wishes.budget is None else int(wishes.budget * 10 ** minor_digits(dataset.currency)),
            people=wishes.people,
            seats=wishes.seats,
            min_share=wishes.min_share,
            hold_out=wishes.hold_out,
            min_p_positive=MIN_P_POSITIVE if wishes.min_probability is None else wishes.min_probability,
        )
        history = stack.enter_context(SalesHistory.open(console.workspace))
        periods = rep_periods(history, dataset)
        if store is None or batch is None:
            console.log("not published: run 'spm score' first, then 'spm recommend' again")
            return run(history, dataset, periods=periods, limits=limits, seed=wishes.seed, progress=console.progress)
        console.log(f"{sync_log(store, periods):,} lines added to the assignment log")
        coaching = run(
            history,
            dataset,
            periods=periods,
            as_of=batch.as_of,
            period=history.calendar.parse(batch.period),
            limits=limits,
            risk=_risk(store),
            seed=wishes.seed,
            progress=console.progress,
        )
        store.publish_coaching(coaching)
        return coaching


def _risk(store: PredictionStore) -> dict[str, float]:
    """Each forecast rep's place in the order of risk, 0 = most at risk."""
    from spm_ml.predictions import Scope, Selection

    with store.read(Scope("hr")) as batch:
        reps = [rep.rep_id for rep in batch.reps(Selection(sort="risk", limit=1_000_000)).items if rep.risk_band]
    return {rep_id: place / len(reps) for place, rep_id in enumerate(reps)}


def _plan_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the lots."),
        click.option(
            "--min-probability",
            type=click.FloatRange(0, 1),
            metavar="SHARE",
            help="Probability that a program helps from which it is offered; default: .975.",
        ),
        click.option(
            "--hold-out",
            type=click.FloatRange(0, 1, max_open=True),
            default=0.0,
            metavar="SHARE",
            help="Share of the planned reps that is drawn by lot and not offered anything now.",
        ),
        click.option(
            "--min-share",
            type=click.FloatRange(0, 1),
            default=0.0,
            metavar="SHARE",
            help="Least share of each team's reps, as far as evidence and limits reach.",
        ),
        click.option(
            "--seats",
            multiple=True,
            callback=_seats,
            metavar="PROGRAM=N",
            help="Seats of a program instead of those on record; may be repeated.",
        ),
        click.option("--people", type=click.IntRange(0), metavar="N", help="Most reps to train."),
        click.option(
            "--budget",
            callback=amount_option_value,
            metavar="AMOUNT",
            help="Most to spend, in the organisation's currency.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_plan_options
@out_option
@on_workspace
def recommend(
    console: Console,
    budget: Decimal | None,
    people: int | None,
    seats: dict[str, int],
    min_share: float,
    hold_out: float,
    min_probability: float | None,
    seed: int,
    out: Path | None,
) -> None:
    """Plan who is offered which program on what evidence, and publish offers, diagnoses and effects to the board."""
    import pandas as pd

    from spm_ml.tables import minor_digits

    wishes = Wishes(budget, people, seats, min_share, hold_out, min_probability, seed)
    with console.step("recommend"):
        coaching = publish_offers(console, wishes)
    warn_of_groups(console)
    unit = 10 ** minor_digits(console.workspace.organisation().currency)
    rows = coaching.recommendations
    made = [offer for offer in rows if offer.abstention is None]
    frame = pd.DataFrame([asdict(offer) for offer in made], columns=RECOMMENDATION_COLUMNS)
    for name in ("cost", "cost_per_point"):
        frame[name] = pd.to_numeric(frame[name]) / unit
    for name in ("effect", "effect_low", "effect_high"):
        frame[name] = 100 * pd.to_numeric(frame[name])
    held = sum(row.held_out for row in rows)
    console.table(
        frame,
        out=out,
        shown=frame[["rep_id", "program_id", "effect", "cost", "reason"]],
        title=f"{len(made)} offers, {held} left out by lot, {len(rows) - len(made) - held} reps without one",
    )
    reasons = pd.Series([row.abstention.reason for row in rows if row.abstention is not None], dtype=object)
    if len(reasons):
        console.say("Without one: " + ", ".join(f"{why} {count}" for why, count in reasons.value_counts().items()))
    if coaching.plan is not None:
        _say_plan(console, coaching.plan, unit)


def _say_plan(console: Console, plan: PlanSummary, unit: int) -> None:
    """The plan beside what it is compared with, and what the hold-out detects."""
    import pandas as pd

    values = pd.DataFrame(
        [
            {
                "who": value.label,
                "people": value.people,
                "cost": None if value.cost is None else value.cost / unit,
                "points": None if value.value is None else 100 * value.value,
                "low": None if value.low is None else 100 * value.low,
                "high": None if value.high is None else 100 * value.high,
            }
            for value in plan.values
        ]
    )
    values = values.astype(dict.fromkeys(("cost", "points", "low", "high"), "float64"))
    console.say("\nPoints of attainment in all, time lost taken off, with 90% intervals")
    console.say(values.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:,.1f}"))
    console.say(f"{plan.holdout_words}\n{plan.limits_words}")
