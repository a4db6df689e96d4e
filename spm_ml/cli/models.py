"""From the dataset to published numbers: backtest, train, promote, score."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from spm_ml.cli.console import Console, needs_application, on_workspace, out_option
from spm_ml.cli.data import as_day, day_option
from spm_ml.cli.fairness import warn_of_groups
from spm_ml.errors import NotReadyError
from spm_ml.progress import NOTHING_TO_DO

periods_option = click.option(
    "--periods",
    type=click.IntRange(1),
    help="Newest finished periods to test on; default 4, or half of a short history.",
)


@click.command()
@periods_option
@out_option
@on_workspace
def backtest(console: Console, periods: int | None, out: Path | None) -> None:
    """Rolling-origin backtest of every forecaster, and the forecast-value-added table."""
    from spm_ml.backtest import current_backtest
    from spm_ml.forecasting import FitSettings
    from spm_ml.forecasting.learning_rows import LearningRows

    with console.step("backtest"):
        settings = FitSettings.of(console.workspace.organisation())
        learning = LearningRows.of(console.workspace, settings, progress=console.progress)
        result = current_backtest(
            console.workspace, learning.rows, settings=settings, periods=periods, progress=console.progress
        )
    if learning.others:
        console.log(learning.text())
    if out is not None:
        result.write(out)
        console.log(f"{len(result.frame):,} rows written to {out}")
    console.table(result.value_added(), out=None, title="Forecast value added")


@click.command()
@click.option("--forecaster", default="auto", show_default=True, help="Slug of a forecaster, or auto.")
@periods_option
@click.option(
    "--dask",
    metavar="WORKERS|ADDRESS",
    help="Boost trees on Dask workers: how many to start here, or a scheduler's address, such as tcp://host:8786.",
)
@on_workspace
def train(console: Console, forecaster: str, periods: int | None, dask: str | None) -> None:
    """Fit a model, log it to MLflow with its backtest and card, and make it the challenger."""
    from spm_ml.scoring import refresh_rivals

    with needs_application("training"):
        from training import train as run

    with console.step("train"):
        trained = run(console.workspace, forecaster=forecaster, periods=periods, dask=dask, progress=console.progress)
        refresh_rivals(console.workspace)
    console.say(trained.text())
    console.answer(trained.to_json())


@click.command()
@click.option("--version", type=click.IntRange(1), help="Model version; default: the challenger.")
@click.option("--force", "force_reason", metavar="REASON", help="Promote a refused model; the reason is kept with it.")
@on_workspace
def promote(console: Console, version: int | None, force_reason: str | None) -> None:
    """Make a model the champion if the gate lets it pass; a refusal names each failed test."""
    from spm_ml.scoring import refresh_rivals

    with needs_application("training"):
        from training import promote as run

    with console.step("promote"):
        promotion = run(console.workspace, version=version, force_reason=force_reason, progress=console.progress)
        refresh_rivals(console.workspace)
    console.say(promotion.text())
    console.answer(promotion.to_json())


@click.command()
@click.option("--as-of", type=day_option, help="Day to score; default: the newest record's.")
@click.option("--today", type=day_option, help="Refuse data that is stale on this day; default: no check by the clock.")
@click.option("--if-changed", is_flag=True, help="Do nothing if data, settings, plans, model and day are the batch's.")
@out_option
@on_workspace
def score(console: Console, as_of: datetime | None, today: datetime | None, if_changed: bool, out: Path | None) -> None:
    """Score the running period with the champion and publish the batch."""
    from spm_ml.scoring import prediction_rows, published_already
    from spm_ml.scoring import score as run

    if if_changed:
        batch = published_already(console.workspace, as_of=as_day(as_of), today=as_day(today))
        if batch is not None:
            console.log(f"spm: {NOTHING_TO_DO}the batch of {batch.as_of} is of the same data and model")
            console.answer([])
            return
    with console.step("score"):
        result = run(console.workspace, as_of=as_day(as_of), today=as_day(today), progress=console.progress)
    warn_of_groups(console)
    console.say(result.text())
    rows = prediction_rows(result)
    board = rows[rows["as_of"] == rows["as_of"].max()]
    columns = ["rep_id", "quota", "booked_to_date", "b10", "b50", "b90"]
    with_quota = ["q10", "q50", "q90", "p_hit"] if board["quota"].notna().any() else []
    console.table(rows, out=out, shown=board[[*columns, *with_quota]])


@click.command()
@click.option("--as-of", type=day_option, help="Day whose rows are tested; default: the newest record's.")
@out_option
@on_workspace
def drift(console: Console, as_of: datetime | None, out: Path | None) -> None:
    """Test whether the rows forecast now are unlike those the champion learnt from; thresholds by permutation."""
    import pandas as pd

    from spm_ml.scoring import drift_of

    with console.step("drift"):
        found = drift_of(console.workspace, as_of=as_day(as_of), progress=console.progress)
    if found.abstention is not None:
        raise NotReadyError(
            "the champion was trained before spm-ml kept what a model learns from: train and promote again, then "
            "there is something to hold the rows against"
        )
    alarms = [test.column for test in found.tests if test.verdict == "drift"]
    console.say(
        f"{found.as_of}, week {found.week}, {found.reps} reps ({found.new_reps} new to the model): "
        + (f"drift in {', '.join(alarms)}" if alarms else "no drift beyond chance and beyond how periods differ")
        + f"; level {found.level:.0%} for all {sum(test.statistic is not None for test in found.tests)} tests together."
    )
    table = pd.DataFrame([asdict(test) for test in found.tests])
    shown = table[["column", "kind", "verdict", "statistic", "threshold", "usual_before", "p_value", "adjusted_p"]]
    console.table(table, out=out, shown=shown)
