"""From the dataset to published numbers: backtest, train, promote, score."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, needs_application, on_workspace, out_option
from spm_ml.cli.data import as_day, day_option

if TYPE_CHECKING:
    from spm_ml.backtest import Backtest
    from spm_ml.dataset import RepPeriodDataset


def current_dataset(console: Console) -> RepPeriodDataset:
    """Reads the dataset file when it holds the newest data version, and builds it otherwise."""
    from spm_ml.dataset import RepPeriodDataset, build_dataset
    from spm_ml.history import SalesHistory

    with SalesHistory.open(console.workspace) as history:
        file = console.workspace.dataset_file
        if file.exists():
            stored = RepPeriodDataset.read(file)
            if stored.data_hash == history.data_hash:
                return stored
        with console.step("dataset"):
            built = build_dataset(history, progress=console.progress)
            built.write(file)
        return built


def current_backtest(console: Console, periods: int | None = None) -> Backtest:
    """Reads the backtest file when it was run on this very dataset, and runs it otherwise."""
    from spm_ml.backtest import Backtest, run_backtest

    dataset = current_dataset(console)
    file = console.workspace.backtest_file
    if file.exists():
        stored = Backtest.read(file)
        if stored.dataset_hash == dataset.content_hash and periods in {None, stored.periods}:
            return stored
    result = run_backtest(dataset, periods=periods, progress=console.progress)
    result.write(file)
    return result


@click.command()
@click.option("--periods", type=click.IntRange(1), help="Newest finished periods to test on; default 4.")
@out_option
@on_workspace
def backtest(console: Console, periods: int | None, out: Path | None) -> None:
    """Rolling-origin backtest of every forecaster, and the forecast-value-added table."""
    with console.step("backtest"):
        result = current_backtest(console, periods)
    if out is not None:
        result.write(out)
        console.log(f"{len(result.frame):,} rows written to {out}")
    console.table(result.value_added(), out=None, title="Forecast value added")


@click.command()
@click.option("--forecaster", default="auto", show_default=True, help="Slug of a forecaster, or auto.")
@click.option("--periods", type=click.IntRange(1), help="Newest finished periods to test on; default 4.")
@on_workspace
def train(console: Console, forecaster: str, periods: int | None) -> None:
    """Fit a model, log it to MLflow with its backtest and card, and make it the challenger."""
    with needs_application("training"):
        from training import train as run

    with console.step("train"):
        trained = run(console.workspace, forecaster=forecaster, periods=periods, progress=console.progress)
    console.say(trained.text())
    console.answer(trained.to_json())


@click.command()
@click.option("--version", type=click.IntRange(1), help="Model version; default: the challenger.")
@on_workspace
def promote(console: Console, version: int | None) -> None:
    """Make a model the champion if the gate lets it pass; a refusal names each failed test."""
    with needs_application("training"):
        from training import promote as run

    with console.step("promote"):
        promotion = run(console.workspace, version=version)
    console.say(promotion.text())
    console.answer(promotion.to_json())


@click.command()
@click.option("--as-of", type=day_option, help="Day to score; default: the newest record's.")
@click.option("--today", type=day_option, help="Refuse data that is stale on this day; default: no check by the clock.")
@out_option
@on_workspace
def score(console: Console, as_of: datetime | None, today: datetime | None, out: Path | None) -> None:
    """Score the running period with the champion and publish the batch."""
    from spm_ml.scoring import prediction_rows
    from spm_ml.scoring import score as run

    with console.step("score"):
        result = run(console.workspace, as_of=as_day(as_of), today=as_day(today), progress=console.progress)
    console.say(result.text())
    rows = prediction_rows(result)
    board = rows[rows["as_of"] == rows["as_of"].max()]
    console.table(
        rows, out=out, shown=board[["rep_id", "quota", "booked_to_date", "q10", "q50", "q90", "mean", "p_hit"]]
    )
