"""Rules of a row, each shown by one rep of one hand-made organisation: who has rows, hazards, abstentions, targets.

The organisation has calendar quarters; its records begin on 2 January 2025 and end on 10 July 2025.
"""

from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset, as_of_grid, build_dataset
from spm_ml.features import pipeline
from spm_ml.history import SalesHistory
from spm_ml.settings import Organisation, StageSettings

ORGANISATION = Organisation(
    stages=(StageSettings(name="Qualify"), StageSettings(name="Propose")),
    zombie_after_days=30,
    min_history_periods=1,
)
Q1, Q2 = "2025Q1", "2025Q2"


def rep(rep_id: str, hired_on: str = "2023-01-01", **more: object) -> dict[str, object]:
    profile = {"role": "account executive", "team": "north", "manager_id": "boss"}
    return {"rep_id": rep_id, "name": rep_id, "hired_on": hired_on, **profile, **more}


REPS = [
    rep("boss", role="manager", manager_id=None),
    rep("carla", role="manager"),  # manages nobody, but sells
    rep("steady"),
    rep("no_quota"),
    rep("zero"),
    rep("raised"),
    rep("leaver", left_on="2025-05-20"),
    rep("gone", left_on="2025-03-31"),
    rep("newcomer", hired_on="2025-05-05"),
    rep("announced", hired_on="2025-05-05", effective_from="2025-04-20"),
    rep("mover"),
    rep("mover", team="south", effective_from="2025-04-20"),
    rep("half", fte=0.5),
    rep("buyer"),
]
QUOTAS = [
    {"rep_id": name, "period": period, "amount": 1000, "set_on": "2024-12-01"}
    for name in ("steady", "leaver", "gone", "newcomer", "announced", "mover", "half", "buyer", "carla")
    for period in (Q1, Q2)
] + [
    {"rep_id": "zero", "period": Q2, "amount": 0, "set_on": "2025-03-01"},
    {"rep_id": "raised", "period": Q2, "amount": 1000, "set_on": "2025-03-01"},
    {"rep_id": "raised", "period": Q2, "amount": 1500, "set_on": "2025-05-01"},
    {"rep_id": "raised", "period": Q2, "amount": 9999, "set_on": "2025-07-02"},
]


def life(*events: tuple[str, dict[str, object]]) -> list[tuple[str, dict[str, object]]]:
    return list(events)


def opened(rep_id: str, amount: float, due: str, stage: str = "Qualify") -> dict[str, object]:
    return {"rep_id": rep_id, "amount": amount, "expected_close_on": due, "stage": stage, "outcome": "open"}


WON, LOST, OPEN = {"outcome": "won"}, {"outcome": "lost"}, {"outcome": "open", "stage": "Propose"}
DEALS = {
    "plain": life(("2025-01-02", opened("steady", 100, "2025-02-01")), ("2025-02-03", WON)),
    "late": life(("2025-03-03", opened("steady", 40, "2025-03-31")), ("2025-04-09", WON)),  # closed on 30 March
    "reversed": life(("2025-04-02", opened("steady", 70, "2025-04-30")), ("2025-04-15", WON), ("2025-05-06", OPEN)),
    "handed": life(
        ("2025-04-03", opened("steady", 500, "2025-06-20")),
        ("2025-04-21", {"rep_id": "mover"}),
        ("2025-06-02", WON),
    ),
    "shared": life(("2025-04-04", opened("half", 200, "2025-05-01")), ("2025-05-02", WON)),
    "forgotten": life(("2025-04-07", opened("no_quota", 900, "2025-06-30"))),
    "pushed": life(
        ("2025-04-08", opened("zero", 60, "2025-04-10")),
        ("2025-04-22", {"expected_close_on": "2025-08-01"}),
    ),
    "overdue": life(("2025-04-10", opened("raised", 80, "2025-04-20"))),
    "small": life(("2025-04-01", opened("buyer", 10, "2025-06-01")), ("2025-04-11", WON)),
    "huge": life(("2025-05-01", opened("buyer", 990, "2025-06-15", "Propose")), ("2025-06-16", WON)),
    "leaver's": life(("2025-04-01", opened("leaver", 30, "2025-05-01")), ("2025-05-05", WON)),
    "gone's": life(("2025-01-03", opened("gone", 20, "2025-03-01")), ("2025-02-21", LOST)),
    "carla's": life(("2025-05-01", opened("carla", 15, "1025-08-01"))),
    "last": life(("2025-07-01", opened("steady", 5, "3025-08-01")), ("2025-07-10", LOST)),
}
CLOSED = {"plain": "2025-02-03", "late": "2025-03-30", "handed": "2025-06-02", "shared": "2025-05-02"}
CLOSED |= {"small": "2025-04-11", "huge": "2025-06-16", "leaver's": "2025-05-05", "gone's": "2025-02-21"}
CLOSED |= {"last": "2025-07-10"}


