"""Whatever the candidates and limits: every limit holds, and taking options in order of value is never better."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spm_ml.planning import MIN_P_POSITIVE, Limits, make_plan
from spm_ml.planning.assignment import in_order
from spm_ml.planning.candidates import options_of
from spm_ml.planning.evidence import with_effect
from tests.planning_world import COVARIANCE, drawn

limits_drawn = st.builds(
    Limits,
    budget=st.none() | st.integers(0, 3_000_000),
    people=st.none() | st.integers(0, 12),
    seats=st.dictionaries(st.sampled_from(["p0", "p1", "p2"]), st.integers(0, 6)),
    min_share=st.sampled_from([0.0, 0.2, 1.0]),
    hold_out=st.sampled_from([0.0, 0.25]),
)


@settings(max_examples=60, deadline=None)
@given(limits=limits_drawn, reps=st.integers(1, 14), seed=st.integers(0, 999))
def test_limits_hold_and_the_plan_is_no_worse_than_greedy(limits: Limits, reps: int, seed: int) -> None:
    rows = drawn(reps, 3, seed=seed)
    plan = make_plan(rows, limits, covariance=COVARIANCE, seed=seed)
    by_key = {(row.rep_id, row.program_id): row for row in rows}
    assert plan.spent <= (limits.budget if limits.budget is not None else float("inf"))
    assert len(plan.offered) <= (limits.people if limits.people is not None else reps)
    for program, count in Counter(line.program_id for line in plan.offered).items():
        assert count <= limits.seats.get(program, reps)
    for line in plan.lines:
        row = by_key[line.rep_id, line.program_id]
        assert (row.p_positive or 0) >= MIN_P_POSITIVE
        assert line.net is not None
        assert line.net > 0
        assert 0 < line.propensity <= 1
    assert {line.rep_id for line in plan.lines} | set(plan.unplanned) == {row.rep_id for row in rows}
    if limits.min_share == 0:
        options = options_of(rows, limits, 2)
        eligible = np.flatnonzero(with_effect(options, limits))
        greedy = in_order(options, eligible[np.argsort(-options.net[eligible])], limits)
        seated = sum(line.net or 0 for line in plan.lines if not line.near_tie)
        drawn_by_lot = sum((line.net or 0) * line.propensity for line in plan.lines if line.near_tie)
        slack = 0.0025 * sum(line.near_tie for line in plan.lines)
        total = seated + drawn_by_lot / (1 - limits.hold_out)
        assert total >= options.net[greedy].sum() * (1 - 1e-4) - slack
