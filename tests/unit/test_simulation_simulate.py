"""The simulator's output: the contract's tables, repeatable, complete and plausible."""

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spm_ml.errors import ConfigurationError
from spm_ml.settings import Organisation
from spm_ml.simulation import DEFAULT_END, SimulationSummary, simulate
from spm_ml.tables import TABLE_BY_NAME, Column

_CHECKS = {
    "text": pa.types.is_string,
    "choice": pa.types.is_string,
    "date": pa.types.is_date,
    "timestamp": pa.types.is_timestamp,
    "money": pa.types.is_decimal,
    "number": lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind),
    "integer": pa.types.is_integer,
}


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(
        tmp_path_factory.mktemp("parquet"), reps=24, periods=4, seed=7, fmt="parquet", hazards=_everything()
    )


@pytest.fixture(scope="module")
def natural(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(tmp_path_factory.mktemp("natural"), reps=60, periods=6, seed=2, fmt="parquet")


def _everything() -> list[str]:
    from spm_ml.simulation.hazards import FILE_HAZARDS, PLANTED

    return [hazard.code for hazard in PLANTED if hazard.code not in (*FILE_HAZARDS, "H14")]


def _table(summary: SimulationSummary, name: str) -> pa.Table:
    return pq.read_table(summary.path / f"{name}.parquet")


def _digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, fmt: str) -> None:
    for name in ("one", "two"):
        simulate(tmp_path / name, reps=6, periods=2, seed=5, fmt=fmt)  # type: ignore[arg-type]
    assert _digest(tmp_path / "one") == _digest(tmp_path / "two")


def test_another_seed_gives_another_organisation(tmp_path: Path) -> None:
    for seed in (5, 6):
        simulate(tmp_path / str(seed), reps=6, periods=2, seed=seed)
    one, two = _digest(tmp_path / "5"), _digest(tmp_path / "6")
    for name in ("reps", "quotas", "opportunities", "opportunity_events", "activities", "assessments"):
        assert one[f"{name}.csv"] != two[f"{name}.csv"]
    assert one["truth/world.json"] == two["truth/world.json"]


def test_every_table_of_the_contract_is_written(parquet: SimulationSummary) -> None:
    assert set(parquet.rows) == set(TABLE_BY_NAME)
    assert all(_table(parquet, name).num_rows == count for name, count in parquet.rows.items())
    assert min(parquet.rows.values()) > 0


@pytest.mark.parametrize("name", TABLE_BY_NAME)
def test_tables_have_the_contracts_columns_types_and_keys(parquet: SimulationSummary, name: str) -> None:
    contract, table = TABLE_BY_NAME[name], _table(parquet, name)
    assert table.column_names == [column.name for column in contract.columns]
    for column in contract.columns:
        values = table[column.name]
        if values.null_count < len(values):
            assert _CHECKS[column.type](values.type), f"{column.name} is {values.type}"
        assert not column.required or values.null_count == 0, column.name
        if column.choices:
            assert set(values.drop_null().unique().to_pylist()) <= set(column.choices)
        _check_bounds(column, values)
    keys = table.select(list(contract.key)).to_pandas()
    assert contract.ledger or not keys.duplicated().any()


def _check_bounds(column: Column, values: pa.ChunkedArray) -> None:
    numbers = pd.Series(values.drop_null().to_pylist(), dtype="float64") if column.minimum is not None else None
    if numbers is not None and len(numbers):
        assert (numbers > column.minimum if column.above_minimum else numbers >= column.minimum).all(), column.name
        assert column.maximum is None or (numbers <= column.maximum).all(), column.name


@pytest.mark.parametrize("name", TABLE_BY_NAME)
def test_references_and_orders_hold(parquet: SimulationSummary, name: str) -> None:
    contract, table = TABLE_BY_NAME[name], _table(parquet, name)
    for column in contract.columns:
        if column.references:
            other, key = column.references.split(".")
            known = set(_table(parquet, other)[key].to_pylist())
            assert set(table[column.name].drop_null().to_pylist()) <= known, column.name
    for rule in contract.order_rules:
        both = table.select([rule.earlier, rule.later]).to_pandas().dropna()
        assert (both[rule.earlier] <= both[rule.later]).all()


def test_deals_of_activities_exist(natural: SimulationSummary) -> None:
    deals = set(_table(natural, "opportunities")["opportunity_id"].to_pylist())
    assert set(_table(natural, "activities")["opportunity_id"].drop_null().to_pylist()) <= deals


def test_deals_stand_as_their_ledger_says(natural: SimulationSummary) -> None:
    events = _table(natural, "opportunity_events").to_pandas().sort_values("recorded_at", kind="stable")
    last = events.groupby("opportunity_id")[["rep_id", "stage", "amount", "expected_close_on", "outcome"]].last()
    deals = _table(natural, "opportunities").to_pandas().set_index("opportunity_id")
    pd.testing.assert_frame_equal(last, deals.loc[last.index, list(last.columns)])
    closed = deals[deals["outcome"] != "open"]
    assert closed["closed_on"].notna().all()
    assert deals.loc[deals["outcome"] == "open", "closed_on"].isna().all()
    zone = Organisation.read(natural.path / "organisation.yaml").timezone
    local = closed["recorded_at"].dt.tz_convert(zone).dt.date
    assert (local >= closed["closed_on"]).all()
    assert (local == closed["closed_on"]).mean() > 0.95


