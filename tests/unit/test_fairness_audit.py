"""The audit of burden and benefit: what it finds, what it says of bad input, what never leaves it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.errors import DataError, NotReadyError
from spm_ml.fairness import Audit, Measure, ProtectedGroups, audit, published_measures
from spm_ml.fairness.groups import NOT_ON_RECORD
from spm_ml.predictions import Diagnosis, ProgramOption
from spm_ml.settings import FairnessSettings, Workspace
from spm_ml.sources import ingest
from tests.ingest_world import write
from tests.prediction_world import make_world

OPEN = FairnessSettings(aggregation_only=False)
CLOSED = FairnessSettings()


def groups(values: Sequence[object], attribute: str = "gender", start: int = 0) -> ProtectedGroups:
    """Reps r0, r1 … by their group."""
    rows = [
        {"rep_id": f"r{start + place}", "attribute": attribute, "value": value} for place, value in enumerate(values)
    ]
    return ProtectedGroups.of(pd.DataFrame(rows, columns=["rep_id", "attribute", "value"]))


def measure(got: Sequence[bool], side: str = "burden", among: Sequence[bool] | None = None) -> Measure:
    index = pd.Index([f"r{place}" for place in range(len(got))], name="rep_id", dtype=object)
    return Measure(
        "flag",
        "Flagged",
        side,  # type: ignore[arg-type]
        pd.Series(list(got), index=index, dtype=bool),
        None if among is None else pd.Series(list(among), index=index, dtype=bool),
    )


def the(found: Audit, group: str, attribute: str = "gender") -> pd.Series:
    rows = found.table[(found.table["group"] == group) & (found.table["attribute"] == attribute)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_burden_and_a_lost_benefit_both_have_a_ratio_below_one() -> None:
    who = groups(["m"] * 60 + ["f"] * 40)
    flagged = [place < 12 or place >= 70 for place in range(100)]
    burden = the(audit(who, [measure(flagged)], OPEN), "f")
    assert (burden["rate"], burden["reference"], burden["reference_rate"]) == (0.75, "m", 0.2)
    assert burden["ratio"] == pytest.approx(0.2 / 0.75)
    assert burden["finding"] == "clearly below four fifths"
    assert burden["rate_low"] < 0.75 < burden["rate_high"]
    offered = [not flag for flag in flagged]
    benefit = the(audit(who, [measure(offered, "benefit")], OPEN), "f")
    assert benefit["ratio"] == pytest.approx(0.25 / 0.8)
    assert benefit["finding"] == "clearly below four fifths"
    assert the(audit(who, [measure(flagged, "benefit")], OPEN), "f")["finding"] == "reference clearly below four fifths"


def test_the_largest_group_can_be_the_one_that_bears_more() -> None:
    found = audit(groups(["m"] * 60 + ["f"] * 40), [measure([place < 45 or place > 95 for place in range(100)])], OPEN)
    assert the(found, "m")["finding"] == "reference"
    assert the(found, "f")["finding"] == "reference clearly below four fifths"
    assert found.warnings() == ("Flagged: gender f 10% beside 75% of m, ratio 7.50 (3.02 to 35.02)",)


def test_chance_is_told_from_a_clear_finding_and_warnings_name_only_the_latter() -> None:
    who = groups(["m"] * 20 + ["f"] * 12)
    few = audit(who, [measure([place < 5 or 20 <= place < 25 for place in range(32)])], OPEN)
    assert the(few, "f")["finding"] == "below four fifths, may be chance"
    assert few.warnings() == ()
    clear = audit(who, [measure([place < 2 or place >= 20 for place in range(32)])], OPEN)
    (warning,) = clear.warnings()
    assert warning.startswith("Flagged: gender f 100% beside 10% of m, ratio 0.10")


def test_intervals_hold_for_all_groups_of_a_measure_at_once() -> None:
    flags = measure([place % 3 == 0 for place in range(90)])
    two = the(audit(groups(["m"] * 30 + ["f"] * 30 + ["x"] * 30), [flags], OPEN), "m")
    one = ProtectedGroups.of(
        pd.concat([groups(["m"] * 30 + ["f"] * 30 + ["x"] * 30).rows, groups(["old", "young"] * 45, "age").rows])
    )
    many = the(audit(one, [flags], OPEN), "m")
    assert many["ratio"] == two["ratio"]
    assert many["ratio_high"] - many["ratio_low"] > two["ratio_high"] - two["ratio_low"]


def test_intersections_find_what_each_attribute_hides() -> None:
    """Flags fall on old men and young women: neither gender nor age shows it."""
    gender, age = np.tile(["m", "f"], 80), np.repeat(["old", "young"], 80)
    who = ProtectedGroups.of(pd.concat([groups(list(gender)).rows, groups(list(age), "age").rows]))
    found = audit(who, [measure(list((gender == "m") == (age == "old")))], OPEN)
    assert set(found.table["attribute"]) == {"gender", "age", "age and gender"}
    assert (
        found.table.loc[found.table["attribute"] != "age and gender", "finding"] != "clearly below four fifths"
    ).all()
    assert set(found.clear["attribute"]) == {"age and gender"}


def test_a_benefit_is_counted_among_those_who_would_gain() -> None:
    who = groups(["m"] * 20 + ["f"] * 20)
    among = [place < 20 or place >= 30 for place in range(40)]
    row = the(audit(who, [measure([place % 2 == 0 for place in range(40)], "benefit", among)], OPEN), "f")
    assert (row["people"], row["rate"]) == (10, 0.5)


@pytest.mark.parametrize("got", [True, False])
def test_all_and_nobody_are_answers(got: bool) -> None:
    row = the(audit(groups(["m"] * 12 + ["f"] * 8), [measure([got] * 20)], CLOSED), "f")
    assert row["rate"] == float(got)
    assert row["finding"] == ("within four fifths" if got else "nobody of either")
    assert row["ratio_low"] < 1 < row["ratio_high"]


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (None, "no_protected_groups"),
        (groups([]), "no_protected_groups"),
        (groups(["f", "m"] * 9, start=100), "no_protected_groups"),
        (groups(["", None, float("nan"), " "]), "no_protected_groups"),
        (groups(["f"] * 20), "one_protected_group"),
        (groups(["f"] * 19 + ["m"]), "one_protected_group"),
    ],
)
def test_where_nothing_can_be_compared_the_reason_is_named(who: ProtectedGroups | None, reason: str) -> None:
    found = audit(who, [measure([True] * 4 + [False] * 16)], CLOSED)
    assert found.abstention is not None
    assert found.abstention.reason == reason
    assert found.table.empty
    assert found.warnings() == ()
    assert audit(who, [], CLOSED).abstention is not None


def test_strangers_blanks_and_doubles_are_told_and_change_nothing() -> None:
    known = groups(["m"] * 10 + ["f"] * 8)
    strange = pd.DataFrame(
        {"rep_id": ["x1", "r0", "r1"], "attribute": ["gender", " ", "gender"], "value": ["f", "m", ""]}
    )
    flags = measure([place % 2 == 0 for place in range(24)])
    found = audit(ProtectedGroups.of(pd.concat([known.rows, strange, known.rows])), [flags], OPEN)
    pd.testing.assert_frame_equal(found.table, audit(known, [flags], OPEN).table)
    assert found.notes == ("1 people on record are not among those audited and are left out",)
    assert the(found, NOT_ON_RECORD)["people"] == 6
    assert "m" in set(found.table["reference"].dropna())
    with pytest.raises(DataError, match="lack the columns value"):
        ProtectedGroups.of(known.rows.drop(columns="value"))


def test_a_group_of_one_is_pooled_and_never_named() -> None:
    found = audit(groups(["m"] * 30 + ["f"] * 20 + ["x"]), [measure([place % 2 == 0 for place in range(51)])], OPEN)
    assert set(found.table["group"]) == {"m", "other groups"}
    assert found.table["people"].min() >= 5


def test_in_aggregation_only_mode_no_person_and_no_small_count_leaves() -> None:
    who, flags = groups(["m"] * 30 + ["f"] * 20), measure([place < 3 for place in range(50)])
    closed = audit(who, [flags], CLOSED)
    assert closed.rows.empty
    assert closed.table[["group", "finding"]].to_numpy().tolist() == [["everybody", "too few in all"]]
    assert closed.table[["people", "rate", "ratio"]].isna().all(axis=None)
    assert "rep_id" not in closed.table
    rows = audit(who, [flags], OPEN).rows
    assert len(rows) == 50
    assert rows.loc[rows["got"], "rep_id"].tolist() == ["r0", "r1", "r2"]


def test_measures_of_a_published_batch() -> None:
    world = make_world(weeks=3)
    today = [row for row in world.predictions if row.as_of == world.batch.as_of]
    found = {each.slug: each for each in published_measures(today, world.recommendations)}
    assert set(found) == {"high_risk", "offered", "offered_of_gaining"}
    assert found["high_risk"].got.sum() == sum(row.risk_band == "high" for row in today)
    offers = {row.rep_id for row in world.recommendations if row.abstention is None}
    assert set(found["offered"].got.index[found["offered"].got]) == offers
    assert set(found["offered_of_gaining"].counted.index) == offers
    assert [each.slug for each in published_measures(today, [])] == ["high_risk"]


def test_flags_by_diagnosis_stand_beside_as_many_by_attainment() -> None:
    today = make_world(weeks=1).predictions
    verdicts = ("behaviour", "conditions", "behaviour")
    diagnoses = [
        Diagnosis(row.rep_id, "2026Q1", 0.9 - place / 10, -0.1 - place / 10, (), (), verdict, "", "", "", None)  # type: ignore[arg-type]
        for place, (row, verdict) in enumerate(zip(today, verdicts, strict=False))
    ]
    option = ProgramOption(
        rep_id=today[3].rep_id,
        program_id="p",
        skill="s",
        effect=0.02,
        low=0.0,
        high=0.04,
        p_positive=0.9,
        own_sd=0.01,
        loadings=(),
        priority=1.0,
        evidence="",
        reason="",
    )
    offers = make_world(weeks=1).recommendations
    found = {each.slug: each for each in published_measures(today, offers, diagnoses=diagnoses, options=[option])}
    assert list(found["behaviour"].got[found["behaviour"].got].index) == [today[0].rep_id, today[2].rep_id]
    assert list(found["lowest_attainment"].got[found["lowest_attainment"].got].index) == [
        today[1].rep_id,
        today[2].rep_id,
    ]
    assert found["lowest_attainment"].compared_only
    assert list(found["offered_of_gaining"].counted.index) == [today[3].rep_id]


def test_the_protected_store_is_read_as_it_was_at_a_version(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    ingest(workspace, write(tmp_path / "one"))
    assert ProtectedGroups.read(workspace) is None
    head = "rep_id,attribute,value\n"
    ingest(workspace, write(tmp_path / "two", protected_groups=head + "r1,gender,f\nr2,gender,m\n"))
    ingest(workspace, write(tmp_path / "three", protected_groups=head + "r1,gender,m\nr2,gender,m\n"))
    newest, before = ProtectedGroups.read(workspace), ProtectedGroups.read(workspace, version=2)
    assert newest is not None
    assert before is not None
    assert newest.rows["value"].tolist() == ["m", "m"]
    assert before.rows["value"].tolist() == ["f", "m"]
    assert before.attributes == ("gender",)
    with pytest.raises(NotReadyError, match="versions 1 to 3"):
        ProtectedGroups.read(workspace, version=9)
    assert ProtectedGroups.read(Workspace(tmp_path / "none")) is None
