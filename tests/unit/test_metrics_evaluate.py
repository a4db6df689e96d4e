"""evaluate_metrics: wrong definitions on data, the day that counts, periods and ranges, zombies, pay."""

from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest

from spm_ml.compensation import CompensationPlan
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.history import SalesHistory
from spm_ml.metrics import LEVELS, NULL_REASONS
from spm_ml.metrics.evaluate import METRIC_COLUMNS, evaluate_metrics
from tests.metric_world import ORGANISATION, deal, history_of, rep, together

JAN, FEB, MAR, MAY = date(2026, 1, 5), date(2026, 2, 2), date(2026, 3, 2), date(2026, 5, 4)


def opened(owner: str, amount: float | None, expected: date = date(2026, 3, 20)) -> dict[str, object]:
    return {"rep_id": owner, "amount": amount, "expected_close_on": expected}


WON, LOST = {"outcome": "won", "stage": "Won"}, {"outcome": "lost", "stage": "Lost", "amount": 0}
TABLES = together(
    {
        "reps": [
            rep("boss"),
            rep("ann", "boss", role="ae"),
            rep("bob", "boss", role="ae"),
            rep("eve", "boss"),
            rep("out", "boss", left_on="2025-12-31"),
            rep("zoe", "boss"),
        ],
        "quotas": [
            {"rep_id": "ann", "period": "2026Q1", "amount": 2_000},
            {"rep_id": "ann", "period": "2026Q1", "amount": 4_000, "set_on": "2026-02-10"},
            {"rep_id": "bob", "period": "2026Q1", "amount": 0},
            {"rep_id": "ann", "period": "2026Q2", "amount": 5_000},
        ],
        "credits": [
            {"opportunity_id": "shared", "rep_id": "ann", "share": 0.6},
            {"opportunity_id": "shared", "rep_id": "bob", "share": 0.4},
            {"opportunity_id": "shared", "rep_id": "eve", "share": 1.0, "kind": "overlay"},
        ],
    },
    deal("moved later", (JAN, opened("ann", 1_000)), (FEB, WON), (MAR, {"rep_id": "bob"})),
    deal("shared", (JAN, opened("ann", 500.05)), (MAR, WON)),
    deal("lost", (JAN, opened("ann", 9_000)), (MAR, LOST)),
    deal("late", (JAN, opened("ann", 100)), (date(2026, 4, 9), WON), closed_on=date(2026, 3, 30)),
    deal("open", (MAR, opened("ann", 700, date(2026, 6, 1))), (MAY, {"stage": "Propose"})),
    deal("zombie", (JAN, opened("ann", 50_000, date(2026, 6, 2)))),
    deal("no amount", (MAY, opened("zoe", None, date(2026, 6, 3)))),
)


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    with history_of(TABLES) as one:
        yield one


@pytest.fixture(scope="module")
def first_quarter(history: SalesHistory) -> pd.DataFrame:
    return evaluate_metrics(history, period="2026Q1", level=LEVELS)


@pytest.fixture(scope="module")
def running(history: SalesHistory) -> pd.DataFrame:
    return evaluate_metrics(history, level=LEVELS)


def value(frame: pd.DataFrame, key: str, slug: str) -> float:
    return float(frame[(frame["key"] == key) & (frame["slug"] == slug)]["value"].iloc[0])


def reason(frame: pd.DataFrame, key: str, slug: str) -> object:
    return frame[(frame["key"] == key) & (frame["slug"] == slug)]["reason"].iloc[0]


def test_the_frame_has_the_declared_columns(first_quarter: pd.DataFrame) -> None:
    assert tuple(first_quarter.columns) == METRIC_COLUMNS
    assert set(first_quarter["as_of"]) == {MAY}
    undefined = first_quarter["value"].isna()
    assert set(first_quarter[undefined]["reason"]) <= NULL_REASONS.keys()
    assert first_quarter[~undefined]["reason"].isna().all()
    assert not first_quarter.duplicated(["level", "key", "slug"]).any()


