"""What a batch is added up from, kept beside it: so that some reps can be scored anew without the others."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.deals import BOOKING_COLUMNS, STATE_COLUMNS, empty_frame
from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.explanation import Explanation
from spm_ml.hazards import Abstention
from spm_ml.scoring.kept_finished import KeptFinished
from spm_ml.scoring.kept_pay import KeptPay
from spm_ml.scoring.target import ScoringTarget
from spm_ml.scoring.two_days import TwoDays
from spm_ml.settings import QUANTILE_LEVELS, Workspace

_ROWS, _ANSWERS, _PARTS, _DEALS = "rows.parquet", "answers.parquet", "parts.parquet", "deals.parquet"
_WHOLE: Final = "whole"
"""Says which of the files there are, and is written last."""

_FORM: Final = "2"
"""What an earlier form kept is not read."""

_NUMBERS: Final = ("mean_bookings", "booked", "quota", "floor", "elapsed_share")
_LEVELS: Final = tuple(f"b{round(100 * level):02d}" for level in QUANTILE_LEVELS)


@dataclass(frozen=True)
class ScoredState:
    """The two newest days of a batch, of every rep: rows, forecasts, parts and open deals; and what is beside them.

    Attributes:
        days: As they were added up; without drivers, and without what would be without the largest deal.
        pay: Of everybody.
        finished: What finished periods say.
    """

    days: TwoDays
    pay: KeptPay
    finished: KeptFinished

    def with_anew(self, anew: TwoDays) -> Self:
        """The same with the rows of some reps in place of those they had."""
        old = ~self.days.dataset.frame["rep_id"].isin(anew.dataset.frame["rep_id"].unique()).to_numpy(dtype=bool)
        frame = pd.concat([self.days.dataset.frame[old], anew.dataset.frame], ignore_index=True)
        order = frame.sort_values(["period_start", "rep_id", "as_of"], kind="stable").index.to_numpy()
        dataset = replace(
            anew.dataset,
            frame=frame,
            states=empty_frame(STATE_COLUMNS),
            bookings=empty_frame(BOOKING_COLUMNS),
        )
        forecast = _joined(self.days.forecast, np.flatnonzero(old), anew.forecast, order)
        place = np.full(len(old), -1)
        place[old] = np.arange(old.sum())
        position = np.empty(len(order), dtype=np.int64)
        position[order] = np.arange(len(order))
        parts = pd.concat([self.days.explanation.parts[old], anew.explanation.parts], ignore_index=True)
        kept = self.days.explanation.deals
        kept = kept[old[kept["row"].to_numpy(dtype=np.int64)]]
        deals = pd.concat(
            [
                kept.assign(row=position[place[kept["row"].to_numpy(dtype=np.int64)]]),
                anew.explanation.deals.assign(
                    row=position[int(old.sum()) + anew.explanation.deals["row"].to_numpy(dtype=np.int64)]
                ),
            ],
            ignore_index=True,
        )
        explanation = replace(anew.explanation, parts=parts.iloc[order].reset_index(drop=True), deals=deals)
        return replace(self, days=TwoDays(dataset, forecast, explanation, anew.as_of, anew.since))

    def keep(self, workspace: Workspace, batch_id: str) -> None:
        """Writes it under the batch's id, whole or not at all."""
        target = _folder(workspace, batch_id)
        pending = target.with_name(f"{target.name}.pending")
        shutil.rmtree(pending, ignore_errors=True)
        pending.mkdir(parents=True)
        days = self.days
        dataset = replace(days.dataset, states=empty_frame(STATE_COLUMNS), bookings=empty_frame(BOOKING_COLUMNS))
        dataset.write(pending / _ROWS)
        _table_of(days.forecast).to_parquet(pending / _ANSWERS)
        days.explanation.parts.reset_index(drop=True).to_parquet(pending / _PARTS)
        days.explanation.deals.to_parquet(pending / _DEALS)
        self.pay.write(pending)
        self.finished.write(pending)
        (pending / _WHOLE).write_text(_FORM, encoding="utf-8")
        pending.replace(target)

    @staticmethod
    def is_kept(workspace: Workspace, batch_id: str) -> bool:
        """Whether there is anything under a batch's id that can be read."""
        said = _folder(workspace, batch_id) / _WHOLE
        return said.exists() and said.read_text("utf-8") == _FORM

    @classmethod
    def of(cls, workspace: Workspace, batch_id: str, target: ScoringTarget, dependence: Dependence) -> Self:
        """Reads what was kept under a batch's id; how much reps share is the model's and not kept."""
        folder = _folder(workspace, batch_id)
        nothing = Explanation(
            pd.read_parquet(folder / _PARTS), pd.DataFrame(), pd.read_parquet(folder / _DEALS), pd.DataFrame()
        )
        forecast = _forecast_of(pd.read_parquet(folder / _ANSWERS), dependence)
        since = target.days[-2] if len(target.days) > 1 else None
        days = TwoDays(RepPeriodDataset.read(folder / _ROWS), forecast, nothing, target.as_of, since)
        return cls(days, KeptPay.read(folder), KeptFinished.read(folder))


def forget_states(workspace: Workspace, *, but: str) -> None:
    """Removes what was kept of every batch but one."""
    for folder in (workspace.root / "scored").glob("*"):
        if folder.name != but:
            shutil.rmtree(folder, ignore_errors=True)


def _folder(workspace: Workspace, batch_id: str) -> Path:
    return workspace.root / "scored" / batch_id


def _table_of(forecast: AttainmentForecast) -> pd.DataFrame:
    why = forecast.abstentions
    return forecast.keys.reset_index(drop=True).assign(
        **{name: forecast.bookings[:, at] for at, name in enumerate(_LEVELS)},
        **{name: getattr(forecast, name) for name in _NUMBERS},
        team=forecast.teams,
        reason=[one.reason if one else "" for one in why],
        detail=[one.detail if one else "" for one in why],
    )


def _forecast_of(table: pd.DataFrame, dependence: Dependence) -> AttainmentForecast:
    reasons = zip(table["reason"].tolist(), table["detail"].tolist(), strict=True)
    return AttainmentForecast(
        keys=table[["rep_id", "period", "as_of"]],
        bookings=table[list(_LEVELS)].to_numpy(dtype=float),
        dependence=dependence,
        teams=table["team"].to_numpy(dtype=object),
        abstentions=tuple(Abstention(reason, detail) if reason else None for reason, detail in reasons),
        **{name: table[name].to_numpy(dtype=float) for name in _NUMBERS},
    )


def _joined(
    before: AttainmentForecast, kept: NDArray[np.int64], anew: AttainmentForecast, order: NDArray[np.int64]
) -> AttainmentForecast:
    """Some answers and others behind them, in an order."""
    table = pd.concat([_table_of(before).iloc[kept], _table_of(anew)], ignore_index=True)
    return _forecast_of(table.iloc[order].reset_index(drop=True), anew.dependence)
