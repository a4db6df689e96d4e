"""Which commands may run for all tenants, and that none of them names one place for all."""

from __future__ import annotations

from typing import Final

import click

RUNNABLE: Final = (
    *("ingest", "dataset", "check-leakage", "backtest", "train", "promote", "score", "drift", "recommend"),
    *("effects", "fairness", "plan-value", "backup", "audit verify", "audit prune"),
)
"""Commands that work on one workspace and end; what prints tokens or people's words is for one tenant at a time."""

TENANT: Final = "{tenant}"


def checked_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Gives back the words of a command that may run for all tenants.

    Raises:
        click.UsageError: It is none of `RUNNABLE`, its options are wrong, it names a workspace, or it names a file or
            folder without `{tenant}`, which all tenants would share.
    """
    command: click.Command = click.get_current_context().find_root().command
    name, rest = words[0], list(words[1:])
    while isinstance(command, click.Group):
        found = command.commands.get(name.rpartition(" ")[2])
        if found is None or (isinstance(found, click.Group) and not rest):
            raise click.UsageError(_none_of(name))
        command = found
        if isinstance(command, click.Group):
            name = f"{name} {rest.pop(0)}"
    if name not in RUNNABLE:
        raise click.UsageError(_none_of(name))
    context = click.Context(command, info_name=name)
    given, _, _ = command.make_parser(context).parse_args(args=list(rest))
    for parameter in command.params:
        values = given.get(parameter.name or "")
        texts = [
            value for value in (values if isinstance(values, list | tuple) else [values]) if isinstance(value, str)
        ]
        if parameter.required and not texts:
            raise click.MissingParameter(ctx=context, param=parameter)
        if parameter.name == "workspace" and texts:
            raise click.UsageError("each tenant's own workspace is meant: leave --workspace out")
        if isinstance(parameter.type, click.Path) and not all(TENANT in text for text in texts):
            raise click.UsageError(
                f"{parameter.get_error_hint(context)} names one place for all tenants: write {TENANT} where each "
                f"tenant's name goes, as in /exports/{TENANT}"
            )
    return words


def _none_of(name: str) -> str:
    return f"{name!r} does not run for all tenants; these do: {', '.join(RUNNABLE)}"
