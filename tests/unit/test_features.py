"""FEATURES as a catalogue, and how a feature of one's own is written."""

from collections.abc import Iterator
from datetime import date

import ibis
import pandas as pd
import pytest

from spm_ml.dataset import build_dataset
from spm_ml.errors import DataError
from spm_ml.features import FEATURES, AsOf, AsOfGrid, Feature, Stream
from spm_ml.features.few_days import FEW
from spm_ml.history import SalesHistory
from tests.feature_world import World

DAYS = [date(2025, 3, 31), date(2025, 5, 12)]
RELIED_ON = {
    "bookings_last_1",
    "bookings_last_2",
    "bookings_last_3",
    "bookings_last_4",
    "bookings_same_last_year",
    "bookings_mean",
    "bookings_std",
    "attainment_last_1",
    "attainment_mean",
    "periods_of_history",
    "booked_share_of_quota",
    "open_amount_stage_1",
    "open_count_stage_1",
    "open_amount",
    "open_count",
    "open_amount_in_period",
    "open_amount_overdue",
    "largest_open_amount",
    "open_amount_change_7",
    "open_amount_change_28",
    "open_count_change_7",
    "open_count_change_28",
    "created_amount_28",
    "created_count_28",
    "won_amount_28",
    "won_count_28",
    "lost_amount_28",
    "lost_count_28",
    "pushed_count_28",
    "slipped_count_28",
    "win_rate_364",
    "average_deal_364",
    "cycle_days_364",
    "activity_7",
    "activity_28",
    "activity_91",
    "meetings_28",
    "tenure_days",
    "ramping",
    "fte",
    "territory_potential",
    "programs_taken",
    "days_since_program",
    "elapsed_share",
    "period_number",
}


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    world = World(31, reps=2, deals=8, days=180)
    with SalesHistory.from_frames(world.frames(), world.settings) as opened:
        yield opened


def calls(grid: AsOfGrid) -> ibis.Table:
    rows = grid.history.activity
    return rows.filter(rows.kind == "call").select("rep_id", visible_from="recorded_on", calls=ibis.literal(1, "int64"))


CALLS = Stream("calls", calls, log="activity", looks_back=())  # it is read otherwise too, which only costs


def calls_28(at: AsOf) -> object:
    return at.trailing(CALLS, "calls", 28)


def test_every_name_that_others_rely_on_is_there() -> None:
    names = {name for feature in FEATURES for name in feature.names(4)}
    assert names >= RELIED_ON
    assert "open_amount_stage_4" in names


def test_the_catalogue_says_what_a_feature_is() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(names) == len(set(names))
    groups = {"attainment", "pipeline", "flow", "activity", "profile", "programs"}
    assert {feature.group for feature in FEATURES} == groups
    for feature in FEATURES:
        assert feature.description.endswith("."), feature.name


def test_a_feature_of_ones_own_needs_one_entry(history: SalesHistory) -> None:
    mine = Feature("calls_28", "custom", "count", "Calls of the last 28 days.", calls_28)
    double = Feature("double_{stage}", "custom", "count", "Twice the stage.", lambda at, stage: at.row.week * 0 + stage)
    built = build_dataset(history, as_of_days=DAYS, features=(mine, double))
    assert built.feature_names == ("calls_28", "double_1", "double_2", "double_3")
    activity = history.activity.to_pandas()
    for _, row in built.frame.iterrows():
        ago = (row["as_of"] - activity["recorded_on"].astype("datetime64[s]")).dt.days
        own = activity[(activity["rep_id"] == row["rep_id"]) & (activity["kind"] == "call") & (ago >= 0) & (ago < 28)]
        assert row["calls_28"] == len(own)
    assert (built.frame["double_3"] == 3).all()


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        (lambda rows: rows.select("rep_id", "recorded_on"), "must give rep_id and visible_from"),
        (lambda rows: rows.select("rep_id", visible_from="recorded_on", other=ibis.literal(1)), "no measure 'value'"),
        (lambda rows: rows.select("rep_id", visible_from="recorded_on", value=ibis.literal(0.5)), "sums must not"),
    ],
)
def test_a_wrong_stream_is_refused(history: SalesHistory, spans: object, message: str) -> None:
    stream = Stream("wrong", lambda grid: spans(grid.history.activity))
    feature = Feature("wrong", "custom", "count", "Wrong.", lambda at: at.now(stream, "value"))
    with pytest.raises(DataError, match=message):
        build_dataset(history, as_of_days=DAYS[:1], features=(feature,))


