"""Are the rows that are forecast now unlike those the model learnt from, and is it still as right as it was?

Compared is the same week of each period: features with the rows that the model was fitted on, forecasts with what the
backtest forecast, and the place of outcomes in their forecasts (PIT) of the last finished period with those before it.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.accuracy import probability_integral_transform
from spm_ml.backtest import Backtest
from spm_ml.backtest.columns import BOOKINGS
from spm_ml.dataset import RepPeriodDataset
from spm_ml.drift import ColumnDrift, DriftRows, find_drift
from spm_ml.drift.columns import ALPHA
from spm_ml.errors import NotReadyError
from spm_ml.features import FEATURES
from spm_ml.forecasting import AttainmentForecast
from spm_ml.predictions import Drift, DriftTest
from spm_ml.predictions.model_evidence import FEWER, DriftKind, DriftVerdict
from spm_ml.registry import Registry
from spm_ml.scoring.evidence.learnt_from import OTHER_REPS, TRAINING_ROWS
from spm_ml.scoring.model import ScoringModel
from spm_ml.scoring.target import ScoringTarget
from spm_ml.settings import QUANTILE_LEVELS

_FORECAST: Final = {
    "p_hit": "Chance of reaching the quota.",
    "median": "Middle forecast of attainment.",
    "width_80": "Width of the 80 % interval of attainment.",
}
_PIT: Final = "pit"
_PIT_MEANING: Final = "Where outcomes of the last finished period fell in their forecasts, against the periods before."
_ORDER: Final[dict[DriftVerdict, int]] = {"drift": 0, "seen_before": 1, "none": 2, "untested": 3}


def measure_drift(
    registry: Registry,
    model: ScoringModel,
    backtest: Backtest,
    target: ScoringTarget,
    dataset: RepPeriodDataset,
    forecast: AttainmentForecast,
) -> Drift:
    """Tests every feature, the forecasts and their calibration on the board's day.

    Args:
        registry: Keeps the rows that the model was fitted on.
        model: The champion.
        backtest: Says how it forecast before.
        target: The day and period.
        dataset: Rows that hold the board's day.
        forecast: Of the same rows.
    """
    board = (dataset.frame["as_of"] == pd.Timestamp(target.as_of)).to_numpy()
    rows = dataset.frame[board]
    week = int(rows["week"].max()) if len(rows) else 0
    try:
        learnt = pd.read_parquet(registry.artifact(model.version, TRAINING_ROWS))
    except NotReadyError:
        return _nothing(target, week, rows, "training_rows_missing")
    features = tuple(name for name in dataset.feature_names if name in learnt)
    known = _at(learnt, week)
    families: list[tuple[DriftKind, DriftRows]] = [("feature", _rows(known, rows, features))]
    before = _forecast_before(backtest, model.forecaster.name, week)
    families.append(("forecast", _rows(before, _forecast_now(rows, forecast, board), tuple(_FORECAST))))
    families.append(("calibration", DriftRows(before.dropna(subset=[_PIT]), (_PIT,))))
    found = find_drift([family for _, family in families])
    kinds = [kind for kind, family in families for _ in family.columns]
    meanings = {name: one.description for one in FEATURES for name in one.names(len(dataset.stages))}
    meanings |= _FORECAST | {_PIT: _PIT_MEANING}
    tests = [_test(one, kind, meanings.get(one.column, "")) for one, kind in zip(found, kinds, strict=True)]
    new = len(set(rows["rep_id"]) - set(learnt["rep_id"]) - _other_reps(registry, model))
    return Drift(
        as_of=target.as_of,
        week=week,
        level=ALPHA,
        reps=len(rows),
        new_reps=new if new > FEWER or not new else FEWER,
        tests=tuple(sorted(tests, key=lambda test: (_ORDER[test.verdict], test.adjusted_p or 0.0))),
    )


def _other_reps(registry: Registry, model: ScoringModel) -> set[str]:
    """Reps whom the model knows without having been fitted to their rows."""
    try:
        return set(pd.read_parquet(registry.artifact(model.version, OTHER_REPS))["rep_id"])
    except NotReadyError:
        return set()


def _nothing(target: ScoringTarget, week: int, rows: pd.DataFrame, why: str) -> Drift:
    return Drift(target.as_of, week, ALPHA, len(rows), 0, (), why)


def _at(rows: pd.DataFrame, week: int) -> pd.DataFrame:
    """The row of each rep and period at the week, or the last before it."""
    seen = rows[rows["week"] <= week].sort_values("week")
    return seen.drop_duplicates(["rep_id", "period_start"], keep="last")


def _rows(past: pd.DataFrame, current: pd.DataFrame, columns: tuple[str, ...]) -> DriftRows:
    names = ["rep_id", "period_start", *columns]
    earlier = past[past["period_start"] < current["period_start"].max()]
    return DriftRows(pd.concat([earlier[names], current[names]], ignore_index=True), columns)


def _forecast_before(backtest: Backtest, forecaster: str, week: int) -> pd.DataFrame:
    """What was forecast in the tested periods at the week, and where the outcomes fell; leavers have none."""
    rows = backtest.frame[backtest.frame["forecaster"] == forecaster]
    rows = _at(rows.assign(period_start=rows.groupby("period")["as_of"].transform("min")), week)
    fell = probability_integral_transform(
        rows["actual_bookings"].to_numpy(dtype=float), rows[list(BOOKINGS)].to_numpy(dtype=float), QUANTILE_LEVELS
    )
    return rows.assign(median=rows["q50"], width_80=rows["q90"] - rows["q10"], **{_PIT: fell})


def _forecast_now(rows: pd.DataFrame, forecast: AttainmentForecast, board: NDArray[np.bool_]) -> pd.DataFrame:
    low, middle, high = (forecast.attainment[board, QUANTILE_LEVELS.index(level)] for level in (0.1, 0.5, 0.9))
    return rows[["rep_id", "period_start"]].assign(p_hit=forecast.p_hit[board], median=middle, width_80=high - low)


def _test(found: ColumnDrift, kind: DriftKind, meaning: str) -> DriftTest:
    measured = found.distance
    return DriftTest(
        column=found.column,
        kind=kind,
        meaning=meaning,
        verdict=_verdict(found),
        statistic=None if measured is None else measured.value,
        threshold=None if measured is None else measured.threshold,
        p_value=None if measured is None else measured.p_value,
        adjusted_p=found.adjusted_p,
        usual_before=None if measured is None else measured.usual_before,
        rows=found.rows,
        past_rows=found.past_rows,
        untested=found.untested,
        missing_now=found.current_missing,
        missing_before=found.past_missing,
    )


def _verdict(found: ColumnDrift) -> DriftVerdict:
    if found.distance is None:
        return "untested"
    if not found.is_beyond_chance:
        return "none"
    return "drift" if found.is_unseen else "seen_before"
