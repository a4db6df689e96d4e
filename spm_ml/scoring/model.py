"""The champion as scoring needs it, and the same model as MLflow's own tools load it.

`mlflow.pyfunc.load_model("models:/spm-attainment@champion").predict(frame)` takes rows of a rep-period dataset, with
their open deals where the model reads deals (`rows_with_deals`), and gives quantiles of bookings; `LOADER_MODULE` names
this module in the registered model.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.schema import COLUMNS, DTYPES, SORT_ORDER
from spm_ml.errors import DataError
from spm_ml.forecasting import DealLevel, Forecaster, load_forecaster
from spm_ml.predictions import ModelCard
from spm_ml.registry import CHAMPION, ModelVersion, Registry
from spm_ml.scoring.carried_deals import OPEN_DEALS, states_in
from spm_ml.settings import QUANTILE_LEVELS

LOADER_MODULE: Final = __name__

_FORMAT_FILE: Final = "row_format.parquet"


def keep_row_format(folder: Path, dataset: RepPeriodDataset) -> None:
    """Keeps an empty dataset beside a saved forecaster: what its rows mean, so that rows alone can be predicted."""
    dataset.where(np.zeros(len(dataset), dtype=bool)).write(folder / _FORMAT_FILE)


@dataclass(frozen=True)
class ScoringModel:
    """A registered version, ready to forecast.

    Attributes:
        version: The version.
        forecaster: What it holds, fitted.
        backtest_file: The backtest it was registered with; it never changes.
    """

    version: ModelVersion
    forecaster: Forecaster
    backtest_file: Path

    @classmethod
    def load(cls, registry: Registry, version: ModelVersion) -> Self:
        """Reads a version.

        Raises:
            NotReadyError: Its files are gone, or another version of spm-ml wrote them.
        """
        forecaster = load_forecaster(registry.load(version))
        return cls(version, forecaster, registry.artifact(version, "backtest.parquet"))

    @classmethod
    def champion(cls, registry: Registry) -> Self:
        """Reads the version in use.

        Raises:
            NotReadyError: No champion was promoted yet, or it cannot be read.
        """
        return cls.load(registry, registry.required(CHAMPION))


@dataclass(frozen=True)
class ServedForecaster:
    """A forecaster behind MLflow's `predict(frame)`.

    Attributes:
        forecaster: The fitted forecaster.
        row_format: An empty dataset with the columns, stages and currency it was fitted on.
    """

    forecaster: Forecaster
    row_format: RepPeriodDataset

    @property
    def inputs(self) -> pd.DataFrame:
        """Names and types of what `predict` reads, without rows."""
        known = self.row_format.frame.drop(columns=self._later)
        return known.assign(**{OPEN_DEALS: pd.Series(dtype=DTYPES["text"])}) if self._reads_deals else known

    @property
    def outputs(self) -> pd.DataFrame:
        """Names and types of what `predict` gives, without rows."""
        return self.predict(self.inputs)

    def predict(self, frame: pd.DataFrame, params: dict[str, object] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Forecasts rows of a rep-period dataset, each from itself alone: they may be split in any way.

        Args:
            frame: The rows, in any order; what is known only later may be left out. Where the forecaster reads open
                deals, the column `open_deals` carries those of each row: a list of records or JSON text of one, as
                `rows_with_deals` makes it.
            params: Not used; MLflow gives it.

        Returns:
            `rep_id, period, as_of`, `b05` … `b95` (quantiles of bookings, minor units), `mean_bookings` (likewise),
            `p_hit` and `abstention` (its reason, or empty), one row a row, in the order of the frame.

        Raises:
            DataError: The frame lacks columns of the dataset that the forecaster was fitted on, or the open deals.
        """
        types = self.row_format.frame.dtypes
        missing = [str(name) for name in types.index if name not in frame and name not in self._later]
        if missing:
            raise DataError(
                f"the rows lack columns {', '.join(missing)}: give rows of a dataset that build_dataset made"
            )
        unknown = {name: False if types[name].kind == "b" else np.nan for name in self._later if name not in frame}
        rows = pd.concat([frame, pd.DataFrame(unknown, index=frame.index)], axis=1).loc[:, list(types.index)]
        rows = rows.astype(types.to_dict()).reset_index(drop=True)
        order = rows.sort_values(list(SORT_ORDER), kind="stable").index
        states = self.row_format.states
        if OPEN_DEALS in frame:
            owners = rows.loc[:, ["rep_id", "period_start", "as_of"]]
            states = states_in(owners.assign(**{OPEN_DEALS: frame[OPEN_DEALS].to_numpy()}))
        elif self._reads_deals:
            raise DataError(
                f"{self.forecaster.label} forecasts from open deals, and the rows lack the column {OPEN_DEALS}: give "
                "rows that rows_with_deals made, or '[]' for a rep without an open deal"
            )
        dataset = replace(self.row_format, frame=rows, states=states)
        forecast = self.forecaster.predict(dataset)
        quantiles = {f"b{round(100 * level):02d}": forecast.bookings[:, at] for at, level in enumerate(QUANTILE_LEVELS)}
        reasons = pd.array([why.reason if why else "" for why in forecast.abstentions], dtype=DTYPES["text"])
        found = forecast.keys.assign(
            **quantiles, mean_bookings=forecast.mean_bookings, p_hit=forecast.p_hit, abstention=reasons
        )
        return found.set_index(order).sort_index()

    @property
    def _reads_deals(self) -> bool:
        return isinstance(self.forecaster, DealLevel)

    @property
    def _later(self) -> list[str]:
        """Columns of what is known only when the period is over."""
        return [column.name for column in COLUMNS if column.role == "target"] + list(self.row_format.label_names)


def served_forecaster(folder: Path) -> ServedForecaster:
    """Reads what `Forecaster.save` and `keep_row_format` wrote."""
    return ServedForecaster(load_forecaster(folder), RepPeriodDataset.read(folder / _FORMAT_FILE))


def _load_pyfunc(path: str) -> ServedForecaster:
    """Called by MLflow with the folder that `Forecaster.save` wrote."""
    return served_forecaster(Path(path))


def read_model_card(registry: Registry, version: ModelVersion) -> ModelCard:
    """What readers are told about a registered version: its card, its tables and what the gate found.

    Raises:
        NotReadyError: The version's run does not hold them.
    """
    tables = json.loads(registry.artifact(version, "tables.json").read_text(encoding="utf-8"))
    return ModelCard(
        name=version.name,
        version=str(version.version),
        forecaster=version.forecaster,
        trained_at=version.created_at,
        data_hash=version.data_hash,
        spm_version=version.spm_version,
        card_markdown=registry.artifact(version, "card.md").read_text(encoding="utf-8"),
        value_added=tuple(tables["value_added"]),
        by_week=tuple(tables["by_week"]),
        gate=tuple(json.loads(version.tags.get("gate", "[]"))),
    )
