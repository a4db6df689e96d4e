"""Diagnoses of reps: whom they flag and whom they do not, and an answer to every kind of bad input."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.diagnosis import diagnose
from spm_ml.coaching.rep_periods import KPI_COLUMNS, RepPeriods
from spm_ml.coaching.skills import SkillGaps
from spm_ml.coaching.skills.reliability import Reliability
from spm_ml.predictions.coaching import Diagnosis
from tests.diagnosis_world import ONES, changed, make_periods, without

USUAL = dict.fromkeys(("created", "win_rate", "size"), 1.0)


def of(diagnoses: tuple[Diagnosis, ...], rep_id: str) -> Diagnosis:
    return next(each for each in diagnoses if each.rep_id == rep_id)


def part(diagnosis: Diagnosis, slug: str) -> float:
    return next(each.points for each in diagnosis.parts if each.slug == slug)


@pytest.mark.parametrize(
    ("behaviour", "label"), [("created", "Pipeline created"), ("win_rate", "Win rate"), ("size", "Deal size")]
)
def test_a_weak_behaviour_is_named_with_its_interval(behaviour: str, label: str) -> None:
    found = of(diagnose(make_periods(behaviours={"R004": USUAL | {behaviour: 0.5}})), "R004")
    assert found.verdict == "behaviour"
    assert found.headline.startswith(f"{label} is the weakest behaviour: ")
    assert "90\N{NO-BREAK SPACE}% interval" in found.headline
    assert "lies below that of fair peers: more than 99\N{NO-BREAK SPACE}%" in found.evidence
    assert found.abstention is None


def test_a_hard_quota_is_no_flag() -> None:
    found = of(diagnose(make_periods(behaviours={"R004": USUAL}, quotas={"R004": 1.8})), "R004")
    assert found.verdict == "hard_quota"
    assert found.headline.startswith("This quota looks hard: fair peers with the same conditions would reach 5")


def test_a_rep_who_does_what_peers_do_and_misses_had_bad_luck() -> None:
    periods = make_periods(reps=120, seed=1, spread=0.0)
    found = [each for each in diagnose(periods) if each.gap is not None and each.gap < -0.25]
    assert len(found) >= 3
    assert {each.verdict for each in found} <= {"bad_luck", "cannot_tell", "behaviour"}
    assert sum(each.verdict == "bad_luck" for each in found) > len(found) / 2
    assert sum(each.verdict == "behaviour" for each in diagnose(periods)) <= 4


def test_a_quota_kept_from_before_a_leave_is_a_condition() -> None:
    periods = make_periods(behaviours={"R004": USUAL}, conditions={"R004": {"potential": 1.0, "exposure": 0.4}})
    own = (periods.frame["rep_id"] == "R004") & periods.frame["finished"]
    full = float(periods.frame.loc[own, "quota_final"].iloc[0]) / 0.4
    found = of(diagnose(changed(periods, own, quota_final=full)), "R004")
    assert found.verdict in {"hard_quota", "conditions"}
    presence = next(each for each in found.parts if each.slug == "presence")
    assert "−60\N{NO-BREAK SPACE}%" in presence.text


def test_on_plan_is_on_plan_whatever_the_parts() -> None:
    periods = make_periods(behaviours={"R004": USUAL | {"win_rate": 0.5}}, quotas={"R004": 0.3})
    found = of(diagnose(periods), "R004")
    assert found.verdict == "on_plan"
    assert part(found, "win_rate") < -0.2


def test_the_trailing_year_is_diagnosed() -> None:
    periods = make_periods(finished=6)
    found = of(diagnose(periods), "R000")
    rows = periods.frame[(periods.frame["rep_id"] == "R000") & periods.frame["t"].between(2, 5)]
    assert found.period == "2024Q3 to 2025Q2"
    assert found.attainment == pytest.approx(rows["bookings"].sum() / rows["quota_final"].sum())
    assert found.gap == pytest.approx(sum(each.points for each in found.parts), abs=1e-12)
    assert "59 other reps, 29 of them in SMB" in found.peers


def test_leavers_are_peers_but_get_no_diagnosis() -> None:
    periods = make_periods()
    gone = (periods.frame["rep_id"] == "R007") & ~periods.frame["finished"]
    diagnoses = diagnose(replace(periods, frame=periods.frame[~gone].reset_index(drop=True)))
    assert "R007" not in {each.rep_id for each in diagnoses}
    assert "59 other reps" in diagnoses[0].peers


def test_a_new_hire_has_nothing_to_diagnose_yet() -> None:
    periods = make_periods()
    early = (periods.frame["rep_id"] == "R009") & periods.frame["finished"]
    found = of(diagnose(replace(periods, frame=periods.frame[~early].reset_index(drop=True))), "R009")
    assert found.abstention is not None
    assert found.abstention.reason == "not_started"
    assert (found.verdict, found.attainment, found.parts) == ("cannot_tell", None, ())


@pytest.mark.parametrize(("quota", "reason"), [(np.nan, "quota_missing"), (0.0, "quota_zero")])
def test_without_a_quota_it_abstains(quota: float, reason: str) -> None:
    periods = make_periods(reps=12)
    own = periods.frame["rep_id"] == "R003"
    found = of(diagnose(changed(periods, own, quota_final=quota)), "R003")
    assert found.abstention is not None
    assert found.abstention.reason == reason


def test_a_period_without_quota_is_left_out_of_the_year() -> None:
    periods = make_periods(reps=12)
    own = (periods.frame["rep_id"] == "R003") & (periods.frame["t"] == 5)
    found = of(diagnose(changed(periods, own, quota_final=np.nan)), "R003")
    assert found.period == "2024Q3 to 2025Q1"
    assert found.abstention is None


@pytest.mark.parametrize(("reps", "finished"), [(1, 1), (1, 6), (3, 4), (5, 1)])
def test_too_few_peers_tell_nothing(reps: int, finished: int) -> None:
    diagnoses = diagnose(make_periods(reps=reps, finished=finished))
    assert len(diagnoses) == reps
    assert {each.verdict for each in diagnoses} <= {"cannot_tell", "on_plan"}
    if reps == 1:
        assert diagnoses[0].peers == "Nobody to compare with."


def test_no_deals_leave_bookings_as_the_one_behaviour() -> None:
    periods = make_periods(behaviours={"R005": USUAL | {"win_rate": 0.1}})
    orders = replace(periods, frame=periods.frame.assign(**dict.fromkeys(KPI_COLUMNS, 0.0)))
    found = of(diagnose(orders), "R005")
    assert [each.slug for each in found.parts if each.kind == "behaviour"] == ["own_bookings"]
    assert part(found, "own_bookings") < -0.2
    assert found.verdict in {"behaviour", "bad_luck"}


def test_a_rep_without_deals_among_reps_with_deals_is_compared_by_bookings() -> None:
    periods = make_periods()
    own = (periods.frame["rep_id"] == "R005") & periods.frame["finished"]
    found = of(diagnose(changed(periods, own, **dict.fromkeys(KPI_COLUMNS, 0.0))), "R005")
    assert [each.slug for each in found.parts if each.kind == "behaviour"] == ["own_bookings"]


def test_a_rep_who_did_nothing_at_all_is_below_peers_in_pipeline() -> None:
    periods = make_periods()
    own = (periods.frame["rep_id"] == "R005") & periods.frame["finished"]
    found = of(diagnose(changed(periods, own, bookings=0.0, **dict.fromkeys(KPI_COLUMNS, 0.0))), "R005")
    assert found.gap == -1
    assert part(found, "pipeline_created") < -0.3
    assert found.verdict == "behaviour"


def test_nothing_finished_and_nobody_there() -> None:
    periods = make_periods(reps=4, finished=0)
    assert {each.abstention.reason for each in diagnose(periods) if each.abstention} == {"not_started"}
    assert diagnose(without(periods, ["R000", "R001", "R002", "R003"])) == ()


def test_texts_hold_no_amounts_of_money() -> None:
    for found in diagnose(make_periods(reps=20)):
        for text in (found.headline, found.evidence, *(each.text for each in found.parts)):
            digits = [word for word in text.replace(",", "").split() if word.strip("%.:;()").isdigit()]
            assert all(int(word.strip("%.:;()")) < 10_000 for word in digits)


def test_the_newest_known_skill_of_each_rep_joins() -> None:
    rows = [
        ("R000", 4, "negotiation", 0.2, 0.3, "assessment", ""),
        ("R000", 5, "negotiation", 0.9, 0.4, "assessment", "negotiation rated 2.1; peers have 3"),
        ("R000", 5, "prospecting", 0.0, 1.0, "", ""),
        ("R001", 5, "prospecting", -0.5, 0.6, "kpi", "pipeline created"),
    ]
    frame = pd.DataFrame(rows, columns=["rep_id", "t", "skill", "gap", "sd", "source", "text"])
    diagnoses = diagnose(make_periods(reps=12), _gaps(frame))
    ratings = [(each.skill, each.gap, each.sd, each.source) for each in of(diagnoses, "R000").skills]
    assert ratings == [("negotiation", 0.9, 0.4, "assessment")]
    assert of(diagnoses, "R001").skills[0].text == "pipeline created"
    assert of(diagnoses, "R002").skills == ()


def _gaps(frame: pd.DataFrame) -> SkillGaps:
    return SkillGaps(frame, Reliability.__new__(Reliability), {})


def shuffled(periods: RepPeriods) -> RepPeriods:
    frame = periods.frame.sample(frac=1, random_state=0).sort_values(["rep_id", "t"], ignore_index=True)
    return replace(periods, frame=frame)


def test_it_is_the_same_every_time() -> None:
    assert diagnose(make_periods(behaviours=ONES)) == diagnose(shuffled(make_periods()))
