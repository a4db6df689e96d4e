"""Teams, regions and the company in a backtest: what the sums of the reps' forecasts said, and what came of them."""

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml import accuracy
from spm_ml.accuracy import Array
from spm_ml.backtest.columns import BOOKINGS, GROUP_ROWS, LOWER, UPPER
from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.roll_up import roll_up_each
from spm_ml.settings import QUANTILE_LEVELS

LEVELS: Final = ("team", "region", "company")
"""What reps are added up to."""

DRAWS: Final = 500
"""Futures of each sum. Their 10 % and 90 % points vary by about .013 of a level, which is far less than what a handful
of tested periods can tell."""

_ROUNDING: Final = 0.5
"""Minor units by which a sum of floats may miss a whole number."""


def empty_groups() -> pd.DataFrame:
    """A table of no groups, with the columns of `Backtest.groups`."""
    texts = ("forecaster", "level", "group", "period")
    types = dict.fromkeys(GROUP_ROWS, "float64") | dict.fromkeys(texts, "str")
    types |= {"as_of": "datetime64[s]", "week": "int64", "members": "int64"}
    return pd.DataFrame(columns=list(GROUP_ROWS)).astype(types)


def group_rows(name: str, frame: pd.DataFrame, forecast: AttainmentForecast, *, seed: int = 0) -> pd.DataFrame:
    """Adds up one forecaster's rows of one tested period to every level, and what came of the same rows.

    Members are the reps who were forecast and stayed to the period's end; those of whom no team or region is known are
    members of the company alone. A deal that several reps are credited with counts once for each of them, in the
    forecast and in the outcome alike.

    Args:
        name: Slug of the forecaster.
        frame: (n) tested rows of a dataset.
        forecast: Of the same rows.
        seed: Of the futures.

    Returns:
        Rows of `Backtest.groups`, sorted by level, group and as-of day.
    """
    actual = frame["actual_bookings"].where(~frame["censored"]).to_numpy(dtype=float)
    answered = ~np.isnan(actual) & ~np.isnan(forecast.bookings).any(axis=1)
    known = pd.DataFrame({column: frame[column].to_numpy() for column in ("period", "as_of", "week")})
    named = {level: _members(frame, level, answered) for level in LEVELS}
    named = {level: group for level, group in named.items() if (group != "").any()}
    tables = []
    rolled = roll_up_each(forecast, [list(group) for group in named.values()], draws=DRAWS, seed=seed)
    for (level, group), summed in zip(named.items(), rolled, strict=True):
        rows = known.assign(group=group, actual_bookings=actual)
        of = ["group", "as_of"]
        came = rows[group != ""].groupby(of).agg({"actual_bookings": "sum", "period": "first", "week": "first"})
        table = summed.keys.assign(
            forecaster=name,
            level=level,
            members=summed.members,
            booked=summed.booked,
            mean=summed.mean_bookings,
            **dict(zip(BOOKINGS, summed.bookings.T, strict=True)),
        )
        tables.append(table.join(came, on=of))
    if not tables:
        return empty_groups()
    return pd.concat(tables, ignore_index=True).loc[:, list(GROUP_ROWS)].astype(empty_groups().dtypes.to_dict())


def _members(frame: pd.DataFrame, level: str, answered: NDArray[np.bool_]) -> NDArray[np.object_]:
    """(n,) group of each row; '' for those that are members of none."""
    names = pd.Series("company", frame.index) if level == "company" else frame[level].fillna("").astype(str)
    return np.where(answered, names.to_numpy(dtype=object), "")


def covered(rows: pd.DataFrame, nominal: float = 0.8) -> Array:
    """(n,) 1 where the outcome lay in the central interval of bookings, ends included, else 0; NaN without either.

    Args:
        rows: Outcomes and quantiles of bookings.
        nominal: Share that the interval should hold; its ends must be quantiles that are stored.
    """
    ends = (BOOKINGS[QUANTILE_LEVELS.index(round(level, 2))] for level in ((1 - nominal) / 2, (1 + nominal) / 2))
    actual, low, high = (rows[column].to_numpy(dtype=float) for column in ("actual_bookings", *ends))
    inside = (actual >= low - _ROUNDING) & (actual <= high + _ROUNDING)
    return np.where(np.isnan(actual + low + high), np.nan, inside)


def measure_levels(frame: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """Measures every forecaster at the level of reps and of each kind of group; see `Backtest.by_level`."""
    reps = frame.assign(level="rep", mean=frame["mean_bookings"])
    columns = ["forecaster", "level", "actual_bookings", "mean", *BOOKINGS]
    rows = pd.concat([reps[columns], groups[columns]], ignore_index=True).dropna()
    order = {level: place for place, level in enumerate(("rep", *LEVELS))}
    found = [
        {"forecaster": name, "level": level} | _measured(of_level)
        for (name, level), of_level in sorted(
            rows.groupby(["forecaster", "level"], sort=False), key=lambda part: order[str(part[0][1])]
        )
    ]
    measures = ("n", "crps_of_mean", "width_of_mean", "coverage_80", "bias")
    return pd.DataFrame(found, columns=["forecaster", "level", *measures]).astype(
        dict.fromkeys(measures[1:], "float64") | {"n": "int64"}
    )


def _measured(rows: pd.DataFrame) -> dict[str, Any]:
    actual = rows["actual_bookings"].to_numpy(dtype=float)
    size = float(np.abs(actual).mean())
    per = 1 / size if size > 0 else np.nan
    crps = accuracy.crps(actual, rows[list(BOOKINGS)].to_numpy(dtype=float), QUANTILE_LEVELS)
    return {
        "n": len(rows),
        "crps_of_mean": (crps if crps is not None else np.nan) * per,
        "width_of_mean": float((rows[UPPER] - rows[LOWER]).mean()) * per,
        "coverage_80": float(covered(rows).mean()),
        "bias": accuracy.bias(actual, rows["mean"]),
    }
