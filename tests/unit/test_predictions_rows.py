import math
from dataclasses import replace
from datetime import datetime

import pytest

from spm_ml.predictions import Driver, MetricValue, Prediction
from spm_ml.predictions.encoding import (
    decode_model_card,
    decode_prediction,
    decode_recommendation,
    decode_team,
    encode,
)
from tests.prediction_world import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(weeks=2)


def test_every_row_survives_encoding(world: World) -> None:
    for row in world.predictions:
        assert decode_prediction(encode(row)) == row
    for team in world.teams:
        assert decode_team(encode(team)) == team
    for offer in world.recommendations:
        assert decode_recommendation(encode(offer)) == offer
    assert decode_model_card(encode(world.model_card)) == world.model_card


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
    assert replace(row, bookings_quantiles=None).quantile(0.5) is None
    with pytest.raises(ValueError, match="not in tuple"):
        row.quantile(0.33)


def test_moments_carry_a_time_zone(world: World) -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        replace(world.batch, created_at=datetime(2026, 6, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a time zone"):
        replace(world.model_card, trained_at=datetime(2026, 6, 1))  # noqa: DTZ001
