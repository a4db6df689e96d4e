"""Closing pay periods: snapshots, adjustments with the next one, and every order of events that is refused."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from spm_ml.compensation import CompensationPlan, plans_of, plans_text
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.history import SalesHistory
from spm_ml.incentives import (
    OpenPeriodError,
    changed_plans,
    close_period,
    closed_periods,
    payable_plans,
    statements,
)
from spm_ml.metrics.window import Window
from spm_ml.predictions import ClosedAlreadyError, ClosingOrderError, PredictionStore
from spm_ml.predictions import closings as closings_module
from spm_ml.predictions.engine import connect, writing
from spm_ml.settings import FiscalSettings, Workspace
from tests.command import spm
from tests.metric_world import ORGANISATION, Tables, deal, frames_of, rep, together

QUOTA = 100_000
STEEP = [{"from": 0, "to": 1, "rate": "0.1"}, {"from": 1, "rate": "0.2"}]
FIRST, SECOND = date(2026, 4, 10), date(2026, 7, 10)
"""Days on which the first and the second quarter are closed."""


def plan(**settings: object) -> CompensationPlan:
    return CompensationPlan.parse({"plan_id": "ae", "roles": ["ae"], "tiers": STEEP} | settings, where="test")


def tables() -> Tables:
    """A deal of March entered in April, another that is undone in May; cyd gets no quota any more, dan leaves."""

    def won(
        name: str, whose: str, amount: int, day: date, *later: tuple[date, dict[str, object]], **more: date
    ) -> Tables:
        return deal(
            name,
            (date(2026, 1, 5), {"rep_id": whose, "amount": amount, "expected_close_on": day}),
            (more.pop("entered", day), {"outcome": "won"}),
            *later,
            rep_id=whose,
            **more,
        )

    deals = [
        won("a1", "ann", 90_000, date(2026, 2, 2)),
        won("late", "ann", 30_000, date(2026, 3, 30), entered=date(2026, 4, 20), closed_on=date(2026, 3, 30)),
        won("b1", "bob", 40_000, date(2026, 2, 3), (date(2026, 5, 5), {"outcome": "lost"})),
        won("b2", "bob", 20_000, date(2026, 4, 2)),
        won("c1", "cyd", 10_000, date(2026, 3, 3)),
        won("c2", "cyd", 50_000, date(2026, 3, 29), entered=date(2026, 5, 1), closed_on=date(2026, 3, 29)),
        won("d1", "dan", 10_000, date(2026, 3, 3)),
        won("d2", "dan", 20_000, date(2026, 3, 20), entered=date(2026, 5, 1), closed_on=date(2026, 3, 20)),
        won("d3", "dan", 5_000, date(2026, 5, 2)),
        won("d4", "dan", 30_000, date(2026, 3, 21), entered=date(2026, 8, 1), closed_on=date(2026, 3, 21)),
    ]
    quotas = [
        {"rep_id": whose, "period": period, "amount": QUOTA, "set_on": date(2026, 1, 1)}
        for whose, periods in (("ann", 3), ("bob", 3), ("cyd", 1), ("dan", 1))
        for period in ("2026Q1", "2026Q2", "2026Q3")[:periods]
    ]
    news = deal("news", (date(2026, 8, 1), {"rep_id": "ann", "amount": 1}), rep_id="ann")
    reps = [rep(name, role="ae") | {"recorded_at": "2024-01-01T00:00:00"} for name in ("ann", "bob", "cyd")]
    reps.append(rep("dan", "ann", role="ae", left_on="2026-04-20") | {"recorded_at": "2024-01-01T00:00:00"})
    return together({"reps": reps, "quotas": quotas}, news, *deals)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    export, workspace = tmp_path_factory.mktemp("export"), tmp_path_factory.mktemp("workspace")
    ORGANISATION.write(export / "organisation.yaml")
    for name, frame in frames_of(tables()).items():
        frame.to_csv(export / f"{name}.csv", index=False)
    (export / "comp_plans.yaml").write_text(plans_text([plan()]), encoding="utf-8")
    spm("ingest", export, "--workspace", workspace)
    return workspace


@pytest.fixture
def workspace(ingested: Path) -> Iterator[Workspace]:
    """The data of all tests, and a store of its own."""
    found = Workspace(ingested)
    yield found
    _forget(found)


def _forget(workspace: Workspace) -> None:
    for file in workspace.root.glob("predictions.db*"):
        file.unlink()


@pytest.fixture(scope="module")
def whole(ingested: Path) -> Iterator[SalesHistory]:
    with SalesHistory.open(Workspace(ingested)) as history:
        yield history


def amounts(workspace: Workspace, history: SalesHistory, period: str) -> dict[str, float]:
    day = history.as_of_day or history.watermark
    settled = closed_periods(workspace, known_on=day)
    window = Window.of(history.calendar, history.periods(), day, period)
    table = statements(history, plans_of(workspace), window, settled).table
    return dict(zip(table["rep_id"], table["amount"] / 100, strict=True))


def test_what_comes_to_light_later_is_paid_once_with_the_next_period(workspace: Workspace, whole: SalesHistory) -> None:
    in_july = whole.as_of(SECOND)
    closing, unsettled = close_period(workspace, whole, plans_of(workspace), "2026Q1", as_of=FIRST)
    assert (closing.statements, closing.amount, unsettled) == (4, 9_000_00 + 4_000_00 + 1_000_00 + 1_000_00, ())
    assert amounts(workspace, whole, "2026Q1") == {"ann": 9_000, "bob": 4_000, "cyd": 1_000, "dan": 1_000}, (
        "not what is known now"
    )
    # 30 000 more lift ann above the quota; 40 000 of bob's come back in May by themselves, as negative credit.
    assert amounts(workspace, in_july, "2026Q2") == pytest.approx(
        {"ann": 5_000, "bob": -2_000, "cyd": float("nan"), "dan": 2_000}, nan_ok=True
    )
    second, unsettled = close_period(workspace, whole, plans_of(workspace), "2026Q2", as_of=SECOND)
    assert second.amount == 5_000_00
    assert [(one.rep_id, one.period, one.amount) for one in unsettled] == [("cyd", "2026Q1", 5_000_00)]
    assert amounts(workspace, whole, "2026Q3")["ann"] == 0, "nothing is paid twice"
    window = Window.of(whole.calendar, whole.periods(), SECOND, "2026Q2")
    trace = statements(in_july, plans_of(workspace), window, closed_periods(workspace)).of("ann").lines
    assert trace[["kind", "opportunity_id", "of_period", "amount"]].to_numpy().tolist() == [
        ["adjustment", "late", "2026Q1", 5_000_00]
    ]
    first = closed_periods(workspace)[0]
    assert first.payouts == {one.rep_id: one for one in closed_periods(workspace, known_on=FIRST)[0].payouts.values()}
    with PredictionStore.of(workspace) as store:
        assert store.audit.check().intact
        assert [line.action for line in store.audit.entries()].count("pay period closed") == 2


def test_with_leavers_what_is_open_is_settled_with_the_next_closings(workspace: Workspace, whole: SalesHistory) -> None:
    in_force = plans_of(workspace)
    close_period(workspace, whole, in_force, "2026Q1", as_of=FIRST)
    close_period(workspace, whole, in_force, "2026Q2", as_of=SECOND)
    window = Window.of(whole.calendar, whole.periods(), SECOND, "2026Q2")
    left = statements(whole, in_force, window, closed_periods(workspace)).of("dan")
    assert left.lines[["kind", "opportunity_id", "of_period", "amount"]].to_numpy().tolist() == [
        ["adjustment", "d2", "2026Q1", 2_000_00]
    ], "what was won after leaving earns nothing"
    assert left.table[["quota", "commission", "amount"]].to_numpy().tolist() == [[0, 0, 2_000_00]]
    assert amounts(workspace, whole, "2026Q3")["dan"] == 3_000, "and once more what came to light after that"
    with PredictionStore.of(workspace) as store:
        told = [line.detail["leavers"] for line in store.audit.entries() if line.action == "pay period closed"]
    assert told == [0, 1], "known from the first closing after the last day on"


@pytest.mark.parametrize("gone", [False, True], ids=["ended", "file deleted"])
def test_a_leaver_whose_plan_has_ended_is_settled_with_by_its_terms(
    workspace: Workspace, whole: SalesHistory, *, gone: bool
) -> None:
    own = plan(plan_id="dan's", rep_ids=["dan"], roles=[], valid_to=None if gone else "2026-03-31")
    others = plan(roles=[], rep_ids=["ann", "bob", "cyd"])
    later = [others] if gone else [own, others]
    close_period(workspace, whole, [own, others], "2026Q1", as_of=FIRST)
    second, unsettled = close_period(workspace, whole, later, "2026Q2", as_of=SECOND)
    assert [one.rep_id for one in unsettled] == ["cyd"]
    kept = closed_periods(workspace)[1]
    paid = kept.payouts["dan"]
    assert (paid.plan_id, paid.quota, paid.commission, paid.amount) == ("dan's", 0, 0, 2_000_00)
    assert kept.plan_of("dan") == own.ended_before(date(2026, 4, 1))
    assert changed_plans(kept, later) == ()
    window = Window.of(whole.calendar, whole.periods(), whole.watermark, "2026Q3")
    third = statements(whole, later, window, closed_periods(workspace)).of("dan").table
    assert third[["plan_id", "quota", "amount"]].to_numpy().tolist() == [["dan's", 0, 3_000_00]], "and once more"
    assert second.amount == sum(one.amount for one in kept.payouts.values())


def test_whoever_gets_no_quota_any_more_is_settled_with_by_name(workspace: Workspace, whole: SalesHistory) -> None:
    in_force = plans_of(workspace)
    close_period(workspace, whole, in_force, "2026Q1", as_of=FIRST)
    with pytest.raises(DataError, match="nothing to settle with 'ann' in 2026Q2"):
        close_period(workspace, whole, in_force, "2026Q2", as_of=SECOND, settle=["ann"])
    with pytest.raises(DataError, match="did you mean 'cyd'"):
        close_period(workspace, whole, in_force, "2026Q2", as_of=SECOND, settle=["cyt"])
    second, unsettled = close_period(workspace, whole, in_force, "2026Q2", as_of=SECOND, settle=["cyd"])
    assert (second.amount, unsettled) == (10_000_00, ())
    assert amounts(workspace, whole, "2026Q2")["cyd"] == 5_000
    assert amounts(workspace, whole, "2026Q3").get("cyd", float("nan")) != 5_000, "nothing is paid twice"


def test_a_replay_of_a_closed_period_is_identical(workspace: Workspace, whole: SalesHistory) -> None:
    close_period(workspace, whole, plans_of(workspace), "2026Q1", as_of=FIRST)
    with PredictionStore.of(workspace) as store:
        kept = store.closings.statements("2026Q1")
    _forget(workspace)
    close_period(workspace, whole, plans_of(workspace), "2026Q1", as_of=FIRST)
    with PredictionStore.of(workspace) as store:
        assert store.closings.statements("2026Q1") == kept


def test_what_cannot_be_closed_is_refused(
    workspace: Workspace,
    whole: SalesHistory,
) -> None:
    in_force = plans_of(workspace)
    with pytest.raises(OpenPeriodError, match="2026Q1 runs until 2026-03-31, and what is known ends on 2026-03-30"):
        close_period(workspace, whole, in_force, "2026Q1", as_of=date(2026, 3, 30))
    with pytest.raises(DataError, match="nobody is paid for 2026Q1"):
        close_period(workspace, whole, [plan(roles=["nobody"])], "2026Q1", as_of=FIRST)
    assert closed_periods(workspace) == ()
    close_period(workspace, whole, in_force, "2026Q1", as_of=FIRST)
    with pytest.raises(ClosedAlreadyError, match="nothing was changed"):
        close_period(workspace, whole, in_force, "2026Q1")
    with pytest.raises(ClosingOrderError, match="close that one first"):
        close_period(workspace, whole, in_force, "2026Q3", as_of=date(2026, 10, 1))
    with pytest.raises(ClosingOrderError, match="2025Q4 lies before 2026Q1"):
        close_period(workspace, whole, [plan(tiers=[{"from": 0, "rate": 0}])], "2025Q4")


def test_data_and_clocks_that_go_back_are_refused(
    workspace: Workspace, whole: SalesHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_period(workspace, whole, plans_of(workspace), "2026Q1", as_of=date(2026, 7, 20))
    with pytest.raises(ClosingOrderError, match="these are older"):
        close_period(workspace, whole, plans_of(workspace), "2026Q2", as_of=SECOND)
    with PredictionStore.of(workspace) as store:
        (last,) = store.closings.every()
        next_one = {"period": "2026Q2", "period_start": date(2026, 4, 1), "period_end": date(2026, 6, 30)}
        restored = replace(last, **next_one, as_of=date(2026, 8, 1), data_version=last.data_version - 1)
        with pytest.raises(ClosingOrderError, match="these are older"):  # newer days on tables that were put back
            store.closings.check(restored)

    class Yesterday(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) - timedelta(days=1) if tz is UTC else datetime.now()  # noqa: DTZ005

    monkeypatch.setattr(closings_module, "datetime", Yesterday)
    with pytest.raises(ClosingOrderError, match="set the clock right"):
        close_period(workspace, whole, plans_of(workspace), "2026Q2")
    (closed,) = closed_periods(workspace)
    assert closed_periods(workspace, by=closed.closed_at) == (closed,)
    assert closed_periods(workspace, by=closed.closed_at - timedelta(microseconds=1)) == ()
    assert closed_periods(workspace, known_on=date(2026, 7, 19)) == ()


@pytest.mark.parametrize("fiscal", [FiscalSettings(start_month=2), FiscalSettings(pattern="4-4-5")])
def test_a_fiscal_calendar_that_changes_moves_no_money(
    workspace: Workspace, whole: SalesHistory, tmp_path: Path, fiscal: FiscalSettings
) -> None:
    close_period(workspace, whole, plans_of(workspace), "2026Q1", as_of=FIRST)
    own = Workspace(shutil.copytree(workspace.root, tmp_path / "own"))
    ORGANISATION.model_copy(update={"fiscal": fiscal}).write(own.root / "organisation.yaml")
    with SalesHistory.open(own) as anew:
        window = Window.of(anew.calendar, anew.periods(), SECOND, "2026Q2")
        with pytest.raises(ConfigurationError, match="2026Q1 was closed as the days from 2026-01-01 to 2026-03-31"):
            statements(anew, plans_of(own), window, closed_periods(own))
        without, why = payable_plans(own, anew, closed_periods(own))
    assert without == ()
    assert str(why).startswith("2026Q1 was closed as the days from 2026-01-01")
    assert "keep fiscal" in spm("metrics", "--workspace", own.root).stderr, "the other figures do not wait"


def test_a_plan_that_changes_later_changes_no_closed_period(workspace: Workspace, whole: SalesHistory) -> None:
    close_period(workspace, whole, plans_of(workspace), "2026Q1", as_of=FIRST)
    richer = plan(tiers=[{"from": 0, "rate": "0.5"}])
    (first,) = closed_periods(workspace)
    assert changed_plans(first, [richer]) == ("ae",)
    assert changed_plans(first, plans_of(workspace)) == ()
    window = Window.of(whole.calendar, whole.periods(), SECOND, "2026Q2")
    found = statements(whole.as_of(SECOND), [richer], window, [first]).of("ann")
    assert found.table["adjustment"].tolist() == [5_000_00], "by the plan it was closed with"
    dollars = plan(currency="EUR")
    with pytest.raises(ConfigurationError, match="state their money in USD"):
        close_period(workspace, whole, [dollars], "2026Q2")


def test_a_statement_that_is_changed_past_the_service_is_found(workspace: Workspace, whole: SalesHistory) -> None:
    close_period(workspace, whole, plans_of(workspace), "2026Q1", as_of=FIRST)
    engine = connect(workspace.predictions_database)
    with pytest.raises(Exception, match="append-only"), writing(engine) as connection:
        connection.execute(text("UPDATE pay_statements SET amount = 1"))
    with writing(engine) as connection:
        connection.execute(text("DROP TRIGGER pay_statements_no_update"))
        connection.execute(text("UPDATE pay_statements SET amount = 1"))
    engine.dispose()
    with PredictionStore.of(workspace) as store:
        assert "the pay statements of 2026Q1 are not those that were closed" in str(store.audit.check().problems)


def test_the_command(workspace: Workspace) -> None:
    at = ("--workspace", workspace.root)
    done = spm("payouts", "--close", "2026Q1", "--as-of", FIRST, *at)
    assert "2026Q1 is closed on data version 1 as known on 2026-04-10: 4 statements, 15,000.00 USD" in done.stderr
    assert "as closed" in done.stdout
    again = spm("payouts", "--close", "2026Q1", "--json", *at)
    assert "nothing was changed" in again.stderr
    assert "2026Q1 would pay +15,000.00 USD in all to 3 people" in again.stderr
    assert {row["rep_id"]: (row["amount"], row["pending"]) for row in json.loads(again.stdout)}["ann"] == (9_000, 5_000)
    assert "close that one first" in spm("payouts", "--close", "2026Q3", *at, expect=1).stderr
    assert "say which with --close" in spm("payouts", "--settle", "cyd", *at, expect=2).stderr
    assert "leave out --period" in spm("payouts", "--close", "2026Q2", "--period", "2026Q2", *at, expect=2).stderr
