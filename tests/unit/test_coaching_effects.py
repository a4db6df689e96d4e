"""The doubly robust estimator on data whose truth is known, beside what naive readings say."""

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.effects import MIN_TREATED, att_by_aipw, naive_figures
from spm_ml.coaching.trials import Trials, build_trials, starts_by_period


def selected_trials(seed: int, effect: float, reps: int = 300, periods: int = 5) -> Trials:
    """Managers send whoever had a bad last period; a stable skill makes bad periods come back."""
    random = np.random.default_rng(seed)
    skill = np.repeat(random.normal(1, 0.2, reps), periods)
    last = skill + random.normal(0, 0.25, reps * periods)
    treated = random.random(reps * periods) < 1 / (1 + np.exp(1.2 + 4 * (last - 0.8)))
    outcome = skill + random.normal(0, 0.25, reps * periods) + effect * treated
    covariates = np.column_stack([last, skill + random.normal(0, 0.1, reps * periods)])
    covariates = (covariates - covariates.mean(axis=0)) / covariates.std(axis=0)
    return Trials(np.repeat(np.arange(reps).astype(str), periods), treated, outcome, covariates)


@pytest.mark.parametrize("effect", [0.0, 0.06])
def test_selection_of_the_weak_does_not_hide_the_effect(effect: float) -> None:
    estimates = [att_by_aipw(selected_trials(seed, effect))[0] for seed in range(12)]
    values = np.array([estimate.value for estimate in estimates if estimate is not None])
    assert len(values) == 12
    assert values.mean() == pytest.approx(100 * effect, abs=2.0)
    naive = [100 * (t.outcome[t.treated].mean() - t.outcome[~t.treated].mean()) for t in [selected_trials(0, effect)]]
    assert naive[0] < 100 * effect - 5
    covered = sum(estimate is not None and estimate.low <= 100 * effect <= estimate.high for estimate in estimates)
    assert covered >= 10


def test_too_few_trained_is_an_answer() -> None:
    trials = selected_trials(1, 0.05)
    few = np.zeros_like(trials.treated)
    few[: MIN_TREATED - 1] = True
    estimate, why = att_by_aipw(Trials(trials.rep_id, few, trials.outcome, trials.covariates))
    assert estimate is None
    assert "fewer than" in why


def test_everyone_trained_leaves_nobody_to_compare_with() -> None:
    trials = selected_trials(1, 0.05)
    estimate, why = att_by_aipw(Trials(trials.rep_id, np.ones_like(trials.treated), trials.outcome, trials.covariates))
    assert estimate is None
    assert "nobody comparable" in why


def test_no_overlap_is_an_answer() -> None:
    random = np.random.default_rng(0)
    treated = np.repeat([True, False], 400)
    covariates = (treated * 40.0 + random.normal(0, 0.1, 800))[:, None]
    trials = Trials(np.arange(800).astype(str), treated, random.normal(1, 0.1, 800), covariates)
    estimate, why = att_by_aipw(trials)
    assert estimate is None
    assert "no overlap" in why


def test_no_rows_at_all_is_an_answer() -> None:
    empty = np.array([], dtype=bool)
    estimate, why = att_by_aipw(Trials(empty.astype(str), empty, empty.astype(float), empty[:, None].astype(float)))
    assert estimate is None
    assert why.startswith("0 usable starts")


def rep_period_rows() -> pd.DataFrame:
    quarters = pd.period_range("2025Q1", periods=6, freq="Q")
    rows = [
        {
            "rep_id": rep,
            "t": t,
            "period_start": quarter.start_time,
            "period_end": quarter.end_time.normalize(),
            "segment": "SMB",
            "attainment": 0.8 + 0.1 * t,
        }
        for rep in ("a", "b", "c")
        for t, quarter in enumerate(quarters)
    ]
    return pd.DataFrame(rows)


def enrolments(*starts: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(starts, columns=["rep_id", "program_id", "started_on"])


def test_starts_fall_into_their_period_and_those_outside_are_left_out() -> None:
    starts = starts_by_period(
        rep_period_rows(),
        enrolments(
            ("a", "p", "2025-01-01"),
            ("a", "p", "2025-03-31"),
            ("b", "p", "2026-06-30"),
            ("c", "p", "2026-07-01"),
            ("c", "p", "2024-12-31"),
        ),
    )
    assert sorted(zip(starts["rep_id"], starts["t"], strict=True)) == [("a", 0), ("a", 0), ("b", 5)]


def test_the_recently_trained_and_those_in_another_program_are_not_eligible() -> None:
    rows = rep_period_rows()
    from spm_ml.coaching.trials import COVARIATES

    rows = rows.assign(**dict.fromkeys(COVARIATES, 1.0))
    starts = starts_by_period(rows, enrolments(("a", "p", "2025-04-10"), ("b", "other", "2025-04-10")))
    trials = build_trials(rows, starts, "p")
    seen = list(zip(trials.rep_id, np.round(trials.outcome, 1), trials.treated, strict=True))
    assert [row for row in seen if row[2]] == [("a", 1.0, True)]
    assert [outcome for rep, outcome, _ in seen if rep == "a"] == [0.9, 1.0, 1.3]
    assert [outcome for rep, outcome, _ in seen if rep == "b"] == [0.9, 1.3]
    assert [outcome for rep, outcome, _ in seen if rep == "c"] == [0.9, 1.0, 1.1, 1.2, 1.3]


def test_naive_figures_are_what_they_say() -> None:
    rows = rep_period_rows()
    starts = starts_by_period(rows, enrolments(("a", "p", "2025-04-10")))
    before_after, difference = naive_figures(rows, starts, "p")
    assert before_after == pytest.approx(20.0)
    assert difference == pytest.approx(100 * (1.0 - 1.05))
    assert naive_figures(rows, starts, "nobody took this") == (None, None)
