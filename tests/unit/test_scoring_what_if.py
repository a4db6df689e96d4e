"""What-if answers start from the published forecast, add up, move the right way, and agree with forecasting anew."""

import io
import json
import runpy
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm_ml.compensation import CompensationPlan, Credit, payout, payout_at
from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.deals import states_of
from spm_ml.fiscal import FiscalCalendar
from spm_ml.forecasting import AttainmentForecast, DealLevel, distribution, forecaster, one_distribution
from spm_ml.forecasting.deal_level import FuturesModel
from spm_ml.hazards import Abstention
from spm_ml.metrics.inputs_pay import PeriodPay
from spm_ml.predictions import WhatIfInputs
from spm_ml.scoring.pay import PayLadder
from spm_ml.scoring.what_if import StoredRep, UnansweredError, answer, what_if_inputs
from spm_ml.scoring.what_if.__main__ import serve
from spm_ml.settings import FiscalSettings

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))


@pytest.fixture(scope="module")
def running() -> RepPeriodDataset:
    """The rows of the running period's last day; the others were learnt from."""
    made: RepPeriodDataset = WORLD["make_dataset"](16, 5, 5)
    return made


@pytest.fixture(scope="module")
def model(running: RepPeriodDataset) -> DealLevel:
    return DealLevel().fit(running)


@pytest.fixture(scope="module")
def board(running: RepPeriodDataset) -> RepPeriodDataset:
    frame = running.frame.copy()
    last = (frame["as_of"] == frame["as_of"].max()).to_numpy()
    frame.loc[np.flatnonzero(last)[0], "quota"] = np.nan
    return replace(running, frame=frame).where(last)


@pytest.fixture(scope="module")
def forecast(model: DealLevel, board: RepPeriodDataset) -> AttainmentForecast:
    return model.predict(board)


@pytest.fixture(scope="module")
def inputs(board: RepPeriodDataset, forecast: AttainmentForecast, model: DealLevel) -> WhatIfInputs:
    return what_if_inputs(board, forecast, model, day_of(board))


@pytest.fixture(scope="module")
def reps(inputs: WhatIfInputs) -> dict[str, StoredRep]:
    loaded = FuturesModel.of_state(json.loads(inputs.model))
    return {rep_id: StoredRep.of_text(body, loaded) for rep_id, body in inputs.reps.items()}


def day_of(board: RepPeriodDataset) -> date:
    day: date = board.frame["as_of"].max().date()
    return day


def asked(rep: StoredRep, *changes: Mapping[str, Any], **programs: Any) -> dict[str, Any]:
    return answer(
        rep,
        {
            "rep_id": "asked",
            "changes": changes,
            "programs": programs,
            "digits": 2,
            "bands": {"high_below": 0.35, "medium_below": 0.7},
        },
    )


def deals_of(board: RepPeriodDataset, rep_id: str) -> list[str]:
    ids: list[str] = board.deals.loc[board.deals["rep_id"] == rep_id, "opportunity_id"].tolist()
    return ids


EFFECT = {"effect": 0.08, "low": -0.02, "high": 0.18, "time_lost": 0.01, "evidence": "pooled"}


def test_before_is_the_published_forecast_of_every_rep(
    board: RepPeriodDataset, forecast: AttainmentForecast, reps: dict[str, StoredRep]
) -> None:
    assert len(reps) == len(board) == 16
    for at, rep_id in enumerate(board.frame["rep_id"]):
        rep = reps[rep_id]
        assert np.array_equal(rep.base, forecast.bookings[at]), "the draws are not those of the forecast"
        same_quota = {"kind": "quota", "quota": rep.quota or 1}
        found = asked(rep, same_quota)["before"]
        assert found["distribution"]["bookings"] == [round(amount) / 100 for amount in forecast.bookings[at]]
        assert found["distribution"]["mean_bookings"] == round(forecast.mean_bookings[at]) / 100
        assert found["p_hit"] == (None if np.isnan(forecast.p_hit[at]) else forecast.p_hit[at])
        if rep.quota:
            assert asked(rep, same_quota)["after"] == found


TIERS = [{"from": 0, "to": "0.5", "rate": "0.05"}, {"from": "0.5", "to": 1, "rate": "0.1"}, {"from": 1, "rate": "0.2"}]


