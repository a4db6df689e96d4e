"""What counts of future bookings are read from: usual counts by days left, and what makes a rep differ from usual."""

from typing import Final

import numpy as np
import pandas as pd

from spm_ml.forecasting.deal_level.pipeline import ramp, reach, segments_of
from spm_ml.forecasting.deal_level.rep_records import MOVES
from spm_ml.forecasting.distribution import Array

_LEAST: Final = 1e-3
_PRIOR_COUNT: Final = 4.0

RECENT: Final = (28, 91)
"""Days in which recent creation is counted."""

_CREATION, _RECORD, _PRESENCE, _SEASON, _LEFT = (
    "Deals the rep creates",
    "The rep's record",
    "Ramp, territory and hours",
    "Season",
    "Time left in the period",
)
READ: Final = {
    "created_count_28": _CREATION,
    "created_count_91": _CREATION,
    "tenure_days": _PRESENCE,
    "open_count": "The rep's workload",
    "won_count_28": _RECORD,
    "win_rate_364": _RECORD,
    "cycle_days_364": _RECORD,
    "activity_28": "The rep's recent activity",
    "territory_potential": _PRESENCE,
    "days_left": _LEFT,
}
"""Features that the trees see besides the regressors, each with what a reader calls it."""

_OF_RECORD: Final = {"created": _CREATION} | dict.fromkeys(("won", "lost", "advanced", "larger"), _RECORD)

LABELS: Final = frozenset({*READ.values(), *_OF_RECORD.values(), _SEASON})
"""Every name that a driver of the arrivals may have."""


def curve_of(days_left: Array, count: Array, able: Array) -> dict[str, list[float]]:
    """Mean count by days left, ascending, from 0 at the end."""
    table = pd.DataFrame({"days": days_left, "count": count, "able": able}).groupby("days").sum()
    rate = (table["count"] / table["able"].clip(lower=_LEAST)).to_numpy()
    days = table.index.to_numpy(dtype=float)
    order = days > 0
    return {"days_left": [0.0, *days[order].tolist()], "count": [0.0, *rate[order].tolist()]}


def curves_of(frame: pd.DataFrame, count: Array) -> dict[str, dict[str, list[float]]]:
    """`curve_of` for each segment; '' = all of them."""
    days, able = weekly_days(frame), _able(frame)
    curves = {"": curve_of(days, count, able)}
    segment = segments_of(frame)
    for name, rows in segment.groupby(segment).groups.items():
        place = np.asarray(rows, dtype=int)
        curves[str(name)] = curve_of(days[place], count[place], able[place])
    return curves


def weekly_days(frame: pd.DataFrame) -> Array:
    """Days left, rounded to the mean of the week, so that periods of other lengths share a point of the curve."""
    days = frame["days_left"].to_numpy(dtype=float)
    length = ((frame["period_end"] - frame["period_start"]).dt.days + 1).to_numpy(dtype=float)
    weeks_left = np.round(days / 7)
    return np.where(days >= length, np.round(length / 7) * 7, weeks_left * 7)


def _able(frame: pd.DataFrame) -> Array:
    return np.asarray(np.clip(np.nan_to_num(frame["exposure"].to_numpy(dtype=float), nan=1.0), 0.05, 1.0))


def usual_count_of(frame: pd.DataFrame, curves: dict[str, dict[str, list[float]]]) -> Array:
    """(n,) the usual count in the rest of each row's period, by segment, days left and presence; positive."""
    days, segment = frame["days_left"].to_numpy(dtype=float), segments_of(frame).to_numpy()
    count = np.interp(days, curves[""]["days_left"], curves[""]["count"])
    for name, curve in curves.items():
        own = segment == name
        count[own] = np.interp(days[own], curve["days_left"], curve["count"])
    return np.asarray(np.maximum(count * _able(frame), _LEAST))


def _usual_creation(frame: pd.DataFrame) -> Array:
    return np.asarray(np.maximum(reach(frame) * ramp(frame), 0.05))


def paces_of(frame: pd.DataFrame) -> dict[str, list[float]]:
    """By segment ('' = all): deals that a fully present, ramped rep creates in each of `RECENT` days."""
    usual, segment = _usual_creation(frame), segments_of(frame).to_numpy()
    made = np.column_stack([frame[f"created_count_{days}"].to_numpy(dtype=float) for days in RECENT])
    groups = {"": np.ones(len(frame), dtype=bool)} | {str(name): segment == name for name in pd.unique(segment)}
    paces = {}
    for name, own in groups.items():
        known = own[:, None] & np.isfinite(made)
        able = np.maximum((usual[:, None] * known).sum(axis=0), _LEAST)
        paces[name] = (np.where(known, made, 0.0).sum(axis=0) / able).tolist()
    return paces


def regressors_of(
    frame: pd.DataFrame, record: Array, usual_count: Array, seasons: tuple[int, ...], paces: dict[str, list[float]]
) -> Array:
    """(n, q): records, recent creation against the usual pace, ramp, territory, season; the first ones times left."""
    length = np.maximum((frame["period_end"] - frame["period_start"]).dt.days.to_numpy(dtype=float) + 1, 1.0)
    left = np.clip(frame["days_left"].to_numpy(dtype=float) / length, 0, 1)[:, None]
    usual, segment = _usual_creation(frame), segments_of(frame)
    recent = []
    for place, days in enumerate(RECENT):
        pace = segment.map({name: paces[name][place] for name in paces}).fillna(paces[""][place])
        due = np.maximum(usual * pace.to_numpy(dtype=float), _LEAST)
        made = frame[f"created_count_{days}"].to_numpy(dtype=float)
        recent.append(np.log((np.where(np.isnan(made), due, made) + _PRIOR_COUNT) / (due + _PRIOR_COUNT)))
    moving = np.column_stack([record, *recent])
    standing = np.column_stack([np.log(ramp(frame)), np.log(reach(frame)), np.log(usual_count)])
    number = np.nan_to_num(frame["period_number"].to_numpy(dtype=float))
    season = [(number == each).astype(float) for each in seasons]
    return np.column_stack([moving, moving * left, standing, *season])


def owners_of(seasons: int) -> list[str]:
    """What a reader calls each of `regressors_of`."""
    moving = [*(_OF_RECORD[move] for move in MOVES), *(_CREATION for _ in RECENT)]
    return [*moving, *moving, _PRESENCE, _PRESENCE, _LEFT, *(_SEASON for _ in range(seasons))]


def seen_of(frame: pd.DataFrame, regressors: Array) -> Array:
    """(n, columns) what the trees see: the regressors and `READ`."""
    return np.column_stack([regressors, frame.loc[:, list(READ)].to_numpy(dtype=float)]).astype(np.float32)
