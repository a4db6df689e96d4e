"""Quotas proposed from a forecast that is written down, against values worked out by hand."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.distribution import LEVELS
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.predictions import PredictionStore
from spm_ml.scoring import QuotaLimits, QuotaProposal, propose_quotas
from spm_ml.settings import Workspace
from spm_ml.sources import ingest
from tests.command import spm
from tests.ingest_world import write
from tests.metric_world import deal, history_of, together
from tests.prediction_world import make_world
from tests.quota_world import make_proposal

EVE = date(2025, 12, 31)
REPS = ("ann", "bea", "new")
LOW, HIGH = {"ann": 100_000, "bea": 40_000, "new": 10_000}, {"ann": 300_000, "bea": 80_000, "new": 30_000}


@pytest.fixture(scope="module")
def world() -> SalesHistory:
    """Two old reps who had the same quota, and one who came in December and had none."""
    people = [
        {"rep_id": rep, "name": rep, "role": "ae", "hired_on": hired, "recorded_at": f"{hired}T00:00:00"}
        for rep, hired in (("ann", date(2023, 1, 2)), ("bea", date(2025, 8, 1)), ("new", date(2025, 12, 1)))
    ]
    quotas = [
        {"rep_id": rep, "period": "2025Q4", "amount": 100_000, "set_on": date(2025, 9, 20)} for rep in ("ann", "bea")
    ]
    won = deal(
        "d",
        (date(2025, 10, 5), {"rep_id": "ann", "amount": 50_000, "expected_close_on": date(2025, 12, 1)}),
        (EVE, {"outcome": "won"}),
        rep_id="ann",
    )
    return history_of(together({"reps": people, "quotas": quotas}, won))


def forecast(silent: tuple[str, ...] = ()) -> AttainmentForecast:
    """Evenly spread between a low and a high amount for each rep."""
    rows = [
        np.full(LEVELS.size, np.nan) if rep in silent else 100 * (LOW[rep] + (HIGH[rep] - LOW[rep]) * LEVELS)
        for rep in REPS
    ]
    count = np.ones(len(REPS))
    return AttainmentForecast(
        keys=pd.DataFrame({"rep_id": REPS, "period": "2026Q1", "as_of": pd.Timestamp(EVE)}),
        bookings=np.array(rows),
        mean_bookings=np.array(rows).mean(axis=1),
        booked=0 * count,
        quota=np.nan * count,
        floor=0 * count,
        dependence=Dependence.usual(),
        teams=np.array(["t"] * len(REPS), dtype=object),
        elapsed_share=0 * count,
        abstentions=(None,) * len(REPS),
    )


def proposed(world: SalesHistory, limits: QuotaLimits, given: AttainmentForecast | None = None) -> QuotaProposal:
    forecaster = SimpleNamespace(predict=lambda _: given or forecast())
    return propose_quotas(world, forecaster, limits)  # type: ignore[arg-type]


def test_every_quota_is_as_hard_as_the_others(world: SalesHistory) -> None:
    found = proposed(world, QuotaLimits(share=0.6))
    rows = found.rows.set_index("rep_id")
    assert (found.period, found.as_of) == ("2026Q1", EVE)
    # The level .4 of each: 100 + .4 × 200, 40 + .4 × 40, 10 + .4 × 20 thousand.
    assert rows["quota"].tolist() == [180_000_00, 56_000_00, 18_000_00]
    assert rows["chance"].to_numpy() == pytest.approx(0.6, abs=0.001)
    assert rows["before"].tolist()[:2] == [100_000_00, 100_000_00]
    assert np.isnan(rows.loc["new", "before"])
    assert rows["chance_before"].tolist()[:2] == pytest.approx([1.0, 0.0], abs=0.06)
    assert rows["tenure"].tolist() == ["a year and more", "under a year", "under a quarter"]
    assert found.share == pytest.approx(0.6, abs=0.001)
    fairness = found.fairness().set_index("group")
    assert fairness.loc["everybody", "spread_before"] > 0.4
    assert fairness.loc["everybody", "spread"] < 0.001
    assert fairness.loc["tenure under a quarter", "reps"] == 1
    assert found.scenarios["total"].is_monotonic_decreasing
    assert found.scenarios.set_index("share").loc[0.6, "change"] == pytest.approx(0, abs=1e-9)
    assert found.scenarios["company_chance"].is_monotonic_increasing
    assert found.sensitivity.set_index("bookings").loc[1.0, "share"] == pytest.approx(found.share)
    assert found.sensitivity["share"].is_monotonic_increasing


def test_quotas_add_up_to_the_goal_and_become_data(world: SalesHistory) -> None:
    found = proposed(world, QuotaLimits(goal=289_500_50, step=1_000_00))
    assert found.rows["quota"].sum() == 289_500_50
    table = found.as_table()
    assert table["amount"].sum() == pytest.approx(289_500.50)
    assert table.columns.tolist() == ["rep_id", "period", "amount", "currency", "set_on"]
    assert set(table["set_on"]) == {EVE}


def test_changes_are_bounded_and_what_does_not_add_up_is_refused(world: SalesHistory) -> None:
    rows = proposed(world, QuotaLimits(share=0.6, most_change=0.25)).rows.set_index("rep_id")
    assert rows["quota"].tolist() == [125_000_00, 75_000_00, 18_000_00]
    assert rows["bounded"].tolist() == [True, True, False]
    with pytest.raises(ConfigurationError, match="within their bounds 3 quotas add up to between"):
        proposed(world, QuotaLimits(goal=10_000_00, most_change=0.25))
    for wrong in ({"share": 1.5}, {"goal": 0}, {"most_change": 2.0}, {"step": 0}):
        with pytest.raises(ConfigurationError, match=r"choose (one|a step|\.01)"):
            QuotaLimits(**wrong)  # type: ignore[arg-type]


def test_whoever_has_no_forecast_is_left_to_people(world: SalesHistory) -> None:
    found = proposed(world, QuotaLimits(goal=100_000_00), forecast(silent=("new",)))
    assert found.unforecast == ("new",)
    assert found.rows["quota"].sum() == 100_000_00
    with pytest.raises(NotReadyError, match="nothing is forecast for anybody"):
        proposed(world, QuotaLimits(), forecast(silent=REPS))


def test_a_proposal_whose_quotas_would_never_be_in_force_is_not_accepted(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    later = "rep_id,period,amount,set_on\nr1,2024Q1,1000,2024-01-01\nr2,2024Q1,2000,2024-02-20\n"
    ingest(workspace, write(tmp_path / "export", quotas=later))
    made = make_proposal(make_world())
    rows = [replace(row, rep_id=rep_id) for row, rep_id in zip(made.quotas, ("r1", "r2"), strict=False)]
    with PredictionStore.of(workspace) as store:
        for day, quotas in ((date(2024, 2, 1), rows), (date(2024, 2, 1), rows[:1]), (date(2024, 3, 1), rows)):
            store.quota_proposals.publish(replace(made, period="2024Q1", as_of=day, quotas=quotas, currency="USD"))
    refused = spm("quotas", "--proposal", 1, "--accept", "--workspace", workspace.root, expect=1).stderr
    assert "1 of its people have a quota for 2024Q1 that was set later, last on 2024-02-20" in refused
    with PredictionStore.of(workspace) as store:
        assert store.goals.history("2024Q1") == ()
    assert TableStore(workspace).latest == 1
    for number in (2, 3, 3):
        spm("quotas", "--proposal", number, "--accept", "--workspace", workspace.root)
    refused = spm("quotas", "--proposal", 2, "--accept", "--workspace", workspace.root, expect=1).stderr
    assert "set later, last on 2024-03-01" in refused, "an older one does not come back by itself"