def frames() -> dict[str, pd.DataFrame]:
    deals, events = [], []
    for name, history in DEALS.items():
        state: dict[str, object] = {"opportunity_id": name, "created_on": history[0][0]}
        for day, change in history:
            state |= change
            events.append({"opportunity_id": name, "recorded_at": f"{day}T12:00:00", **change})
        deals.append(state | {"recorded_at": f"{history[-1][0]}T12:00:00", "closed_on": CLOSED.get(name)})
    shares = [{"opportunity_id": "shared", "rep_id": name, "share": 0.5} for name in ("half", "mover")]
    return {
        "reps": pd.DataFrame(REPS),
        "quotas": pd.DataFrame(QUOTAS),
        "opportunities": pd.DataFrame(deals),
        "opportunity_events": pd.DataFrame(events),
        "credits": pd.DataFrame(shares),
    }


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    with SalesHistory.from_frames(frames(), ORGANISATION) as opened_history:
        yield opened_history


@pytest.fixture(scope="module")
def dataset(history: SalesHistory) -> RepPeriodDataset:
    return build_dataset(history, features=())


def row(dataset: RepPeriodDataset, rep_id: str, as_of: str) -> pd.Series:
    found = dataset.frame[(dataset.frame["rep_id"] == rep_id) & (dataset.frame["as_of"] == as_of)]
    assert len(found) == 1, (rep_id, as_of)
    return found.iloc[0]


def flags(dataset: RepPeriodDataset, rep_id: str, as_of: str) -> set[str]:
    return set(row(dataset, rep_id, as_of)["hazards"].split(";"))


def days(dataset: RepPeriodDataset, rep_id: str, period: str) -> list[str]:
    own = dataset.frame[(dataset.frame["rep_id"] == rep_id) & (dataset.frame["period"] == period)]
    return list(own["as_of"].dt.strftime("%m-%d"))


def test_the_grid_is_weekly_and_ends_with_the_watermark(history: SalesHistory) -> None:
    grid = as_of_grid(history)
    assert grid[:3] == (date(2024, 12, 31), date(2025, 1, 7), date(2025, 1, 14))
    assert grid[-3:] == (date(2025, 6, 30), date(2025, 7, 7), date(2025, 7, 10))
    assert grid[12:15] == (date(2025, 3, 25), date(2025, 3, 31), date(2025, 4, 7))
    assert as_of_grid(history, first_period="2025Q3") == grid[-3:]


def test_who_has_rows(dataset: RepPeriodDataset) -> None:
    everyone = set(dataset.frame["rep_id"])
    assert "boss" not in everyone  # a manager without deals or a quota is no rep
    assert "carla" in everyone  # a manager with them is
    assert days(dataset, "gone", Q1)
    assert not days(dataset, "gone", Q2)
    assert days(dataset, "leaver", Q2)[-1] == "06-23"  # kept to the period's end
    assert not days(dataset, "leaver", "2025Q3")
    assert days(dataset, "newcomer", Q2)[0] == "05-05"
    assert days(dataset, "announced", Q2)[0] == "04-21"


def test_quotas_as_known(dataset: RepPeriodDataset) -> None:
    before, after = row(dataset, "raised", "2025-04-28"), row(dataset, "raised", "2025-05-05")
    assert (before["quota"], after["quota"], after["quota_original"]) == (100_000, 150_000, 100_000)
    assert after["quota_final"] == 150_000  # what came after the period's end does not count
    assert "H06" not in flags(dataset, "raised", "2025-04-28")
    assert "H06" in flags(dataset, "raised", "2025-05-05")


def test_abstentions(dataset: RepPeriodDataset) -> None:
    at = "2025-05-26"
    reasons = {name: row(dataset, name, at)["abstention"] for name in ("steady", "no_quota", "zero", "leaver")}
    assert reasons == {"steady": "", "no_quota": "quota_missing", "zero": "quota_zero", "leaver": "left"}
    assert row(dataset, "announced", "2025-04-28")["abstention"] == "not_started"
    assert row(dataset, "leaver", "2025-05-19")["abstention"] == ""  # nobody knows yet
    assert {"H06"} <= flags(dataset, "zero", at) & flags(dataset, "no_quota", at)


