"""The funnel: what of a lasting gain shows in the period in which it begins."""

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.funnel import USUAL_PASS_THROUGH, Funnel, funnels_of
from spm_ml.history import SalesHistory
from spm_ml.settings import Organisation, StageSettings

RATE = 0.02


def one_stage(won: float, lost: float, same_period: float = float("nan")) -> Funnel:
    return Funnel(np.zeros(1), np.array([won]), np.array([lost]), 1000, same_period)


def test_one_stage_has_a_closed_form() -> None:
    days = 91.0
    shares = one_stage(RATE / 2, RATE / 2).pass_through(days)
    # Faster by ε: the standing pipeline shrinks; d log B = (1 − e^{−λT}) ÷ (λT) at a win rate of one half.
    assert shares["cycle"] == pytest.approx((1 - np.exp(-RATE * days)) / (RATE * days), abs=0.01)
    assert shares["created"] == USUAL_PASS_THROUGH["created"]


def test_a_longer_period_shows_more_of_better_odds() -> None:
    funnel = Funnel(np.array([0.03, 0.0]), np.array([0.0, 0.03]), np.array([0.02, 0.01]), 1000, 0.3)
    short, long = funnel.pass_through(30.0), funnel.pass_through(364.0)
    assert short["created"] == long["created"] == 0.3
    assert all(0 <= share <= 1 for share in (*short.values(), *long.values()))
    assert short["win_rate"] < long["win_rate"]


def test_nothing_seen_leaves_the_usual_shares() -> None:
    assert Funnel(np.zeros(1), np.zeros(1), np.zeros(1), 0, float("nan")).pass_through(91.0) == USUAL_PASS_THROUGH


def history_of(deals: pd.DataFrame) -> SalesHistory:
    reps = pd.DataFrame({"rep_id": ["a", "b"], "hired_on": "2024-01-01", "segment": ["SMB", "Enterprise"]})
    organisation = Organisation(stages=(StageSettings(name="open"),))
    return SalesHistory.from_frames({"reps": reps, "opportunities": deals}, organisation)


def test_rates_are_moves_by_days_and_shares_are_by_amount() -> None:
    deals = pd.DataFrame(
        [
            {
                "opportunity_id": f"{rep}{number}",
                "rep_id": rep,
                "amount": 100 if rep == "a" else 300,
                "created_on": "2025-01-10" if number % 2 else "2024-12-20",
                "closed_on": "2025-01-30" if number % 2 else "2025-01-09",
                "stage": "won",
                "outcome": "won",
            }
            for rep in ("a", "b")
            for number in range(40)
        ]
    )
    starts = np.array(["2024-10-01", "2025-01-01"], dtype="datetime64[s]")
    with history_of(deals) as history:
        funnels = funnels_of(history, pd.Series({"a": "SMB", "b": "Enterprise"}), starts)
    assert set(funnels) == {"", "SMB", "Enterprise"}
    assert funnels["SMB"].won[0] == pytest.approx(1 / 20)
    assert funnels[""].moves == 80
    assert {funnel.same_period for funnel in funnels.values()} == {0.5}


def test_no_deals_is_a_funnel_that_tells_nothing() -> None:
    empty = pd.DataFrame(columns=["opportunity_id", "rep_id", "amount", "created_on", "stage"], dtype="object")
    with history_of(empty) as history:
        funnels = funnels_of(history, pd.Series({"a": "SMB"}), np.array(["2025-01-01"], dtype="datetime64[s]"))
    assert funnels[""].moves == 0
    assert funnels[""].pass_through(91.0) == USUAL_PASS_THROUGH
