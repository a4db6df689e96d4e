"""The web service and its store: serve, migrate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import click

from spm_ml.cli.console import Console, needs_application, on_workspace
from spm_ml.errors import ConfigurationError, NotReadyError

Parameters = ParamSpec("Parameters")


def listening_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Adds where the service listens."""
    for option in (
        click.option(
            "--socket",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Listen on this Unix socket instead; for the owner and the group of the process.",
        ),
        click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True),
        click.option("--host", default="127.0.0.1", show_default=True),
    ):
        command = option(command)
    return command


@click.command()
@listening_options
@click.option("--logins/--no-logins", default=False, help="Make fresh demo tokens, one a role, and print them.")
@on_workspace
def serve(console: Console, host: str, port: int, socket: Path | None, logins: bool) -> None:
    """Serve the risk board, the pages and the API."""
    serve_workspace(console, host=host, port=port, socket=socket, logins=logins)


def serve_workspace(console: Console, *, host: str, port: int, socket: Path | None, logins: bool = False) -> None:
    """Serves the console's workspace until it is told to stop."""
    with needs_application("serving"):
        from serving.run import serve as run
    from spm_ml.champion import reconcile_in_background

    if not console.workspace.has_predictions:
        raise NotReadyError(
            f"{console.workspace.root} holds no predictions: run 'spm score --workspace {console.workspace.root}' first"
        )
    if logins:
        print_logins(console)
    reconcile_in_background(console.workspace)
    console.log(f"serving on {socket or f'http://{host}:{port}'} (Ctrl-C stops it)")
    run(console.workspace, host=host, port=port, socket=socket)


@click.command()
@click.option("--to", "revision", type=click.IntRange(1), required=True, help="Number of the revision, for example 3.")
@on_workspace
def migrate(console: Console, revision: int) -> None:
    """Change the store's tables to an older revision, before an older version of spm-ml is installed.

    Stop the service and make a backup first: what the older tables cannot hold is lost. The way up needs no command:
    every command and the service bring the tables up to date when they open the store.
    """
    from spm_ml.predictions import PredictionStore
    from spm_ml.predictions.engine import connect, writing
    from spm_ml.predictions.migrations import HEAD, change_to

    if revision > int(HEAD):
        raise ConfigurationError(f"revision {revision} is unknown to this version of spm-ml; its newest is {int(HEAD)}")
    if not console.workspace.has_predictions:
        raise NotReadyError(f"{console.workspace.root} holds no store to change")
    PredictionStore.of(console.workspace).close()
    engine = connect(console.workspace.predictions_store)
    try:
        with console.step("migrate"), writing(engine, alone=False) as connection:
            change_to(connection, f"{revision:04d}")
    finally:
        engine.dispose()
    console.say(f"The store's tables are of revision {revision}.")
    console.answer({"revision": revision})


def print_logins(console: Console) -> None:
    """Makes fresh demo tokens, one a role, and prints how to log in with them."""
    with needs_application("serving"):
        from serving.access import create_demo_logins
    from spm_ml.predictions import PredictionStore

    with PredictionStore.of(console.workspace) as store:
        logins = create_demo_logins(store)
    console.log("Log in with one of these tokens (they replace earlier demo tokens):")
    for login in logins:
        console.log(f"  {login.role:<8} {login.name:<28} {login.token}")
