"""Pictures of a backtest for MLflow and the model card, drawn without pyplot's global state."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spm_ml.accuracy import Array, pit_shares
from spm_ml.settings import QUANTILE_LEVELS

BOOKING_QUANTILES: Final = tuple(f"b{round(100 * level):02d}" for level in QUANTILE_LEVELS)

PIT_BINS: Final = np.linspace(0, 1, 11)
MODEL_COLOUR: Final = "#1f5fa8"
_BASELINE_COLOUR: Final = "#b8bec7"
IDEAL_COLOUR: Final = "#6b7280"


def draw_calibration(rows: pd.DataFrame, path: Path) -> None:
    """Draws one forecaster's calibration: reliability of P(hit), and histograms of the PIT by part of the period.

    Args:
        rows: One forecaster's rows of a backtest (n, contract columns with `week` and booking quantiles).
        path: PNG to write.

    Source: Murphy & Winkler (1977), Applied Statistics 26(1), for the reliability diagram; Dawid (1984), JRSS A 147(2),
    for the probability integral transform.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _reliability(left, rows)
    _pit_by_week(right, rows)
    figure.savefig(path, dpi=110)


def draw_value_added(value_added: pd.DataFrame, chosen: str, path: Path) -> None:
    """Draws the CRPS of every forecaster, best on top, the chosen one marked.

    Args:
        value_added: The forecast-value-added table: `forecaster`, `crps`, `unit`.
        chosen: Slug of the forecaster to mark.
        path: PNG to write.
    """
    known = value_added.dropna(subset=["crps"]).sort_values("crps", ascending=False)
    figure = Figure(figsize=(8, 0.6 + 0.42 * max(len(known), 1)), layout="constrained")
    axes = figure.subplots()
    names = known["forecaster"].to_list()
    bars = axes.barh(
        names, known["crps"], color=[MODEL_COLOUR if name == chosen else _BASELINE_COLOUR for name in names]
    )
    axes.bar_label(bars, fmt="%.4f", padding=3, fontsize=8)
    unit = known["unit"].iloc[0] if len(known) else "attainment"
    axes.set_xlabel(f"CRPS of {unit} (lower is better)")
    axes.margins(x=0.12)
    figure.savefig(path, dpi=110)


def _reliability(axes: Axes, rows: pd.DataFrame) -> None:
    known = rows.dropna(subset=["p_hit", "actual_attainment"]).sort_values("p_hit", kind="stable")
    axes.plot([0, 1], [0, 1], color=IDEAL_COLOUR, linewidth=1, linestyle="--", label="calibrated")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="forecast P(attainment ≥ 1)", ylabel="share that hit")
    axes.set_title("Reliability of P(hit)")
    if known.empty:
        axes.text(0.5, 0.5, "no quotas, so no P(hit)", ha="center", va="center")
        return
    chance = known["p_hit"].to_numpy(dtype=float)
    hit = (known["actual_attainment"] >= 1).to_numpy(dtype=float)
    bins = np.array_split(np.arange(len(known)), min(10, len(known)))
    axes.plot(
        [chance[part].mean() for part in bins],
        [hit[part].mean() for part in bins],
        color=MODEL_COLOUR,
        marker="o",
        label=f"{len(known):,} rows in {len(bins)} bins",
    )
    axes.legend(loc="upper left", fontsize=8)


def _pit_by_week(axes: Axes, rows: pd.DataFrame) -> None:
    known = rows.dropna(subset=["actual_bookings", *BOOKING_QUANTILES])
    axes.axhline(1, color=IDEAL_COLOUR, linewidth=1, linestyle="--")
    axes.set(
        xlim=(0, 1), xlabel="PIT of bookings", ylabel="density (1 = calibrated)", title="PIT by week of the period"
    )
    weeks = np.array_split(np.sort(known["week"].unique()), 3)
    shades = ("#9ecae1", "#4a90c2", "#0b3c6f")
    for part, shade in zip(weeks, shades, strict=True):
        if not part.size:
            continue
        chosen = known[known["week"].isin(part)]
        density = pit_density(
            chosen["actual_bookings"].to_numpy(dtype=float),
            chosen.loc[:, list(BOOKING_QUANTILES)].to_numpy(dtype=float),
        )
        label = f"weeks {part[0]}–{part[-1]}" if len(part) > 1 else f"week {part[0]}"
        axes.stairs(density, PIT_BINS, color=shade, label=label)
    if len(known):
        axes.legend(loc="upper right", fontsize=8)


def pit_density(actual: Array, quantiles: Array) -> Array:
    """Gives the heights of the PIT's histogram in ten bins, each 1 when the forecasts are calibrated.

    Args:
        actual: (n,) outcomes.
        quantiles: (n, 19) forecasts at `QUANTILE_LEVELS`.
    """
    return np.asarray(pit_shares(actual, quantiles, QUANTILE_LEVELS, PIT_BINS).mean(axis=0) * (PIT_BINS.size - 1))
