"""METRICS recomputed in plain SQL on SQLite from the same tables: every slug, level and key agrees."""

import math
from collections.abc import Iterator
from datetime import date

import pytest

from spm_ml.history import SalesHistory
from spm_ml.metrics import LEVELS, METRICS
from spm_ml.metrics.evaluate import evaluate_metrics
from tests.metric_oracle import SQL, Oracle
from tests.metric_world import history_of, random_tables

NOT_FROM_DATA = {"quota_to_ote_ratio", "commission_payout"}
SEED = 38
"""Chosen so that every metric has a value other than 0 somewhere; a test below holds it to that."""

ASKED = {
    "the running quarter": ("2026Q1", date(2026, 2, 20)),
    "a finished quarter with later knowledge": ("2025Q3", date(2026, 2, 20)),
    "a quarter in its middle, as then known": ("2025Q4", date(2025, 11, 16)),
    "the first quarter, on a Saturday": ("2025Q1", date(2025, 3, 1)),
}


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, object]]]:
    return random_tables(SEED)


@pytest.fixture(scope="module")
def history(tables: dict[str, list[dict[str, object]]]) -> Iterator[SalesHistory]:
    with history_of(tables) as opened:
        yield opened


def test_every_metric_that_comes_from_data_is_in_the_oracle() -> None:
    assert {metric.slug for metric in METRICS} - NOT_FROM_DATA == SQL.keys()


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_every_metric_agrees_with_sql(asked: str, history: SalesHistory, tables: dict[str, list]) -> None:
    period, as_of = ASKED[asked]
    frame = evaluate_metrics(history, as_of=as_of, period=period, level=LEVELS)
    oracle = Oracle(tables, "2025Q1", period, as_of)
    differing = []
    for slug, rows in frame[~frame["slug"].isin(NOT_FROM_DATA)].groupby("slug"):
        expected = oracle.values(slug)
        for row in rows.itertuples():
            value = expected.get((row.level, row.key))
            same = (
                math.isnan(row.value) if value is None else math.isclose(row.value, value, rel_tol=1e-9, abs_tol=1e-9)
            )
            if not same:
                differing.append((slug, row.level, row.key, row.value, row.reason, value))
    assert not differing


def test_the_world_gives_every_metric_a_value(tables: dict[str, list]) -> None:
    oracles = [Oracle(tables, "2025Q1", period, as_of) for period, as_of in ASKED.values()]
    empty = [slug for slug in SQL if not any(value for oracle in oracles for value in oracle.values(slug).values())]
    assert not empty
