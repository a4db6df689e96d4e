"""The figures of the diagnosis benchmark, on reps made by hand."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.diagnosis import by_fair_peers, by_median, flag_figures, found_share, win_rate_errors
from spm_ml.coaching.diagnosis import diagnose
from tests.diagnosis_world import make_periods

NAMES = ["pipeline_created", "closing", "deal_size"]


def test_the_weakest_is_found_where_it_is_the_same() -> None:
    true = pd.DataFrame([[-3, 0, 1], [0, -1, 1], [2, 1, 0]], columns=NAMES)
    estimated = pd.DataFrame([[-1, 0, 0], [-2, 0, 0], [0, 0, -9]], columns=NAMES)[NAMES[::-1]]
    assert found_share(true, estimated) == pytest.approx(2 / 3)


def test_fair_peers_find_what_the_median_of_two_segments_misses() -> None:
    weak = {f"R{rep:03d}": {"size": 0.5, "created": 1.0, "win_rate": 1.0} for rep in range(1, 60, 20)}
    periods = make_periods(behaviours=weak)
    fair = by_fair_peers(diagnose(periods)).loc[list(weak)]
    median = by_median(periods.frame[periods.frame["finished"]]).loc[list(weak)]
    found, missed = ((each.idxmin(axis=1) == "deal_size").mean() for each in (fair, median))
    assert found > missed
    assert missed == 0


def test_flags_are_counted_against_the_weak_the_new_and_the_groups() -> None:
    flagged = pd.Series([True] * 6 + [False] * 34)
    weak = pd.Series([True] * 3 + [False] * 37)
    group = ["a", "a", "a", "a", "b", "b"] + ["a"] * 16 + ["b"] * 18
    people = pd.DataFrame({"group": group, "first_year": [True, *[False] * 39]})
    assert flag_figures(flagged, weak, people) == pytest.approx((0.5, 1 / 6, 0.5))
    assert np.isnan(flag_figures(flagged & False, weak, people)).all()


def test_shrinkage_brings_a_win_rate_from_ten_deals_nearer() -> None:
    raw, shrunk = win_rate_errors(make_periods(reps=80, finished=8, spread=0.1), seed=0)
    assert raw > 0.12
    assert shrunk < 0.6 * raw
    assert np.isnan(win_rate_errors(make_periods(reps=4, finished=1), seed=0)).all()
