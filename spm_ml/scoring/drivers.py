"""What moves each part of a forecast, in groups that a manager understands: few by name, the rest together."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from spm_ml.predictions import Driver
from spm_ml.scoring.groups import CORRECTION, USUAL, group_of, sentence_about
from spm_ml.scoring.words import MoneyWords

SHOWN: Final = 4
"""Drivers shown by name; the others are summed, so that all still add up."""

REST: Final = "Everything else"

_BY_FEATURE: Final = "still_to_come"
"""The part whose drivers are named by columns of the dataset."""

_OWN_COLUMNS: Final = {"base": USUAL, "correction": CORRECTION}

Drivers = Mapping[tuple[int, str], tuple[Driver, ...]]
"""By row and slug of the part."""


def drivers_of(
    drivers: pd.DataFrame,
    rows: Mapping[int, Mapping[str, Any]],
    *,
    stages: Sequence[str],
    money: MoneyWords,
) -> Drivers:
    """Groups, ranks and words the drivers of some rows.

    Args:
        drivers: `row, slug, label, amount` of `Explanation.drivers`.
        rows: The rows of the dataset that are wanted, by their place; features included.
        stages: Names of the open stages in order.
        money: Writes the amounts.

    Returns:
        At most `SHOWN` of a part, the strongest first, then the others as one; they add up to the part but for
        rounding. What is less than half a minor unit is left out.
    """
    found: dict[tuple[int, str], list[Driver]] = {}
    sentences: dict[tuple[int, str], str] = {}
    ranked = _ranked(drivers, list(rows), stages)
    columns = (ranked[name].tolist() for name in ("row", "slug", "label", "amount"))
    for row, slug, label, amount in zip(*columns, strict=True):
        if round(amount) == 0:
            continue
        said = sentences.get((row, label))
        if said is None:
            known = rows[row]
            said = "Smaller effects together." if label == REST else sentence_about(label, known, stages, money)
            sentences[row, label] = said
        quota = float(rows[row]["quota"])
        points = amount / quota if quota > 0 else None
        found.setdefault((row, slug), []).append(Driver(label, points, round(amount), said))
    return {key: tuple(several) for key, several in found.items()}


def _ranked(drivers: pd.DataFrame, wanted: Sequence[int], stages: Sequence[str]) -> pd.DataFrame:
    """`row, slug, label, amount`: strongest first within a part, those beyond `SHOWN` summed at its end."""
    own = drivers[drivers["row"].isin(wanted)]
    slug = own["slug"].to_numpy(dtype=object)
    label = own["label"].to_numpy(dtype=object)
    by_feature = slug == _BY_FEATURE
    names = {name: _OWN_COLUMNS.get(name) or group_of(name, stages) for name in pd.unique(label[by_feature])}
    label = np.where(by_feature, [names.get(name, name) for name in label], label)
    table = pd.DataFrame(
        {"row": own["row"].to_numpy(dtype=np.int64), "slug": slug, "label": label,
         "amount": own["amount"].to_numpy(dtype=float)}
    )  # fmt: skip
    table = table.groupby(["row", "slug", "label"], sort=True)[["amount"]].sum().reset_index()
    table["size"] = -table["amount"].abs()
    table = table.sort_values(["row", "slug", "size", "label"], kind="stable", ignore_index=True)
    place = table.groupby(["row", "slug"]).cumcount().to_numpy()
    rest = table[place >= SHOWN].groupby(["row", "slug"], sort=True)[["amount"]].sum().reset_index()
    shown = pd.concat([table[place < SHOWN], rest.assign(label=REST, size=np.inf)], ignore_index=True)
    return shown.sort_values(["row", "slug", "size", "label"], kind="stable", ignore_index=True)
