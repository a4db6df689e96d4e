"""What the organisation as a whole stood at: sums over everybody, whoever's rows are built."""

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from spm_ml.features import AsOfGrid
from spm_ml.features.bookings import finished_bookings
from spm_ml.features.day_numbers import date_of, number_of, numbers_of, places

_ = ibis._


def organisation_readings(grid: AsOfGrid) -> dict[str, np.ndarray]:
    """Sums over all reps known on the as-of day, gone ones too.

    Returns:
        Each (as-of days,): `organisation_booked` and `organisation_late` of finished periods, and
        `organisation_changes` of deals in the last `stale_after_days`; NaN while nobody is known, and before records
        begin.
    """
    window = grid.history.organisation.stale_after_days
    finished = _totals(grid, finished_bookings(grid).select("rep_id", "day", "booked", "late"))
    return {
        "organisation_late": _known(grid, finished["late"], 1),
        "organisation_booked": _known(grid, finished["booked"], 1),
        "organisation_changes": _known(grid, _changes_within(grid, window), window),
    }


def _changes_within(grid: AsOfGrid, window: int) -> np.ndarray:
    """(as-of days,) int64: changes of deals in the last `window` days, of the reps known by the as-of day."""
    as_of = grid.slots.as_of
    rows = grid.history.ledger.filter(_.recorded_on > ibis.literal(date_of(int(as_of[0]) - window)))
    counted = rows.inner_join(grid.staff, "rep_id").group_by("recorded_on", "known_from").agg(changes=_.count())
    table = counted.to_pyarrow()
    day, known_from = (numbers_of(table[name]) for name in ("recorded_on", "known_from"))
    changes = np.zeros(len(as_of) + 1, dtype=np.int64)
    for late_by, sign in ((0, 1), (window, -1)):
        np.add.at(changes, places(as_of, np.maximum(day + late_by, known_from)), sign * table["changes"].to_numpy())
    return np.cumsum(changes)[:-1]


def _totals(grid: AsOfGrid, rows: ir.Table) -> dict[str, np.ndarray]:
    """What the rows of the reps known by then add up to, by measure (as-of days,), int64.

    Args:
        grid: The as-of days.
        rows: `rep_id, day` and measures.
    """
    measures = [name for name in rows.columns if name not in ("rep_id", "day")]
    counted = (
        rows.filter(_.day.notnull())
        .inner_join(grid.staff, "rep_id")
        .mutate(counts_from=ibis.greatest(_.day, _.known_from))
        .group_by("counts_from")
        .agg(**{name: _[name].sum() for name in measures})
    )
    table = counted.to_pyarrow().sort_by("counts_from")
    place = np.searchsorted(numbers_of(table["counts_from"]), grid.slots.as_of, side="right")
    sums = {name: np.cumsum(table[name].cast(pa.int64()).to_numpy()) for name in measures}
    return {name: np.concatenate([np.zeros(1, np.int64), total])[place] for name, total in sums.items()}


def _known(grid: AsOfGrid, values: np.ndarray, days: int) -> np.ndarray:
    """The values as float64 where somebody is known and the last `days` days of the ledger are."""
    begin = grid.first_recorded("ledger")
    if begin is None:
        return np.full(len(values), np.nan)
    as_of = grid.slots.as_of
    return np.where((as_of >= grid.known_from) & (as_of >= number_of(begin) + max(days - 1, 0)), values, np.nan)
