"""The whole line on a simulated organisation, in one command."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import click

from spm_ml.cli.console import Console, needs_application, on_workspace
from spm_ml.cli.data import derive
from spm_ml.cli.fairness import warn_of_groups
from spm_ml.cli.people import Wishes, publish_offers
from spm_ml.cli.service import print_logins
from spm_ml.errors import SpmError

HEALTH_SECONDS = 60.0

ASKED = Wishes(min_probability=0.9, hold_out=0.2)
"""Eighty reps and two years of enrolments leave no program likely enough for the usual threshold: the demo asks for
less, and the page with the plan says so. A fifth is drawn by lot to wait, so that there is a hold-out to look at."""


@click.command()
@click.option("--reps", type=click.IntRange(1), default=80, show_default=True, help="Quota-carrying reps.")
@click.option("--periods", type=click.IntRange(4), default=8, show_default=True, help="Finished quarters.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--headless", is_flag=True, help="Stop after a health check instead of serving on.")
@on_workspace
def demo(console: Console, reps: int, periods: int, seed: int, host: str, port: int, headless: bool) -> None:
    """Simulate an organisation, train, score and serve its risk board; a second run reuses what is there."""
    export = console.workspace.root / f"export-{reps}-{periods}-{seed}"
    seconds: dict[str, float] = {}
    for label, step in (
        ("simulate", lambda: _simulate(console, export, reps, periods, seed)),
        ("ingest", lambda: _ingest(console, export)),
        ("dataset", lambda: _dataset(console)),
        ("backtest", lambda: _backtest(console)),
        ("train and promote", lambda: _train(console)),
        ("score", lambda: _score(console)),
        ("recommend", lambda: publish_offers(console, ASKED)),
        ("fairness", lambda: warn_of_groups(console)),
    ):
        with console.step(label):
            started = time.perf_counter()
            step()
            seconds[label] = round(time.perf_counter() - started, 1)
    console.log("Seconds: " + ", ".join(f"{label} {spent}" for label, spent in seconds.items()))
    print_logins(console)
    _serve(console, host, port, headless)
    console.answer({"seconds": seconds, "address": f"http://{host}:{port}", "healthy": True})


def _simulate(console: Console, export: Path, reps: int, periods: int, seed: int) -> None:
    """Writes beside the target and renames, so that a stopped run leaves no half export."""
    from spm_ml.simulation import simulate

    if export.exists():
        console.log(f"  {export} is there already")
        return
    partial = export.with_name(f"{export.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    simulate(partial, reps=reps, periods=periods, seed=seed, progress=console.progress)
    partial.rename(export)


def _ingest(console: Console, export: Path) -> None:
    from spm_ml.sources import ingest

    report = ingest(console.workspace, export, progress=console.progress)
    derive(console)
    console.log(report.text())


def _dataset(console: Console) -> None:
    from spm_ml.dataset import current_dataset

    current_dataset(console.workspace, progress=console.progress)


def _backtest(console: Console) -> None:
    from spm_ml.backtest import current_backtest
    from spm_ml.forecasting import FitSettings
    from spm_ml.forecasting.learning_rows import LearningRows

    settings = FitSettings.of(console.workspace.organisation())
    rows = LearningRows.of(console.workspace, settings).rows
    table = current_backtest(console.workspace, rows, settings=settings, progress=console.progress).value_added()
    for row in table.to_dict("records"):
        console.log(f"  {row['forecaster']:<24} CRPS {row['crps']:.3f}, 80 % interval covers {row['coverage_80']:.0%}")


def _train(console: Console) -> None:
    """Trains and promotes unless the champion was fitted on this very data."""
    from spm_ml.history import SalesHistory
    from spm_ml.registry import Registry

    with SalesHistory.open(console.workspace) as history:
        data_hash = history.data_hash
    champion = Registry(console.workspace).champion()
    if champion is not None and champion.data_hash == data_hash:
        console.log(f"  champion {champion.name} version {champion.version} was trained on this data")
        return
    with needs_application("training"):
        from training import promote, train
    console.log(train(console.workspace, progress=console.progress).text())
    console.log(promote(console.workspace).text())


def _score(console: Console) -> None:
    """Scores unless the published board is of this very data and model."""
    from spm_ml.scoring import published_already, score

    batch = published_already(console.workspace)
    if batch is not None:
        console.log(f"  batch {batch.batch_id} is of the same data and model")
        return
    console.log(score(console.workspace, progress=console.progress).text())


def _serve(console: Console, host: str, port: int, headless: bool) -> None:
    """Starts the service as its own process, waits until it is ready, and stays with it unless headless."""
    command = [sys.executable, "-m", "spm_ml.cli", "serve", "--host", host, "--port", str(port)]
    command += ["--workspace", str(console.workspace.root)]
    address = f"http://{host}:{port}"
    # Its log goes to stderr: stdout holds the demo's own results alone.
    with subprocess.Popen(command, stdout=2) as server:  # noqa: S603
        try:
            _wait_until_ready(server, address)
            console.log(f"The risk board is on {address}" + ("" if headless else " (Ctrl-C stops it)"))
            if not headless:
                server.wait()
        except KeyboardInterrupt:
            console.log("stopped")
        finally:
            server.terminate()


def _wait_until_ready(server: subprocess.Popen[bytes], address: str) -> None:
    """Polls the readiness route.

    Raises:
        SpmError: The service ended, or was not ready in time.
    """
    deadline = time.monotonic() + HEALTH_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SpmError(f"the service ended with code {server.returncode}: is {address} in use? Try --port")
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=2) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SpmError(f"{address}/health/ready did not answer 200 within {HEALTH_SECONDS:.0f} s")