def ladder_of(board: RepPeriodDataset, forecast: AttainmentForecast, at: int, plan: CompensationPlan) -> PayLadder:
    """As scoring makes it, for a rep whose bookings so far are one deal."""
    row, booked = board.frame.iloc[at], round(float(forecast.booked[at]))
    period = FiscalCalendar(FiscalSettings(), "UTC").period_of(row["period_start"].date())
    credit = Credit("e", "d", period.start, booked)
    so_far = payout(plan, int(row["quota"]), [credit], rep_id=str(row["rep_id"]), period=period)
    levels = (np.arange(1, 200) / 200)[None, :]
    final = distribution.inverse(forecast.bookings[[at]], forecast.floor[[at]], levels)[0]
    paid = [payout_at(plan, so_far, round(amount)) for amount in (final - forecast.booked[at]).tolist()]
    return PayLadder(PeriodPay(period, plan, so_far), so_far, final, np.array(paid, dtype=float))


def test_pay_goes_through_the_tiers_before_and_after(
    board: RepPeriodDataset, forecast: AttainmentForecast, model: DealLevel
) -> None:
    plan = CompensationPlan.parse({"plan_id": "ae", "tiers": TIERS}, where="test")
    at = next(place for place in range(1, len(board)) if forecast.p_hit[place] > 0.05)
    rep_id = str(board.frame["rep_id"].iloc[at])
    ladder = ladder_of(board, forecast, at, plan)
    kept = what_if_inputs(board, forecast, model, day_of(board), None, {rep_id: ladder})
    rep = StoredRep.of_text(kept.reps[rep_id], FuturesModel.of_state(json.loads(kept.model)))
    assert rep.quota is not None
    deal = deals_of(board, rep_id)[0]
    won = asked(rep, {"kind": "deal_won", "deal_id": deal, "amount": 2 * rep.quota})
    before, after = won["pay"]["before"], won["pay"]["after"]
    assert ladder.payouts is not None
    assert [before[f"p{level}"] for level in (10, 25, 50, 75, 90)] == [
        ladder.payouts[2 * level - 1] / 100 for level in (10, 25, 50, 75, 90)
    ]
    assert before["mean"] == round(ladder.payouts[::2].mean()) / 100
    assert after["mean"] > before["mean"]
    assert all(after[name] >= before[name] for name in before)
    # Every outcome is now far above the quota, where each unit pays 20 %.
    moved = won["after"]["distribution"]["mean_bookings"] - won["before"]["distribution"]["mean_bookings"]
    assert after["mean"] - before["mean"] > 0.15 * moved
    dropped = asked(rep, {"kind": "deal_dropped", "deal_id": deal})["pay"]
    assert dropped["after"]["mean"] <= dropped["before"]["mean"] == before["mean"]
    several = asked(
        rep,
        {"kind": "deal_dropped", "deal_id": deal},
        {"kind": "quota", "quota": 2 * rep.quota},
        {"kind": "deal_won", "deal_id": deals_of(board, rep_id)[1], "amount": rep.quota},
    )
    moved = [round(100 * part["mean_pay"]) for part in several["parts"]]
    assert sum(moved) == round(100 * (several["pay"]["after"]["mean"] - several["pay"]["before"]["mean"]))
    assert moved[0] <= 0 < moved[2]
    assert moved[1] < 0, "a harder quota pays less"
    harder = asked(rep, {"kind": "quota", "quota": 10 * rep.quota})["pay"]
    assert harder["after"]["mean"] < before["mean"]
    others = str(board.frame["rep_id"].iloc[at - 1])
    unpaid = StoredRep.of_text(kept.reps[others], FuturesModel.of_state(json.loads(kept.model)))
    nothing = asked(unpaid, {"kind": "quota", "quota": 1})
    assert (nothing["pay"], nothing["parts"][0]["mean_pay"]) == (None, None)


def test_parts_add_up_to_the_cent(board: RepPeriodDataset, reps: dict[str, StoredRep]) -> None:
    for rep_id, rep in reps.items():
        first, second, third, *_ = deals_of(board, rep_id)
        found = asked(
            rep,
            {"kind": "deal_won", "deal_id": first, "amount": 1_234_567, "won_on": rep.period_end.isoformat()},
            {"kind": "program_taken", "program_id": "p"},
            {"kind": "close_date_moved", "deal_id": second, "close_date": (rep.period_end + timedelta(40)).isoformat()},
            {"kind": "quota", "quota": 40_000_001},
            {"kind": "deal_dropped", "deal_id": third},
            p=EFFECT,
        )
        before, after, parts = found["before"], found["after"], found["parts"]
        assert [part["kind"] for part in parts] == [
            "deal_won", "program_taken", "close_date_moved", "quota", "deal_dropped"
        ]  # fmt: skip
        for amount in ("median_bookings", "mean_bookings"):
            ends = [end[amount] if amount in end else end["distribution"][amount] for end in (before, after)]
            assert sum(round(100 * part[amount]) for part in parts) == round(100 * ends[1]) - round(100 * ends[0])
        if rep.quota:
            for share in ("p_hit", "median_attainment"):
                assert sum(part[share] for part in parts) == pytest.approx(after[share] - before[share], abs=1e-12)
            assert parts[1]["interval"][0] < parts[1]["interval"][1]
        assert after["quota"] == 400_000.01