def test_two_streams_of_one_name_are_refused(history: SalesHistory) -> None:
    other = Stream("calls", calls)
    features = tuple(
        Feature(name, "custom", "count", "Calls.", lambda at, stream=stream: at.now(stream, "calls"))
        for name, stream in (("a", CALLS), ("b", other))
    )
    with pytest.raises(DataError, match="two streams are named 'calls'"):
        build_dataset(history, as_of_days=DAYS[:1], features=features)


def test_a_build_leaves_nothing_in_the_engine(history: SalesHistory) -> None:
    def tables() -> int:
        return int(history.engine.backend.raw_sql("SELECT count(*) FROM duckdb_tables()").fetchall()[0][0])

    build_dataset(history, as_of_days=DAYS[:1], features=())
    before = tables()
    build_dataset(history, as_of_days=DAYS[:1], features=())
    assert tables() == before


def test_a_stream_of_windows_gives_what_a_whole_one_gives_and_nothing_else(history: SalesHistory) -> None:
    some = Stream("some_calls", calls, log="activity", looks_back=(28,), windows=True)
    asked = {
        "whole": calls_28,
        "windows": lambda at: at.trailing(some, "calls", 28),
        "level": lambda at: at.now(some, "calls"),
        "undeclared": lambda at: at.trailing(some, "calls", 7),
    }
    made = {name: Feature(name, "custom", "count", "Calls.", values) for name, values in asked.items()}
    frame = build_dataset(history, as_of_days=DAYS, features=(made["whole"], made["windows"])).frame
    pd.testing.assert_series_equal(frame["windows"], frame["whole"], check_names=False)
    assert frame["whole"].max() > 0
    with pytest.raises(DataError, match="read over windows alone"):
        build_dataset(history, as_of_days=DAYS, features=(made["level"],))
    with pytest.raises(DataError, match=r"windows of \(28,\) days: add 7"):
        build_dataset(history, as_of_days=DAYS, features=(made["undeclared"],))


def test_products_count_where_they_are_true_on_few_days_and_on_many(history: SalesHistory) -> None:
    def spans(grid: AsOfGrid) -> ibis.Table:
        rows = grid.history.activity
        number = rows.occurred_on.day().cast("int64")
        until = ibis.ifelse(number > 20, ibis.null("date"), rows.recorded_on + ibis.interval(days=40))
        is_call = ibis.ifelse(number == 7, ibis.null("boolean"), rows.kind == "call")
        plain = ibis.ifelse(is_call, 1, 0).fill_null(0)
        return rows.select(
            "rep_id",
            visible_from="recorded_on",
            visible_until=until,
            value=number - 5,
            called=is_call,
            plain_calls=plain,
            plain_total=plain * (number - 5),
        )

    stream = Stream("calls", spans, log="activity", looks_back=(), products=(("total", "called", "value"),))
    names = ("called", "plain_calls", "total", "plain_total")
    asked = tuple(
        Feature(name, "custom", "count", "Calls.", lambda at, name=name: at.now(stream, name)) for name in names
    )
    many = build_dataset(history, features=asked).frame
    few = build_dataset(history, as_of_days=DAYS, features=asked).frame
    assert many["as_of"].nunique() > FEW >= few["as_of"].nunique()
    for frame in (many, few):
        pd.testing.assert_series_equal(frame["called"], frame["plain_calls"], check_names=False)
        pd.testing.assert_series_equal(frame["total"], frame["plain_total"], check_names=False)
    assert many["total"].nunique() > 2
    both = many.merge(few, on=["rep_id", "as_of"], suffixes=("", "_few"))
    assert len(both) == len(few)
    assert (both[[*names]].to_numpy() == both[[f"{name}_few" for name in names]].to_numpy()).all()


def test_a_product_of_other_than_a_boolean_and_an_integer_is_refused(history: SalesHistory) -> None:
    stream = Stream("calls", calls, products=(("total", "calls", "value"),))
    feature = Feature("total", "custom", "count", "Calls.", lambda at: at.now(stream, "total"))
    with pytest.raises(DataError, match="product 'total' of stream 'calls' is of 'calls' and 'value', which are int64"):
        build_dataset(history, as_of_days=DAYS, features=(feature,))
