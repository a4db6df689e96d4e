"""The web service: serve."""

from __future__ import annotations

import click

from spm_ml.cli.console import Console, needs_application, on_workspace
from spm_ml.errors import NotReadyError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--logins/--no-logins", default=False, help="Make fresh demo tokens, one a role, and print them.")
@on_workspace
def serve(console: Console, host: str, port: int, logins: bool) -> None:
    """Serve the risk board, the pages and the API."""
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
    console.log(f"serving on http://{host}:{port} (Ctrl-C stops it)")
    run(console.workspace, host=host, port=port)


def print_logins(console: Console) -> None:
    """Makes fresh demo tokens, one a role, and prints how to log in with them."""
    with needs_application("serving"):
        from serving.access import create_demo_logins
    from spm_ml.predictions import PredictionStore

    with PredictionStore.open(console.workspace.predictions_store) as store:
        logins = create_demo_logins(store)
    console.log("Log in with one of these tokens (they replace earlier demo tokens):")
    for login in logins:
        console.log(f"  {login.role:<8} {login.name:<28} {login.token}")
