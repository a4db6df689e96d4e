"""Many companies on one machine: tenants list, add, check, run, serve."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from spm_ml import deployment
from spm_ml.cli.console import Console, ConsoleProgress
from spm_ml.cli.service import listening_options, serve_workspace
from spm_ml.cli.tenant_words import checked_words
from spm_ml.errors import ConfigurationError, NotReadyError, SpmError
from spm_ml.settings import Organisation, Workspace
from spm_ml.tenant import VARIABLE

if TYPE_CHECKING:
    from spm_ml.tenants import Outcome, TenantFolder

Parameters = ParamSpec("Parameters")


@click.group()
def tenants() -> None:
    """Many companies on one machine: a workspace for each, and nothing in common."""


def _on_folder(
    command: Callable[Concatenate[Console, TenantFolder, Parameters], None],
) -> Callable[Parameters, None]:
    """Adds the folder of tenants and `--json` to a subcommand."""

    @click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
    @click.option("--json", "as_json", is_flag=True, help="Print only JSON on stdout.")
    @wraps(command)
    def run(folder: Path, as_json: bool, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        from spm_ml.tenants import TenantFolder

        console = Console(Workspace(folder), as_json, ConsoleProgress())
        try:
            command(console, TenantFolder(folder), *args, **kwargs)
        finally:
            console.progress.close()

    return run  # type: ignore[return-value]


@tenants.command("list")
@_on_folder
def list_tenants(console: Console, folder: TenantFolder) -> None:
    """Every tenant: its organisation, its kind of store, and how the last run of each command ended."""
    from spm_ml.tenants import Report

    last: dict[str, dict[str, str]] = {}
    for file in sorted(folder.runs.glob("*.report.json")):
        report = Report.read(file)
        for outcome in () if report is None else report.tenants:
            last.setdefault(outcome.tenant, {})[file.name.removesuffix(".report.json")] = outcome.state
    rows = []
    for name in folder.names():
        workspace = folder.workspace(name)
        named = workspace.organisation().name if workspace.organisation_file.exists() else None
        rows.append({"tenant": name, "organisation": named, "store": _kind(workspace), "runs": last.get(name, {})})
    console.answer(rows)
    width = max([6, *(len(str(row["tenant"])) for row in rows)])
    console.say(f"{'tenant':<{width}}  {'store':<12} {'organisation':<28} last runs")
    for row in rows:
        runs = ", ".join(f"{command} {state}" for command, state in last.get(str(row["tenant"]), {}).items())
        organisation = str(row["organisation"] or "–")
        console.say(f"{row['tenant']:<{width}}  {row['store']:<12} {organisation:<28} {runs or '–'}")


def _kind(workspace: Workspace) -> str:
    """The kind of store, never its address."""
    try:
        store = workspace.predictions_store
    except SpmError:
        return "unreadable"
    return store.partition(":")[0].partition("+")[0] if "://" in store else "sqlite"


@tenants.command()
@_on_folder
@click.argument("name")
@click.option(
    "--organisation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of the organisation; copied into its workspace.",
)
def add(console: Console, folder: TenantFolder, name: str, organisation: Path | None) -> None:
    """Make a workspace for a tenant; a workspace that lies in DIR under that name becomes theirs."""
    settings = None if organisation is None else Organisation.read(organisation)
    workspace = folder.add(name)
    if settings is not None:
        settings.write(workspace.organisation_file)
    console.say(f"{workspace.root} is the workspace of tenant {name}.")
    console.answer({"tenant": name, "workspace": str(workspace.root)})


@tenants.command()
@_on_folder
@click.argument("names", nargs=-1, metavar="[NAME]...")
def check(console: Console, folder: TenantFolder, names: tuple[str, ...]) -> None:
    """Look for anything through which one tenant could reach another; nothing is changed."""
    from spm_ml.tenants.checks import findings, store_findings, stray_findings

    asked = _asked(folder, names)
    strays = () if names else stray_findings(folder)
    found = (*strays, *findings(folder, asked), *store_findings(folder, asked))
    console.answer([asdict(one) for one in found])
    for one in found:
        console.say(f"{one.tenant}: {one.problem}")
    if found:
        raise SpmError(f"{len(found)} findings; until they are mended no run works for these tenants")
    console.say(f"{len(asked)} tenants, and nothing that they share.")


def _asked(folder: TenantFolder, names: tuple[str, ...]) -> tuple[str, ...]:
    """The tenants that are named, once each, or all.

    Raises:
        NotReadyError: There is no such tenant, or none at all.
    """
    asked = tuple(dict.fromkeys(folder.workspace(name).tenant or name for name in names)) or folder.names()
    if not asked:
        raise NotReadyError(f"{folder.root} holds no tenant yet: 'spm tenants add {folder.root} NAME' makes one")
    return asked


@tenants.command()
@_on_folder
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [OPTIONS]")
@click.option("--jobs", type=click.IntRange(1), help="Processes at once; default: one a core.")
@click.option("--memory", metavar="SIZE", help="What they may hold together, as 4GiB; default: three quarters of all.")
@click.option("--resume", is_flag=True, help="Leave out tenants for whom the command has nothing left to do.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this tenant; may be repeated.")
def run(
    console: Console,
    folder: TenantFolder,
    words: tuple[str, ...],
    jobs: int | None,
    memory: str | None,
    resume: bool,
    only: tuple[str, ...],
) -> None:
    """Run a command for every tenant, each in a process of its own: spm tenants run DIR -- score.

    Where the command names a file or folder, write {tenant} where each tenant's name goes, as in
    spm tenants run DIR -- ingest /exports/{tenant}. It exits with 1 if it did not end well for all.
    """
    from spm_ml.tenants import Night, machine_memory, read_size, written_size

    words = checked_words(words)
    _refuse_settings()
    asked = _asked(folder, only)
    cores = os.cpu_count() or 1
    wanted = min(jobs or cores, max(len(asked), 1))
    allowed = machine_memory() * 3 // 4 if memory is None else read_size(memory)
    by_batch = resume and words[0] == "score"
    night = Night(
        folder, (*words, "--if-changed") if by_batch else words, wanted, allowed, threads=max(1, cores // wanted)
    )
    done = night.finished() if resume and not by_batch else frozenset()
    console.log(f"{' '.join(words)}: {len(asked)} tenants, {wanted} at once within {written_size(allowed)}")

    def listen(outcome: Outcome) -> None:
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": "INFO", "tenant": outcome.tenant}
        if not outcome.fine:
            line["level"] = "ERROR"
        said = {"command": night.command, "outcome": outcome.state, "seconds": outcome.seconds}
        console.progress.close()
        console.log(json.dumps({**line, **said, "peak_bytes": outcome.peak_bytes}))

    with _ended_by_terminate():
        report = night.run(asked, skipped=done, listen=listen, progress=console.progress)
    console.say(report.text())
    console.answer(report.model_dump(mode="json"))
    console.log(f"report: {night.report_file}; what each process said: {folder.runs}/TENANT.log")
    if not report.fine:
        raise SpmError("the command did not end well for every tenant; mend what the report says, then use --resume")


def _refuse_settings() -> None:
    """Settings of the environment are of one tenant, and a run is for all.

    Raises:
        ConfigurationError: There are some.
    """
    prefixes = (*(place.prefix for place in deployment.PLACES), VARIABLE)
    named = [name for name in sorted(os.environ) if os.environ[name] and name.startswith(prefixes)]
    if named:
        raise ConfigurationError(
            f"{named[0]} is set in the environment, and a run is for many tenants: write settings into each tenant's "
            "serving.yaml (secrets as store_file: /path/of/the/file) and unset it"
        )


@contextmanager
def _ended_by_terminate() -> Iterator[None]:
    """Lets SIGTERM end a run as Ctrl-C does, so that no process is left behind."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@tenants.command()
@_on_folder
@click.argument("name")
@listening_options
def serve(console: Console, folder: TenantFolder, name: str, host: str, port: int, socket: Path | None) -> None:
    """Serve one tenant, in a process that shares nothing with those of the others.

    Best run by a process manager, a unit for each tenant, behind a proxy that gives each a host name of its own.
    """
    from spm_ml.tenants import findings

    workspace = folder.workspace(name)
    found = findings(folder, [name])
    if found:
        raise ConfigurationError(f"{name}: {found[0].problem}")
    own = Console(workspace, console.as_json, console.progress)
    serve_workspace(own, host=host, port=port, socket=socket)
