"""The coaching benchmarks measure what they say, on data that is worked out by hand and on a tiny world."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from benchmarks.coaching import effects as effects_module
from benchmarks.coaching.__main__ import BENCHMARKS, main
from benchmarks.coaching.effects import measure_effects, true_effects
from benchmarks.coaching.learners import Learner, Make, boosting, dr_learner, ridge, t_learner, x_learner
from benchmarks.coaching.policies import POLICIES, best, hierarchical, matrix
from benchmarks.coaching.policy import TRAINED_SHARE, _intervals
from benchmarks.coaching.setting import NOTHING, Setting, setting_of
from benchmarks.coaching.speed import candidates_of
from benchmarks.coaching.tables import over_seeds
from benchmarks.coaching.worlds import Case, Measured, make, opened
from spm_ml.coaching.uplift import Uplift
from spm_ml.errors import ConfigurationError
from spm_ml.planning import Limits, make_plan

PROGRAMS = 3
UNUSED = cast(Uplift, None)


def _setting(reps: int = 160, periods: int = 6, seed: int = 0) -> Setting:
    """Program 0 brings .5 × need 0, program 1 nothing, program 2 brings .2 to everybody; starts are drawn by lot."""
    rng = np.random.default_rng(seed)
    rows = reps * periods
    rep, t = np.divmod(np.arange(rows), periods)
    needs = np.clip(rng.normal(1, 0.6, (rows, PROGRAMS)), 0, None)
    taken = np.where(rng.random(rows) < 0.5, rng.integers(0, PROGRAMS, rows), NOTHING)
    true = np.column_stack([0.5 * needs[:, 0], np.zeros(rows), np.full(rows, 0.2)])
    anyway = 1 + 0.2 * rng.normal(size=reps)[rep]
    gained = np.where(taken == NOTHING, 0.0, np.take_along_axis(true, np.maximum(taken, 0)[:, None], 1)[:, 0])
    outcome = np.where(t < periods - 1, anyway + gained + 0.05 * rng.normal(size=rows), np.nan)
    now = np.flatnonzero(t == periods - 1)
    frame = pd.DataFrame(
        {
            "rep_id": [f"R{number}" for number in rep],
            "t": t,
            "segment": "SMB",
            "attainment_last_1": anyway,
            "attainment_mean": anyway,
            "tenure_days": 400.0 + 90.0 * t,
        }
    )
    programs = [SimpleNamespace(program_id=f"P{number + 1}") for number in range(PROGRAMS)]
    measured = SimpleNamespace(periods=SimpleNamespace(frame=frame, programs=programs))
    return Setting(
        measured=cast(Measured, measured),
        gaps=cast(Any, None),
        known=np.column_stack([needs, anyway]),
        needs=needs,
        taken=taken.astype(np.int64),
        attainment=anyway,
        outcome=outcome,
        rep=rep.astype(np.int64),
        now=now,
        truth=true[now],
        steady=2 * true[now],
        past_truth=true,
    )


@pytest.fixture(scope="module")
def setting() -> Setting:
    return _setting()


def _uplift(setting: Setting, effect: np.ndarray, likely: float = 0.99) -> Uplift:
    frame = setting.measured.periods.frame.iloc[setting.now]
    rows = len(setting.now) * PROGRAMS
    options = pd.DataFrame(
        {
            "rep_id": np.repeat(frame["rep_id"].to_numpy(), PROGRAMS),
            "program_id": np.tile([f"P{number + 1}" for number in range(PROGRAMS)], len(frame)),
            "effect": effect.ravel(),
            "low": effect.ravel() - 0.1,
            "high": effect.ravel() + 0.1,
            "p_positive": likely,
            "own_sd": 0.05,
            "matched_gap": 1.0,
            "priority": -effect.ravel(),
        }
    ).sample(frac=1, random_state=1, ignore_index=True)
    return Uplift(options, np.zeros((rows, 1)), np.eye(1), None, {})


def test_the_best_are_sent_and_ties_are_shared() -> None:
    scores = np.array([[0.1, 0.3], [0.5, 0.5], [0.2, 0.0]])
    assert best(scores, 1).tolist() == [[0, 0], [0.5, 0.5], [0, 0]]
    assert best(scores, 3).sum() == 3


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "hierarchical R-learner"])
def test_every_policy_sends_as_many_as_it_may(setting: Setting, name: str) -> None:
    people = round(TRAINED_SHARE * len(setting.now))
    sent = POLICIES[name](setting, UNUSED, people)
    assert sent.shape == setting.truth.shape
    assert sent.sum() == pytest.approx(people)
    assert (sent >= 0).all()
    assert (sent.sum(axis=1) <= 1 + 1e-9).all()


def test_policies_that_look_at_needs_beat_those_that_do_not(setting: Setting) -> None:
    people = round(TRAINED_SHARE * len(setting.now))
    most = (best(setting.truth, people) * setting.truth).sum()
    value = {
        name: (POLICIES[name](setting, UNUSED, people) * setting.truth).sum() / most
        for name in POLICIES
        if name != "hierarchical R-learner"
    }
    assert value["ceiling of what is observable"] > 0.95
    assert value["X-learner, ridge"] > 0.85
    assert value["random"] < 0.45
    assert value["worst performers, manager's program"] < 0.6
    assert max(value.values()) <= 1


@pytest.mark.parametrize(
    ("learner", "make", "within"),
    [
        (t_learner, boosting, 0.15),
        (x_learner, boosting, 0.12),
        (x_learner, ridge, 0.08),
        (dr_learner, boosting, 0.15),
    ],
)
def test_learners_find_effects_of_a_lottery(setting: Setting, learner: Learner, make: Make, within: float) -> None:
    found = learner(setting, make)
    assert found.shape == setting.truth.shape
    assert np.abs(found.mean(axis=0) - setting.truth.mean(axis=0)).max() < 0.08
    assert np.sqrt(np.mean((found - setting.truth) ** 2)) < within
    assert np.corrcoef(found[:, 0], setting.truth[:, 0])[0, 1] > 0.7


@pytest.mark.parametrize("learner", [t_learner, x_learner, dr_learner])
def test_learners_answer_where_hardly_anybody_was_trained(setting: Setting, learner: Learner) -> None:
    taken = setting.taken.copy()
    taken[setting.taken == 1] = NOTHING
    taken[np.flatnonzero(setting.taken == 0)[2:]] = NOTHING
    few = replace(setting, taken=taken)
    assert np.isfinite(learner(few, ridge)).all()
    assert np.isfinite(learner(replace(setting, taken=np.full_like(taken, NOTHING)), ridge)).all()


def test_without_enrolments_managers_pick_anything(setting: Setting) -> None:
    nobody = replace(setting, taken=np.full_like(setting.taken, NOTHING))
    assert nobody.shares.tolist() == pytest.approx([1 / 3] * 3)
    assert nobody.trained == 0
    assert setting.shares.sum() == pytest.approx(1)


def test_options_are_read_by_rep_and_program_whatever_their_order(setting: Setting) -> None:
    uplift = _uplift(setting, setting.truth)
    np.testing.assert_array_equal(matrix(setting, uplift, "effect"), setting.truth)
    people = 20
    np.testing.assert_array_equal(hierarchical(setting, uplift, people), best(setting.truth, people))
    missing = replace(uplift, options=uplift.options.assign(effect=np.nan, priority=uplift.options["effect"]))
    np.testing.assert_array_equal(hierarchical(setting, missing, people), best(setting.truth, people))


def test_intervals_are_held_against_the_truth(setting: Setting) -> None:
    line = _intervals(setting, _uplift(setting, setting.truth + 0.05))
    assert line["coverage"] == 1
    assert line["bias"] == pytest.approx(5)
    assert line["error"] == pytest.approx(5)
    assert line["width"] == pytest.approx(20)
    assert line["recommended"] == 1
    assert line["right"] == 1
    far = _intervals(setting, _uplift(setting, setting.truth + 0.2, likely=0.7))
    assert far["coverage"] == 0
    assert far["recommended"] == 0
    assert np.isnan(far["right"])
    unknown = _intervals(setting, _uplift(setting, np.full(setting.truth.shape, np.nan)))
    assert unknown["claimed"] == 0
    assert np.isnan(unknown["coverage"])


def test_the_planner_takes_the_options(setting: Setting) -> None:
    uplift = _uplift(setting, setting.truth)
    plan = make_plan(candidates_of(uplift), Limits(people=10), covariance=uplift.covariance)
    gained = {(row["rep_id"], row["program_id"]): row["effect"] for row in uplift.options.to_dict("records")}
    assert len(plan.offered) == 10
    expected = np.sort(setting.truth.max(axis=1))[-10:]
    assert np.sort([gained[line.rep_id, line.program_id] for line in plan.offered]) == pytest.approx(expected)


def _enrolled() -> Measured:
    enrolments = pd.DataFrame(
        {
            "rep_id": ["A", "B", "C", "D"],
            "program_id": ["P1", "P1", "P1", "P2"],
            "period": ["Q2", "Q2", "Q2", "Q2"],
            "first_period": [0.10, 0.04, 0.90, np.nan],
            "time_lost": [-0.02, -0.02, -0.02, np.nan],
        }
    )
    frame = pd.DataFrame({"rep_id": list("ABCD"), "period": "Q2", "attainment": [1.0, 0.8, np.nan, 1.2]})
    return cast(Measured, SimpleNamespace(periods=SimpleNamespace(frame=frame), enrolment_effects=enrolments))


def test_the_truth_is_that_of_enrolments_with_an_outcome() -> None:
    truth = true_effects(_enrolled())
    assert truth.index.tolist() == ["P1"]
    assert truth.loc["P1"].to_dict() == pytest.approx({"gain": 0.07, "true": 0.05, "known": 2})


def test_errors_are_in_points(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = SimpleNamespace(
        program_id="P1", effect=0.08, effect_low=0.01, effect_high=0.15,
        naive_before_after=0.25, naive_difference=None, verdict="helps",
    )  # fmt: skip
    silent = SimpleNamespace(**vars(finding) | {"effect": None, "effect_low": None, "effect_high": None})
    for findings, error, covered in (([finding], 3.0, 1.0), ([silent], np.nan, np.nan)):
        monkeypatch.setattr(effects_module, "estimate_effects", Mock(return_value=findings))
        table = measure_effects(_enrolled()).set_index("program")
        assert table.loc["P1", "error"] == pytest.approx(error, nan_ok=True)
        assert table.loc["P1", "covered"] == pytest.approx(covered, nan_ok=True)
        assert table.loc["P1", "before/after error"] == pytest.approx(20)
        assert table["difference error"].isna().all()
        assert table.loc["all", "helps"] == 1


def test_a_table_has_a_mean_and_its_error_over_seeds() -> None:
    lines = pd.DataFrame(
        {"world": "duds", "policy": ["a", "a", "a", "b"], "seed": [1, 1, 2, 1], "value": [0.2, 0.4, 0.5, np.nan]}
    )
    table = over_seeds(lines, ("world", "policy"))
    assert "| duds | a | 2 | 0.40 ± 0.10 |" in table
    assert "| duds | b | 1 | – |" in table


def test_a_world_is_made_once_and_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = Case("harmful", 12, 3, 5, tmp_path)
    make(case)
    made = case.dataset_file.stat().st_mtime_ns
    make(case)
    assert case.dataset_file.stat().st_mtime_ns == made
    assert not list(tmp_path.glob("*.pending"))
    with opened(case) as measured:
        setting = setting_of(measured)
        frame = measured.periods.frame
        assert set(frame["t"]) == {0, 1, 2, 3}
        assert (frame.loc[setting.now, "t"] == 3).all()
        assert 8 <= len(setting.now) <= 14
        assert np.isfinite(setting.truth).all()
        assert (setting.truth[:, 4] <= 0).all()
        assert np.isnan(setting.outcome[frame["t"] >= 2]).all()
        assert np.isfinite(setting.outcome[frame["t"] == 0]).any()
        starts = measured.periods.starts.drop_duplicates(["rep_id", "t"])
        assert (setting.taken != NOTHING).sum() == len(starts)
    out = tmp_path / "results" / "policy.md"
    size = ["--reps", "12", "--periods", "3", "--seeds", "5", "--worlds", "harmful", "--cache", str(tmp_path)]
    main(["policy", *size, "--out", str(out)])
    assert out.read_text(encoding="utf-8").strip() == capsys.readouterr().out.strip()
    assert all(f"| {name} |" in out.read_text(encoding="utf-8") for name in POLICIES)
    main(["ablation", *size])
    table = capsys.readouterr().out
    assert all(f"| {name} |" in table for name in ("whole", "attainment alone", "no funnel", "prior alone"))


def test_unknown_worlds_are_named() -> None:
    assert set(BENCHMARKS) == {"policy", "intervals", "ablation", "effects", "speed"}
    with pytest.raises(ConfigurationError, match="choose from duds"):
        main(["policy", "--worlds", "heaven"])
