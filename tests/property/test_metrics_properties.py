"""What holds for every metric and every waterfall, whatever the data."""

import math
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from spm_ml.history import SalesHistory
from spm_ml.metrics import LEVELS, METRIC_BY_SLUG, METRICS, NULL_REASONS, Level
from spm_ml.metrics.evaluate import evaluate_metrics
from spm_ml.metrics.waterfall import WATERFALL_PARTS, pipeline_waterfall
from tests.metric_world import history_of, random_tables

FIRST, LAST = date(2025, 1, 2), date(2026, 2, 20)
DAYS = st.integers(0, (LAST - FIRST).days).map(lambda ahead: FIRST + timedelta(days=ahead))
AMOUNTS = st.one_of(st.none(), st.just(0), st.integers(-(10**12), 10**12), st.floats(0.001, 1e12))
COUNTS = st.integers(0, 500)
SHARES = ("win_rate_count", "push_rate_of_closed", "share_at_quota", "win_rate_created_cohort", "slip_rate")
ADDITIVE = ("won_deals", "lost_deals", "won_value", "open_pipeline", "pipeline_created", "quota_in_force")
BY_SPEND = ("sales_and_marketing_spend", "customer_acquisition_cost", "cac_payback_months")
SLOW = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
"""Each example takes a second, so failing ones are not shrunk."""


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    with history_of(random_tables(38, deals=90)) as opened:
        yield opened


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.slug)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_inputs_give_a_finite_value_or_a_declared_reason(metric, data: st.DataObject) -> None:
    inputs = {name: data.draw(AMOUNTS, label=name) for name in metric.inputs}
    result = metric.of(inputs)
    assert (result.value is None) == (result.reason in NULL_REASONS)


@given(won=COUNTS, lost=COUNTS, part=COUNTS)
def test_shares_lie_between_0_and_1(won: int, lost: int, part: int) -> None:
    whole = won + lost
    inputs = dict.fromkeys((name for slug in SHARES for name in METRIC_BY_SLUG[slug].inputs), min(part, whole))
    inputs |= {"won_deals": won, "lost_deals": lost, "reps_with_quota": whole, "mature_created": whole}
    inputs |= {"forecast_deals": whole, "closed_with_expected": whole, "closed_deals": whole}
    for slug in SHARES:
        result = METRIC_BY_SLUG[slug].of(inputs)
        assert result.value is None if whole == 0 else 0 <= (result.value or 0) <= 1


@SLOW
@given(first=DAYS, days=st.integers(0, 200), known=DAYS, level=st.sampled_from(LEVELS))
def test_the_waterfall_adds_up_to_the_cent(
    history: SalesHistory, first: date, days: int, known: date, level: Level
) -> None:
    seen = history.as_of(known)
    frame = pipeline_waterfall(seen, first, first + timedelta(days=days), level)
    arrives = frame["start"] + frame["new"] + frame["pulled_in"] - frame["pushed_out"] - frame["lost"] - frame["won"]
    assert (arrives + frame["amount_changes"] == frame["end"]).all()
    assert set(frame.dtypes[list(WATERFALL_PARTS)].astype(str)) == {"int64"}
    assert (frame["aged_out"] <= frame["pushed_out"]).all()


@settings(SLOW, max_examples=4)
@given(known=DAYS, quarter=st.sampled_from(["2025Q1", "2025Q2", "2025Q3", "2025Q4"]))
@example(known=date(2025, 6, 23), quarter="2025Q1").via("customers are won, and spend names teams")
def test_levels_are_sums_of_each_other(history: SalesHistory, known: date, quarter: str) -> None:
    frame = evaluate_metrics(history, as_of=known, period=quarter, level=LEVELS)
    table = frame.pivot(index="slug", columns=["level", "key"], values="value")
    parts = [f"pipeline_waterfall_{part}" for part in WATERFALL_PARTS]
    for slug in (*ADDITIVE, *parts):
        reps, whole = table.loc[slug, "rep"], table.loc[slug, ("organisation", "organisation")]
        if reps.notna().any() and not math.isnan(whole):
            assert reps.sum() == pytest.approx(whole)
    head, whole = table[("team", "head")], table[("organisation", "organisation")]
    spend = "sales_and_marketing_spend"
    if not math.isnan(head[spend]):  # spend that names no team is of no manager, and what a customer costs follows it
        assert head[spend] + whole["spend_without_team"] == pytest.approx(whole[spend])
        ofs = [slug for slug in BY_SPEND if not math.isnan(head[slug])]
        assert (head[ofs] / whole[ofs]).to_numpy() == pytest.approx(head[spend] / whole[spend])
    both = head.notna() & whole.notna() & ~table.index.isin(BY_SPEND)
    assert head[both].to_numpy() == pytest.approx(whole[both].to_numpy())