def test_leavers_are_censored_and_never_finished(dataset: RepPeriodDataset) -> None:
    own = dataset.frame[dataset.frame["rep_id"] == "leaver"].set_index("period")
    assert own.loc[Q2, "censored"].all()
    assert not own.loc[Q1, "censored"].any()
    assert own.loc[Q2, "actual_bookings"].eq(3000).all()
    finished = dataset.finished().frame
    assert not ((finished["rep_id"] == "leaver") & (finished["period"] == Q2)).any()
    assert not dataset.frame.loc[dataset.frame["rep_id"] == "gone", "censored"].any()  # left with the period's end
    assert "H08" in flags(dataset, "leaver", "2025-05-26")
    assert "H08" not in flags(dataset, "leaver", "2025-05-19")


def test_exposure(dataset: RepPeriodDataset) -> None:
    assert row(dataset, "steady", "2025-05-05")["exposure"] == 1
    assert row(dataset, "half", "2025-05-05")["exposure"] == 0.5
    assert row(dataset, "newcomer", "2025-05-05")["exposure"] == pytest.approx(41 / 65)
    assert row(dataset, "leaver", "2025-05-26")["exposure"] == pytest.approx(36 / 65)
    assert row(dataset, "leaver", "2025-05-19")["exposure"] == 1
    for name in ("half", "newcomer"):
        assert "H07" in flags(dataset, name, "2025-05-05")
    assert "H07" not in flags(dataset, "steady", "2025-05-05")


def test_a_backdated_close_restates_the_period_before(history: SalesHistory, dataset: RepPeriodDataset) -> None:
    names = build_dataset(history, as_of_days=[date(2025, 4, 7), date(2025, 4, 14)])
    assert row(names, "steady", "2025-04-07")["bookings_last_1"] == 10_000
    assert row(names, "steady", "2025-04-14")["bookings_last_1"] == 14_000
    assert "H02" in flags(dataset, "steady", "2025-04-14")
    assert "H02" not in flags(dataset, "steady", "2025-04-07")
    assert row(dataset, "steady", "2025-01-07")["actual_bookings"] == 14_000


def test_a_reversal_is_signed(dataset: RepPeriodDataset) -> None:
    assert row(dataset, "steady", "2025-04-21")["booked_to_date"] == 7_000
    assert row(dataset, "steady", "2025-05-12")["booked_to_date"] == 0
    assert "H13" in flags(dataset, "steady", "2025-05-12")
    assert row(dataset, "steady", "2025-04-21")["actual_bookings"] == 0


def test_a_handed_over_deal_counts_for_its_owner_of_the_day(dataset: RepPeriodDataset) -> None:
    assert "H04" in flags(dataset, "mover", "2025-04-28")
    assert "H04" not in flags(dataset, "steady", "2025-04-14")
    assert row(dataset, "mover", "2025-04-28")["label_won_stage_1"] == 50_000
    assert row(dataset, "steady", "2025-04-14")["label_won_stage_1"] == 0 + 7_000 - 7_000  # it was won by another
    assert row(dataset, "mover", "2025-06-09")["booked_to_date"] == 60_000


def test_moves_show_in_their_period_only(dataset: RepPeriodDataset) -> None:
    assert row(dataset, "mover", "2025-04-14")["team"] == "north"
    assert row(dataset, "mover", "2025-04-21")["team"] == "south"
    assert "H09" in flags(dataset, "mover", "2025-06-23")
    assert "H09" not in flags(dataset, "mover", "2025-04-14") | flags(dataset, "mover", "2025-06-30")


def test_shares(dataset: RepPeriodDataset) -> None:
    assert row(dataset, "half", "2025-05-05")["booked_to_date"] == 10_000
    assert row(dataset, "mover", "2025-05-05")["booked_to_date"] == 10_000
    assert "H05" in flags(dataset, "half", "2025-05-05") & flags(dataset, "mover", "2025-05-05")


def test_untouched_deals_age_out(dataset: RepPeriodDataset) -> None:
    assert "H17" not in flags(dataset, "no_quota", "2025-05-05")  # touched 28 days ago
    assert "H17" in flags(dataset, "no_quota", "2025-05-12")


def test_overdue_and_pushed(dataset: RepPeriodDataset) -> None:
    assert "H03" in flags(dataset, "raised", "2025-04-21")
    assert "H03" not in flags(dataset, "raised", "2025-04-14")
    assert "H03" in flags(dataset, "zero", "2025-05-05")