@pytest.mark.parametrize("change", ["dropped", "moved"])
def test_an_answer_is_what_forecasting_anew_says(
    board: RepPeriodDataset, model: DealLevel, reps: dict[str, StoredRep], change: str
) -> None:
    """The oracle changes the dataset and knows nothing of what-if."""
    for rep_id, rep in list(reps.items())[1:6]:
        deal, later = deals_of(board, rep_id)[1], rep.period_end + timedelta(days=25)
        theirs = (board.deals["opportunity_id"] == deal).to_numpy()
        deals = board.deals.copy()
        if change == "dropped":
            deals = deals[~theirs].reset_index(drop=True)
            asking = {"kind": "deal_dropped", "deal_id": deal}
        else:
            pushed = deals["due_days"] < (later - rep.as_of).days
            deals.loc[theirs & pushed, "pushes"] += 1
            deals.loc[theirs, "due_days"] = float((later - rep.as_of).days)
            deals.loc[theirs, "due_after_period"] = 25.0
            asking = {"kind": "close_date_moved", "deal_id": deal, "close_date": later.isoformat()}
        anew = model.predict(replace(board, states=states_of(deals)))
        at = board.frame["rep_id"].tolist().index(rep_id)
        after = asked(rep, asking)["after"]
        assert after["distribution"]["bookings"] == pytest.approx((anew.bookings[at] / 100).tolist(), abs=0.01)
        assert after["p_hit"] == pytest.approx(anew.p_hit[at], abs=1e-9)


@given(
    steps=st.lists(st.sampled_from([0.0, 1.0, 7.5, 40.0]), min_size=19, max_size=19),
    below=st.sampled_from([0.0, 1.0, 30.0, np.inf]),
    place=st.floats(-60, 400),
)
def test_one_distribution_says_what_many_do(steps: list[float], below: float, place: float) -> None:
    quantiles = (100 + np.cumsum(steps)).tolist()
    floor = quantiles[0] - below
    many, floors = np.array([quantiles]), np.array([floor])
    assert one_distribution.mean(quantiles, floor) == pytest.approx(distribution.mean(many, floors)[0])
    for threshold in (place, *quantiles, floor):
        expected = distribution.probability_at_least(many, floors, threshold)[0]
        assert one_distribution.probability_at_least(quantiles, floor, threshold) == pytest.approx(expected)


def test_every_kind_of_change_moves_the_right_way(board: RepPeriodDataset, reps: dict[str, StoredRep]) -> None:
    for rep_id, rep in list(reps.items())[1:]:
        quota = rep.quota or 0
        larger = asked(rep, {"kind": "quota", "quota": round(1.3 * quota)}, {"kind": "quota", "quota": 2 * quota})
        assert [part["p_hit"] <= 0 for part in larger["parts"]] == [True, True]
        assert larger["after"]["distribution"]["bookings"] == larger["before"]["distribution"]["bookings"]
        for deal in deals_of(board, rep_id):
            won, dropped = (asked(rep, {"kind": f"deal_{how}", "deal_id": deal}) for how in ("won", "dropped"))
            for sign, found in ((1, won), (-1, dropped)):
                (part,) = found["parts"]
                assert all(sign * part[name] >= 0 for name in ("median_bookings", "mean_bookings", "p_hit"))
                before, after = (np.array(found[end]["distribution"]["bookings"]) for end in ("before", "after"))
                assert (sign * (after - before) >= 0).all()
            assert won["parts"][0]["p_win_after"] == 1.0
            assert dropped["parts"][0]["p_win_after"] == 0.0


def test_a_program_moves_the_mean_by_its_effect_and_widens(reps: dict[str, StoredRep]) -> None:
    rep = list(reps.values())[1]
    found = asked(rep, {"kind": "program_taken", "program_id": "p"}, p=EFFECT | {"time_lost": 0.0})
    expected = 0.08 * rep.share_left * (rep.quota or 0) / 100
    (part,) = found["parts"]
    assert part["mean_bookings"] == pytest.approx(expected, rel=0.35)
    assert sum(part["interval"]) / 2 == pytest.approx(expected, abs=0.01)
    assert part["interval"][0] < 0 < part["interval"][1]
    assert "first full period" in part["note"]
    for unknown in (None, EFFECT | {"effect": None, "low": None, "high": None, "evidence": "no effect evidence"}):
        still = asked(rep, {"kind": "program_taken", "program_id": "p"}, p=unknown)
        assert still["after"] == still["before"]
        assert "No effect is claimed" in still["parts"][0]["note"]


