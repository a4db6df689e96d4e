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

    def predict(self, frame: pd.DataFrame, params: dict[str, object] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Forecasts rows of a rep-period dataset.

        Args:
            frame: The rows. Where the forecaster reads open deals, the column `open_deals` carries those of each row: a
                list of records or JSON text of one, as `rows_with_deals` makes it.
            params: Not used; MLflow gives it.

        Returns:
            `rep_id, period, as_of`, `b05` … `b95` (quantiles of bookings, minor units), `p_hit` and `abstention` (its
            reason, or empty), one row a row, sorted by period, rep and as-of day.

        Raises:
            DataError: The frame lacks columns of the dataset that the forecaster was fitted on, or the open deals.
        """
        types = self.row_format.frame.dtypes
        missing = [str(name) for name in types.index if name not in frame]
        if missing:
            raise DataError(
                f"the rows lack columns {', '.join(missing)}: give rows of a dataset that build_dataset made"
            )
        rows = frame.loc[:, list(types.index)].astype(types.to_dict())
        states = self.row_format.states
        if OPEN_DEALS in frame:
            states = states_in(rows.assign(**{OPEN_DEALS: frame[OPEN_DEALS]}))
        elif isinstance(self.forecaster, DealLevel):
            raise DataError(
                f"{self.forecaster.label} forecasts from open deals, and the rows lack the column {OPEN_DEALS}: give "
                "rows that rows_with_deals made, or '[]' for a rep without an open deal"
            )
        dataset = replace(self.row_format, frame=rows, states=states)
        forecast = self.forecaster.predict(dataset)
        quantiles = {f"b{round(100 * level):02d}": forecast.bookings[:, at] for at, level in enumerate(QUANTILE_LEVELS)}
        reasons = [why.reason if why else "" for why in forecast.abstentions]
        return forecast.keys.assign(**quantiles, p_hit=forecast.p_hit, abstention=reasons)


def _load_pyfunc(path: str) -> ServedForecaster:
    """Called by MLflow with the folder that `Forecaster.save` wrote."""
    folder = Path(path)
    return ServedForecaster(load_forecaster(folder), RepPeriodDataset.read(folder / _FORMAT_FILE))


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
