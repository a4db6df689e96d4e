"""What fair peers would have: recovery of conditions, small groups, and what quotas allow for."""

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.diagnosis.fair_peers import LEAST_PRESENCE, Design, design_of, expect
from spm_ml.coaching.diagnosis.quotas import ALLOWED_FOR, conditions_of, left_out


def people(reps: int, periods: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"rep_id": np.repeat([f"R{rep}" for rep in range(reps)], periods)})
    frame["t"] = np.tile(np.arange(periods), reps)
    frame["segment"] = np.where(np.arange(len(frame)) // periods % 2, "SMB", "Enterprise")
    frame["territory_potential"] = np.repeat(np.exp(rng.normal(0, 0.3, reps)), periods)
    frame["tenure_days"] = np.repeat(rng.choice([0.0, 400.0, 2_000.0], reps), periods) + 91 * frame["t"]
    frame["exposure"] = np.repeat(rng.choice([0.5, 1.0], reps), periods)
    return frame


def design(frame: pd.DataFrame) -> Design:
    return design_of(frame, np.zeros(len(frame)))


def test_the_effects_of_conditions_are_found() -> None:
    frame = people(200, 6)
    conditions = design(frame)
    season = np.array([0.0, 0.2, 0.0, -0.2, 0.0, 0.2])[frame["t"]]
    new = frame["tenure_days"].to_numpy() < 182
    log_rate = 3 + np.log(frame["territory_potential"]) + season - 0.8 * new + 0.5 * (frame["segment"] == "SMB")
    seen = np.random.default_rng(0).poisson(np.exp(log_rate) * frame["exposure"]).astype(float)
    found = expect(conditions, seen, conditions.presence)
    assert np.log(found.rate) == pytest.approx(log_rate.to_numpy(), abs=0.15)
    slope = np.polyfit(np.log(frame["territory_potential"]), found.logs["territory"], 1)[0]
    assert slope == pytest.approx(1, abs=0.05)
    assert found.logs["ramp"][new].mean() == pytest.approx(-0.8, abs=0.1)
    assert (found.logs["ramp"][frame["tenure_days"] >= 730] == 0).all()


def test_expectations_are_right_on_average_in_every_large_group() -> None:
    frame = people(200, 6)
    conditions = design(frame)
    money = np.random.default_rng(1).lognormal(15, 1, len(frame)) * frame["territory_potential"].to_numpy()
    expected = expect(conditions, money, conditions.presence).rate * conditions.presence
    for _, rows in frame.groupby("segment"):
        assert expected[rows.index].sum() == pytest.approx(money[rows.index].sum(), rel=0.02)


def moon_rate(reps: int) -> float:
    """Rate of a segment of so many reps who create 120 a period, beside 100 reps who create about 30."""
    frame = people(100 + reps, 4)
    moon = frame["rep_id"].isin([f"R{rep}" for rep in range(100, 100 + reps)])
    frame.loc[moon, "segment"] = "Moon"
    frame[["territory_potential", "exposure", "tenure_days"]] = 1.0, 1.0, 900.0
    rng = np.random.default_rng(0)
    seen = rng.poisson(np.where(moon, 120, 30) * np.repeat(rng.lognormal(0, 0.4, 100 + reps), 4)).astype(float)
    seen[moon] *= 120 / seen[moon].mean()
    conditions = design(frame)
    return float(expect(conditions, seen, conditions.presence).rate[moon].mean())


def test_a_group_with_few_reps_is_drawn_towards_everyone() -> None:
    alone, few, many = moon_rate(1), moon_rate(4), moon_rate(40)
    assert 40 < alone < few < many
    assert alone < 110
    assert many == pytest.approx(120, rel=0.05)


def test_amounts_may_be_counted_in_any_unit() -> None:
    frame = people(60, 4)
    conditions = design(frame)
    money = np.random.default_rng(1).lognormal(10, 0.7, len(frame))
    cents, units = (expect(conditions, money * scale, conditions.presence) for scale in (100, 1))
    assert cents.rate == pytest.approx(100 * units.rate, rel=1e-6)
    assert cents.noise == pytest.approx(100 * units.noise, rel=1e-6)


def test_unknown_conditions_count_as_the_usual_ones() -> None:
    frame = people(20, 3)
    frame.loc[0, ["territory_potential", "tenure_days", "exposure"]] = np.nan
    frame["segment"] = frame["segment"].astype("object")
    frame.loc[0, "segment"] = None
    frame.loc[1, "exposure"] = 0.0
    conditions = design(frame)
    assert np.isfinite(conditions.columns).all()
    assert conditions.presence[:2].tolist() == [1.0, LEAST_PRESENCE]


@pytest.mark.parametrize("amount", [0.0, np.nan])
def test_nothing_seen_of_anybody_is_a_rate_of_next_to_nothing(amount: float) -> None:
    conditions = design(people(5, 2))
    found = expect(conditions, np.full(10, amount), conditions.presence)
    assert (found.rate < 1e-6).all()
    assert all((log == 0).all() for log in found.logs.values())


def test_days_in_programs_are_time_that_is_missing() -> None:
    conditions = design_of(people(2, 2), np.array([0.25, 0.0, 0.0, 0.0]))
    full = design(people(2, 2)).presence
    assert conditions.presence[0] == pytest.approx(0.75 * full[0])
    assert conditions.presence[1:].tolist() == full[1:].tolist()


@pytest.mark.parametrize("ignored", ["territory", "presence", None])
def test_what_quotas_leave_out_is_told_condition_by_condition(ignored: str | None) -> None:
    frame = people(150, 6)
    conditions = design(frame)
    booked = 1e6 * frame["territory_potential"].to_numpy() * conditions.presence
    found = expect(conditions, booked, conditions.presence)
    effects = conditions_of(conditions, found, frame["t"].to_numpy())
    asked = {"territory": conditions.presence, "presence": frame["territory_potential"].to_numpy()}
    quota = 1e6 * asked.get(str(ignored), booked / 1e6) * np.random.default_rng(0).lognormal(0, 0.1, len(frame))
    shares = dict(zip(ALLOWED_FOR, left_out(effects, found.rate * conditions.presence, quota), strict=True))
    for name in ("territory", "presence"):
        assert shares[name] == pytest.approx(float(name == ignored), abs=0.1)


def test_a_whole_year_has_no_season() -> None:
    frame = people(60, 8)
    season = np.tile([0.3, 0.0, -0.1, -0.2], 2)[frame["t"]]
    conditions = design(frame)
    booked = 1e6 * np.exp(season)
    found = expect(conditions, booked, conditions.presence)
    effects = conditions_of(conditions, found, frame["t"].to_numpy())[:, ALLOWED_FOR.index("season")]
    last_year = effects[(frame["t"] >= 4) & (frame["rep_id"] == "R0")]
    assert last_year.sum() == pytest.approx(0, abs=0.03)
    assert last_year[0] == pytest.approx(0.3, abs=0.1)


def test_too_few_quotas_leave_nothing_out() -> None:
    assert left_out(np.ones((3, 4)), np.ones(3), np.ones(3)).tolist() == [0, 0, 0, 0]
    assert left_out(np.ones((20, 4)), np.ones(20), np.full(20, np.nan)).tolist() == [0, 0, 0, 0]
