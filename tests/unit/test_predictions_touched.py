"""Publishing a batch of which some rows are new, on each database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from spm_ml.predictions import (
    News,
    OvertakenError,
    PredictionStore,
    Scope,
    TouchedContent,
    WhatIfInputs,
)
from tests.prediction_world import VP, World, make_pay


def test_new_rows_stand_beside_those_of_the_batch_before(harbour_target: str, harbour: World) -> None:
    before, first = harbour.batch, harbour.board[0]
    whole = before.created_at
    batch = replace(before, batch_id="touched", created_at=whole + timedelta(hours=1), scored_whole_at=whole)
    made = replace(first, news=News(whole, "d1 won", first.quantile(0.5), first.quantile(0.5)))
    own = tuple(row for row in harbour.predictions if row.rep_id == first.rep_id and row.as_of < before.as_of)
    teams = tuple(row for row in harbour.teams if row.as_of == before.as_of)
    costs = make_pay(harbour.board, VP, before.period).costs
    with PredictionStore.open(harbour_target) as store:
        shown = store.touched.board(before)
        assert [(row.rep_id, row.quota, row.risk_band) for row in shown] == sorted(
            (row.rep_id, row.quota, row.risk_band) for row in harbour.board
        )
        assert {row.key for row in store.touched.teams(before)} == {row.key for row in teams}
        board = (made, *(row for row in shown if row.rep_id != first.rep_id))
        content = TouchedContent(harbour.people, (*own, made), board, teams, WhatIfInputs(), (), costs)
        store.touched.publish(batch, before, content)
        assert store.published_batch() == batch
        kept = store.content(batch)
        rows = {(row.rep_id, row.as_of): row for row in harbour.predictions}
        assert {(row.rep_id, row.as_of): row for row in kept.predictions} == rows | {(first.rep_id, first.as_of): made}
        assert {(row.key, row.as_of) for row in kept.teams} == {(row.key, row.as_of) for row in harbour.teams}
        with store.read(Scope("manager", rep_id=VP)) as reader:
            assert {cost.manager_id for cost in reader.pay_costs()} == {cost.manager_id for cost in costs}
        published = [entry for entry in store.audit.entries() if entry.action == "published"]
        assert published[-1].detail["scored_whole_at"] == whole.isoformat()
        with pytest.raises(OvertakenError):
            store.touched.publish(replace(batch, batch_id="late"), before, content)
        assert store.published_batch() == batch
        assert store.audit.check().problems == ()
