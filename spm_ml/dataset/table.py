"""RepPeriodDataset: one row for each rep, period and as-of day, with what was known and what came of it."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.dataset.deals import BOOKING_COLUMNS, STATE_COLUMNS, deals_of, empty_frame, held, pinned_to
from spm_ml.dataset.parts import BOOKINGS, FORMAT, ROWS, STATES
from spm_ml.dataset.schema import SchemaError, check_frame, dtypes, in_order, label_names, pinned
from spm_ml.dataset.selection import chosen_parts, stored_description
from spm_ml.dataset.writer import DatasetWriter, hash_of_parts, parts_in_memory


@dataclass(frozen=True, eq=False)
class RepPeriodDataset:
    """Rows for every rep × period × as-of day; columns as declared in `spm_ml.dataset.schema`.

    Attributes:
        frame: The rows, sorted by period, rep and as-of day; its index is 0 … n − 1.
        states: What the open deals of the rows were like, and when: columns of `spm_ml.dataset.deals.STATE_COLUMNS`, in
            their order; empty without a pipeline. `deals` makes the deals of every row of them.
        bookings: The credited bookings of the rows' reps and periods, columns of `BOOKING_COLUMNS`; for learning only.
        feature_names: Columns that a model may learn from (float64; NaN = not known or not defined).
        stages: Names of the open stages; position k belongs to the columns `…_stage_k`.
        currency: ISO 4217 code; money columns are in its minor unit.
        version: Version of the tables.
        data_hash: Hash of the tables.
        watermark: Latest recorded day of the tables; periods that end by then are finished.

    Raises:
        SchemaError: The frame has other columns or types, or a key twice.
    """

    frame: pd.DataFrame
    feature_names: tuple[str, ...]
    stages: tuple[str, ...]
    currency: str
    version: int
    data_hash: str
    watermark: date
    states: pd.DataFrame = field(default_factory=lambda: empty_frame(STATE_COLUMNS))
    bookings: pd.DataFrame = field(default_factory=lambda: empty_frame(BOOKING_COLUMNS))

    def __post_init__(self) -> None:
        check_frame(self.frame, self.feature_names, len(self.stages))
        object.__setattr__(self, "frame", in_order(self.frame))

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Columns with what is still booked in the period from deals open in each stage."""
        return label_names(len(self.stages))

    @property
    def features(self) -> pd.DataFrame:
        """The feature columns alone, float64, shape (rows, features)."""
        return self.frame[list(self.feature_names)]

    def finished(self) -> Self:
        """The rows whose target is known and whose rep stayed to the period's end: what a model is fitted on."""
        return self.where(self.frame["actual_bookings"].notna() & ~self.frame["censored"])

    def where(self, mask: "pd.Series[bool] | np.ndarray") -> Self:
        """The rows for which the mask is true.

        Args:
            mask: One boolean a row, in the frame's order.
        """
        kept = np.asarray(mask, dtype=bool)
        if kept.shape != (len(self.frame),):
            raise SchemaError(f"the mask has shape {kept.shape}, but the dataset has {len(self.frame)} rows")
        if kept.all():
            return self
        frame = self.frame[kept].reset_index(drop=True)
        rep_periods = pd.MultiIndex.from_frame(frame[["rep_id", "period_start"]].drop_duplicates())
        booked = pd.MultiIndex.from_frame(self.bookings[["rep_id", "period_start"]]).isin(rep_periods)
        return replace(
            self,
            frame=frame,
            states=self.states[held(self.states, frame)].reset_index(drop=True),
            bookings=self.bookings[booked].reset_index(drop=True),
        )

    @property
    def deals(self) -> pd.DataFrame:
        """The open deals of every row, columns of `spm_ml.dataset.deals.DEAL_COLUMNS`; made when first asked for.

        They are many times the states: ask for those of the rows that are needed (`where`).
        """
        return self._deals[0]

    @property
    def deal_rows(self) -> np.ndarray:
        """(deals,) position in `frame` of the row that each open deal belongs to."""
        return self._deals[1]

    @cached_property
    def _deals(self) -> tuple[pd.DataFrame, np.ndarray]:
        return deals_of(self.states, self.frame, self.bookings)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything in the dataset; equal content gives an equal hash on every machine."""
        return hash_of_parts(self.description, parts_in_memory(self.frame, self.states, self.bookings))

    def write(self, path: Path) -> None:
        """Writes Parquet that `read` reads; see `DatasetWriter`."""
        with DatasetWriter(path) as writer:
            writer.add(self)

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        periods: Collection[str] | None = None,
        reps: Collection[str] | None = None,
        deals: bool = True,
    ) -> Self:
        """Reads what `write` wrote, or the rows of some periods and reps of it; no more than that is held in memory.

        Args:
            path: The index.
            periods: Labels of the periods that are wanted; default: all.
            reps: Ids of the reps that are wanted; default: all.
            deals: Whether states and bookings are read; else there are none.

        Raises:
            SchemaError: A file is not there, not Parquet, not of a dataset of this format, or does not hold its rows.
        """
        said = stored_description(path)
        while True:
            try:
                return cls._read(path, said, periods, reps, deals=deals)
            except SchemaError:  # its files go once a newer dataset is there
                before, said = said, stored_description(path)
                if said == before:
                    raise
            finally:
                pa.default_memory_pool().release_unused()  # what decoding took: a quarter of a GiB for 2 000 reps

    @classmethod
    def _read(
        cls,
        path: Path,
        said: dict[str, Any],
        periods: Collection[str] | None,
        reps: Collection[str] | None,
        *,
        deals: bool,
    ) -> Self:
        feature_names, stages = tuple(said["feature_names"]), tuple(said["stages"])
        chosen = partial(chosen_parts, path, said, wanted={"rep_id": reps}, periods=periods)
        return cls(
            frame=pinned(chosen(ROWS), dtypes(feature_names, len(stages))),
            states=pinned_to(STATE_COLUMNS, chosen(STATES) if deals else None),
            bookings=pinned_to(BOOKING_COLUMNS, chosen(BOOKINGS) if deals else None),
            feature_names=feature_names,
            stages=stages,
            currency=said["currency"],
            version=said["version"],
            data_hash=said["data_hash"],
            watermark=date.fromisoformat(said["watermark"]),
        )

    @property
    def description(self) -> dict[str, object]:
        """What is said of the rows, in terms of JSON; the same for every block of one dataset."""
        return {
            "format": FORMAT,
            "feature_names": list(self.feature_names),
            "stages": list(self.stages),
            "currency": self.currency,
            "version": self.version,
            "data_hash": self.data_hash,
            "watermark": self.watermark.isoformat(),
        }
