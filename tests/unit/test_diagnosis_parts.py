"""The parts of a gap: they add up, and what was planted is found where it was planted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.diagnosis import PARTS, period_parts
from spm_ml.coaching.diagnosis.behaviours import BEHAVIOURS
from spm_ml.coaching.diagnosis.parts import explain
from spm_ml.coaching.diagnosis.sums import see
from spm_ml.coaching.rep_periods import KPI_COLUMNS, RepPeriods
from tests.diagnosis_world import changed, make_periods, without

WEAK = {"R004": {"win_rate": 0.4}, "R006": {"created": 0.4}, "R008": {"size": 0.4}}


def year(periods: RepPeriods) -> pd.DataFrame:
    """Parts of every rep over all finished periods."""
    explained = explain(see(periods), ["rep_id"])
    return explained.parts.set_index(explained.spans["rep_id"])


def add_up(table: pd.DataFrame) -> None:
    known = table[table["attainment"].notna()]
    assert np.isfinite(known[list(PARTS)].to_numpy()).all()
    assert known[list(PARTS)].sum(axis=1).to_numpy() == pytest.approx(
        (known["attainment"] - 1).to_numpy(), rel=1e-12, abs=1e-12
    )


def test_parts_of_every_rep_and_finished_period_add_up_to_the_gap() -> None:
    periods = make_periods(behaviours=WEAK)
    table = period_parts(periods)
    assert list(table) == ["rep_id", "t", "attainment", *PARTS]
    finished = periods.frame[periods.frame["finished"]]
    assert table[["rep_id", "t"]].to_numpy().tolist() == finished[["rep_id", "t"]].to_numpy().tolist()
    assert table["attainment"].to_numpy() == pytest.approx(finished["attainment"].to_numpy())
    add_up(table)


@pytest.mark.parametrize(("rep", "part"), [("R004", "win_rate"), ("R006", "pipeline_created"), ("R008", "deal_size")])
def test_a_weak_behaviour_is_the_lowest_part(rep: str, part: str) -> None:
    parts = year(make_periods(behaviours=WEAK))
    assert parts.loc[rep].idxmin() == part
    assert parts.loc[rep, part] < -0.2


def test_a_hard_quota_is_the_quotas_and_a_poor_territory_is_nobodys() -> None:
    usual = dict.fromkeys(("created", "win_rate", "size"), 1.0)
    parts = year(
        make_periods(
            behaviours={"R010": usual, "R012": usual},
            conditions={"R012": {"potential": 0.5}},
            quotas={"R010": 2.0},
        )
    )
    assert parts.loc["R010", "quota_difficulty"] < -0.3
    assert parts.loc["R010"].idxmin() == "quota_difficulty"
    assert abs(parts.loc["R012", "territory"]) < 0.1
    assert abs(parts.loc["R012", "quota_difficulty"]) < 0.2


def test_new_hires_on_full_quotas_miss_by_ramp() -> None:
    new = {f"R{rep:03d}": {"tenure": 0.0} for rep in range(20, 32)}
    ramped = make_periods(conditions=new, finished=2)
    frame = ramped.frame
    rookies = frame["rep_id"].isin(list(new)) & frame["finished"]
    quota = frame.loc[~rookies & frame["finished"]].groupby("segment")["quota_final"].mean()
    full = changed(ramped, rookies)
    full.frame.loc[rookies, "quota_final"] = frame.loc[rookies, "segment"].map(quota)
    table = period_parts(changed(full, rookies))
    first = table[table["rep_id"].isin(list(new)) & (table["t"] == 0)]
    own = first[list(BEHAVIOURS)].sum(axis=1).mean()
    conditions = first[["quota_difficulty", "ramp"]].sum(axis=1).mean()
    assert first["ramp"].mean() < -0.1
    assert conditions < -0.5
    assert abs(own) < 0.1


def test_a_deal_six_times_the_usual_size_is_luck_not_size() -> None:
    periods = make_periods(behaviours={"R000": {"size": 1.0}})
    lucky = (periods.frame["rep_id"] == "R000") & (periods.frame["t"] == 2)
    row = periods.frame[lucky].iloc[0]
    gained = 8 * row["kpi_won_amount"] / row["kpi_won_count"]
    values = {name: float(row[name] + gained) for name in ("bookings", "kpi_won_amount")}
    with_whale = changed(periods, lucky, **values, kpi_largest_won=float(gained))
    before, after = (period_parts(each).set_index(["rep_id", "t"]).loc[("R000", 2)] for each in (periods, with_whale))
    more = after["attainment"] - before["attainment"]
    assert before["largest_deal"] == 0
    assert after["largest_deal"] > 0.6 * more
    assert abs(after["deal_size"] - before["deal_size"]) < 0.15 * more


def test_inherited_deals_are_a_condition() -> None:
    periods = make_periods()
    heir = (periods.frame["rep_id"] == "R001") & periods.frame["finished"]
    half = changed(periods, heir)
    half.frame.loc[heir, "kpi_inherited_won"] = half.frame.loc[heir, "kpi_won_amount"] / 2
    parts = year(half)
    assert parts.loc["R001", "inherited_pipeline"] > 0.3
    assert (parts.drop(index="R001")["inherited_pipeline"] < 0).all()


def test_zero_bookings_are_explained_and_not_blamed_on_one_part() -> None:
    periods = make_periods()
    none = (periods.frame["rep_id"] == "R002") & periods.frame["finished"]
    nothing = changed(periods, none, bookings=0.0, kpi_won_count=0.0, kpi_won_amount=0.0, kpi_largest_won=0.0,
                      kpi_cycle_days=0.0)  # fmt: skip
    add_up(period_parts(nothing))
    parts = year(nothing).loc["R002"]
    assert parts["win_rate"] < -0.3
    assert parts["chance"] > -0.6
    assert parts.sum() == pytest.approx(-1)


def test_negative_bookings_add_up_too() -> None:
    periods = make_periods()
    refunded = (periods.frame["rep_id"] == "R002") & (periods.frame["t"] == 1)
    table = period_parts(changed(periods, refunded, bookings=-5e6))
    assert table.loc[(table["rep_id"] == "R002") & (table["t"] == 1), "attainment"].item() < 0
    add_up(table)


def test_without_a_quota_or_a_result_there_is_nothing_to_split() -> None:
    periods = make_periods(reps=12)
    own = periods.frame["rep_id"] == "R003"
    unknown = changed(periods, own & (periods.frame["t"] == 1), quota_final=np.nan)
    unknown = changed(unknown, own & (periods.frame["t"] == 2), quota_final=0.0)
    unknown = changed(unknown, own & (periods.frame["t"] == 3), bookings=np.nan)
    table = period_parts(unknown).set_index(["rep_id", "t"])
    assert table.loc["R003"].isna().all(axis=1).tolist() == [False, True, True, True, False, False]
    add_up(table.reset_index())


def test_orders_without_deals_leave_one_behaviour() -> None:
    periods = make_periods(behaviours={"R004": {"win_rate": 0.3}})
    orders = replace(periods, frame=periods.frame.assign(**dict.fromkeys(KPI_COLUMNS, 0.0)))
    table = period_parts(orders)
    add_up(table)
    assert (table[list(BEHAVIOURS)] == 0).all(axis=None)
    parts = year(orders)
    assert "R004" in parts["own_bookings"].nsmallest(3)
    assert parts.loc["R004", "own_bookings"] < -0.2


def test_one_rep_one_period_or_nobody() -> None:
    periods = make_periods(reps=1, finished=1)
    add_up(period_parts(periods))
    empty = without(periods, ["R000"])
    assert period_parts(empty).empty
    assert list(period_parts(empty)) == ["rep_id", "t", "attainment", *PARTS]


def test_days_in_a_program_are_presence() -> None:
    periods = make_periods()
    start = {"rep_id": "R005", "program_id": "P1", "t": 2, "started_on": pd.NaT, "completed_on": pd.NaT}
    starts = pd.DataFrame([{**start, "assigned_by": "", "reason": ""}])
    table = year(replace(periods, starts=starts))
    seen = see(replace(periods, starts=starts)).rows
    effect = seen.loc[(seen["rep_id"] == "R005") & (seen["t"] == 2)].iloc[0]
    assert effect["presence_effect"] / effect["peers"] == pytest.approx(np.log(1 - 8 / 64))
    assert table.loc["R005"].notna().all()


def test_luck_is_nothing_over_everybody() -> None:
    table = period_parts(make_periods(reps=200, finished=4, seed=3))
    assert table["chance"].mean() == pytest.approx(0, abs=0.05)
