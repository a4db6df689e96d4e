"""Running a backtest: every test period is forecast by forecasters that saw only periods that ended before it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.backtest.columns import BOOKINGS, QUANTILES, ROWS
from spm_ml.backtest.groups import group_rows
from spm_ml.backtest.result import Backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import NotReadyError
from spm_ml.forecasting import FORECASTERS, AttainmentForecast, FitSettings, Forecaster
from spm_ml.forecasting.protocol import readable_rows, training_rows
from spm_ml.forecasting.scale import RepScale
from spm_ml.forecasting.submissions import without_silent
from spm_ml.progress import Progress, silent

DEFAULT_PERIODS: Final = 4
"""Newest finished periods that are tested when nobody says how many."""


def run_backtest(
    dataset: RepPeriodDataset,
    *,
    forecasters: Sequence[type[Forecaster]] = FORECASTERS,
    periods: int | None = None,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> Backtest:
    """Forecasts the newest finished periods, each from the periods that ended before it began.

    Rows of leavers are kept and counted, with an empty outcome: they are censored, never a miss (H08). The reps who
    stayed are added up to teams, regions and the company, each forecaster with the dependence it learnt.

    Args:
        dataset: Finished periods and others; the others are left out.
        forecasters: Classes to fit anew for each period; the value-added table needs a baseline among them. Submissions
            of which the dataset holds none are left out.
        periods: Newest finished periods to test; default 4, or half of a shorter history but two where there are.
        settings: What every forecaster is fitted with.
        progress: Told after each forecaster and period.

    Raises:
        NotReadyError: There are fewer than two finished periods.
    """
    ends = dataset.frame.loc[dataset.frame["actual_bookings"].notna()].groupby("period")["period_start"].min()
    finished = list(ends.sort_values().index)
    if len(finished) < 2:
        raise NotReadyError(
            f"a backtest needs at least two finished periods, one to learn from and one to test; the data up to "
            f"{dataset.watermark} holds {len(finished)}: load more history"
        )
    half = min(DEFAULT_PERIODS, max(2, len(finished) // 2))
    tested = finished[1:][-(periods or half) :]
    heard = [each(settings) for each in without_silent(forecasters, dataset)]
    total = len(tested) * len(heard)
    parts, groups = [], []
    for period in tested:
        start = ends[period]
        before = dataset.where(dataset.frame["period_end"] < start)
        test = dataset.where((dataset.frame["period"] == period) & (dataset.frame["period_start"] == start))
        usual = RepScale.fit(training_rows(before)).of(readable_rows(test))
        for each in heard:
            forecast = each.fit(before).predict(test)
            parts.append(_rows(each.name, test.frame, forecast, usual))
            groups.append(group_rows(each.name, test.frame, forecast, seed=settings.seed))
            progress(f"backtest {period}", len(parts), total)
    return Backtest(
        pd.concat(parts, ignore_index=True),
        dataset.currency,
        baselines=tuple(each.name for each in heard if each.is_baseline),
        dataset_hash=dataset.content_hash,
        submissions=tuple(each.name for each in heard if each.kind == "submission"),
        groups=pd.concat(groups, ignore_index=True),
    )


def _rows(
    name: str, frame: pd.DataFrame, forecast: AttainmentForecast, usual: "np.typing.NDArray[np.float64]"
) -> pd.DataFrame:
    censored = frame["censored"].to_numpy(dtype=bool)
    columns: dict[str, object] = {
        "forecaster": name,
        **{key: frame[key] for key in ("rep_id", "period", "as_of", "quota", "booked_to_date", "week", "censored")},
        **{key: frame[key] for key in ("team", "region", "segment")},
        "tenure_days": frame.get("tenure_days", np.nan),
        "actual_bookings": frame["actual_bookings"].where(~censored),
        "actual_attainment": frame["actual_attainment"].where(~censored),
        "mean": forecast.mean_attainment,
        "p_hit": forecast.p_hit,
        "mean_bookings": forecast.mean_bookings,
        "usual_bookings": usual,
        "abstention": [why.reason if why else "" for why in forecast.abstentions],
        **dict(zip(QUANTILES, forecast.attainment.T, strict=True)),
        **dict(zip(BOOKINGS, forecast.bookings.T, strict=True)),
    }
    return pd.DataFrame(columns, index=frame.index).loc[:, list(ROWS)]
