import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm_ml.predictions import (
    DealOutlook,
    Driver,
    ForecastChange,
    ForecastPart,
    MetricValue,
    Prediction,
    Submission,
    TeamPrediction,
    WithoutLargest,
)
from spm_ml.predictions.checks import require_sum
from spm_ml.predictions.encoding import decode, encode
from tests.prediction_world import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(weeks=2)


def test_every_row_survives_encoding(world: World) -> None:
    for row in (*world.predictions, *world.teams, *world.recommendations, world.model_card):
        assert decode(type(row), encode(row)) == row


def test_an_undefined_accuracy_becomes_null(world: World) -> None:
    by_slug = {row["forecaster"]: row for row in world.model_card.value_added}
    assert by_slug["last_period"]["auc"] is None
    assert by_slug["lightgbm_quantiles"]["auc"] is not None


@pytest.fixture(scope="module")
def row(world: World) -> Prediction:
    return world.current("r-101")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"p_hit": math.nan}, "p_hit is nan"),
        ({"p_hit": 1.2}, "lies between 0 and 1"),
        ({"mean_bookings": math.inf}, "mean_bookings is inf"),
        ({"bookings_quantiles": (1.0, 2.0)}, "2 quantiles; there must be 19"),
        ({"bookings_quantiles": (math.nan,) * 19}, "not finite"),
        ({"bookings_quantiles": tuple(float(19 - step) for step in range(19))}, "quantiles decrease"),
    ],
)
def test_numbers_that_are_none_are_refused(row: Prediction, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(row, **changes)


def test_a_metric_without_value_says_why() -> None:
    with pytest.raises(ValueError, match="no value and no reason"):
        MetricValue("win_rate_count", "Win rate", "ratio", None)
    with pytest.raises(ValueError, match="points is inf"):
        Driver("Luck", math.inf, None, "")


def test_quantiles_are_asked_by_level(row: Prediction) -> None:
    assert row.bookings_quantiles is not None
    assert row.quantile(0.5) == row.bookings_quantiles[9]
    nothing = replace(row, bookings_quantiles=None, parts=(), change=None, without_largest=None)
    assert nothing.quantile(0.5) is None
    with pytest.raises(ValueError, match="not in tuple"):
        row.quantile(0.33)


def test_moments_carry_a_time_zone(world: World) -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        replace(world.batch, created_at=datetime(2026, 6, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a time zone"):
        replace(world.model_card, trained_at=datetime(2026, 6, 1))  # noqa: DTZ001


@pytest.fixture(scope="module")
def north(world: World) -> TeamPrediction:
    return next(one for one in world.teams if one.key == "m-north" and one.as_of == world.batch.as_of)


def moved(parts: tuple[ForecastPart, ...], by: float) -> tuple[ForecastPart, ...]:
    return (replace(parts[0], amount=parts[0].amount + by), *parts[1:])


def test_parts_add_up_to_the_median_and_changes_to_its_change(row: Prediction) -> None:
    assert row.change is not None
    median = row.quantile(0.5)
    assert median is not None
    assert math.fsum(part.amount for part in row.parts) == pytest.approx(median)
    assert math.fsum(part.amount for part in row.change.parts) == pytest.approx(median - row.change.before)
    assert replace(row, parts=moved(row.parts, 0.9)).parts[0].amount == row.parts[0].amount + 0.9
    with pytest.raises(ValueError, match=r"the parts add up to .*, the median is"):
        replace(row, parts=moved(row.parts, 2.1))
    with pytest.raises(ValueError, match="the change of the median is"):
        replace(row, change=replace(row.change, parts=moved(row.change.parts, -2.1)))
    with pytest.raises(ValueError, match="name one kind twice"):
        replace(row, parts=(*row.parts, replace(row.parts[0], amount=0.0)))
    with pytest.raises(ValueError, match="parts of the median, which is unknown"):
        replace(row, bookings_quantiles=None)
    with pytest.raises(ValueError, match="a change is given of the median, which is unknown"):
        replace(row, bookings_quantiles=None, parts=())
    with pytest.raises(ValueError, match="stands beside none"):
        replace(row, bookings_quantiles=None, parts=(), change=None)


def test_a_groups_parts_add_up_to_its_mean(north: TeamPrediction) -> None:
    assert north.mean_bookings is not None
    assert math.fsum(part.amount for part in north.parts) == pytest.approx(north.mean_bookings)
    assert north.quantile(0.5) is not None
    with pytest.raises(ValueError, match=r"team 'm-north' as of .*: the parts add up to .*, the mean is"):
        replace(north, parts=moved(north.parts, 5.0))
    with pytest.raises(ValueError, match="parts of the mean, which is unknown"):
        replace(north, mean_bookings=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"manager_id": "m-south"}, "a team's is its key"),
        ({"level": "region"}, "others have none"),
        ({"level": "company", "manager_id": ""}, "the company's key is 'company'"),
        ({"p_hit_own": -0.1}, "lies between 0 and 1"),
        ({"mean_bookings": math.nan}, "mean_bookings is nan"),
        ({"bookings_quantiles": (1.0,)}, "1 quantiles"),
    ],
)
def test_a_group_is_what_its_key_says(north: TeamPrediction, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(north, **changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ForecastPart("luck", "Luck", 0.0, None, ""), "of no known kind"),
        (lambda: ForecastPart("open_stage_0", "Open", 0.0, None, ""), "of no known kind"),
        (lambda: ForecastPart("booked", "Booked", math.nan, None, ""), "amount is nan"),
        (lambda: ForecastPart("booked", "Booked", 1.0, math.inf, ""), "points is inf"),
        (lambda: ForecastChange(date(2026, 1, 1), math.nan, ()), "before is nan"),
        (lambda: DealOutlook("d", "Propose", 1, 1.5, None, None), "lies between 0 and 1"),
        (lambda: DealOutlook("d", "Propose", 1, 0.5, None, 0), "weeks of a period count from 1"),
        (lambda: WithoutLargest("d", 1, math.inf, None), "median is inf"),
        (lambda: WithoutLargest("d", 1, 1.0, 2.0), "lies between 0 and 1"),
        (lambda: Submission("commit", 1, date(2026, 1, 1), "x", math.nan, 0, 0), "typical_bias is nan"),
        (lambda: Submission("commit", 1, date(2026, 1, 1), "x", None, 3, 2), "closer in 3 of 2 periods"),
    ],
)
def test_what_stands_beside_a_forecast_is_checked(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_few_deals_are_kept(row: Prediction) -> None:
    with pytest.raises(ValueError, match="6 deals; keep the 5 that matter most"):
        replace(row, deals=row.deals[:1] * 6)


@given(st.lists(st.floats(-1e13, 1e13), min_size=1, max_size=12), st.floats(-0.99, 0.99))
def test_rounding_never_breaks_a_sum(amounts: list[float], error: float) -> None:
    require_sum("a row", amounts, sum(amounts) + error, "total")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12), st.floats(1.1, 1e6), st.sampled_from([-1, 1]))
def test_a_part_that_is_missing_is_always_found(amounts: list[float], missing: float, sign: int) -> None:
    with pytest.raises(ValueError, match="add up to"):
        require_sum("a row", amounts, math.fsum(amounts) + sign * missing, "total")
