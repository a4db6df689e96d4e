"""Is what was rebuilt what was served? Every stored value of every row is compared, bit for bit."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from spm_ml.predictions import Prediction, TeamPrediction
from spm_ml.predictions.encoding import decode, encode

Leaf: TypeAlias = str | int | float | bool | None

_ABSENT: Final = "no such value"
_NAMES: Final = ("slug", "opportunity_id", "kind", "label")
"""What an element of a list is called by, the first it has; else by its place."""


@dataclass(frozen=True)
class Difference:
    """A stored value that came out otherwise.

    Attributes:
        row: Whose row: `rep R007 as of 2026-05-03`, or `team M01 as of 2026-05-03`.
        field: Where in the row, for example `bookings_quantiles.9` or `parts.booked.amount`; money in minor units.
        stored: What was served.
        rebuilt: What came out.
    """

    row: str
    field: str
    stored: Leaf
    rebuilt: Leaf


@dataclass(frozen=True)
class Identity:
    """The comparison of all rows.

    Attributes:
        numbers: Numbers that were stored.
        words: Other values that were stored: texts, days, codes.
        differences: Values that differ, numbers and others, in the order of the rows.
    """

    numbers: int
    words: int
    differences: tuple[Difference, ...]

    @property
    def identical_numbers(self) -> int:
        """How many of the stored numbers came out the same to the last bit."""
        return self.numbers - sum(_is_number(one.stored) for one in self.differences)


def compare_rows(
    stored: Iterable[Prediction | TeamPrediction], rebuilt: Iterable[Prediction | TeamPrediction]
) -> Identity:
    """Compares rows of a batch by their keys; a row that only one side has differs in every value.

    Floats are held against each other as their shortest decimal text, which is one to one with their bits.
    """
    before, after = _by_key(stored), _by_key(rebuilt)
    numbers = words = 0
    differences: list[Difference] = []
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key, {}), after.get(key, {})
        counted = sum(_is_number(value) for value in was.values())
        numbers, words = numbers + counted, words + len(was) - counted
        for field in dict.fromkeys((*was, *now)):
            left, right = was.get(field, _ABSENT), now.get(field, _ABSENT)
            if repr(left) != repr(right):
                differences.append(Difference(key, field, left, right))
    return Identity(numbers, words, tuple(differences))


def _by_key(rows: Iterable[Prediction | TeamPrediction]) -> dict[str, dict[str, Leaf]]:
    return {_key(row): dict(_leaves(json.loads(encode(_as_stored(row))))) for row in rows}


def _as_stored(row: Prediction | TeamPrediction) -> Prediction | TeamPrediction:
    """A row as it comes back from the store, so that one that was never stored has the same types."""
    text = encode(row)
    return decode(Prediction, text) if isinstance(row, Prediction) else decode(TeamPrediction, text)


def _key(row: Prediction | TeamPrediction) -> str:
    whose = f"rep {row.rep_id}" if isinstance(row, Prediction) else f"{row.level} {row.key}"
    return f"{whose} as of {row.as_of}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, Mapping):
        parts: Iterable[tuple[str, Any]] = value.items()
    elif isinstance(value, list):
        parts = _named(value)
    else:
        yield path, value
        return
    for name, part in parts:
        yield from _leaves(part, f"{path}.{name}" if path else name)


def _named(elements: list[Any]) -> Iterator[tuple[str, Any]]:
    taken: set[str] = set()
    for place, element in enumerate(elements):
        names = [element[name] for name in _NAMES if element.get(name)] if isinstance(element, Mapping) else []
        name = str(names[0]) if names and names[0] not in taken else str(place)
        taken.add(name)
        yield name, element


def _is_number(value: Leaf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