def test_credit_goes_to_who_closed_the_deal_and_not_to_its_present_owner(first_quarter: pd.DataFrame) -> None:
    assert value(first_quarter, "ann", "bookings") == 1_000_00 + 300_03 + 100_00
    assert value(first_quarter, "ann", "won_deals") == 3
    assert value(first_quarter, "bob", "won_deals") == 0


def test_a_shared_deal_is_credited_by_shares_and_counted_once_in_the_team(first_quarter: pd.DataFrame) -> None:
    assert value(first_quarter, "bob", "bookings") == 200_02
    assert value(first_quarter, "eve", "bookings") == 500_05, "overlay credit is the rep's"
    assert value(first_quarter, "boss", "bookings") == 0, "the manager's own row comes first"
    team = first_quarter[first_quarter["level"] == "team"]
    assert value(team, "boss", "bookings") == 1_600_05, "and not the team's"
    assert value(first_quarter, "organisation", "bookings") == 1_600_05


def test_lost_deals_are_in_no_forecast(first_quarter: pd.DataFrame) -> None:
    assert value(first_quarter, "organisation", "pipeline_waterfall_lost") == 9_000_00
    assert value(first_quarter, "organisation", "pipeline_waterfall_end") == 0
    assert value(first_quarter, "organisation", "open_pipeline") == 700_00


def test_a_lost_deal_counts_with_its_last_amount_while_open(first_quarter: pd.DataFrame) -> None:
    won = 1_000_00 + 500_05 + 100_00
    assert value(first_quarter, "organisation", "win_rate_value") == pytest.approx(won / (won + 9_000_00))
    assert value(first_quarter, "organisation", "win_rate_count") == 0.75
    assert value(first_quarter, "organisation", "average_deal_size") == pytest.approx(won / 3)


def test_the_quota_in_force_and_the_original_differ(first_quarter: pd.DataFrame) -> None:
    assert value(first_quarter, "ann", "quota_attainment") == pytest.approx(1_400_03 / 4_000_00)
    assert value(first_quarter, "ann", "quota_attainment_original") == pytest.approx(1_400_03 / 2_000_00)
    assert reason(first_quarter, "bob", "quota_attainment") == "quota_zero"
    assert reason(first_quarter, "eve", "quota_attainment") == "quota_missing"


def test_only_what_was_known_on_the_day_counts(history: SalesHistory) -> None:
    then = evaluate_metrics(history, as_of=date(2026, 4, 1), period="2026Q1")
    assert value(then, "ann", "bookings") == 1_300_03, "the close of 30 March was entered on 9 April"
    early = evaluate_metrics(history, as_of=date(2026, 2, 9))
    assert set(early["period"]) == {"2026Q1"}
    assert value(early, "ann", "quota_in_force") == 2_000_00


def test_deals_nobody_touched_leave_the_pipeline(running: pd.DataFrame) -> None:
    assert value(running, "ann", "open_pipeline") == 700_00


def test_deals_without_an_amount_make_the_pipeline_unknown_and_not_zero(running: pd.DataFrame) -> None:
    assert reason(running, "zoe", "open_pipeline") == "amount_missing"
    assert value(running, "organisation", "open_pipeline") == 700_00


def test_reps_who_had_left_before_the_period_are_left_out(running: pd.DataFrame) -> None:
    assert set(running[running["level"] == "rep"]["key"]) == {"boss", "ann", "bob", "eve", "zoe"}


def test_a_range_adds_up_its_periods_and_leaves_what_one_period_means_undefined(history: SalesHistory) -> None:
    whole = evaluate_metrics(history, period="all", level="organisation")
    ranged = evaluate_metrics(history, period="2026Q1..2026Q2", level="organisation")
    assert set(whole["period"]) == {"all"}
    assert set(ranged["period"]) == {"2026Q1..2026Q2"}
    assert whole["value"].equals(ranged["value"])
    assert value(whole, "organisation", "quota_in_force") == 9_000_00
    assert value(whole, "organisation", "won_value") == 1_600_05
    assert reason(whole, "organisation", "slip_rate") == "not_a_finished_period"
    assert reason(whole, "organisation", "push_rate_of_forecasted") == "not_a_single_period"


