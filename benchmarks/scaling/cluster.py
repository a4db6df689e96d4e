"""The same work on many machines: trees boosted on Dask workers beside trees boosted here, scores on Spark beside here.

    python -m benchmarks.scaling.cluster --reps 100 --workers 2 --copies 1,8

Trees: the newest finished period of a held-out world, forecast by models that learnt from the periods before it; beside
the forecast from trees boosted here stands how far away the others are, that of another seed included.
Scores: rows of the running period, copied under other names, forecast by the registered model here and by MLflow's
`spark_udf` on Spark, whose numbers must be equal bit for bit.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from benchmarks.forecasts import in_child
from benchmarks.scaling.training import copied
from benchmarks.worlds import Case, make
from spm_ml.accuracy import crps_of_rows
from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import AttainmentForecast, DealLevel, FitSettings, Forecaster, LightGbmQuantiles
from spm_ml.forecasting.dask_learner import boosting_on
from spm_ml.history.engines import engine_named
from spm_ml.registry import Registry, TrainingRun
from spm_ml.scoring import LOADER_MODULE, keep_row_format, rows_with_deals, served_forecaster
from spm_ml.scoring.on_spark import forecast_on_spark, spark_rows
from spm_ml.settings import QUANTILE_LEVELS, Workspace

_SAID = ("b05", "b50", "b95", "mean_bookings", "p_hit")


def agreement(file: Path, workers: int) -> pd.DataFrame:
    """How far forecasts are from those whose trees were boosted here: a line a forecaster and place."""
    dataset = RepPeriodDataset.read(file)
    start = dataset.frame.loc[dataset.frame["actual_bookings"].notna(), "period_start"].max()
    before = dataset.where(dataset.frame["period_end"] < start)
    newest = dataset.where(dataset.frame["period_start"] == start)
    lines = []
    with boosting_on(str(workers)) as learner:
        settings = FitSettings(threads=1)
        places = {
            "here": settings,
            "here, another seed": replace(settings, seed=1),
            learner.label: replace(settings, learner=learner),
        }
        for made in (DealLevel, LightGbmQuantiles):
            whole = None
            for place, chosen in places.items():
                began = time.perf_counter()
                fitted = made(chosen).fit(before)
                seconds, forecast = time.perf_counter() - began, fitted.predict(newest)
                whole = whole or forecast
                lines.append({"forecaster": made.name, "trees": place} | _distance(whole, forecast, newest.frame))
                lines[-1]["fit s"] = seconds
    return pd.DataFrame(lines)


def _distance(whole: AttainmentForecast, other: AttainmentForecast, frame: pd.DataFrame) -> dict[str, float]:
    """CRPS of attainment, and differences to the first forecast: medians ÷ quota and chances, mean and largest."""
    actual = np.where(frame["censored"], np.nan, frame["actual_bookings"] / whole.quota)
    crps = np.nanmean(crps_of_rows(actual, other.attainment, QUANTILE_LEVELS))
    medians = np.abs(other.attainment - whole.attainment)[:, QUANTILE_LEVELS.index(0.5)]
    chances = np.abs(other.p_hit - whole.p_hit)
    return {
        "CRPS": float(crps),
        "median, mean": float(np.nanmean(medians)),
        "median, largest": float(np.nanmax(medians)),
        "P(hit), mean": float(np.nanmean(chances)),
        "P(hit), largest": float(np.nanmax(chances)),
    }


def scoring(file: Path, copies: Sequence[int], master: str) -> pd.DataFrame:
    """Rows a second and processor seconds here and on Spark, without its start: a line a number of rows.

    Raises:
        RuntimeError: A score on Spark is another one than here.
    """
    dataset = RepPeriodDataset.read(file)
    running = dataset.where(dataset.frame["actual_bookings"].isna())
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        registry = Registry(Workspace(root / "workspace"))
        version = registry.record(_run(DealLevel(FitSettings()).fit(dataset.finished()), dataset, root))
        served = served_forecaster(registry.load(version))
        engine: Any = engine_named("spark", master)
        engine.session.sparkContext.setLogLevel("ERROR")
        for count in (1, *copies):  # the first one warms Spark up
            many = copied(running, range(count))
            rows = rows_with_deals(many)
            began, cpu = time.perf_counter(), _processor_seconds()
            here = served.predict(rows)
            local, local_cpu = time.perf_counter() - began, _processor_seconds() - cpu
            spread = spark_rows(engine.session, many).repartition(4).cache()
            spread.count()
            began, cpu = time.perf_counter(), _processor_seconds()
            found = forecast_on_spark(spread, registry, version).toPandas()
            spark, spark_cpu = time.perf_counter() - began, _processor_seconds() - cpu
            keys = ["rep_id", "as_of"]
            pair = [frame.sort_values(keys)[list(_SAID)].to_numpy() for frame in (here, found)]
            if not np.array_equal(*pair, equal_nan=True):
                raise RuntimeError("scores on Spark differ from those here")
            lines.append(
                {"rows": len(rows), "deals": len(many.deals), "equal": True}
                | {"here s": local, "here rows/s": len(rows) / local, "here CPU s": local_cpu}
                | {"Spark s": spark, "Spark rows/s": len(rows) / spark, "Spark CPU s": spark_cpu}
            )
        engine.close()
    return pd.DataFrame(lines[1:])


def _processor_seconds() -> float:
    """Of this process and of those it started that still run."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _run(fitted: Forecaster, dataset: RepPeriodDataset, root: Path) -> TrainingRun:
    saved, evidence = root / "saved", root / "evidence"
    fitted.save(saved)
    keep_row_format(saved, dataset)
    evidence.mkdir()
    (evidence / "card.md").write_text("# A benchmark's model", encoding="utf-8")
    model = served_forecaster(saved)
    return TrainingRun("benchmark", {}, {}, {}, evidence, saved, LOADER_MODULE, model.inputs, model.outputs)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=100, help="seats of the world")
    parser.add_argument("--periods", type=int, default=8, help="finished quarters")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="Dask processes; 0 = skip")
    parser.add_argument("--copies", default="1,8", help="of the reps, for scoring; empty = skip")
    parser.add_argument("--master", default="local[2]", help="Spark's")
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/results/worlds"))
    options = parser.parse_args()
    case = Case("holdout", options.reps, options.periods, options.seed, options.cache)
    in_child(make, case)
    if options.workers:
        print(agreement(case.dataset_file, options.workers).round(4).to_string(index=False), flush=True)
    if options.copies:
        copies = [int(count) for count in options.copies.split(",")]
        print(scoring(case.dataset_file, copies, options.master).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
