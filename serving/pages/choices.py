"""Options of the selects on list pages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """An option of a filter."""

    label: str
    value: str
    chosen: bool
