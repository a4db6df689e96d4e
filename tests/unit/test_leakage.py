"""The leak check passes the project's features, and names a feature that reads the future."""

import json
from datetime import date

import ibis
import pytest

from spm_ml.dataset import as_of_grid
from spm_ml.errors import DataError
from spm_ml.features import AsOf, AsOfGrid, Feature, Stream, ratio
from spm_ml.history import SalesHistory
from spm_ml.leakage import check_leakage, draw_days, perturbed
from tests.feature_world import World

DAY = date(2025, 6, 10)
WORLD = World(11, reps=3, deals=8, days=260)


def final_wins(grid: AsOfGrid) -> ibis.Table:
    """What a careless analyst writes: deals by the day they were created, with the outcome they have today."""
    deals = grid.history.table("opportunities")
    return deals.select(
        "rep_id",
        visible_from=deals.created_on,
        won=(deals.outcome == "won").cast("int64"),
        created=ibis.literal(1, "int64"),
    )


def share_won(at: AsOf) -> object:
    return ratio(at.now(FINAL, "won"), at.now(FINAL, "created"))


FINAL = Stream("final_outcomes", final_wins)
BY_EVENT_DAY = Stream(
    "by_event_day",
    lambda grid: grid.history.bookings.select("rep_id", "amount", visible_from="booked_on"),
)
LAST_OWNER = Stream(
    "last_owner",
    lambda grid: grid.history.table("opportunities").select(
        "rep_id", visible_from="created_on", deals=ibis.literal(1, "int64")
    ),
)
BACKDATED = Feature(
    "booked", "custom", "money", "Booked by event day, whenever recorded.", lambda at: at.now(BY_EVENT_DAY, "amount")
)
REASSIGNED = Feature(
    "deals",
    "custom",
    "count",
    "Deals, all of them counted for their last owner.",
    lambda at: at.now(LAST_OWNER, "deals"),
)
LEAKY = Feature("share_won", "custom", "ratio", "Share of the rep's deals that were won.", share_won)


@pytest.fixture(scope="module")
def history() -> SalesHistory:
    with SalesHistory.from_frames(WORLD.frames(), WORLD.settings) as opened:
        yield opened


def test_the_features_read_nothing_of_the_future(history: SalesHistory) -> None:
    certificate = check_leakage(history, days=[DAY], seed=1)
    assert certificate.passed, certificate.examples
    assert certificate.rows_compared >= 50
    assert certificate.records_changed > 30
    assert certificate.features_checked > 60
    assert json.loads(json.dumps(certificate.to_json(), allow_nan=False))["passed"] is True


def test_leaky_features_are_caught_and_named(history: SalesHistory) -> None:
    harmless = Feature("weeks", "custom", "count", "Weeks of the period.", lambda at: at.row.week)
    certificate = check_leakage(history, days=[DAY], features=(harmless, LEAKY, BACKDATED, REASSIGNED))
    assert certificate.differing == ("booked", "deals", "share_won")
    assert not certificate.passed
    for example in certificate.examples:
        assert example.before != example.after
        assert example.as_of <= DAY == example.day


def test_another_future_leaves_the_past_and_changes_what_follows(history: SalesHistory) -> None:
    with perturbed(history, DAY, seed=3) as (other, changed):
        assert changed > 30
        for name in ("ledger", "bookings", "quotas", "activity", "profiles"):
            past = [getattr(each.as_of(DAY), name).to_pandas() for each in (history, other)]
            rows = [sorted(map(repr, frame.to_dict("records"))) for frame in past]
            assert rows[0] == rows[1], name
            whole = [sorted(map(repr, getattr(each, name).to_pandas().to_dict("records"))) for each in (history, other)]
            assert whole[0] != whole[1], name
        assert history.data_hash != other.data_hash


def test_days_before_the_history_are_refused(history: SalesHistory) -> None:
    with pytest.raises(DataError, match="choose later days"):
        check_leakage(history, days=[date(2020, 1, 1)], features=())


def test_days_are_drawn_by_the_seed(history: SalesHistory) -> None:
    grid = as_of_grid(history)
    drawn = draw_days(grid, 4)
    assert drawn == draw_days(grid, 4)
    assert {draw_days(grid, seed) for seed in range(5)} != {drawn}
    assert len(drawn) == 3
    assert grid[len(grid) // 3] <= min(drawn) <= max(drawn) < grid[-1]
    assert draw_days(grid[:1], 4) == grid[:1]
