"""check_leakage: rebuilds rows with another future and compares them bit for bit."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.dataset import COLUMNS, RepPeriodDataset, as_of_grid, build_dataset
from spm_ml.dataset.deals import DEAL_COLUMNS
from spm_ml.errors import DataError
from spm_ml.features import FEATURES, Feature
from spm_ml.history import SalesHistory
from spm_ml.leakage.certificate import LeakageCertificate, LeakExample
from spm_ml.leakage.perturbation import perturbed
from spm_ml.progress import Progress, silent

ROWS_BEFORE: Final = 30
"""As-of days compared up to and with each day: half a year and more, so that every window and lag is met."""

_KEYS: Final = ["rep_id", "as_of"]
_CONTEXT: Final = tuple(column.name for column in COLUMNS if column.role == "context")
_DEAL_KEYS: Final = ["rep_id", "as_of", "opportunity_id"]
_DEALS: Final = tuple(column.name for column in DEAL_COLUMNS if column.role == "context")


def check_leakage(
    history: SalesHistory,
    *,
    days: Sequence[date] | None = None,
    seed: int = 0,
    features: Sequence[Feature] = FEATURES,
    progress: Progress = silent,
) -> LeakageCertificate:
    """Alters, adds and deletes what was recorded after chosen days, and compares all rows up to them bit for bit.

    Features, context and the open deals behind the rows are compared; targets and labels look ahead on purpose.

    Args:
        history: What was recorded.
        days: Days after which the future is changed; default: three days of the weekly grid, drawn by the seed.
        seed: Chooses the days and the records.
        features: Features to check.
        progress: Told after each day.

    Raises:
        DataError: No chosen day lies within the history.
    """
    grid = as_of_grid(history)
    chosen = tuple(sorted(set(days))) if days is not None else draw_days(grid, seed)
    windows = {day: _window(grid, day) for day in chosen}
    if not any(windows.values()):
        raise DataError(
            f"no as-of day lies at or before {', '.join(map(str, chosen)) or 'the chosen days'}: "
            f"the history's first is {grid[0] if grid else 'none'}; choose later days"
        )
    base = build_dataset(history, as_of_days=[day for window in windows.values() for day in window], features=features)
    compared = changed = 0
    examples: dict[str, LeakExample] = {}
    for number, (day, window) in enumerate(windows.items(), start=1):
        if window:
            with perturbed(history, day, seed=seed + number) as (other, count):
                rebuilt = build_dataset(other, as_of_days=window, features=features)
            rows, found = _compare(base, rebuilt, window, day)
            compared, changed = compared + rows, changed + count
            examples = found | examples
        progress("check-leakage", number, len(windows))
    return LeakageCertificate(
        days=chosen,
        features_checked=len(base.feature_names),
        context_checked=len(_CONTEXT) + len(_DEALS),
        rows_compared=compared,
        records_changed=changed,
        differing=tuple(sorted(examples)),
        examples=tuple(examples[name] for name in sorted(examples)),
        seed=seed,
        data_hash=history.data_hash,
    )


def draw_days(grid: Sequence[date], seed: int) -> tuple[date, ...]:
    """Three days from the middle on, where there is both a past to read and a future to change."""
    candidates = grid[len(grid) // 3 : -1] or grid[:-1]
    if not candidates:
        return tuple(grid)
    places = np.random.default_rng(seed).choice(len(candidates), size=min(3, len(candidates)), replace=False)
    return tuple(candidates[place] for place in sorted(places))


def _window(grid: Sequence[date], day: date) -> list[date]:
    return [as_of for as_of in grid if as_of <= day][-ROWS_BEFORE:]


def _compare(
    base: RepPeriodDataset, rebuilt: RepPeriodDataset, window: Sequence[date], day: date
) -> tuple[int, dict[str, LeakExample]]:
    """Rows compared, and an example for each column that differs."""
    days = pd.DatetimeIndex(list(window)).as_unit("s")
    before, after = base.frame[base.frame["as_of"].isin(days)], rebuilt.frame
    columns = (*_CONTEXT, *base.feature_names)
    rows, examples = _compare_frames(before.set_index(_KEYS), after.set_index(_KEYS), columns, "rows", day)
    before, after = base.deals[base.deals["as_of"].isin(days)], rebuilt.deals
    _, of_deals = _compare_frames(before.set_index(_DEAL_KEYS), after.set_index(_DEAL_KEYS), _DEALS, "open deals", day)
    return rows, examples | {(name if name == "open deals" else f"deal {name}"): one for name, one in of_deals.items()}


def _compare_frames(
    before: pd.DataFrame, after: pd.DataFrame, columns: Sequence[str], what: str, day: date
) -> tuple[int, dict[str, LeakExample]]:
    examples = {}
    for key in before.index.symmetric_difference(after.index)[:1]:
        there = [str(key in frame.index) for frame in (before, after)]
        examples[what] = LeakExample(what, key[0], key[1].date(), day, *there)
    common = before.index.intersection(after.index)
    before, after = before.loc[common], after.loc[common]
    for name in columns:
        different = _bits(before[name]) != _bits(after[name])
        if different.any():
            place = int(np.argmax(different))
            values = [repr(frame[name].iloc[place]) for frame in (before, after)]
            examples[name] = LeakExample(name, common[place][0], common[place][1].date(), day, *values)
    return len(common), examples


def _bits(column: pd.Series) -> np.ndarray:
    """Values that are equal only if every bit is; NaN equals NaN."""
    if column.dtype.kind == "f":
        return np.ascontiguousarray(np.where(column.isna(), np.nan, column.to_numpy())).view(np.int64)
    if column.dtype.kind in "biM":
        return column.to_numpy()
    return column.astype(object).where(column.notna(), None).to_numpy()
