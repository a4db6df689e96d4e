"""Declining, taking back, offers that hold no longer, and two decisions at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from spm_ml.predictions import (
    CoachingBatch,
    ExpiredOfferError,
    NothingToReverseError,
    PredictionStore,
    Principal,
    Recommendation,
    Scope,
    Verdict,
)
from spm_ml.predictions.engine import writing
from tests.prediction_world import NORTH, PERIOD_END, SOUTH, VP, World, make_world

REP = "r-101"
VERA = Principal("t-1", "Vera Lindqvist", Scope("manager", VP))
ANNA = Principal("t-2", "Anna Keller", Scope("manager", NORTH))
BEN = Principal("t-3", "Ben Osei", Scope("manager", SOUTH))
HR = Principal("t-4", "HR", Scope("hr"))
OTHER_HR = Principal("t-5", "HR of the group", Scope("hr"))
INES = Principal("t-6", "Ines Moreau", Scope("rep", REP))
JONAS = Principal("t-7", "Jonas Weber", Scope("rep", "r-102"))
ANALYST = Principal("t-8", "Analyst", Scope("analyst"))


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(weeks=1)


@pytest.fixture
def store(tmp_path: Path, world: World) -> Iterator[PredictionStore]:
    with PredictionStore.open(tmp_path / "a.db") as opened:
        world.publish_into(opened)
        yield opened


@pytest.fixture(scope="module")
def offer(world: World) -> Recommendation:
    return next(row for row in world.recommendations if row.rep_id == REP)


def said(store: PredictionStore, who: Principal, verdict: Verdict, offer: Recommendation, reason: str = "so") -> bool:
    key = {"rep_id": offer.rep_id, "program_id": offer.program_id}
    return store.decide(who, **key, verdict=verdict, reason=reason) is not None


def test_only_the_rep_declines(store: PredictionStore, offer: Recommendation) -> None:
    for other in (VERA, ANNA, BEN, HR, JONAS, ANALYST):
        assert not said(store, other, "declined", offer)
    assert said(store, INES, "declined", offer, reason="")
    with store.read(INES.scope) as batch:
        (shown,) = batch.offers(rep_ids=[REP]).items
        assert [one.verdict for one in batch.decisions(REP)] == ["declined"]
    assert shown.decision is not None
    assert (shown.decision.verdict, shown.decision.decided_by) == ("declined", "Ines Moreau")
    assert tuple(store.audit.entries())[-1].action == "recommendation declined"


def test_somebody_with_reports_may_decline_an_own_offer_and_nothing_else(
    store: PredictionStore, offer: Recommendation
) -> None:
    herself = Principal("t-9", "Ines Moreau", Scope("manager", REP))
    for verdict in ("accepted", "overridden"):
        assert not said(store, herself, verdict, offer)
    assert said(store, ANNA, "accepted", offer)
    with pytest.raises(NothingToReverseError):
        said(store, herself, "reversed", offer)
    assert said(store, herself, "declined", offer)


@pytest.mark.parametrize("first", ["accepted", "overridden"])
def test_a_decision_is_taken_back_by_whoever_made_it_or_a_manager_above(
    store: PredictionStore, offer: Recommendation, first: Verdict
) -> None:
    for who in (ANNA, VERA):
        assert said(store, ANNA, first, offer)
        for other in (HR, INES):
            with pytest.raises(NothingToReverseError, match="can be taken back"):
                said(store, other, "reversed", offer)
        assert not said(store, BEN, "reversed", offer), "out of scope and unknown do not differ"
        assert said(store, who, "reversed", offer)
        with pytest.raises(NothingToReverseError):
            said(store, who, "reversed", offer)
    with store.read(HR.scope) as batch:
        assert [one.verdict for one in batch.decisions(REP)] == [first, "reversed", first, "reversed"]
        assert batch.decisions("r-201") == ()


def test_a_superior_is_not_overruled_from_below(store: PredictionStore, offer: Recommendation) -> None:
    assert said(store, VERA, "accepted", offer)
    with pytest.raises(NothingToReverseError):
        said(store, ANNA, "reversed", offer)


def test_hr_takes_back_its_own_word_alone(store: PredictionStore, offer: Recommendation) -> None:
    assert said(store, HR, "overridden", offer)
    for other in (OTHER_HR, ANNA, VERA):
        with pytest.raises(NothingToReverseError):
            said(store, other, "reversed", offer)
    assert said(store, HR, "reversed", offer)


def test_a_rep_alone_takes_back_declining(store: PredictionStore, offer: Recommendation) -> None:
    assert said(store, INES, "declined", offer)
    for other in (ANNA, VERA, HR):
        with pytest.raises(NothingToReverseError):
            said(store, other, "reversed", offer)
    assert said(store, INES, "reversed", offer)


def test_taking_back_needs_a_reason_and_something_to_take_back(store: PredictionStore, offer: Recommendation) -> None:
    with pytest.raises(ValueError, match="taking a decision back needs a reason"):
        said(store, ANNA, "reversed", offer, reason=" ")
    with pytest.raises(NothingToReverseError):
        said(store, ANNA, "reversed", offer)
    assert store.decisions() == ()


def test_an_expired_offer_is_refused_by_the_day_of_the_data_or_a_given_one(
    store: PredictionStore, world: World, offer: Recommendation
) -> None:
    key = {"rep_id": REP, "program_id": offer.program_id}
    assert store.decide(ANNA, **key, verdict="accepted", today=PERIOD_END) is not None
    with pytest.raises(ExpiredOfferError, match=f"held until {PERIOD_END}"):
        store.decide(ANNA, **key, verdict="accepted", today=PERIOD_END + timedelta(days=1))
    over = replace(offer, expires_on=world.batch.as_of - timedelta(days=1))
    store.publish_coaching(CoachingBatch((over,), (), (), (), (), None))
    with pytest.raises(ExpiredOfferError):
        said(store, ANNA, "accepted", offer)


def test_an_offer_that_is_no_longer_made_is_told_from_one_that_never_was(
    store: PredictionStore, offer: Recommendation
) -> None:
    store.publish_coaching(CoachingBatch((offer,), (), (), (), (), None))
    store.publish_coaching(CoachingBatch((), (), (), (), (), None))
    with pytest.raises(ExpiredOfferError, match="no longer offered"):
        said(store, ANNA, "accepted", offer)
    assert not said(store, BEN, "accepted", offer), "out of scope says nothing about it"
    assert not said(store, ANNA, "accepted", replace(offer, program_id="p-none"))


def test_two_decisions_at_once_are_both_kept_and_one_is_taken_back_once(
    store: PredictionStore, offer: Recommendation
) -> None:
    with ThreadPoolExecutor(8) as pool:
        decided = list(pool.map(lambda who: said(store, who, "accepted", offer), [ANNA, VERA, HR] * 4))
    assert decided == [True] * 12
    assert len(store.decisions()) == 12
    assert said(store, ANNA, "accepted", offer)

    def taken_back(_: int) -> bool:
        try:
            return said(store, ANNA, "reversed", offer)
        except NothingToReverseError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(taken_back, range(8))) == 1


def test_the_log_says_what_was_offered_held_out_and_withdrawn(
    store: PredictionStore, world: World, offer: Recommendation
) -> None:
    lots = replace(offer, propensity=0.8, effect=0.03, effect_low=0.0, effect_high=0.06)
    out = replace(lots, rep_id="r-102", held_out=True)
    bare = [row for row in world.recommendations if row.abstention is not None]
    coaching = CoachingBatch((lots, out, *bare), (), (), (), (), None)
    for _ in range(2):  # a second time says nothing new
        store.publish_coaching(coaching, actor="planner")
    assert [(line.rep_id, line.event) for line in store.assignments.lines()] == [
        (REP, "offered"),
        ("r-102", "held_out"),
    ]
    first = store.assignments.lines()[0]
    assert (first.propensity, first.effect, first.actor) == (0.8, 0.03, "planner")
    assert (first.period, first.happened_on, first.reason) == ("2026Q2", world.batch.as_of, offer.reason)
    assert first.at is not None
    store.publish_coaching(replace(coaching, recommendations=(replace(lots, propensity=0.5),)))
    assert [(line.rep_id, line.event) for line in store.assignments.lines()[2:]] == [
        (REP, "offered"), ("r-102", "withdrawn")
    ]  # fmt: skip


@pytest.mark.parametrize("change", ["DELETE FROM assignments", "UPDATE assignments SET actor = 'nobody'"])
def test_the_log_cannot_be_changed(store: PredictionStore, offer: Recommendation, change: str) -> None:
    store.publish_coaching(CoachingBatch((offer,), (), (), (), (), None))
    with pytest.raises(IntegrityError, match="append-only"), writing(store._engine) as connection:
        connection.execute(text(change))
    assert store.assignments.lines()[0].happened_on == date(2026, 3, 31)
