"""What scoring keeps beside a batch so that what-if questions can be answered without the data or the registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class WhatIfInputs:
    """Two kinds of JSON text that scoring writes and reads; nobody else knows what is in them.

    Attributes:
        model: What the futures of all reps have in common.
        reps: By rep_id: the forecast of the board's day, or why there is none, and what its draws were made of.
    """

    model: str = "null"
    reps: Mapping[str, str] = field(default_factory=dict)