def test_what_cannot_be_answered_is_refused_with_a_reason(
    board: RepPeriodDataset, forecast: AttainmentForecast, model: DealLevel, reps: dict[str, StoredRep]
) -> None:
    rep_id, rep = list(reps.items())[1]
    deal, other = deals_of(board, rep_id)[0], deals_of(board, list(reps)[2])[0]
    day, end = rep.as_of.isoformat(), (rep.period_end + timedelta(1)).isoformat()
    refused = [
        ({"kind": "deal_dropped", "deal_id": other}, "unknown_deal"),
        ({"kind": "deal_won", "deal_id": deal, "won_on": day}, "outside_the_rest_of_the_period"),
        ({"kind": "deal_won", "deal_id": deal, "won_on": end}, "outside_the_rest_of_the_period"),
        ({"kind": "close_date_moved", "deal_id": deal, "close_date": day}, "not_after_the_as_of_day"),
    ]
    for change, rule in refused:
        with pytest.raises(UnansweredError, match=rf"changes\.1: {rule}"):
            asked(rep, {"kind": "quota", "quota": 5}, change)
    stale = what_if_inputs(board, forecast, model, day_of(board), Abstention("stale_data"))
    with pytest.raises(UnansweredError, match="rep_id: stale_data"):
        asked(StoredRep.of_text(stale.reps[rep_id], None), {"kind": "quota", "quota": 5})


def test_a_forecaster_without_deals_answers_about_quota_and_programs(
    running: RepPeriodDataset, board: RepPeriodDataset
) -> None:
    simple = forecaster("run_rate_linear").fit(running)
    kept = what_if_inputs(board, simple.predict(board), simple, day_of(board))
    assert kept.model == "null"
    rep_id = str(board.frame["rep_id"][1])
    rep = StoredRep.of_text(kept.reps[rep_id], None)
    found = asked(rep, {"kind": "quota", "quota": 1}, {"kind": "program_taken", "program_id": "p"}, p=EFFECT)
    assert found["after"]["p_hit"] >= found["before"]["p_hit"]
    assert found["parts"][1]["interval"] is not None
    with pytest.raises(UnansweredError, match=r"changes\.0: model_reads_no_deals"):
        asked(rep, {"kind": "deal_dropped", "deal_id": deals_of(board, rep_id)[0]})


def test_the_process_answers_line_by_line(inputs: WhatIfInputs, board: RepPeriodDataset) -> None:
    rep_id, body = list(inputs.reps.items())[1]
    bands = {"high_below": 0.35, "medium_below": 0.7}

    def line(number: int, *changes: Mapping[str, Any]) -> str:
        question = {"rep_id": "asked", "changes": changes, "programs": {}, "digits": 2, "bands": bands}
        return f"ask {number} {json.dumps(question)}\n{body}\n"

    deal = {"kind": "deal_dropped", "deal_id": deals_of(board, rep_id)[0]}
    lines = [
        f"model\n{inputs.model}\n",
        line(1, deal),
        line(2, deal | {"deal_id": "nobody's"}),
        line(3, {"kind": "nonsense"}),
        "model\n{}\n",
        line(4, deal),
        f"model\n{inputs.model.replace('tree', 'bush')}\n",
        line(5, deal),
    ]
    target = io.BytesIO()
    serve(io.BytesIO("".join(lines).encode()), target)
    ready, *said = target.getvalue().decode().splitlines()
    assert ready == "ready"
    assert [place for place, text in enumerate(said) if text == "loaded"] == [0, 4, 6], "before what is asked of it"
    answers = [text for text in said if text != "loaded"]
    assert [text.split(" ")[:2] for text in answers] == [
        ["1", "200"], ["2", "404"], ["3", "500"], ["4", "503"], ["5", "503"]
    ]  # fmt: skip
    assert json.loads(answers[0].split(" ", 2)[2])["method"] == "sequential"


def test_only_rows_of_the_boards_day_are_kept(running: RepPeriodDataset, model: DealLevel) -> None:
    frame = running.frame
    last_two = (frame["as_of"] >= frame["as_of"].max() - pd.Timedelta(days=7)).to_numpy()
    rows = running.where(last_two)
    assert len(what_if_inputs(rows, model.predict(rows), model, day_of(rows)).reps) == len(rows) / 2
