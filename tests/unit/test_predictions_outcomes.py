"""Results of finished periods: said once, restated beside what was said before, and read through the scope."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from spm_ml.predictions import LEVELS, Batch, GroupOutcome, Outcome, PredictionStore, Scope
from spm_ml.predictions.engine import writing
from spm_ml.predictions.retention import prune
from spm_ml.settings import RetentionSettings
from tests.prediction_world import (
    LEFT,
    NO_HISTORY,
    NO_QUOTA,
    NORTH,
    PRINCIPALS,
    VP,
    make_outcomes,
    make_world,
    publish_finished,
)

Q2 = "2026Q2"


@pytest.fixture
def store(empty_target: str) -> Iterator[PredictionStore]:
    with PredictionStore.open(empty_target) as store:
        publish_finished(store)
        yield store


def outcome_of(store: PredictionStore, rep_id: str, scope: Scope = PRINCIPALS["vp"]) -> Outcome | None:
    with store.read(scope, period=Q2) as batch:
        found = batch.outcomes([rep_id]).get(rep_id)
        return None if found is None else found.outcome


def running(store: PredictionStore, **changes: Any) -> Batch:
    batch = store.published_batch()
    assert batch is not None
    return replace(batch, **changes)


def test_a_result_in_numbers() -> None:
    result = Outcome("r-1", Q2, 90, 80, 100, censored=False)
    assert (result.attainment, result.hit) == (0.9, False)
    assert (result.inside(90, 95), result.inside(91, 95), result.inside(80, 89)) == (True, False, False)
    assert result.inside(None, 95) is None
    for unknown in (replace(result, quota=None), replace(result, quota=0)):
        assert (unknown.attainment, unknown.hit) == (None, None)
        assert unknown.inside(80, 95) is True
    left = replace(result, censored=True)
    assert (left.attainment, left.hit, left.inside(80, 95)) == (0.9, None, None)


def test_the_same_said_again_adds_nothing(store: PredictionStore) -> None:
    with store.read(PRINCIPALS["vp"], period=Q2) as batch:
        said = [batch.outcomes([row.rep_id])[row.rep_id].outcome for row in batch.predictions().items]
    lines = len(tuple(store.audit.entries()))
    assert store.publish_outcomes(running(store), said) == 0
    assert store.publish_outcomes(running(store, batch_id="b-later", data_version=9), said) == 0
    assert len(tuple(store.audit.entries())) == lines
    assert store.publish_outcomes(running(store), ()) == 0


def test_a_restatement_stands_beside_what_was_said_before(store: PredictionStore) -> None:
    before = outcome_of(store, "r-101")
    assert before is not None
    restated = replace(before, bookings=before.bookings + 500_00, quota=None)
    later = running(store, batch_id="b-late", data_version=5, watermark=date(2026, 7, 20))
    assert store.publish_outcomes(later, [restated]) == 1
    assert outcome_of(store, "r-101") == restated
    with store.read(Scope("rep", "r-101"), period=Q2) as batch:
        first, second = batch.outcome_versions("r-101")
    assert (first.outcome, first.batch_id, first.as_known_on) == (before, "b-0002", date(2026, 7, 12))
    assert (second.outcome, second.batch_id, second.as_known_on) == (restated, "b-late", date(2026, 7, 20))
    line = tuple(store.audit.entries())[-1]
    assert (line.action, line.subject, line.watermark) == ("outcomes published", "b-late", date(2026, 7, 20))
    assert line.detail == {"periods": {Q2: {"added": 1, "restated": 1}}}
    assert store.audit.check().intact

    older = replace(later, batch_id="b-back", watermark=date(2026, 7, 15))
    assert store.publish_outcomes(older, [before]) == 0, "older data say nothing new"
    corrected = replace(later, batch_id="b-corrected", data_version=6)
    assert store.publish_outcomes(corrected, [before]) == 1, "newer tables of the same day do"
    assert outcome_of(store, "r-101") == before


def test_amounts_of_another_currency_are_not_compared(store: PredictionStore) -> None:
    before = outcome_of(store, "r-101")
    assert before is not None
    in_yen = running(store, batch_id="b-yen", currency="JPY", minor_digits=0, data_version=5)
    assert store.publish_outcomes(in_yen, [replace(before, bookings=7)]) == 1
    assert outcome_of(store, "r-101") == before


def test_whoever_sees_the_forecast_sees_the_result(store: PredictionStore) -> None:
    assert outcome_of(store, "r-201", Scope("rep", "r-201")) is not None
    assert outcome_of(store, "r-201", PRINCIPALS["south"]) is not None
    for scope in (
        Scope("rep", "r-101"),
        PRINCIPALS["north"],
        *(PRINCIPALS[name] for name in ("hr", "analyst", "admin")),
    ):
        assert outcome_of(store, "r-201", scope) is None
        with store.read(scope, period=Q2) as batch:
            assert batch.outcome_versions("r-201") == ()
    for name in ("hr", "analyst", "admin"):
        with store.read(PRINCIPALS[name], period=Q2) as batch:
            held = batch.held_ranges()
            assert held is not None
            assert (held.held, held.compared, held.left) == (0, 0, 0)


def test_how_many_ranges_held(store: PredictionStore) -> None:
    with store.read(PRINCIPALS["vp"], period=Q2) as batch:
        rows = {row.rep_id: row for row in batch.predictions().items}
        found = batch.held_ranges()
        north = batch.held_ranges(NORTH)
        earlier = batch.on(batch.days()[3]).held_ranges()
    by_hand = [
        low <= one.bookings <= high
        for one in make_outcomes(make_world())
        if one.rep_id != LEFT
        and (low := rows[one.rep_id].quantile(0.1)) is not None
        and (high := rows[one.rep_id].quantile(0.9)) is not None
    ]
    assert found is not None
    assert (found.held, found.compared, found.left) == (sum(by_hand), len(by_hand), 1)
    assert 0 < found.held < found.compared == len(rows) - len({LEFT, NO_HISTORY})
    assert north is not None
    assert north.compared == 6
    assert earlier is not None
    assert earlier.compared == found.compared


def test_groups_add_up_what_counts_once(store: PredictionStore) -> None:
    results = {one.rep_id: one for one in make_outcomes(make_world())}
    with store.read(PRINCIPALS["vp"], period=Q2) as batch:
        found = {
            (group.level, group.key): batch.group_outcome(group) for level in LEVELS for group in batch.groups(level)
        }
    total = sum(one.revenue for one in results.values())
    assert found["company", "company"] == found["team", VP] == GroupOutcome(total, 11, 1, date(2026, 7, 12))
    assert found["region", "EMEA"] == found["team", NORTH]
    north = [results[f"r-10{number}"].revenue for number in range(1, 8)]
    assert found["team", NORTH] == GroupOutcome(sum(north), 7, 0, date(2026, 7, 12))
    with store.read(PRINCIPALS["analyst"], period=Q2) as batch:
        assert [batch.group_outcome(group) for group in batch.groups("team")] == [found["team", VP]]


def test_a_group_has_no_result_while_one_is_missing(empty_target: str) -> None:
    with PredictionStore.open(empty_target) as store:
        finished = make_world()
        finished.publish_into(store)
        store.publish_outcomes(finished.batch, make_outcomes(finished)[:3])
        with store.read(PRINCIPALS["vp"]) as batch:
            assert all(batch.group_outcome(group) is None for group in batch.groups("team"))


def test_a_running_period_has_no_result(store: PredictionStore) -> None:
    with store.read(PRINCIPALS["vp"]) as batch:
        assert batch.results_known_on is None
        assert batch.outcomes(["r-101"]) == {}
        assert batch.held_ranges() is None
        assert batch.group_outcome(batch.groups("company")[0]) is None


def test_what_was_restated_goes_when_it_is_old(store: PredictionStore) -> None:
    before = outcome_of(store, "r-101")
    assert before is not None
    restated = replace(before, bookings=1)
    store.publish_outcomes(running(store, batch_id="b-late", data_version=5), [restated])
    retention = RetentionSettings(restated_days=10)
    for days, left in ((5, 2), (15, 1), (400, 1)):
        with writing(store._engine) as connection:
            now = datetime.now(UTC) + timedelta(days=days)
            found = prune(connection, retention, actor="operator", dry_run=False, now=now)
        assert found.outcomes == (days == 15)
        with store.read(PRINCIPALS["vp"], period=Q2) as batch:
            assert len(batch.outcome_versions("r-101")) == left
    assert outcome_of(store, "r-101") == restated
    assert outcome_of(store, NO_QUOTA) is not None
    assert store.audit.check().intact
