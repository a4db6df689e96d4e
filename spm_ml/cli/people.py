"""What to do about it: recommend."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option
from spm_ml.cli.fairness import warn_of_groups

if TYPE_CHECKING:
    from spm_ml.predictions import Recommendation

RECOMMENDATION_COLUMNS = [
    "rep_id",
    "program_id",
    "effect",
    "effect_low",
    "effect_high",
    "p_positive",
    "cost",
    "evidence",
    "reason",
    "skill",
    "expires_on",
]


def _amount(context: click.Context, parameter: click.Parameter, value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(value.replace(",", "").replace("_", ""))
    except InvalidOperation as error:
        raise click.BadParameter(f"{value!r} is not an amount", ctx=context, param=parameter) from error
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{value} is not an amount of 0 or more", ctx=context, param=parameter)
    return amount


def publish_offers(console: Console, *, budget: Decimal | None) -> tuple[Recommendation, ...]:
    """Computes the offers for the published batch's day and period and publishes them with it.

    What came of earlier offers goes to the assignment log first. Without a batch they are computed as of the newest
    data, and nothing is published.
    """
    from spm_ml.coaching import recommend as run
    from spm_ml.coaching.evidence import sync_log
    from spm_ml.coaching.rep_periods import rep_periods
    from spm_ml.dataset import current_dataset
    from spm_ml.history import SalesHistory
    from spm_ml.predictions import CoachingBatch, PredictionStore
    from spm_ml.tables import minor_digits

    dataset = current_dataset(console.workspace, progress=console.progress)
    most = None if budget is None else int(budget * 10 ** minor_digits(dataset.currency))
    with ExitStack() as stack:
        history = stack.enter_context(SalesHistory.open(console.workspace))
        file = console.workspace.predictions_database
        store = stack.enter_context(PredictionStore.open(file)) if file.exists() else None
        batch = store.published_batch() if store is not None else None
        if store is None or batch is None:
            console.log("not published: run 'spm score' first, then 'spm recommend' again")
            return run(history, dataset, budget=most)
        console.log(f"{sync_log(store, rep_periods(history, dataset)):,} lines added to the assignment log")
        offers = run(history, dataset, as_of=batch.as_of, period=history.calendar.parse(batch.period), budget=most)
        store.publish_coaching(CoachingBatch(offers, (), (), (), (), None))
        return offers


@click.command()
@click.option("--budget", callback=_amount, metavar="AMOUNT", help="Most to spend, in the organisation's currency.")
@out_option
@on_workspace
def recommend(console: Console, budget: Decimal | None, out: Path | None) -> None:
    """Offer each rep the program of the largest matched skill gap, and publish the offers to the board."""
    import pandas as pd

    from spm_ml.coaching.recommendation import EVIDENCE
    from spm_ml.tables import minor_digits

    with console.step("recommend"):
        offers = publish_offers(console, budget=budget)
    warn_of_groups(console)
    unit = 10 ** minor_digits(console.workspace.organisation().currency)
    made = [offer for offer in offers if offer.abstention is None]
    frame = pd.DataFrame([asdict(offer) for offer in made], columns=RECOMMENDATION_COLUMNS)
    frame["cost"] = pd.to_numeric(frame["cost"]) / unit
    for name in ("effect", "effect_low", "effect_high"):
        frame[name] = 100 * pd.to_numeric(frame[name])
    console.table(
        frame,
        out=out,
        shown=frame[["rep_id", "program_id", "cost", "reason"]],
        title=f"{len(made)} offers ({EVIDENCE}), {len(offers) - len(made)} reps without one",
    )
