"""Bad input: whatever a CRM holds, every forecaster gives a defined answer or a named abstention.

Real histories and datasets, no frames made by hand: what breaks on the way breaks here too. Warnings are errors.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from spm_ml.backtest import run_backtest
from spm_ml.dataset import RepPeriodDataset, build_dataset
from spm_ml.errors import NotReadyError
from spm_ml.features import FEATURES
from spm_ml.forecasting import FORECASTERS, FitSettings, Forecaster, roll_up
from spm_ml.hazards import ABSTENTION_REASONS
from tests.history_world import STAGES, Rows, deal, event, history_of

SETTINGS = FitSettings(min_training_rows=4)
"""So few that learners learn from next to nothing, which is where they break."""

FIRST = date(2025, 1, 1)
LAST = date(2026, 5, 20)
NAMES = tuple(f"rep{number:02d}" for number in range(12))
"""So many that the panel ensemble learns too."""
Tables = dict[str, Rows]


def usual(*, every: int = 20, names: tuple[str, ...] = NAMES) -> Tables:
    """An ordinary organisation: a deal a rep every few days, moving through the stages, won, lost or still open."""
    random = np.random.default_rng(0)
    tables: Tables = {"opportunities": [], "opportunity_events": []}
    tables["reps"] = [
        {"rep_id": name, "hired_on": "2024-01-01", "team": "north" if at % 2 else "south", "region": "all"}
        for at, name in enumerate(names)
    ]
    periods = [f"{year}Q{quarter}" for year in (2025, 2026) for quarter in (1, 2, 3, 4)][:6]
    tables["quotas"] = [{"rep_id": name, "period": period, "amount": 20_000} for name in names for period in periods]
    for name in names:
        for number, start in enumerate(range(0, (LAST - FIRST).days, every)):
            made = min(FIRST + timedelta(start + int(random.integers(0, 9))), LAST)
            _add(tables, f"{name}-{number}", name, made, random)
    said_at = [day for day in (date(2025, 8, 4), date(2025, 11, 3), date(2026, 2, 2), date(2026, 4, 6)) for _ in (1, 2)]
    tables["submissions"] = [
        {"rep_id": name, "period": f"{day.year}Q{(day.month + 2) // 3}", "submitted_at": f"{day}", "kind": kind}
        | {"amount": 5_000}
        for name in names
        for day, kind in zip(said_at, ("commit", "manager_override") * 4, strict=True)
    ]
    return tables


def _add(tables: Tables, opportunity_id: str, rep: str, made: date, random: np.random.Generator) -> None:
    amount = round(float(random.lognormal(8, 0.5)), 2)
    row = deal(opportunity_id, rep, created_on=made, amount=amount, stage=STAGES[0])
    row["expected_close_on"] = made + timedelta(45)
    day, events = made, [event(f"{made}", opportunity_id, stage=STAGES[0], outcome="open", amount=amount)]
    for stage in STAGES[1:]:
        day += timedelta(int(random.integers(5, 25)))
        if day <= LAST:
            row["stage"] = stage
            events.append(event(f"{day}", opportunity_id, stage=stage))
    day += timedelta(int(random.integers(2, 30)))
    if day <= LAST:
        outcome = "won" if random.uniform() < 0.4 else "lost"
        row |= {"outcome": outcome, "closed_on": day}
        events.append(event(f"{day}", opportunity_id, outcome=outcome))
    tables["opportunities"].append(row)
    tables["opportunity_events"] += events


def dataset_of(tables: Tables, *, days: list[date] | None = None) -> RepPeriodDataset:
    """What `build_dataset` makes of the tables, on every other weekly day unless told otherwise."""
    reps = tables.pop("reps")
    with history_of(reps=reps, **tables) as history:
        if days is None:
            days = [FIRST + timedelta(shift) for shift in range(6, (LAST - FIRST).days + 1, 21)]
        return build_dataset(history, as_of_days=days, features=FEATURES)


def check(forecaster: Forecaster, rows: RepPeriodDataset) -> pd.DataFrame:
    """Predicts, explains and adds up; asserts that each row is whole or named. Gives what was said."""
    forecast = forecaster.predict(rows)
    said = np.isfinite(forecast.bookings).all(axis=1)
    assert (said | np.isnan(forecast.bookings).all(axis=1)).all()
    assert np.array_equal(np.isfinite(forecast.mean_bookings), said)
    assert (np.diff(forecast.bookings[said], axis=1) >= 0).all()
    for row, why in enumerate(forecast.abstentions):
        assert said[row] or why is not None, forecaster.name
        assert why is None or why.reason in ABSTENTION_REASONS
    with_quota = said & np.isfinite(forecast.quota)
    assert ((forecast.p_hit[with_quota] >= 0) & (forecast.p_hit[with_quota] <= 1)).all()
    assert np.isfinite(forecast.attainment[with_quota]).all()
    assert all(forecast.abstentions[row] is not None for row in np.flatnonzero(said & ~with_quota))
    explanation = forecaster.explain(rows, forecast)
    parts = explanation.parts.to_numpy(dtype=float)
    assert np.isfinite(parts[said]).all()
    rounding = 1e-14 * np.abs(parts[said]).max(axis=1, initial=1e12)
    assert (np.abs(parts[said].sum(axis=1) - forecast.bookings[said, 9]) <= rounding).all()
    assert np.isfinite(explanation.drivers["amount"].to_numpy(dtype=float)).all()
    chance = explanation.deals["p_win"].to_numpy(dtype=float)
    assert ((chance >= 0) & (chance <= 1)).all()
    company = roll_up(forecast, ["company"] * len(rows), draws=50)
    assert np.isfinite(company.bookings).all()
    assert np.isfinite(company.mean_bookings).all()
    return pd.DataFrame({"said": said, "median": forecast.bookings[:, 9], "rep_id": rows.frame["rep_id"]})


def check_all(rows: RepPeriodDataset, learn_from: RepPeriodDataset | None = None) -> dict[str, pd.DataFrame]:
    """Fits every forecaster on the finished rows and checks what it says of all of them."""
    past = rows.finished() if learn_from is None else learn_from
    return {each.name: check(each(SETTINGS).fit(past), rows) for each in FORECASTERS}


def quotas_alone(tables: Tables) -> None:
    """A new organisation."""
    tables["opportunities"], tables["opportunity_events"], tables["submissions"] = [], [], []


def nothing_closed(tables: Tables) -> None:
    """Deals move, but none was ever won or lost."""
    for row in tables["opportunities"]:
        row |= {"outcome": "open", "closed_on": None}
    tables["opportunity_events"] = [row for row in tables["opportunity_events"] if row.get("outcome", "open") == "open"]


def all_lost(tables: Tables) -> None:
    """Every deal that ended was lost."""
    _replace(tables, "outcome", {"won": "lost"})


def all_won(tables: Tables) -> None:
    """Every deal that ended was won."""
    _replace(tables, "outcome", {"lost": "won"})


def one_stage(tables: Tables) -> None:
    """The CRM knows no other stage, and nobody says when a deal should close."""
    _replace(tables, "stage", dict.fromkeys(STAGES, STAGES[0]))
    for row in tables["opportunities"]:
        row["expected_close_on"] = None


def no_events(tables: Tables) -> None:
    """An export of last states: the history of every deal is reconstructed."""
    tables["opportunity_events"] = []


def zero_or_no_amounts(tables: Tables) -> None:
    """Half of the deals are worth nothing, of the others nobody knows what they are worth."""
    for row in (*tables["opportunities"], *tables["opportunity_events"]):
        nought = sum(map(ord, row["opportunity_id"])) % 2
        row["amount"] = 0 if nought and row.get("amount") is not None else None


def only_refunds(tables: Tables) -> None:
    """Every deal is a refund."""
    for row in (*tables["opportunities"], *tables["opportunity_events"]):
        row["amount"] = -row["amount"] if row.get("amount") is not None else None


def huge_amounts(tables: Tables) -> None:
    """Every tenth deal is of 10^15 minor units, and somebody commits to as much."""
    huge = {row["opportunity_id"] for row in tables["opportunities"][::10]}
    for row in (*tables["opportunities"], *tables["opportunity_events"]):
        if row["opportunity_id"] in huge and row.get("amount") is not None:
            row["amount"] = 10**13
    tables["submissions"][0]["amount"] = 10**13


def one_rep(tables: Tables) -> None:
    """A company of one."""
    for name in ("reps", "quotas", "opportunities", "submissions"):
        tables[name] = [row for row in tables[name] if row["rep_id"] == NAMES[0]]
    kept = {row["opportunity_id"] for row in tables["opportunities"]}
    tables["opportunity_events"] = [row for row in tables["opportunity_events"] if row["opportunity_id"] in kept]


def no_or_zero_quotas(tables: Tables) -> None:
    """One half has no quota, the quota of the other is nought."""
    tables["quotas"] = [row | {"amount": 0} for row in tables["quotas"][::2]]


def everybody_left(tables: Tables) -> None:
    """All reps left before the running period."""
    for row in tables["reps"]:
        row["left_on"] = "2026-02-15"


def careless_entries(tables: Tables) -> None:
    """Refunds, deals entered after they ended or closed next year, events that come twice, two managers on one day."""
    refunds = {row["opportunity_id"] for row in tables["opportunities"][::3]}
    for row in (*tables["opportunities"], *tables["opportunity_events"]):
        if row["opportunity_id"] in refunds and row.get("amount") is not None:
            row["amount"] = -row["amount"]
    ended = [row for row in tables["opportunities"] if row.get("closed_on")]
    for row in ended[::5]:
        row["created_on"] = row["closed_on"] + timedelta(20)
    for row in ended[1::5]:
        row["closed_on"] = date(2027, 3, 1)
    tables["opportunity_events"] += [dict(row) for row in tables["opportunity_events"]]
    first, second = tables["reps"][:2]
    tables["reps"] += [{"rep_id": boss, "hired_on": "2023-01-01", "role": "manager"} for boss in ("m1", "m2")]
    tables["reps"] += [first | {"manager_id": boss, "effective_from": "2026-02-10"} for boss in ("m1", "m2")]
    tables["reps"] += [second | {"manager_id": "m1", "team": "south", "effective_from": "2026-02-10"}]
    tables["submissions"][0]["amount"] = -7
    tables["submissions"][1]["amount"] = 0


def _replace(tables: Tables, column: str, by: dict[str, str]) -> None:
    for row in (*tables["opportunities"], *tables["opportunity_events"]):
        if row.get(column) in by:
            row[column] = by[row[column]]


BAD: dict[Callable[[Tables], None], set[str]] = {
    quotas_alone: set(),
    nothing_closed: set(),
    all_lost: {"historical_mean"},
    all_won: {"deal_level", "lightgbm_quantiles", "panel_ensemble", "rep_commit"},
    one_stage: {"deal_level", "lightgbm_quantiles", "panel_ensemble", "manager_override"},
    no_events: {"deal_level", "lightgbm_quantiles", "panel_ensemble"},
    zero_or_no_amounts: {"historical_mean"},
    only_refunds: {"historical_mean"},
    huge_amounts: {"deal_level", "lightgbm_quantiles", "panel_ensemble", "rep_commit"},
    one_rep: {"deal_level", "lightgbm_quantiles"},
    no_or_zero_quotas: {"deal_level", "lightgbm_quantiles", "panel_ensemble"},
    everybody_left: {"deal_level", "lightgbm_quantiles", "panel_ensemble"},
    careless_entries: {"deal_level", "lightgbm_quantiles", "panel_ensemble", "rep_commit"},
}
"""How the input is bad, and some who have an answer all the same."""


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_every_forecaster_answers_or_names_why_not(spoil: Callable[[Tables], None]) -> None:
    tables = usual()
    spoil(tables)
    said = check_all(dataset_of(tables))
    assert {name for name, rows in said.items() if rows["said"].any()} >= BAD[spoil]


@pytest.fixture(scope="module")
def ordinary() -> RepPeriodDataset:
    """The organisation as it is when all is well."""
    return dataset_of(usual())


def test_all_is_well_where_nothing_is_bad(ordinary: RepPeriodDataset) -> None:
    said = check_all(ordinary)
    assert all(rows["said"].any() for name, rows in said.items() if name != "rep_best_case"), said


def test_one_rep_with_a_thousand_deals_is_one_row() -> None:
    tables = usual(every=60)
    random = np.random.default_rng(1)
    for number in range(1000):
        made = FIRST + timedelta(int(random.integers(0, (LAST - FIRST).days)))
        _add(tables, f"many-{number}", NAMES[0], made, random)
    rows = dataset_of(tables)
    said = check_all(rows)
    many = rows.frame["rep_id"] == NAMES[0]
    assert rows.frame.loc[many & (rows.frame["week"] > 0), "actual_bookings"].max() > 10_000_000
    assert said["deal_level"].loc[many.to_numpy(), "said"].all()


def test_a_period_that_has_not_started_is_forecast_from_its_eve_or_named(ordinary: RepPeriodDataset) -> None:
    """On the eve nothing has happened yet; of a day that no record reaches, the data are stale."""
    eve, later = date(2026, 3, 31), date(2026, 8, 1)
    rows = dataset_of(usual(), days=[eve, later])
    for each in FORECASTERS:
        said = check(each(SETTINGS).fit(ordinary.finished()), rows)
        on_eve = (rows.frame["as_of"] == pd.Timestamp(eve)).to_numpy()
        assert (rows.frame.loc[on_eve, "week"] == 0).all()
        if each.name in {"historical_mean", "deal_level", "lightgbm_quantiles", "panel_ensemble"}:
            assert said.loc[on_eve, "said"].all(), each.name
    assert set(rows.frame.loc[~on_eve, "abstention"]) <= {"stale_data", "not_started", "quota_missing"}


def test_nothing_learnt_and_nothing_asked(ordinary: RepPeriodDataset) -> None:
    nothing = ordinary.where(np.zeros(len(ordinary), dtype=bool))
    said = check_all(ordinary, learn_from=nothing)
    assert not any(rows["said"].any() for name, rows in said.items() if name in {"deal_level", "panel_ensemble"})
    for each in FORECASTERS:
        assert check(each(SETTINGS).fit(ordinary.finished()), nothing).empty


def test_features_without_a_value_are_not_guessed_into_numbers(ordinary: RepPeriodDataset) -> None:
    empty = dict.fromkeys(ordinary.feature_names, np.nan)
    blank = replace(ordinary, frame=ordinary.frame.assign(**empty))
    check_all(blank)
    check_all(blank, learn_from=ordinary.finished())


def test_a_rep_who_was_never_seen_is_answered_or_named(ordinary: RepPeriodDataset) -> None:
    new = ordinary.frame["rep_id"] == NAMES[0]
    check_all(
        ordinary.where(new), learn_from=ordinary.finished().where(ordinary.finished().frame["rep_id"] != NAMES[0])
    )


def test_empty_tables_make_no_rows_and_no_errors() -> None:
    with history_of(reps=[]) as history:
        rows = build_dataset(history)
    assert len(rows) == 0
    assert all(said.empty for said in check_all(rows).values())
    with pytest.raises(NotReadyError, match="load more history"):
        run_backtest(rows)


def test_a_backtest_of_careless_entries_is_whole() -> None:
    tables = usual()
    careless_entries(tables)
    tested = run_backtest(dataset_of(tables), settings=SETTINGS, periods=2)
    answered = tested.frame["abstention"].isin({"", "quota_missing", "quota_zero"})
    assert tested.frame.loc[answered, ["b05", "b50", "b95", "mean_bookings"]].notna().all(axis=None)
    assert tested.groups.notna().all(axis=None)
    assert tested.by_level()[["crps_of_mean", "coverage_80"]].notna().all(axis=None)
