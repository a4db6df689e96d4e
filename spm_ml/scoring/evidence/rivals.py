"""The champion beside the newest version after it: what the gate says of each, and the difference between them."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from spm_ml import accuracy
from spm_ml.backtest import Backtest, Comparison
from spm_ml.backtest.columns import BOOKINGS, QUANTILES
from spm_ml.backtest.comparison import compare_rows
from spm_ml.errors import DataError, NotReadyError
from spm_ml.predictions import Contender, GateRow, PairedDifference, Rivals
from spm_ml.registry import ModelVersion, Registry
from spm_ml.settings import QUANTILE_LEVELS

_KEYS = ["rep_id", "period", "as_of"]
_DRAWS, _SEED = 2_000, 0


def find_rivals(registry: Registry, champion: ModelVersion) -> Rivals:
    """Compares the champion with the newest version that was registered after it.

    Raises:
        ConfigurationError: The registry does not answer.
    """
    newest = registry.versions()[-1:]
    challenger = next((version for version in newest if version.version > champion.version), None)
    return Rivals(
        champion=_contender(registry, champion),
        challenger=None if challenger is None else _contender(registry, challenger),
        difference=None if challenger is None else _difference(registry, champion, challenger),
        compared_at=datetime.now(UTC),
    )


def _contender(registry: Registry, version: ModelVersion) -> Contender:
    tables = _tables(registry, version)
    scores: dict[str, float | None] = {row["forecaster"]: row.get("crps") for row in tables.get("value_added", ())}
    promoted = json.loads(version.tags.get("gate", "[]"))
    gate = promoted or tables.get("gate", ())
    return Contender(
        name=version.name,
        version=str(version.version),
        label=version.tags.get("label", version.forecaster),
        registered_at=version.created_at,
        data_version=version.tags.get("data_version", ""),
        crps=scores.get(version.forecaster),
        gate=tuple(GateRow(**row) for row in gate),
        judged="promotion" if promoted else "training" if gate else "never",
    )


def _tables(registry: Registry, version: ModelVersion) -> dict[str, Any]:
    try:
        tables: dict[str, Any] = json.loads(registry.artifact(version, "tables.json").read_text(encoding="utf-8"))
    except NotReadyError:  # its files were deleted, which takes nothing from the version in use
        return {}
    return tables


def _difference(registry: Registry, champion: ModelVersion, challenger: ModelVersion) -> PairedDifference | None:
    """In the challenger's backtest where it tested both, else each in its own on the rows that they share."""
    later = _backtest(registry, challenger)
    if later is None:
        return None
    tested = set(later.frame["forecaster"])
    if champion.forecaster in tested and champion.forecaster != challenger.forecaster:
        return _paired(later.compare(challenger.forecaster, champion.forecaster), same=True)
    earlier = _backtest(registry, champion)
    if earlier is None:
        return None
    found = _own_rows(_scored(earlier, champion.forecaster), _scored(later, challenger.forecaster))
    return None if found is None else _paired(found, same=False)


def _backtest(registry: Registry, version: ModelVersion) -> Backtest | None:
    try:
        return Backtest.read(registry.artifact(version, "backtest.parquet"))
    except (NotReadyError, DataError):
        return None


def _scored(backtest: Backtest, forecaster: str) -> pd.DataFrame:
    """CRPS of one forecaster's rows, of attainment or, where no quota is known, of bookings in the rep's usual size."""
    rows = backtest.frame[backtest.frame["forecaster"] == forecaster]
    reached = rows["actual_attainment"].to_numpy(dtype=float)
    with_quota = bool(2 * np.isfinite(reached).sum() >= np.isfinite(rows["actual_bookings"].to_numpy(float)).sum())
    usual = rows["usual_bookings"].to_numpy(dtype=float)
    actual = reached if with_quota else rows["actual_bookings"].to_numpy(dtype=float) / usual
    quantiles = rows[list(QUANTILES if with_quota else BOOKINGS)].to_numpy(dtype=float)
    scores = accuracy.crps_of_rows(actual, quantiles if with_quota else quantiles / usual[:, None], QUANTILE_LEVELS)
    return rows[_KEYS].assign(crps=scores, with_quota=with_quota)


def _own_rows(champion: pd.DataFrame, challenger: pd.DataFrame) -> Comparison | None:
    both = champion.merge(challenger, on=[*_KEYS, "with_quota"], suffixes=("", "_challenger"))
    if both.empty:
        return None
    return compare_rows(
        both["crps_challenger"].to_numpy(dtype=float),
        both["crps"].to_numpy(dtype=float),
        np.asarray(pd.factorize(both["rep_id"])[0], dtype=np.int64),
        np.asarray(pd.factorize(both["period"])[0], dtype=np.int64),
        draws=_DRAWS,
        seed=_SEED,
    )


def _paired(found: Comparison, *, same: bool) -> PairedDifference | None:
    if not found.rows:
        return None
    known = bool(np.isfinite(found.low))
    return PairedDifference(
        mean=found.mean_difference,
        low=found.low if known else None,
        high=found.high if known else None,
        rows=found.rows,
        reps=found.reps,
        periods=found.periods,
        same_backtest=same,
    )