def test_the_reporting_tree_ends_in_one_head(natural: SimulationSummary) -> None:
    reps = _table(natural, "reps").to_pandas()
    boss = reps.drop_duplicates("rep_id", keep="last").set_index("rep_id")["manager_id"]
    roles = reps.drop_duplicates("rep_id").set_index("rep_id")["role"]
    for rep_id in boss.index[roles == "account executive"]:
        chain = [rep_id]
        while isinstance(boss[chain[-1]], str):
            chain.append(boss[chain[-1]])
            assert len(chain) < 6
        assert roles[chain[-1]] == "head of sales"
    sizes = reps[roles[reps["rep_id"]].to_numpy() == "account executive"].groupby("manager_id")["rep_id"].nunique()
    assert 6 <= sizes.median() <= 14


def test_attainment_is_plausible(natural: SimulationSummary) -> None:
    outcomes = pd.read_parquet(natural.path / "truth" / "outcomes.parquet")
    done = outcomes[outcomes["finished"] & (outcomes["employed_share"] == 1)].dropna(subset=["attainment"])
    assert 0.85 <= done["attainment"].median() <= 1.25
    assert 0.40 <= (done["attainment"] >= 1).mean() <= 0.65
    assert (done["attainment"] > 3).mean() < 0.04
    assert (done["attainment"] <= 0).mean() < 0.08
    assert done.groupby("period").size().gt(30).all()


def test_volumes_are_those_of_a_real_crm(natural: SimulationSummary) -> None:
    events = sum(natural.rows[name] for name in ("opportunities", "opportunity_events", "activities"))
    rep_periods = 60 * (6 + 51 / 92)
    assert 480 < events / rep_periods < 750
    wins = _table(natural, "opportunities").to_pandas().query("outcome == 'won'")
    assert 3 < len(wins) / rep_periods < 12


def test_the_history_ends_in_a_running_period(natural: SimulationSummary) -> None:
    assert natural.last_day == DEFAULT_END
    assert natural.first_day == date(2025, 4, 1)
    outcomes = pd.read_parquet(natural.path / "truth" / "outcomes.parquet")
    assert set(outcomes.loc[~outcomes["finished"], "period"]) == {"2026Q4"}
    assert outcomes.loc[outcomes["finished"], "period"].nunique() == 6
    recorded = pd.to_datetime(_table(natural, "opportunity_events")["recorded_at"].to_pandas())
    zone = Organisation.read(natural.path / "organisation.yaml").timezone
    assert recorded.dt.tz_convert(zone).max().date() == DEFAULT_END
    truth = pd.read_parquet(natural.path / "truth" / "deal_events.parquet")
    assert truth["event_on"].max() > (DEFAULT_END - date(1970, 1, 1)).days + 30


def test_a_start_moves_the_whole_history(tmp_path: Path) -> None:
    summary = simulate(tmp_path, reps=3, periods=2, seed=1, start=date(2020, 5, 9))
    assert summary.first_day == date(2020, 4, 1)
    assert summary.last_day == date(2020, 11, 20)


def test_bookings_pile_up_at_period_ends(natural: SimulationSummary, tmp_path: Path) -> None:
    even = simulate(tmp_path, reps=60, periods=6, seed=2, fmt="parquet", hazards=())
    assert _late_share(natural) > _late_share(even) + 0.08


def _late_share(summary: SimulationSummary) -> float:
    deals = _table(summary, "opportunities").to_pandas().query("outcome == 'won'")
    days = pd.PeriodIndex(pd.to_datetime(deals["closed_on"]), freq="Q").end_time - pd.to_datetime(deals["closed_on"])
    return float(np.mean(days.to_numpy() < np.timedelta64(28, "D")))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reps": 0}, "at least 1"),
        ({"periods": -1}, "at least 1"),
        ({"fmt": "xlsx"}, "choose csv or parquet"),
        ({"hazards": ["H99"]}, "cannot be planted"),
        ({"hazards": ["encoding"], "fmt": "parquet"}, "choose csv"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, wrong: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"reps": 2, "periods": 1, "seed": 0} | wrong
    with pytest.raises(ConfigurationError, match=message):
        simulate(tmp_path / "out", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_an_earlier_simulation_is_replaced(tmp_path: Path) -> None:
    simulate(tmp_path, reps=2, periods=1, seed=0, hazards=["H10"])
    simulate(tmp_path, reps=2, periods=1, seed=0, fmt="parquet", hazards=())
    assert not list(tmp_path.glob("*.csv"))
    assert not (tmp_path / "fx_rates.parquet").exists()


def test_tables_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "reps.csv").write_text("rep_id\n")
    with pytest.raises(ConfigurationError, match="written by no simulation"):
        simulate(tmp_path, reps=2, periods=1, seed=0)
    assert (tmp_path / "reps.csv").read_text() == "rep_id\n"


def test_progress_is_told(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    simulate(
        tmp_path, reps=2, periods=1, seed=0, progress=lambda label, done, total: heard.append((label, done, total))
    )
    assert heard[0] == ("simulate", 0, heard[0][2])
    assert heard[-1][1] == heard[-1][2]
