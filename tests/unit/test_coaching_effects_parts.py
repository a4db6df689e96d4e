"""The parts of an effect's estimate against closed forms and known truths."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spm_ml.coaching.effects import Estimate, aipw
from spm_ml.coaching.effects.aipw import MIN_TREATED
from spm_ml.coaching.effects.checks import negative_control, own_kpi
from spm_ml.coaching.effects.confounding import partial_r2, robustness_value
from spm_ml.coaching.effects.covariates import design, known_on_the_eve
from spm_ml.coaching.effects.naive import naive_figures
from spm_ml.coaching.effects.nuisances import assignment, expected_untreated, folds
from spm_ml.coaching.effects.panel import Panel
from spm_ml.coaching.effects.permutation import permutation_p, strata
from spm_ml.coaching.effects.readings import Readings
from spm_ml.coaching.effects.trials import Trials
from spm_ml.coaching.programs import Program
from tests.effects_world import make_periods

ROWS = 400


def random_rows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(1, 0.3, ROWS), rng.random(ROWS) < 0.3, np.arange(ROWS)


def estimated(*arguments: np.ndarray, **others: object) -> Estimate:
    found = aipw(*arguments, **others)  # type: ignore[arg-type]
    assert isinstance(found, Estimate), found
    return found


def test_without_covariates_it_is_the_difference_of_means_with_welchs_interval() -> None:
    outcome, treated, cluster = random_rows(0)
    found = estimated(outcome, treated, np.zeros(ROWS), np.full(ROWS, 0.5), cluster)
    welch = stats.ttest_ind(outcome[treated], outcome[~treated], equal_var=False)
    assert found.value == pytest.approx(outcome[treated].mean() - outcome[~treated].mean())
    assert (found.low, found.high) == pytest.approx(tuple(welch.confidence_interval(0.95)), abs=2e-4)
    assert found.freedom == pytest.approx(welch.df, rel=0.02)
    assert found.influence.sum() == pytest.approx(0, abs=1e-9)


def test_rows_of_a_cluster_count_as_one() -> None:
    outcome, treated, cluster = random_rows(1)
    once = estimated(outcome, treated, np.zeros(ROWS), np.full(ROWS, 0.5), cluster)
    twice = [np.tile(column, 2) for column in (outcome, treated, np.zeros(ROWS), np.full(ROWS, 0.5), cluster)]
    again = estimated(*twice)
    assert again.value == pytest.approx(once.value)
    assert again.error == pytest.approx(once.error)


@pytest.mark.parametrize("wrong", ["outcome model", "chances"])
def test_one_wrong_nuisance_of_two_does_no_harm(wrong: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=40_000)
    chance = 1 / (1 + np.exp(1 - x))
    treated = rng.random(len(x)) < chance
    outcome = 2 * x + 0.5 * treated + rng.normal(size=len(x))
    expected = np.zeros(len(x)) if wrong == "outcome model" else 2 * x
    odds = chance / (1 - chance) if wrong == "outcome model" else np.ones(len(x))
    found = estimated(outcome, treated, expected, odds, np.arange(len(x)), trim=(0.0, 1.0))
    assert found.value == pytest.approx(0.5, abs=0.06)


def test_the_interval_covers_as_often_as_it_says_with_a_dozen_trained() -> None:
    covered = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        treated = np.arange(120) < 12
        outcome = rng.exponential(1.0, 120)
        found = estimated(outcome, treated, np.ones(120), np.full(120, 0.5), np.arange(120))
        covered += found.low <= 0 <= found.high
    assert 0.90 <= covered / 400 <= 0.98


def test_what_lies_outside_the_overlap_is_left_out_and_counted() -> None:
    outcome, treated, cluster = random_rows(3)
    chance = np.where(cluster < 40, 0.999, 0.4)
    found = estimated(outcome, treated, np.zeros(ROWS), chance / (1 - chance), cluster)
    assert found.treated == int(treated[40:].sum())
    assert found.trimmed_share == pytest.approx(treated[:40].sum() / treated.sum())
    assert found.effective_controls == pytest.approx(found.controls)


@pytest.mark.parametrize(
    ("treated", "chance", "why"),
    [
        (np.arange(ROWS) < MIN_TREATED - 1, 0.5, "fewer than"),
        (np.arange(ROWS) >= 3, 0.5, "nobody comparable"),
        (np.arange(ROWS) < 200, 0.999, "no overlap"),
        (np.zeros(ROWS, dtype=bool), 0.5, "0 usable starts"),
    ],
)
def test_what_cannot_be_told_says_why(treated: np.ndarray, chance: float, why: str) -> None:
    found = aipw(np.ones(ROWS), treated, np.ones(ROWS), np.full(ROWS, chance / (1 - chance)), np.arange(ROWS))
    assert isinstance(found, str)
    assert why in found


def test_nuisances_never_see_the_rep_they_are_used_for() -> None:
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(50), 4)
    fold = folds(cluster, seed=0)
    assert all(len(np.unique(fold[cluster == rep])) == 1 for rep in range(50))
    x, y, sent = rng.normal(size=(200, 3)), rng.normal(size=200), rng.random(200) < 0.2
    changed = np.where(fold == 2, y + 100, y)
    before, after = (expected_untreated(x, outcome, ~sent, fold) for outcome in (y, changed))
    assert np.array_equal(before[fold == 2], after[fold == 2])
    assert not np.array_equal(before[fold == 1], after[fold == 1])


def test_chances_are_those_of_the_decision() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(20_000, 2))
    sent = rng.random(len(x)) < 1 / (1 + np.exp(2 - x[:, 0]))
    second = rng.random(len(x)) < 1 / (1 + np.exp(-x[:, 1]))
    found = assignment(x, sent, np.where(sent, second.astype(int), -1), 2, folds(np.arange(len(x)), 0))
    assert np.abs(found.sent - 1 / (1 + np.exp(2 - x[:, 0]))).mean() < 0.01
    assert np.abs(found.program[:, 1] - 1 / (1 + np.exp(-x[:, 1]))).mean() < 0.05
    assert found.odds(0) == pytest.approx(found.sent * found.program[:, 0] / (1 - found.sent))


def test_one_program_and_nobody_sent_have_chances_too() -> None:
    x, none = np.zeros((10, 1)), np.full(10, -1)
    found = assignment(x, np.zeros(10, dtype=bool), none, 1, folds(np.arange(10), 0))
    assert (found.sent < 1e-5).all()
    everyone = assignment(x, np.ones(10, dtype=bool), none + 1, 1, folds(np.arange(10), 0))
    assert (everyone.program == 1).all()


def test_eligible_is_who_could_have_been_sent() -> None:
    periods = make_periods(6, (0.0,), reps=12)
    panel = Panel.of(periods)
    eligible = panel.eligible()
    for rep, t in zip(*np.nonzero(panel.busy), strict=True):
        assert not eligible[rep, t + 1 : t + 3].any()
    newest = panel.tenure[panel.busy].min()
    assert not eligible[panel.tenure < newest].any()
    trials = Trials.of(panel)
    assert set(zip(trials.rep.tolist(), trials.t.tolist(), strict=True)) == set(
        zip(*(places.tolist() for places in np.nonzero(eligible)), strict=True)
    )


def test_values_are_shifted_in_time_and_never_wrapped_around() -> None:
    panel = Panel.of(make_periods(7, (0.0,), reps=3, finished=4))
    values = np.arange(15.0).reshape(3, 5)
    later, earlier = panel.shifted(values, 1), panel.shifted(values, -2)
    assert later[0].tolist()[:4] == [1, 2, 3, 4]
    assert np.isnan(later[:, -1]).all()
    assert earlier[1].tolist()[2:] == [5, 6, 7]
    assert np.isnan(earlier[:, :2]).all()
    assert np.isnan(panel.shifted(values, 9)).all()


def test_covariates_are_what_was_known_before_the_period() -> None:
    periods = make_periods(8, (0.0,), reps=5)
    frame = periods.frame
    results = frame["attainment"].to_numpy().reshape(5, -1)
    rep, t = np.repeat(np.arange(5), results.shape[1]), frame["t"].to_numpy()
    known = known_on_the_eve(frame, results, rep, t)
    changed = results.copy()
    changed[:, 6:] += 1
    assert np.array_equal(known[t <= 6], known_on_the_eve(frame, changed, rep, t)[t <= 6], equal_nan=True)
    assert known[t == 4, 0] == pytest.approx(results[:, 3].clip(0, 2))
    assert known[t == 4, 2] == pytest.approx(results[:, 2].clip(0, 2))
    assert known[t == 4, 3] == pytest.approx(results[:, :4].clip(0, 2).mean(axis=1))


def test_the_design_has_no_gaps_and_no_constant() -> None:
    known = np.array([[1.0, np.nan, 5.0], [2.0, np.nan, 5.0], [np.nan, np.nan, 5.0], [4.0, np.nan, 5.0]])
    made = design(known, (np.array([0, 0, 1, 1]),))
    assert np.isfinite(made).all()
    assert made.std(axis=0) == pytest.approx(1)
    assert made.shape[1] == 3
    assert design(known[:0], (np.array([], dtype=int),)).shape[0] == 0


def test_naive_figures_are_what_they_say() -> None:
    panel = Panel.of(make_periods(9, (0.0,), reps=6))
    taken = np.zeros(panel.row.shape, dtype=bool)
    taken[2, 4] = True
    found = naive_figures(panel, taken)
    others = np.delete(panel.attainment, 2, axis=0)
    assert found.before_after == pytest.approx(panel.attainment[2, 5] - panel.attainment[2, 3])
    assert found.difference == pytest.approx(panel.attainment[2, 5] - np.nanmean(others))
    nothing = naive_figures(panel, np.zeros_like(taken))
    assert (nothing.before_after, nothing.difference) == (None, None)
    assert "nothing to read" in nothing.words


def test_permutation_p_values_are_uniform_without_an_effect_and_small_with_one() -> None:
    found = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        period, chance, residual = rng.integers(0, 8, 300), rng.random(300), rng.normal(size=300)
        treated = rng.random(300) < 0.1 + 0.2 * chance
        found.append(permutation_p(residual, treated, strata(period, chance), seed, draws=199))
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert permutation_p(residual + 3.0 * treated, treated, strata(period, chance), 0) == pytest.approx(1 / 500)


def test_permutation_without_anyone_to_swap_with_is_an_answer() -> None:
    treated = np.array([True, True, False, False])
    assert permutation_p(np.ones(4), treated, np.array([0, 0, 1, 1]), 0) is None
    assert permutation_p(np.array([]), np.array([], dtype=bool), np.array([], dtype=int), 0) is None


def test_robustness_value_is_that_of_the_published_example() -> None:
    assert robustness_value(4.18, 783) == pytest.approx(0.139, abs=5e-4)
    assert robustness_value(0.0, 100) == 0


def test_partial_r2_is_the_drop_of_the_unexplained() -> None:
    rng = np.random.default_rng(10)
    block, rest = rng.normal(size=(5_000, 1)), rng.normal(size=(5_000, 2))
    target = block[:, 0] + rest[:, 0] + np.sqrt(3) * rng.normal(size=5_000)
    assert partial_r2(target, block, rest) == pytest.approx(0.25, abs=0.03)
    assert partial_r2(np.zeros(5_000), block, rest) == 0


def test_its_own_behaviour_moves_and_what_it_does_not_teach_stays() -> None:
    periods = make_periods(11, (0.5,), reps=400)
    readings = Readings(Panel.of(periods), 0)
    own = own_kpi(readings, periods.programs[0], 0)
    assert own.passed
    assert own.value is not None
    assert own.value > 0
    other = negative_control(readings, Program("P0", "", ("negotiation",)), 0)
    assert other.passed is False
    assert "more than the program" in other.text
    for unknown in (Program("P0", "", ("juggling",)), Program("P0", "", ())):
        assert own_kpi(readings, unknown, 0).passed is None
        assert negative_control(readings, unknown, 0).passed is None


def test_hidden_confounding_moves_the_estimate_and_no_check_claims_to_see_it() -> None:
    from spm_ml.coaching.effects import estimate_effects

    (found,) = estimate_effects(make_periods(12, (0.0,), reps=400, hidden=0.3))
    assert found.effect is not None
    assert found.effect > 0.05
    check = next(check for check in found.checks if check.slug == "confounding")
    assert "None of these checks sees a hidden confounder" in check.text


def test_money_has_no_unit_in_the_covariates() -> None:
    periods = make_periods(13, (0.0,), reps=30)
    money = ["quota", "bookings_mean", "bookings", "quota_final"]
    frame = periods.frame.assign(**{name: 100 * periods.frame[name] for name in money})
    rep, t = np.unique(frame["rep_id"], return_inverse=True)[1], frame["t"].to_numpy()
    results = periods.frame["attainment"].to_numpy().reshape(30, -1)
    one, other = (design(known_on_the_eve(each, results, rep, t), ()) for each in (periods.frame, frame))
    assert one == pytest.approx(other, abs=1e-6)


def test_a_rep_who_was_not_there_on_the_eve_is_no_trial() -> None:
    periods = make_periods(14, (0.0,), reps=20)
    absent = periods.frame[~((periods.frame["rep_id"] == "r003") & (periods.frame["t"] < 6))].reset_index(drop=True)
    panel = Panel.of(type(periods)(absent, periods.starts, periods.programs, periods.watermark, ()))
    trials = Trials.of(panel)
    assert trials.t[trials.rep == 3].min() >= 6
    assert pd.Series(trials.rep).nunique() <= 20
