"""What can go wrong, in the words of the person who can mend it.

Every message says what was found, where, and what to do about it.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class SpmError(Exception):
    """Base of every error that spm-ml raises on purpose; the command line prints it and exits with 1."""


class ConfigurationError(SpmError):
    """A setting, mapping file or organisation file is missing or wrong."""


class DataError(SpmError):
    """The input cannot be used at all: a required table or column is missing, a file is unreadable."""


class BusyError(DataError):
    """Another process works at the same thing; what is asked for can be done when it has ended."""


class NotReadyError(SpmError):
    """An earlier step of the line has not run yet; the message names the command that runs it."""


class RemoteError(SpmError):
    """A system from which data is fetched refused, failed or reached its limit; what had arrived is kept."""


class ClusterError(SpmError):
    """Machines that work was given to failed at it; nothing was kept."""


class GateRefusedError(SpmError):
    """A model was refused promotion; the message names each test that failed."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Gives `` (did you mean 'x'?)`` for the closest known word, or an empty string.

    >>> did_you_mean("opportunitys", ["reps", "opportunities"])
    " (did you mean 'opportunities'?)"
    """
    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
