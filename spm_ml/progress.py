"""How long work tells that it goes on, without the library knowing who listens."""

from typing import Final, Protocol

NOTHING_TO_DO: Final = "nothing to do: "
"""How the last line begins of a command that found its work done already; a run over tenants looks for it."""


class Progress(Protocol):
    """Called with a label, the units done and the units there are (0 = unknown)."""

    def __call__(self, label: str, done: int, total: int) -> None:
        """Takes note that `done` of `total` units of `label` are finished."""


def silent(label: str, done: int, total: int) -> None:
    """Reports to nobody: the default of every library call."""
