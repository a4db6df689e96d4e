"""The deal-level forecast in parts, what moves each of them, and the deals that matter."""

from typing import Final

import numpy as np
import pandas as pd

from spm_ml.forecasting.deal_level.arrivals import ArrivalModel
from spm_ml.forecasting.deal_level.deal_inputs import GROUPS
from spm_ml.forecasting.deal_level.monte_carlo import Parameters
from spm_ml.forecasting.deal_level.parts import DealParts
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.deal_level.timing import weeks_left
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.explanation import DEAL_COLUMNS, strongest_first

USUAL_CHANCE: Final = "The chance of any deal"
USUAL_COUNT: Final = "What is usually created and won from here"
SHARED: Final = "Shares of colleagues' deals"

_SMALLEST: Final = 1e-9


def parts_of(pipeline: Pipeline, parameters: Parameters, raw_median: Array, median: Array, stages: int) -> pd.DataFrame:
    """(n, parts) amounts that add up to `median`.

    The parts are means, because only means add up; `skew` is the median minus the mean of the simulated bookings, and
    `recalibration` what correcting for past errors does to the median.

    Args:
        pipeline: n rows.
        parameters: What was simulated.
        raw_median: (n,) before recalibration.
        median: (n,) as published; NaN where there is no forecast.
        stages: Open stages.
    """
    frame = pipeline.frame
    opened = parameters.open_means()
    stage = pipeline.deals["stage"].to_numpy()
    columns: dict[str, Array] = {"booked": parameters.booked}
    for number in range(1, stages + 1):
        here = stage == number
        columns[f"open_stage_{number}"] = np.bincount(pipeline.row[here], opened[here], len(frame)).astype(float)
    columns["not_created"] = parameters.arrival_means() + parameters.shared_means()
    columns["undone"] = -parameters.undone_means()
    columns["skew"] = raw_median - np.sum(list(columns.values()), axis=0)
    columns["recalibration"] = median - raw_median
    parts = pd.DataFrame(columns, index=frame.index)
    parts.loc[np.isnan(median)] = np.nan
    return parts


def drivers_of(
    pipeline: Pipeline, parts: DealParts, parameters: Parameters, record: Array, *, threads: int = 1
) -> pd.DataFrame:
    """What moves the parts `open_stage_<k>` and `not_created`, in amounts that add up to each, strongest first.

    A deal's log-odds are a base and contributions of its columns (`WinModel.contributions`). Its chance minus that of
    the base is divided among them in proportion, which is the limit of moving all of them at once by small steps. So is
    the count of what is not created yet.
    """
    opened = _open_drivers(pipeline, parts, parameters, record, threads)
    new = _new_drivers(pipeline, parts.arrivals, parameters, record)
    return strongest_first(pd.concat([opened, new], ignore_index=True))


def deals_of(pipeline: Pipeline, parts: DealParts, parameters: Parameters) -> pd.DataFrame:
    """Every open deal with its chance, its likely week and what is expected of it; see `Explanation.deals`."""
    deals, left = pipeline.deals, weeks_left(pipeline)
    most = int(left.max(initial=1))
    by_then = parts.timing.shares(pipeline, most)
    in_week = np.diff(by_then, axis=1, prepend=0.0)
    ahead = in_week.argmax(axis=1) + 1
    table = pd.DataFrame(
        {
            "row": pipeline.row,
            "opportunity_id": pipeline.opportunity_ids,
            "stage": deals["stage"].to_numpy(),
            "amount": deals["amount"].to_numpy(),
            "p_win": 1.0 / (1.0 + np.exp(-parameters.log_odds)),
            "due_days": deals["due_days"].to_numpy(),
            "likely_week": pipeline.of_rows("week") + ahead,
            "expected": parameters.open_means(),
        },
        columns=list(DEAL_COLUMNS),
    )
    return table.sort_values(["row", "expected", "opportunity_id"], ascending=[True, False, True], ignore_index=True)


def largest_of(pipeline: Pipeline) -> np.ndarray:
    """(m,) whether a deal is the largest open one of its row; the first of equals."""
    order = np.lexsort((pipeline.opportunity_ids.astype(str), -pipeline.deals["amount"].to_numpy(),
                        pipeline.row))  # fmt: skip
    largest = np.zeros(len(order), dtype=bool)
    if len(order):
        largest[order[np.unique(pipeline.row[order], return_index=True)[1]]] = True
    return largest


def _open_drivers(
    pipeline: Pipeline, parts: DealParts, parameters: Parameters, record: Array, threads: int
) -> pd.DataFrame:
    matrix = parts.winning.inputs.matrix(pipeline, record)
    contributions, base = parts.winning.contributions(matrix, threads=threads)
    labels = list(dict.fromkeys(GROUPS.values()))
    grouped = np.zeros((len(matrix), len(labels)))
    for place, label in enumerate(GROUPS.values()):
        grouped[:, labels.index(label)] += contributions[:, place]
    worth = parameters.amounts * parameters.shares.mean()
    chance, usual = 1.0 / (1.0 + np.exp(-parameters.log_odds)), 1.0 / (1.0 + np.exp(-base))
    amounts = grouped * (worth * _slope(chance - usual, grouped.sum(axis=1), usual * (1 - usual)))[:, None]
    amounts = np.column_stack([amounts, worth * chance - amounts.sum(axis=1)])
    table = pd.DataFrame(amounts, columns=[*labels, USUAL_CHANCE])
    table["row"] = pipeline.row
    table["slug"] = [f"open_stage_{stage}" for stage in pipeline.deals["stage"]]
    return (
        table.groupby(["row", "slug"], sort=True)
        .sum()
        .reset_index()
        .melt(["row", "slug"], var_name="label", value_name="amount")
    )


def _new_drivers(pipeline: Pipeline, arrivals: ArrivalModel, parameters: Parameters, record: Array) -> pd.DataFrame:
    contributions, base, labels = arrivals.contributions(pipeline.frame, record)
    worth = parameters.sizes * parameters.ratios.mean()
    count, usual = np.exp(parameters.log_counts), np.exp(base)
    amounts = contributions * (worth * _slope(count - usual, contributions.sum(axis=1), usual))[:, None]
    table = pd.DataFrame(amounts, columns=labels)
    table[USUAL_COUNT] = worth * count - amounts.sum(axis=1)
    table[SHARED] = parameters.shared_means()
    table["row"] = np.arange(len(table))
    return table.assign(slug="not_created").melt(["row", "slug"], var_name="label", value_name="amount")


def _slope(rise: Array, moved: Array, at_base: Array) -> Array:
    """Rise ÷ moved, and its limit where nothing moved."""
    still = np.abs(moved) < _SMALLEST
    return np.where(still, at_base, rise / np.where(still, 1.0, moved))