def test_mistyped_days_stop_nothing(history: SalesHistory) -> None:
    built = build_dataset(history, as_of_days=[date(2025, 7, 7)], features=pipeline.FEATURES)
    carla, steady = row(built, "carla", "2025-07-07"), row(built, "steady", "2025-07-07")
    assert (carla["open_amount_overdue"], carla["open_amount_in_period"]) == (0, 0)  # it has aged out
    assert carla["aged_out_count"] == 1
    assert (steady["open_amount"], steady["open_amount_overdue"], steady["open_amount_in_period"]) == (500, 0, 0)


def test_one_deal_decides(dataset: RepPeriodDataset) -> None:
    assert "H18" in flags(dataset, "buyer", "2025-05-05")
    assert row(dataset, "buyer", "2025-05-05")["label_won_stage_2"] == 99_000
    assert "H18" in flags(dataset, "buyer", "2025-06-23")  # now booked


def test_targets_appear_when_the_period_is_over(dataset: RepPeriodDataset) -> None:
    running = dataset.frame[dataset.frame["period"] == "2025Q3"]
    assert running[["actual_bookings", "actual_attainment", "quota_final", "label_won_stage_1"]].isna().all(axis=None)
    assert row(dataset, "buyer", "2025-04-07")["actual_attainment"] == 1.0
    assert pd.isna(row(dataset, "zero", "2025-04-07")["actual_attainment"])


def test_thin_history(dataset: RepPeriodDataset) -> None:
    assert "H19" in flags(dataset, "steady", "2025-03-25")
    assert "H19" not in flags(dataset, "steady", "2025-03-31")


def test_an_earlier_view_gives_the_same_rows(history: SalesHistory, dataset: RepPeriodDataset) -> None:
    day = date(2025, 5, 12)
    then = build_dataset(history.as_of(day), as_of_days=[day], features=()).frame
    now = dataset.frame[dataset.frame["as_of"] == str(day)].reset_index(drop=True)
    known = [name for name in now.columns if not name.startswith(("actual", "label", "quota_final", "censored"))]
    pd.testing.assert_frame_equal(then[known], now[known])
    assert then["actual_bookings"].isna().all()


def test_deals_in_another_currency_are_marked_and_converted() -> None:
    reps = pd.DataFrame([{"rep_id": name, "hired_on": "2023-01-01"} for name in ("home", "abroad")])
    deals = pd.DataFrame(
        [
            {"opportunity_id": "a", "rep_id": "home", "amount": 100, "currency": "USD"},
            {"opportunity_id": "b", "rep_id": "abroad", "amount": 100, "currency": "eur"},
        ]
    ).assign(created_on="2025-01-06", closed_on="2025-01-20", stage="Propose", outcome="won")
    rates = pd.DataFrame({"currency": ["EUR"], "rate_on": ["2025-01-01"], "rate": [1.25]})
    tables = {"reps": reps, "opportunities": deals, "fx_rates": rates}
    tables["quotas"] = pd.DataFrame(columns=["rep_id", "period", "amount"])
    with SalesHistory.from_frames(tables, ORGANISATION) as history:
        built = build_dataset(history, as_of_days=[date(2025, 1, 6), date(2025, 1, 21)], features=())
    assert "H10" in flags(built, "abroad", "2025-01-21")
    assert "H10" not in flags(built, "home", "2025-01-21")
    assert row(built, "abroad", "2025-01-21")["booked_to_date"] == 12_500
    assert row(built, "home", "2025-01-21")["history_reconstructed"]


def test_bookings_at_the_end_and_silence_are_marked_for_all() -> None:
    reps = pd.DataFrame([{"rep_id": name, "hired_on": "2023-01-01"} for name in ("a", "b")])
    closes = ["2025-01-20", "2025-03-28", "2025-03-31"]
    deals = pd.DataFrame(
        [{"opportunity_id": day, "rep_id": "a", "amount": 50, "created_on": day, "closed_on": day} for day in closes]
    ).assign(stage="Propose", outcome="won")
    tables = {"reps": reps, "opportunities": deals, "quotas": pd.DataFrame(columns=["rep_id", "period", "amount"])}
    days_ = [date(2025, 1, 27), date(2025, 3, 30), date(2025, 4, 7), date(2025, 6, 2)]
    with SalesHistory.from_frames(tables, ORGANISATION) as history:
        built = build_dataset(history, as_of_days=days_, features=())
    for name in ("a", "b"):
        marks = [flags(built, name, f"{day}") & {"H24", "H25"} for day in days_]
        assert marks == [set(), set(), {"H24"}, {"H24", "H25"}]
