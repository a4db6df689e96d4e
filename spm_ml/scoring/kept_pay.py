"""KeptPay: what everybody is paid so far and may be paid, kept beside a batch so that sums of pay can be made anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd

from spm_ml.forecasting.distribution import Array
from spm_ml.scoring.pay import PayCurve

_INPUTS: Final = "pay.parquet"
_CURVES: Final = "pay_curves.parquet"
_COLUMNS: Final = ("rep_id", "so_far", "at_mean", "bookings", "payouts")


@dataclass(frozen=True)
class KeptPay:
    """Pay of the running period on a batch's day.

    Attributes:
        inputs: From `pay_inputs`, of every rep; None without plans.
        curves: Of every rep on a plan, by rep_id.
    """

    inputs: pd.DataFrame | None
    curves: Mapping[str, PayCurve]

    def with_anew(self, anew: Self, reps: frozenset[str]) -> Self:
        """The same with what some reps have now in place of what they had."""
        inputs = self.inputs
        if inputs is not None and anew.inputs is not None:
            inputs = pd.concat([inputs[~inputs.index.isin(reps)], anew.inputs]).sort_index()
        others = {rep_id: curve for rep_id, curve in self.curves.items() if rep_id not in reps}
        together = others | dict(anew.curves)
        return type(self)(inputs, {rep_id: together[rep_id] for rep_id in sorted(together)})

    def write(self, folder: Path) -> None:
        """Writes it into a folder."""
        if self.inputs is not None:
            self.inputs.to_parquet(folder / _INPUTS)
        rows = [
            (rep_id, curve.so_far, curve.at_mean, _listed(curve.bookings), _listed(curve.payouts))
            for rep_id, curve in self.curves.items()
        ]
        table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"so_far": "int64", "at_mean": "Int64"})
        table.to_parquet(folder / _CURVES)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads what was written into a folder."""
        file = folder / _INPUTS
        table = pd.read_parquet(folder / _CURVES)
        columns = (table[name].tolist() for name in _COLUMNS)
        curves = {
            rep_id: PayCurve(so_far)
            if payouts is None
            else PayCurve(so_far, int(at_mean), np.asarray(bookings), np.asarray(payouts))
            for rep_id, so_far, at_mean, bookings, payouts in zip(*columns, strict=True)
        }
        return cls(pd.read_parquet(file) if file.exists() else None, curves)


def _listed(values: Array | None) -> list[float] | None:
    return None if values is None else values.tolist()
