"""What programs do is what the truth says they do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.simulation import simulate
from spm_ml.simulation.counterfactual import first_period_effects
from spm_ml.simulation.world import PROGRAMS, SKILLS, World

_DUDS = {program.program_id for program in PROGRAMS if program.effect == 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("programs")
    simulate(out, reps=80, periods=6, seed=9, fmt="parquet")
    return out


def _truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "truth" / f"{name}.parquet")


def test_there_is_at_least_one_dud_and_most_programs_work() -> None:
    assert len(_DUDS) == 1
    assert len(PROGRAMS) - len(_DUDS) >= 4


def test_good_programs_help_and_duds_do_nothing(folder: Path) -> None:
    effects = _truth(folder, "program_effects").set_index("program_id")
    assert (effects.loc[~effects.index.isin(_DUDS), "effect_everybody"] > 0.02).all()
    assert (effects.loc[list(_DUDS), "effect_everybody"] == 0).all()
    individual = _truth(folder, "individual_effects")
    assert (individual["effect"] >= 0).all()
    assert (individual.loc[individual["program_id"].isin(_DUDS), "effect"] == 0).all()


def test_effects_follow_the_matched_gap(folder: Path) -> None:
    individual = _truth(folder, "individual_effects").query("program_id == 'P1'")
    skills = _truth(folder, "skills").dropna(subset=["rep_id"])
    both = individual.merge(skills, on=["rep_id", "period"])
    assert both["effect"].corr(both["prospecting"]) < -0.5
    assert (both.loc[both["prospecting"] >= World.clean().skill_target, "effect"] == 0).all()


def test_gains_show_in_the_skills_of_the_next_period(folder: Path) -> None:
    enrolled = _truth(folder, "enrolment_effects").dropna(subset=["period"])
    skills = _truth(folder, "skills").dropna(subset=["rep_id"]).set_index(["rep_id", "period"])
    order = list(dict.fromkeys(_truth(folder, "period_shocks")["period"]))
    for row in enrolled.itertuples():
        before = skills.loc[(row.rep_id, order[order.index(row.period) - 1])]
        after = skills.loc[(row.rep_id, row.period)]
        for skill in SKILLS:
            gain = getattr(row, f"gain_{skill}")
            assert after[skill] - before[skill] == pytest.approx(gain, abs=0.2)
            assert gain >= 0


def test_the_first_period_shows_part_of_the_steady_effect(folder: Path) -> None:
    first = first_period_effects(folder / "truth", draws=150).dropna()
    steady = _truth(folder, "enrolment_effects").dropna()
    works = first[~first["program_id"].isin(_DUDS)]["effect"]
    full = steady[~steady["program_id"].isin(_DUDS)]["effect"]
    assert len(works) > 15
    assert 0 < works.mean() < full.mean()
    assert full.mean() > 0.05
    error = 1.1 / np.sqrt(150 * max(first["program_id"].isin(_DUDS).sum(), 1))
    assert abs(first[first["program_id"].isin(_DUDS)]["effect"].mean()) < 3 * error


def test_a_world_without_effects_has_none(tmp_path: Path) -> None:
    simulate(tmp_path, reps=20, periods=3, seed=9, fmt="parquet", effects=0.0)
    assert (_truth(tmp_path, "program_effects")["effect_everybody"] == 0).all()
    enrolled = _truth(tmp_path, "enrolment_effects")
    assert (enrolled[[f"gain_{skill}" for skill in SKILLS]] == 0).all(axis=None)


def test_assessments_follow_the_true_skills(folder: Path) -> None:
    rated = pd.read_parquet(folder / "assessments.parquet").query("assessor == 'manager'")
    rated["period"] = pd.PeriodIndex(pd.to_datetime(rated["assessed_on"]), freq="Q").astype(str)
    skills = _truth(folder, "skills").dropna(subset=["rep_id"])
    long = skills.melt(["rep_id", "period"], list(SKILLS), "skill", "true")
    both = rated.merge(long, on=["rep_id", "period", "skill"])
    assert len(both) == len(rated)
    assert 0.7 < both["score"].corr(both["true"]) < 0.97
    everyone = pd.read_parquet(folder / "assessments.parquet").groupby("assessor")["score"].mean()
    assert everyone["self"] > everyone["manager"]
