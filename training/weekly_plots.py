"""Calibration week by week, as small multiples: one panel a week, all on the same axes."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spm_ml.backtest.columns import BOOKINGS
from spm_ml.backtest.groups import covered
from training.plots import IDEAL_COLOUR, MODEL_COLOUR, PIT_BINS, pit_density

COLUMNS: Final = 5
MOST_WEEKS: Final = 15
"""Panels of a picture; of more weeks, evenly spread ones are shown."""

_BINS: Final = 5
_ROWS_A_BIN: Final = 10
_DENSEST: Final = 3.0


def draw_reliability_by_week(rows: pd.DataFrame, path: Path) -> None:
    """Draws how often reps hit their quota against the forecast chance, a panel a week.

    Rows of a week are cut into at most five bins of equal size; a bar spans what chance alone would do to a bin's share
    in 95 % of cases if its rows were independent.

    Args:
        rows: One forecaster's rows of a backtest.
        path: PNG to write.

    Source: Murphy & Winkler (1977), Applied Statistics 26(1).
    """
    known = rows.dropna(subset=["p_hit", "actual_attainment"])
    _small_multiples(known, path, _reliability, "forecast P(attainment ≥ 1)", "share that hit", (0, 1))


def draw_pit_by_week(rows: pd.DataFrame, path: Path) -> None:
    """Draws where outcomes lay in their forecasts (PIT), and the coverage of the 80 % interval, a panel a week.

    Flat at 1 is calibrated, a hump in the middle too wide, horns at the ends too narrow, a slope biased.

    Args:
        rows: One forecaster's rows of a backtest.
        path: PNG to write.

    Source: Dawid (1984), JRSS A 147(2); Gneiting, Balabdaoui & Raftery (2007), JRSS B 69(2).
    """
    known = rows.dropna(subset=["actual_bookings", *BOOKINGS])
    _small_multiples(known, path, _pit, "PIT of bookings", "density", (0, _DENSEST))


def _small_multiples(
    rows: pd.DataFrame,
    path: Path,
    draw: Callable[[Axes, pd.DataFrame], str],
    across: str,
    up: str,
    limits: tuple[float, float],
) -> None:
    weeks = np.sort(rows["week"].unique())
    if len(weeks) > MOST_WEEKS:
        weeks = weeks[np.linspace(0, len(weeks) - 1, MOST_WEEKS).round().astype(int)]
    lines = max(-(-len(weeks) // COLUMNS), 1)
    figure = Figure(figsize=(2.1 * COLUMNS, 2.1 * lines + 0.4), layout="constrained")
    panels = figure.subplots(lines, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, week in zip(panels, weeks, strict=False):
        said = draw(axes, rows[rows["week"] == week])
        axes.set_title(f"week {week}: {said}", fontsize=8)
    for axes in panels[len(weeks) :]:
        axes.set_axis_off()
    if not len(weeks):
        figure.text(0.5, 0.5, "nothing to measure", ha="center", va="center")
    panels[0].set(xlim=(0, 1), ylim=limits)
    panels[0].set_xticks([0, 0.5, 1])
    for axes in panels:
        axes.tick_params(labelsize=7)
    figure.supxlabel(across, fontsize=9)
    figure.supylabel(up, fontsize=9)
    figure.savefig(path, dpi=110)


def _reliability(axes: Axes, rows: pd.DataFrame) -> str:
    axes.plot([0, 1], [0, 1], color=IDEAL_COLOUR, linewidth=1, linestyle="--")
    ordered = rows.sort_values("p_hit", kind="stable")
    chance = ordered["p_hit"].to_numpy(dtype=float)
    hit = (ordered["actual_attainment"] >= 1).to_numpy(dtype=float)
    count = int(np.clip(len(ordered) // _ROWS_A_BIN, 1, _BINS))
    bins = np.array_split(np.arange(len(ordered)), count)
    expected = np.array([chance[part].mean() for part in bins])
    share = np.array([hit[part].mean() for part in bins])
    half = 1.96 * np.array([np.sqrt((chance[part] * (1 - chance[part])).sum()) / len(part) for part in bins])
    axes.vlines(expected, np.maximum(expected - half, 0), np.minimum(expected + half, 1), color="#b8bec7", linewidth=4)
    axes.plot(expected, share, color=MODEL_COLOUR, marker="o", markersize=4, linewidth=1)
    return f"{len(rows):,} rows"


def _pit(axes: Axes, rows: pd.DataFrame) -> str:
    axes.axhline(1, color=IDEAL_COLOUR, linewidth=1, linestyle="--")
    density = pit_density(
        rows["actual_bookings"].to_numpy(dtype=float), rows.loc[:, list(BOOKINGS)].to_numpy(dtype=float)
    )
    axes.stairs(np.minimum(density, _DENSEST), PIT_BINS, color=MODEL_COLOUR, fill=True, alpha=0.75)
    return f"80 % holds {covered(rows).mean():.0%}"
