"""Each world of programs is what its name says, and changes nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from spm_ml.errors import ConfigurationError
from spm_ml.simulation import simulate
from spm_ml.simulation.program_worlds import PROGRAM_WORLDS, with_programs
from spm_ml.simulation.world import SKILLS, World

_SIZE = {"reps": 60, "periods": 4, "seed": 21, "fmt": "parquet", "activities": 0.0}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in PROGRAM_WORLDS}
    for name, folder in folders.items():
        simulate(folder, programs=name, **_SIZE)  # type: ignore[arg-type]
    return folders


def _truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "truth" / f"{name}.parquet")


def _by_program(folder: Path, column: str) -> "pd.Series[float]":
    return _truth(folder, "individual_effects").groupby("program_id")[column].mean()


def _driven(folder: Path) -> pd.DataFrame:
    """Motivation cannot be read from the tables, but from the rates: what moves winning besides luck and skill."""
    rates, world = _truth(folder, "rates").dropna(subset=["rep_id"]), World.read(folder / "truth" / "world.json")
    skills = _truth(folder, "skills").dropna(subset=["rep_id"])
    negotiation = skills[SKILLS[2]].to_numpy() * world.loadings[2]
    return rates[["rep_id", "period"]].assign(drive=np.log(rates["win"]) - rates["luck"] - negotiation)


def test_the_default_is_the_world_with_duds(tmp_path: Path) -> None:
    simulate(tmp_path / "named", reps=4, periods=2, seed=3, fmt="parquet", programs="duds")
    simulate(tmp_path / "default", reps=4, periods=2, seed=3, fmt="parquet")
    for file in (tmp_path / "default").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "named" / file.relative_to(tmp_path / "default")).read_bytes()
    assert with_programs(World.clean(), "duds") == World.clean()


def test_duds_do_nothing_and_weak_ones_little(worlds: dict[str, Path]) -> None:
    for column in ("effect", "first_period"):
        mean = _by_program(worlds["duds"], column)
        assert mean["P5"] == 0
        assert (mean.drop("P5") > 0.01).all()


def test_no_program_works_in_a_world_without_effects(worlds: dict[str, Path]) -> None:
    for table in ("individual_effects", "enrolment_effects"):
        effects = _truth(worlds["none"], table)[["effect", "first_period"]]
        assert (effects.dropna() == 0).all(axis=None)
    assert len(_truth(worlds["none"], "enrolment_effects")) > 0


def test_one_program_does_harm(worlds: dict[str, Path]) -> None:
    for column in ("effect", "first_period"):
        mean = _by_program(worlds["harmful"], column)
        assert mean["P5"] < -0.01
        assert (mean.drop("P5") > 0.01).all()
    enrolled = _truth(worlds["harmful"], "enrolment_effects").query("program_id == 'P5'")
    assert (enrolled["gain_negotiation"] <= 0).all()
    assert (enrolled["gain_negotiation"] < 0).any()


def test_tenure_decides_instead_of_gaps(worlds: dict[str, Path]) -> None:
    folder = worlds["tenure"]
    people = _truth(folder, "people").dropna(subset=["rep_id"])[["rep_id", "hired_on"]]
    skills = _truth(folder, "skills").dropna(subset=["rep_id"])
    effects = _truth(folder, "individual_effects").query("program_id == 'P4'").merge(people).merge(skills)
    effects = effects[effects["period"] == effects["period"].max()]
    newest, oldest = (effects[chosen] for chosen in (effects["hired_on"].rank() > 45, effects["hired_on"].rank() < 15))
    assert newest["effect"].mean() > 2 * oldest["effect"].mean()
    assert effects["hired_on"].corr(effects["effect"], method="spearman") > 0.6
    assert (effects["effect"] > 0).all()
    assert abs(effects["effect"].corr(effects["value_selling"])) < 0.35


def test_a_hidden_motivation_sends_reps_and_sells(worlds: dict[str, Path]) -> None:
    driven = _driven(worlds["confounded"])
    assert 0.03 < driven["drive"].std() < 0.10
    assert _driven(worlds["duds"])["drive"].abs().max() < 1e-9
    enrolled = _truth(worlds["confounded"], "enrolment_effects").dropna(subset=["period"])
    after = enrolled.merge(driven, on=["rep_id", "period"])
    assert after["drive"].mean() > 0.02


def test_nobody_is_told_of_the_motivation(worlds: dict[str, Path]) -> None:
    for file in sorted(worlds["duds"].glob("*.parquet")):
        assert pq.read_schema(file) == pq.read_schema(worlds["confounded"] / file.name)
    one, other = (_truth(worlds[name], "rates") for name in ("duds", "confounded"))
    pd.testing.assert_series_equal(one["effort"], other["effort"])
    pd.testing.assert_series_equal(one["luck"], other["luck"])


def test_few_activities_leave_everything_else_as_it_was(tmp_path: Path) -> None:
    for name, activities in (("few", 0.0), ("usual", None)):
        simulate(tmp_path / name, reps=6, periods=2, seed=3, fmt="parquet", activities=activities)
    assert pq.read_table(tmp_path / "few" / "activities.parquet").num_rows == 0
    for table in ("opportunities", "opportunity_events", "enrolments", "quotas", "assessments"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "few" / f"{table}.parquet"),
            pd.read_parquet(tmp_path / "usual" / f"{table}.parquet"),
        )


@pytest.mark.parametrize("name", PROGRAM_WORLDS)
def test_a_world_is_read_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    world = with_programs(World.clean(), name)
    world.write(tmp_path / "world.json")
    assert World.read(tmp_path / "world.json") == world


def test_an_unknown_name_is_answered_with_a_likely_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'harmful'"):
        simulate(tmp_path / "out", reps=2, periods=1, seed=0, programs="harmfull")
    assert not (tmp_path / "out").exists()


def test_effects_of_none_are_none_whatever_their_multiple() -> None:
    assert with_programs(World.clean(3.0), "none") == replace(World.clean(3.0), effects=0.0)
