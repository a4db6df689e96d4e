"""What a program brings in its first period, as an expectation, is what playing the period many times gives."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.fiscal import FiscalCalendar
from spm_ml.progress import silent
from spm_ml.simulation import simulate
from spm_ml.simulation.counterfactual import first_period_effects
from spm_ml.simulation.engine import Course, run, streams
from spm_ml.simulation.first_period import Pipelines
from spm_ml.simulation.hazards import plant
from spm_ml.simulation.simulate import DEFAULT_END
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import SKILLS, Ints, World


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first")
    simulate(out, reps=80, periods=5, seed=9, fmt="parquet", activities=0.0)
    return out


@pytest.fixture(scope="module")
def course() -> Course:
    world = plant(World.clean(), ("H07", "H08", "H24"))
    calendar = FiscalCalendar.of(world.organisation)
    timeline = Timeline.of(calendar, last=DEFAULT_END, periods=2, burn_in=world.burn_in)
    diary: list[dict[str, Ints]] = []
    return run(world, timeline, 12, streams(4), diary.append, silent)


@pytest.fixture(scope="module")
def pipelines(course: Course) -> Pipelines:
    return Pipelines.of(course)


def _gain(people: int, skill: str, points: float) -> np.ndarray:
    gain = np.zeros((people, len(SKILLS)))
    gain[:, SKILLS.index(skill)] = points
    return gain


def test_the_mean_is_that_of_many_futures(folder: Path) -> None:
    played = first_period_effects(folder / "truth", draws=250).rename(columns={"effect": "played"})
    stated = pd.read_parquet(folder / "truth" / "enrolment_effects.parquet")
    both = stated.merge(played, on=["rep_id", "program_id", "period"]).dropna(subset=["first_period", "played"])
    assert len(both) > 25
    error = 1.3 / np.sqrt(250 * len(both))
    assert both["first_period"].mean() == pytest.approx(both["played"].mean(), abs=3 * error + 0.004)
    assert 0 < both["first_period"].mean() < both["effect"].mean()


def test_pipeline_created_better_is_won_later_than_deals_closed_better(folder: Path) -> None:
    effects = pd.read_parquet(folder / "truth" / "individual_effects.parquet")
    mean = effects.groupby("program_id")[["effect", "first_period"]].mean()
    share = mean["first_period"] / mean["effect"]
    assert share["P1"] < 0.45  # creation
    assert share["P4"] < 0.45  # size, which is fixed when a deal is created
    assert share["P3"] > 0.45  # winning what is there
    assert (effects["first_period"] >= 0).all()
    assert (effects.loc[effects["program_id"] == "P5", "first_period"] == 0).all()


def test_no_gain_brings_nothing_and_more_brings_more(course: Course, pipelines: Pipelines) -> None:
    period, rep = len(course.rates) - 1, np.arange(course.people.count)
    for skill in SKILLS:
        none, some, more = (pipelines.effect(period, rep, _gain(len(rep), skill, size)) for size in (0.0, 0.5, 1.0))
        assert (none == 0).all()
        sells = some > 0
        assert sells.sum() >= 10
        assert (more[sells] > some[sells]).all()
        assert (pipelines.effect(period, rep, _gain(len(rep), skill, -0.5))[sells] < 0).all()


def test_a_rep_is_worth_the_same_alone(course: Course, pipelines: Pipelines) -> None:
    period, rep = len(course.rates) - 1, np.arange(course.people.count)
    together = pipelines.effect(period, rep, _gain(len(rep), "negotiation", 0.7))
    alone = pipelines.effect(period, rep[[3]], _gain(1, "negotiation", 0.7))
    assert alone[0] == pytest.approx(together[3])
    before = {place: book.copy() for place, book in pipelines.eve.items()}
    pipelines.effect(period, rep, _gain(len(rep), "prospecting", 0.7))
    assert all((book == before[place]).all() for place, book in pipelines.eve.items())


def test_expected_bookings_are_near_those_that_were(course: Course, pipelines: Pipelines) -> None:
    everybody, booked, expected = np.arange(course.people.count), 0.0, 0.0
    for period, eve in pipelines.eve.items():
        expected += pipelines.play(eve.copy(), course.rates[period], period, everybody).sum()
        booked += course.quotas.bookings[period].sum()
    assert expected == pytest.approx(booked, rel=0.25)


def test_who_is_away_has_no_pipeline(course: Course, pipelines: Pipelines) -> None:
    for period, eve in pipelines.eve.items():
        eve_week = course.timeline.weeks_of(period)[0] - 1
        away = ~course.people.active(int(eve_week))
        assert (eve[:, away] == 0).all()
        assert (eve[:, ~away].sum(axis=(0, 2)) > 0).all()


def test_days_in_class_cost_bookings_in_the_period_after(course: Course, pipelines: Pipelines) -> None:
    period, rep = course.timeline.first_reported, np.arange(course.people.count)
    one, three = (pipelines.lost(period, rep, np.full(len(rep), days / 64)) for days in (1, 3))
    assert (three >= one).all()
    assert (one >= 0).all()
    assert (one > 0).sum() >= 8
    assert (pipelines.lost(period, rep, np.zeros(len(rep))) == 0).all()


def test_time_lost_is_a_small_loss(folder: Path) -> None:
    lost = pd.read_parquet(folder / "truth" / "enrolment_effects.parquet").dropna(subset=["time_lost"])
    assert (lost["time_lost"] <= 0).all()
    assert -0.05 < lost["time_lost"].mean() < -0.002
    by_program = lost.groupby("program_id")["time_lost"].mean()
    assert by_program["P5"] > by_program["P1"]  # a day against three
