"""What the deal model sees of an open deal: named columns, and the design of its logistic half."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.forecasting.deal_level.pipeline import Pipeline, segments_of
from spm_ml.forecasting.deal_level.rep_records import MOVES, first_sights
from spm_ml.forecasting.distribution import Array

Matrix: TypeAlias = NDArray[np.float32]

GROUPS: Final[Mapping[str, str]] = {
    "stage": "Stage reached",
    "log_amount": "Deal size",
    "relative_amount": "Deal size",
    "amount_growth": "Deal size",
    "age_days": "Age and time in stage",
    "stage_days": "Age and time in stage",
    "relative_age": "Age and time in stage",
    "idle_days": "Days without a change",
    "due_days": "Expected close",
    "due_after_period": "Expected close",
    "due_in_period": "Expected close",
    "pushes": "Pushed before",
    "steps": "Age and time in stage",
    "inherited": "Taken over from others",
    "days_left": "Time left in the period",
    "period_number": "Season",
    "segment": "Segment",
    "win_rate_364": "The rep's record",
    "cycle_days_364": "The rep's record",
    "tenure_days": "The rep's record",
    "open_count": "The rep's workload",
    "activity_28": "The rep's recent activity",
    "territory_potential": "Territory",
    **{f"record_{move}": "The rep's record" for move in MOVES},
}
"""Columns of the matrix in order, each with what a reader calls it."""

SHOWN_SEGMENTS: Final = 8
"""Segments told apart; the others count as one."""

_MANY: Final = 8
"""Stages told apart by the logistic half; later ones count as the last of them."""


@dataclass(frozen=True)
class DealInputs:
    """Turns open deals into columns; all it knows was learnt from past rows.

    Attributes:
        segments: The most common ones, by name.
        sizes: Geometric mean of first-seen amounts by segment, minor units; '' = all.
        stages: Open stages.
    """

    segments: tuple[str, ...]
    sizes: dict[str, float]
    stages: int

    @classmethod
    def fit(cls, pipeline: Pipeline, stages: int) -> Self:
        """Learns segments and their usual sizes."""
        segment = segments_of(pipeline.frame)
        common = segment.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        first = first_sights(pipeline)
        first = first[first["amount"] > 0]
        by_rep = pipeline.frame.assign(segment=segment).drop_duplicates("rep_id", keep="last").set_index("rep_id")
        logs = np.log(first["amount"].to_numpy(dtype=float))
        own = by_rep["segment"].reindex(first["rep_id"]).fillna("").to_numpy()
        sizes = {str(name): float(np.exp(mean)) for name, mean in pd.Series(logs).groupby(own).mean().items()}
        return cls(
            tuple(common.index[:SHOWN_SEGMENTS]),
            sizes | {"": float(np.exp(logs.mean())) if len(logs) else 1.0},
            min(stages, _MANY),
        )

    def usual_size(self, frame: pd.DataFrame, record: Array) -> Array:
        """(n,) usual amount of each rep's deals, minor units, positive: the segment's, times the rep's own record."""
        usual = segments_of(frame).map(self.sizes).fillna(self.sizes[""]).to_numpy(dtype=float)
        return np.asarray(np.maximum(usual * np.exp(record[:, MOVES.index("larger")]), 1.0))

    def segment_code(self, frame: pd.DataFrame) -> Array:
        """(n,) 0 … for the common segments, −1 for the others."""
        code = pd.Index(self.segments).get_indexer(pd.Index(segments_of(frame)))
        return np.asarray(code.astype(float))

    def matrix(self, pipeline: Pipeline, record: Array) -> Matrix:
        """(m, columns of `GROUPS`) float32, NaN where unknown.

        Args:
            pipeline: The deals.
            record: (n, moves) of the rows' reps, from `RepRecords.of`.
        """
        deals, row = pipeline.deals, pipeline.row
        number = {
            name: deals[name].to_numpy(dtype=float)
            for name in ("stage", "age_days", "stage_days", "idle_days", "due_days", "due_after_period", "pushes")
        }
        amount = np.maximum(deals["amount"].to_numpy(dtype=float), 1.0)
        cycle = pipeline.of_rows("cycle_days_364")
        columns: dict[str, Array] = number | {
            "log_amount": np.log(amount),
            "relative_amount": np.log(amount / self.usual_size(pipeline.frame, record)[row]),
            "amount_growth": deals["amount_growth"].to_numpy(dtype=float),
            "relative_age": number["age_days"] / np.maximum(cycle, 7.0),
            "due_in_period": ((number["due_days"] >= 0) & (number["due_after_period"] <= 0)).astype(float),
            "steps": deals["steps"].to_numpy(dtype=float),
            "inherited": deals["inherited"].to_numpy(dtype=float),
            "segment": self.segment_code(pipeline.frame)[row],
            "cycle_days_364": cycle,
        }
        columns |= {f"record_{move}": record[row, place] for place, move in enumerate(MOVES)}
        columns |= {name: pipeline.of_rows(name) for name in GROUPS if name not in columns}
        matrix = np.empty((len(row), len(GROUPS)), dtype=np.float32)
        for place, name in enumerate(GROUPS):
            matrix[:, place] = columns[name]
        return matrix

    def design(self, matrix: Matrix) -> tuple[Array, tuple[str, ...]]:
        """(m, q) regressors of the logistic half, and for each the column of `GROUPS` that it belongs to.

        Every regressor stands alone and times each stage; those of time times each segment too.
        """
        read = {name: matrix[:, place].astype(float) for place, name in enumerate(GROUPS)}
        known = {name: np.nan_to_num(values) for name, values in read.items()}
        due, beyond = np.clip(known["due_days"] / 30, -3, 6), np.clip(known["due_after_period"] / 30, -6, 6)
        base: list[tuple[str, Array]] = [
            ("age_days", np.log1p(np.maximum(known["age_days"], 0))),
            ("stage_days", np.log1p(np.maximum(known["stage_days"], 0))),
            ("idle_days", np.log1p(np.maximum(known["idle_days"], 0))),
            ("due_days", due),
            ("due_after_period", beyond),
            ("due_after_period", (known["due_after_period"] > 0).astype(float)),
            ("due_days", (known["due_days"] < 0).astype(float)),
            ("days_left", np.log1p(known["days_left"])),
            ("days_left", known["days_left"] / 30),
            ("pushes", np.minimum(known["pushes"], 4)),
            ("relative_amount", np.clip(known["relative_amount"], -3, 3)),
            ("win_rate_364", known["win_rate_364"]),
            ("win_rate_364", np.isnan(read["win_rate_364"]).astype(float)),
            ("cycle_days_364", np.log(np.clip(known["cycle_days_364"], 7, None))),
            ("inherited", known["inherited"]),
            *((f"record_{move}", known[f"record_{move}"]) for move in ("won", "lost", "advanced")),
        ]
        base += [("period_number", (known["period_number"] == number).astype(float)) for number in (1, 2, 3)]
        stage = np.minimum(known["stage"], self.stages)
        columns, owners = [values for _, values in base], [name for name, _ in base]
        for number in range(1, self.stages + 1):
            here = (stage == number).astype(float)
            apart = [*base[:11], *base[15:18]]
            columns += [here, *(here * values for _, values in apart)]
            owners += ["stage", *(name for name, _ in apart)]
        for code in range(len(self.segments)):
            own = (known["segment"] == code).astype(float)
            columns += [own, own * base[7][1], own * stage]
            owners += ["segment", "segment", "segment"]
        return np.column_stack(columns), tuple(owners)

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return {"segments": list(self.segments), "sizes": self.sizes, "stages": self.stages}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        return cls(tuple(state["segments"]), state["sizes"], state["stages"])
