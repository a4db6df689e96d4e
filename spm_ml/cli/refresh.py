"""The nightly run in one command: refresh."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from spm_ml.cli.console import Console, needs_application, on_workspace
from spm_ml.cli.data import as_day, day_option
from spm_ml.cli.fairness import warn_of_groups
from spm_ml.cli.fetch import SYSTEMS
from spm_ml.cli.people import Wishes, publish_offers
from spm_ml.errors import DataError
from spm_ml.only_one import only_one
from spm_ml.progress import NOTHING_TO_DO
from spm_ml.whole_file import write_whole

if TYPE_CHECKING:
    from spm_ml.connectors import System

State = Literal["done", "skipped", "refused"]
Result = tuple[State, str]


@dataclass(frozen=True)
class Step:
    """What became of one step.

    Attributes:
        name: Of the step.
        state: `done`; `skipped`, because there was nothing to do; or `refused` by the gate.
        said: What it did or why not, in words.
        seconds: It took.
    """

    name: str
    state: State
    said: str
    seconds: float


@dataclass
class Run:
    """One refresh, on record in the workspace as it goes on.

    Attributes:
        console: Where it answers.
        began: When (UTC).
        steps: Those that have ended.
    """

    console: Console
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: list[Step] = field(default_factory=list)

    def step(self, name: str, do: Callable[[], Result]) -> Step:
        """Does a step and puts it on record; what it raises ends the run, whose record then lacks an end."""
        with self.console.step(name):
            started = time.perf_counter()
            state, said = do()
        self.steps.append(Step(name, state, said, round(time.perf_counter() - started, 1)))
        self.console.log(said)
        self._write(None)
        return self.steps[-1]

    def end(self) -> dict[str, object]:
        """Puts the end on record and gives the whole of it."""
        self._write(datetime.now(UTC))
        return self._content(datetime.now(UTC))

    def _content(self, ended: datetime | None) -> dict[str, object]:
        return {
            "began": self.began.isoformat(timespec="seconds"),
            "ended": ended and ended.isoformat(timespec="seconds"),
            "steps": [asdict(step) for step in self.steps],
        }

    def _write(self, ended: datetime | None) -> None:
        write_whole(self.console.workspace.root / "refresh.json", json.dumps(self._content(ended), indent=1))


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@click.option("--fetch", "system", type=SYSTEMS, help="Fetch from this system into DIR first; what it deleted goes.")
@click.option("--mapping", help="Built-in mapping (maven, salesforce, hubspot) or a YAML file.")
@click.option("--today", type=day_option, help="Refuse data that is stale on this day; default: no check by the clock.")
@click.option("--retrain/--no-retrain", default=True, show_default=True, help="Train where a new model is due.")
@click.option("--recommend", is_flag=True, help="Also compute offers anew, without limits of money, people or seats.")
@on_workspace
def refresh(
    console: Console,
    source: Path | None,
    system: System | None,
    mapping: str | None,
    today: datetime | None,
    retrain: bool,
    recommend: bool,
) -> None:
    """Ingest, score, publish, look for drift, and retrain where that is due; what is done already is skipped.

    Rows come from DIR, or without one from what `sources.yaml` declares, and from events that wait; a source that
    cannot be read holds up nothing and makes the command fail at its end. One runs at a time; after a kill, run it
    again. `refresh.json` in the workspace says what each step did.
    """
    if system is not None and source is None:
        raise click.UsageError("--fetch needs DIR, the folder that it fetches into")
    if source is not None and system is None and not source.exists():
        raise click.BadParameter(f"there is no {source}", param_hint="DIR")
    with only_one(console.workspace.root / "refresh.lock", what="refresh"):
        run, unread = Run(console), list[str]()
        if source is not None and system is not None:
            run.step("fetch", lambda: _fetch(console, system, source, mapping))
        if source is not None:
            run.step("ingest", lambda: _ingest(console, source, mapping or system, replace=system is not None))
        elif _has_sources(console):
            run.step("pull", lambda: _pull(console, unread))
        run.step("events", lambda: _events(console))
        if retrain and not _has_champion(console):
            run.step("first model", lambda: _train(console, "there is no champion yet"))
        run.step("score", lambda: _score(console, as_day(today)))
        drifted: list[str] = []
        run.step("drift", lambda: _drift(console, drifted))
        if retrain and run.step("retrain", lambda: _retrain(console, drifted)).state == "done":
            run.step("score again", lambda: _score(console, as_day(today)))
        if recommend:
            run.step("recommend", lambda: _recommend(console))
        content = run.end()
    for step in run.steps:
        console.say(f"  {step.name:<12} {step.state:<8} {step.seconds:>7.1f} s  {step.said.splitlines()[0]}")
    console.answer(content)
    if unread:
        raise DataError(f"all else is done, but not every source could be read: {'; '.join(unread)}")


def _has_sources(console: Console) -> bool:
    from spm_ml.sources import declared_sources

    return bool(declared_sources(console.workspace))


def _pull(console: Console, unread: list[str]) -> Result:
    """Adds the sources that could not be read, and why."""
    from spm_ml.sources import pull

    pulled = pull(console.workspace, progress=console.progress)
    unread += [f"{one.source}: {one.problem}" for one in pulled if one.problem is not None]
    return "done" if any(one.versions for one in pulled) else "skipped", "\n".join(one.text() for one in pulled)


def _fetch(console: Console, system: System, folder: Path, mapping: str | None) -> Result:
    from spm_ml.connectors import fetch

    report = fetch(system, console.workspace, folder, mapping=mapping, progress=console.progress)
    return "done", report.text().strip()


def _ingest(console: Console, source: Path, mapping: str | None, *, replace: bool) -> Result:
    from spm_ml.sources import ingest

    report = ingest(console.workspace, source, mapping=mapping, replace=replace, progress=console.progress)
    return ("skipped" if report.version is None else "done"), report.text()


def _events(console: Console) -> Result:
    from spm_ml.intake import ingest_waiting
    from spm_ml.predictions import PredictionStore

    if not console.workspace.has_predictions:
        return "skipped", "no event waits"
    with PredictionStore.of(console.workspace) as store:
        batch = ingest_waiting(console.workspace, store, progress=console.progress)
    return ("skipped" if batch.version is None else "done"), batch.text()


def _has_champion(console: Console) -> bool:
    from spm_ml.registry import Registry

    return Registry(console.workspace).champion() is not None


def _score(console: Console, today: date | None) -> Result:
    from spm_ml.scoring import published_already, score

    batch = published_already(console.workspace, today=today)
    if batch is not None:
        return "skipped", f"{NOTHING_TO_DO}the batch of {batch.as_of} is of the same data and model"
    result = score(console.workspace, today=today, progress=console.progress)
    warn_of_groups(console)
    return "done", result.text()


def _drift(console: Console, drifted: list[str]) -> Result:
    """Adds the columns that have drifted."""
    from spm_ml.scoring import drift_of

    found = drift_of(console.workspace, progress=console.progress)
    if found.abstention is not None:
        return "skipped", "the champion has kept nothing of what it learnt from, or there is too little to compare"
    drifted += [test.column for test in found.tests if test.verdict == "drift"]
    return "done", f"drift in {', '.join(drifted)}" if drifted else "no drift beyond chance and how periods differ"


def _retrain(console: Console, drifted: Sequence[str]) -> Result:
    with needs_application("training"):
        from training import training_due

    why = training_due(console.workspace, drifted=drifted)
    return ("skipped", "no new model is due") if why is None else _train(console, why)


def _train(console: Console, why: str) -> Result:
    from spm_ml.errors import GateRefusedError
    from spm_ml.scoring import refresh_rivals

    with needs_application("training"):
        from training import promote, train

    trained = train(console.workspace, progress=console.progress)
    try:
        promotion = promote(console.workspace, progress=console.progress)
    except GateRefusedError as error:
        return "refused", f"trained, because {why}, but not promoted: {error}"
    finally:
        refresh_rivals(console.workspace)
    return "done", f"trained, because {why}: {promotion.version.name} version {trained.version.version} is champion"


def _recommend(console: Console) -> Result:
    coaching = publish_offers(console, Wishes())
    return "done", f"{len(coaching.recommendations)} offers"