def test_several_periods_at_once_are_what_each_is_alone(
    history: SalesHistory, first_quarter: pd.DataFrame, running: pd.DataFrame
) -> None:
    both = evaluate_metrics(history, period=["2026Q1", "2026Q2", "2026Q1"], level=LEVELS)
    pd.testing.assert_frame_equal(both, pd.concat([first_quarter, running], ignore_index=True))


def test_unknown_levels_and_periods_are_refused(history: SalesHistory) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'team'"):
        evaluate_metrics(history, level="teams")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="ends before it starts"):
        evaluate_metrics(history, period="2026Q2..2026Q1")
    with pytest.raises(DataError, match="'soon' is not understood"):
        evaluate_metrics(history, period="soon")


def test_pay_comes_from_the_plan_of_the_role(history: SalesHistory) -> None:
    tiers = [{"from": 0, "to": "0.2", "rate": "0.1"}, {"from": "0.2", "rate": "0.2"}]
    settings = {"plan_id": "ae", "roles": ["ae"], "tiers": tiers, "on_target_earnings": 1_000}
    plan = CompensationPlan.parse(settings, where="test")
    paid = evaluate_metrics(history, period="2026Q1", level=("rep", "organisation"), plans=[plan])
    commission = 800_00 * 0.1 + 600_03 * 0.2
    assert value(paid, "ann", "commission_payout") == pytest.approx(commission, abs=1)
    assert value(paid, "organisation", "commission_payout") == value(paid, "ann", "commission_payout")
    assert value(paid, "ann", "quota_to_ote_ratio") == 4
    assert reason(paid, "bob", "commission_payout") == "quota_missing"
    assert reason(paid, "eve", "commission_payout") == "no_plan"
    foreign = CompensationPlan.parse(settings | {"currency": "EUR"}, where="test")
    with pytest.raises(ConfigurationError, match=r"\['ae'\] are not in USD"):
        evaluate_metrics(history, plans=[foreign])


def test_one_rep_without_any_deal_has_nulls_with_reasons_and_no_error() -> None:
    tables = {"reps": [rep("solo")], "quotas": [{"rep_id": "solo", "period": "2026Q1", "amount": 10}]}
    with history_of({**tables, "opportunities": []}, ORGANISATION) as history:
        frame = evaluate_metrics(history, as_of=date(2026, 1, 30), period="2026Q1", level=LEVELS)
    assert value(frame, "solo", "bookings") == 0
    assert value(frame, "solo", "quota_attainment") == 0
    assert reason(frame, "solo", "win_rate_count") == "no_closed_deals"
    assert set(frame["level"]) == {"rep", "region", "segment", "organisation"}, "no team"


def test_regions_and_segments_add_up_to_the_organisation(history: SalesHistory) -> None:
    rows = [dict(row) for row in TABLES["reps"]]
    for place, row in enumerate(rows):
        row |= {"region": "North" if place % 2 else None, "segment": "SMB"}
    with history_of({**TABLES, "reps": rows}) as placed:
        frame = evaluate_metrics(placed, period="2026Q1", level=LEVELS)
    whole = frame[frame["level"] == "organisation"].set_index("slug")["value"]
    for level, keys in (("region", {"North", "not stated"}), ("segment", {"SMB"})):
        found = frame[frame["level"] == level]
        assert set(found["key"]) == keys
        for slug in ("bookings", "won_deals", "quota_in_force", "open_pipeline", "pipeline_created"):
            assert found[found["slug"] == slug]["value"].sum() == whole[slug], (level, slug)
        assert not found[found["slug"] == "win_rate_count"].empty
    nobody = evaluate_metrics(history, period="2026Q1", level="region")
    assert set(nobody["key"]) == {"not stated"}
