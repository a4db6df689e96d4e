"""Earlier weeks of a batch: which there are, what is read of them, and by whom."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from spm_ml.predictions import COMPANY, PredictionStore, Scope, Selection, UnknownDayError
from spm_ml.predictions.disclosure import disclosable
from tests.prediction_world import NO_HISTORY, NO_QUOTA, NORTH, VP, World

DAY = timedelta(days=1)


def test_every_week_can_be_read_and_no_other_day(harbour: World, harbour_file: Path) -> None:
    weeks = sorted({row.as_of for row in harbour.predictions})
    with PredictionStore.open(harbour_file) as store, store.read(Scope("manager", VP)) as newest:
        assert newest.days() == tuple(weeks)
        assert newest.on(None) is newest
        assert newest.on(harbour.batch.as_of) is newest
        for day in (weeks[0] - DAY, weeks[3] + DAY, weeks[-1] + DAY):
            with pytest.raises(UnknownDayError, match=str(day)):
                newest.on(day)
        then = newest.on(weeks[3])
        rows = {row.rep_id: row for row in harbour.predictions if row.as_of == weeks[3]}
        assert {row.rep_id: row for row in then.predictions(Selection(limit=99)).items} == rows
        assert then.prediction("r-101") == rows["r-101"]
        assert sum(then.band_counts().values()) == len(rows)
        assert [row.as_of for level in ("team", "company") for row in then.groups(level)] == [weeks[3]] * 4
        assert then.batch == newest.batch, "where it comes from stays the batch"


def test_a_list_tells_what_changed_in_the_week_before(harbour: World, harbour_file: Path) -> None:
    weeks = sorted({row.as_of for row in harbour.predictions})
    before = {row.rep_id: row.quantile(0.5) for row in harbour.predictions if row.as_of == weeks[4]}
    with PredictionStore.open(harbour_file) as store, store.read(Scope("manager", VP)) as newest:
        board = {row.rep_id: row for row in newest.board(Selection(limit=99)).items}
        for row in board.values():
            full = harbour.current(row.rep_id)
            assert (row.quantile(0.9), row.p_hit, row.main_reason) == (full.quantile(0.9), full.p_hit, full.main_reason)
            assert row.metric("linear_pace") == next(m.value for m in full.metrics if m.slug == "linear_pace")
            assert (row.change is None) == (full.change is None)
            if row.change and full.change:
                assert [part.text for part in row.change.parts] == [part.text for part in full.change.parts]
        then = {row.rep_id: row.change for row in newest.on(weeks[5]).board(Selection(limit=99)).items}
        assert then[NO_HISTORY] is None
        for rep_id, change in then.items():
            if change is not None:
                assert (change.since, change.parts) == (weeks[4], ())
                assert change.before == pytest.approx(before[rep_id])
        assert then[NO_QUOTA] is not None, "an amount where no quota is known"
        first = newest.on(weeks[0]).board(Selection(limit=99)).items
        assert all(row.change is None for row in first)


def test_a_manager_sees_only_their_tree_of_an_earlier_week(harbour: World, harbour_file: Path) -> None:
    day = min(row.as_of for row in harbour.predictions)
    with PredictionStore.open(harbour_file) as store:
        with store.read(Scope("manager", NORTH)) as newest:
            then = newest.on(day)
            assert {row.manager_id for row in then.predictions(Selection(limit=99)).items} == {NORTH}
            assert then.prediction("r-201") is None
            assert [row.key for row in then.groups("team")] == [NORTH]
        with store.read(Scope("hr")) as newest:
            assert newest.on(day).predictions().total == 0


def test_of_an_earlier_day_aggregates_of_other_people_are_not_given(harbour: World) -> None:
    days = sorted({row.as_of for row in harbour.predictions})
    given = disclosable(harbour.teams, harbour.predictions, harbour.people)
    assert {day for _, _, day in given} == set(days), "the same people on every day"
    joined = tuple(row for row in harbour.predictions if row.rep_id != "r-103" or row.as_of > days[2])
    smaller = tuple(
        replace(one, reps=one.reps - 1) if one.as_of <= days[2] and one.key in (COMPANY, VP, NORTH, "EMEA") else one
        for one in harbour.teams
    )
    given = disclosable(smaller, joined, harbour.people)
    assert {day for _, key, day in given if key in (COMPANY, VP)} == set(days[3:]), "the rest is the one who joined"
    left = tuple(row for row in harbour.predictions if row.rep_id != "r-103" or row.as_of <= days[2])
    smaller = tuple(
        replace(one, reps=one.reps - 1) if one.as_of > days[2] and one.key in (COMPANY, VP, NORTH, "EMEA") else one
        for one in harbour.teams
    )
    given = disclosable(smaller, left, harbour.people)
    assert {day for _, _, day in given} == set(days[3:]), "or about the one who left"
