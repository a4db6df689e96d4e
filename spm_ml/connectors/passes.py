"""How one pass over an object follows another: whole, from the last change on, or where a killed one stopped."""

from datetime import timedelta
from typing import Final

from spm_ml.connectors.mirror import Pass

OVERLAP: Final = timedelta(minutes=10)
"""A change is stamped when it begins and seen when it is done, at most this much later."""


def begin(last: Pass | None, fields: tuple[str, ...], *, full: bool) -> Pass:
    """The pass to be made now.

    A pass that was cut short goes on, also a whole one that is asked for again. Fields that were not fetched before
    make it a whole one, since no stamp tells that they are new here.

    Args:
        last: The pass before.
        fields: That are fetched now.
        full: Everything is asked for.
    """
    if last is None:
        return Pass(1, fields)
    fewer = set(fields) <= set(last.fields)
    if last.ended is None and fewer and (last.since is None or not full):
        return last
    if full or not fewer or last.floor is None:
        return Pass(last.number + 1, fields)
    return Pass(last.number + 1, fields, since=last.floor)
