"""Drift: no more alarms than stated where nothing drifts, real drift found, and what must change left out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.drift.worlds import make_rows, stability_indices
from spm_ml.drift import DriftRows, find_drift
from spm_ml.drift.columns import ALPHA, FEWEST_REPS
from spm_ml.drift.statistic import Blocks, bins_of, distance

FEW = 12
"""Columns: the benchmark tests forty, over many more months."""


def edited(rows: DriftRows, **columns: object) -> DriftRows:
    names = tuple(dict.fromkeys((*rows.columns, *columns)))
    return replace(rows, frame=rows.frame.assign(**columns), columns=names)


def test_without_drift_an_alarm_is_as_rare_as_stated_while_the_index_alarms_always() -> None:
    """Sixty months; 8 alarms are the 99 % point of a binomial with 5 %."""
    months = [make_rows(30, seed=seed, columns=FEW) for seed in range(60)]
    alarms = sum(any(one.is_beyond_chance for one in find_drift([rows])) for rows in months)
    assert alarms <= 8
    assert sum((stability_indices(rows) > 0.1).any() for rows in months) == len(months)


@pytest.mark.parametrize(("reps", "shift", "least"), [(30, 1.5, 9), (100, 1.0, 9)])
def test_planted_drift_is_found(reps: int, shift: float, least: int) -> None:
    found = [find_drift([make_rows(reps, seed=seed, shift=shift, columns=FEW)])[-1] for seed in range(10)]
    assert sum(one.is_beyond_chance and one.is_unseen for one in found) >= least


def test_the_p_value_is_uniform_where_nothing_drifts() -> None:
    values = [one.distance for seed in range(30) for one in find_drift([make_rows(40, seed=seed, columns=4)])]
    shares = np.array([one.p_value for one in values if one is not None])
    assert shares.size == 120
    assert 0.02 <= (shares <= 0.1).mean() <= 0.18
    assert 0.4 <= shares.mean() <= 0.62


def test_a_feed_that_stops_is_drift() -> None:
    rows = make_rows(40, seed=1, columns=3)
    gone = rows.frame["column_0"].where(rows.frame["period_start"] < rows.frame["period_start"].max())
    found = find_drift([edited(rows, column_0=gone)])[0]
    assert found.is_beyond_chance
    assert (found.current_missing, found.past_missing) == (1.0, 0.0)


def test_a_period_as_unusual_as_an_earlier_one_is_no_news() -> None:
    rows = make_rows(60, seed=2, columns=3)
    starts = np.sort(rows.frame["period_start"].unique())
    shocked = rows.frame["column_2"] + 2.0 * rows.frame["period_start"].isin([starts[2], starts[-1]])
    found = find_drift([edited(rows, column_2=shocked)])[2]
    assert found.is_beyond_chance
    early = 4.0 * (rows.frame["period_start"] == starts[2]) + 1.5 * (rows.frame["period_start"] == starts[-1])
    assert not find_drift([edited(rows, column_2=rows.frame["column_2"] + early)])[2].is_unseen


def test_columns_that_must_change_are_not_tested() -> None:
    rows = make_rows(20, seed=3, columns=1)
    since = (rows.frame["period_start"] - pd.Timestamp("2020-01-01")).dt.days.astype(float)
    quarter = rows.frame["period_start"].dt.quarter.astype(float)
    tenure = since + rows.frame["rep_id"].astype(float) * 7
    found = find_drift([edited(rows, tenure=tenure, quarter=quarter, always=1.0)])
    assert [one.untested for one in found] == [None, "grows_with_time", "same_for_everybody", "constant"]
    assert all((one.distance is None) == (one.adjusted_p is None) == (one.untested is not None) for one in found)


def test_records_that_had_just_begun_are_no_drift() -> None:
    """A value of a year ago is missing in the first year of the records, for everybody."""
    rows = make_rows(30, seed=7, columns=2)
    starts = np.sort(rows.frame["period_start"].unique())
    young = rows.frame["column_1"].where(rows.frame["period_start"] >= starts[4])
    found = find_drift([edited(rows, column_1=young)])[1]
    assert found.untested is None
    assert (found.past_missing, found.past_rows) == (0.0, 60)
    assert not found.is_beyond_chance
    gap = young.where(rows.frame["period_start"] != starts[5])
    assert find_drift([edited(rows, column_1=gap)])[1].past_rows == 180, "what went missing again is compared"


def test_newcomers_and_leavers_are_in_no_test_and_few_reps_in_none() -> None:
    rows = make_rows(FEWEST_REPS, seed=4, columns=2)
    stranger = rows.frame[rows.frame["rep_id"] == "0"].assign(rep_id="new", column_0=99.0)
    newest = stranger[stranger["period_start"] == stranger["period_start"].max()]
    gone = stranger[stranger["period_start"] < stranger["period_start"].max()].assign(rep_id="gone")
    more = replace(rows, frame=pd.concat([rows.frame, newest, gone], ignore_index=True))
    assert find_drift([more]) == find_drift([rows])
    fewer = replace(rows, frame=rows.frame[rows.frame["rep_id"] != "0"])
    assert {one.untested for one in find_drift([fewer])} == {"too_few_reps"}
    nobody = replace(rows, frame=rows.frame.iloc[:0])
    assert {one.untested for one in find_drift([nobody])} == {"too_few_reps"}


def test_all_families_are_corrected_together_and_repeatable() -> None:
    one, other = make_rows(30, seed=5, columns=4, shift=1.5), make_rows(30, seed=6, columns=4)
    together, alone = find_drift([one, other]), find_drift([one])
    assert [found.column for found in together] == [*one.columns, *other.columns]
    assert together[3].adjusted_p is not None
    assert alone[3].adjusted_p is not None
    assert alone[3].adjusted_p <= together[3].adjusted_p <= ALPHA
    assert find_drift([one, other]) == together


def test_the_distance_is_that_of_the_definition() -> None:
    """Two reps, three rows each; every draw of current rows is listed by hand."""
    rep, period = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2])
    values = np.array([1.0, 2.0, 3.0, 10.0, 20.0, 30.0])
    blocks = Blocks(rep, period, 4_000, 0)
    bins = bins_of(values, rep)
    assert bins.tolist() == [0, 1, 2, 0, 1, 2]
    found = distance(bins, blocks)
    assert found.value == pytest.approx(2 / 3)
    assert found.p_value == pytest.approx(2 / 9, abs=0.02)  # both reps low, or both high
    assert found.usual_before == pytest.approx(2 / 3)
