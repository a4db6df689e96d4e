"""The benchmark that grows: its worlds, its table and its guard."""

import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks import guard
from benchmarks.scaling import results
from benchmarks.scaling.page import page
from benchmarks.scaling.peers import COMMON, greatest_difference, with_pandas
from benchmarks.scaling.processes import GIB, FailedError, Limits, measure
from benchmarks.scaling.results import OneMoreDay, Peer, Size
from benchmarks.scaling.run import measure_size
from benchmarks.scaling.steps import STEPS, Line, Measured, Step, fitting
from benchmarks.scaling.worlds import World, events_of, make_export, make_store, make_workspace
from spm_ml.dataset import build_dataset
from spm_ml.errors import DataError
from spm_ml.features import FEATURES
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace
from spm_ml.sources import ingest


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(9, periods=1, seeds=2, unit=3, cache=tmp_path_factory.mktemp("worlds"))


def rows(workspace: Workspace, table: str) -> list[tuple[object, ...]]:
    sql = TableStore(workspace).relation_sql(table, 1, occurrence=True)
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM ({sql}) ORDER BY ALL").fetchall()


def test_the_store_of_a_grown_world_is_what_ingest_makes_of_its_export(world: World, tmp_path: Path) -> None:
    made = make_workspace(world, tmp_path / "made")
    ingested = Workspace(tmp_path / "ingested")
    report = ingest(ingested, make_export(world, "csv"))
    assert not any(table.quarantined for table in report.tables)
    loaded, given = TableStore(made).versions()[0], TableStore(ingested).versions()[0]
    assert loaded.tables == given.tables
    assert events_of(made) == events_of(ingested)
    for table in loaded.parts:
        assert rows(made, table) == rows(ingested, table), table
    assert made.organisation() == ingested.organisation()


def test_copies_share_no_rep_deal_or_manager(world: World) -> None:
    def copy_of(name: object) -> str:
        return str(name).rpartition("-")[0]

    with duckdb.connect() as connection:
        store = TableStore(make_store(world))
        reps = connection.execute(f"SELECT rep_id, manager_id FROM ({store.relation_sql('reps', 1)})").fetchall()
        deals = connection.execute(
            f"SELECT opportunity_id, rep_id FROM ({store.relation_sql('credits', 1)})"
        ).fetchall()
    assert {copy_of(rep) for rep, _ in reps} == {"", "001", "002"}
    assert all(copy_of(one) == copy_of(other) for one, other in [*reps, *deals] if other is not None)


def test_a_workspace_is_ones_own(world: World, tmp_path: Path) -> None:
    own = make_workspace(world, tmp_path / "own")
    own.organisation_file.write_text("name: changed\n", encoding="utf-8")
    assert make_store(world).organisation().name != "changed"
    with pytest.raises(DataError, match="exists"):
        make_workspace(world, own.root)


def test_a_world_has_whole_units() -> None:
    with pytest.raises(DataError, match="multiple of 100"):
        World(150)


LIMITS = Limits(60, 4 * GIB)


def test_a_process_is_measured_with_its_children() -> None:
    hungry = "held = bytearray(120_000_000); held[::4096] = b'1' * len(held[::4096]); import time; time.sleep(1)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}]); print('done')"
    cost = measure([sys.executable, "-c", parent], LIMITS)
    assert cost.output == "done\n"
    assert cost.peak > 120_000_000
    assert cost.seconds >= 1
    assert 0 < cost.cpu < cost.seconds + 1


def test_what_does_not_fit_is_ended_and_says_what_it_needs() -> None:
    waiting = [sys.executable, "-c", "import time; time.sleep(60)"]
    taken, _ = fitting(waiting, Limits(0.2, GIB))
    assert taken.not_run == "needs more than 0 minutes"
    taken, _ = fitting(waiting, Limits(60, 1000))
    assert taken.not_run.startswith("needs more than")
    with pytest.raises(FailedError, match="no such thing"):
        fitting([sys.executable, "-c", "raise SystemExit('no such thing')"], LIMITS)


def size_of(reps: int, cpu: float, **not_run: str) -> Size:
    size = Size(reps, 12, "code", "0123456789", "2026-11-30", "2 cores", events=7_500 * reps, rows=156 * reps)
    size.scan = Measured(0.5, 0.5)
    size.steps = {
        step.name: Measured(not_run=not_run[step.name]) if step.name in not_run else Measured(cpu, cpu, GIB)
        for step in STEPS
    }
    size.peers = {"ours": Peer("ours", 2, Measured(cpu, cpu, GIB)), "pandas": Peer("pandas", 2, Measured(cpu, 2 * cpu))}
    size.engines = {"duckdb": Measured(cpu, cpu, GIB), "spark": Measured(3 * cpu, 3 * cpu, GIB)}
    size.one_more_day = OneMoreDay(
        30, 900, 90, Measured(30, 30), Measured(20, 20), Measured(1, 1, GIB), Measured(1, cpu / 10, 2 * GIB)
    )
    return size


def test_the_page_has_a_table_a_size_and_extrapolates_from_the_two_largest() -> None:
    sizes = {size.reps: size for size in (size_of(100, 10), size_of(1_000, 36), size_of(10_000, 3_600))}
    text = page(sizes)
    assert "## 1,000 reps" in text
    assert "| dataset | 36 | 36 |" in text
    assert "| train | 1,000 → 10,000 | 2.00 | 100 | 0.00 | 1.0 |" in text
    assert "not measured" in text
    assert "| 100 | pandas | 2 | 10 | 20 | 0.00 | 2.00 | 0 |" in text
    assert "| 100 | spark | 30 | 30 | 1.00 | 3.00 |" in text
    assert "| train | 10,000 | 20,000 | 40,000 | above 100,000 |" in text
    assert "| 100 | 30 | 90 of 900 | 30 | 20 | 1.0 | 1.0 | 4.0% | 2.00 |" in text
    assert "## One more day" not in page({100: replace(size_of(100, 10), one_more_day=None)})


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    measured = {100: size_of(100, 10), 1_000: replace(size_of(1_000, 36), one_more_day=None)}
    results.write(measured, tmp_path / "measured.json")
    assert results.read(tmp_path / "measured.json") == measured


def test_a_step_that_was_not_run_is_said_and_left_out_of_the_slopes() -> None:
    sizes = {100: size_of(100, 10), 1_000: size_of(1_000, 100, train="needs more than 4.0 GiB", score="needs train")}
    text = page(sizes)
    assert "| train | not run: needs more than 4.0 GiB |" in text
    assert "| dataset | 100 → 1,000 | 1.00" in text
    assert "| train | 100 → 1,000" not in text
    assert page({}).startswith("# How it grows")


class Scripted(Line):
    """A line that runs nothing; `stop` raises in the middle, as somebody who stops it does."""

    ran: list[str]
    stop: str = ""

    def run(self, step: Step) -> tuple[Measured, str]:
        if step.name == self.stop:
            raise KeyboardInterrupt
        self.ran.append(step.name)
        self.root.mkdir(exist_ok=True)
        taken = Measured(not_run="needs more than 1 minutes") if step.name == "train" else Measured(1, 1, 1)
        return taken, '{"rows": 7}'

    def scan(self) -> Measured:
        return Measured(1, 1)

    def events(self) -> int:
        return 9


def test_a_run_that_was_stopped_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    line, out = Scripted(world, tmp_path / "line", "parquet", LIMITS), tmp_path / "measured.json"
    line.ran, line.stop = [], "backtest"
    with pytest.raises(KeyboardInterrupt):
        measure_size(line, out, until="recommend", peers=False, engines=False)
    assert line.ran == ["ingest", "dataset"]
    line.stop = ""
    size = measure_size(line, out, until="recommend", peers=False, engines=False)
    assert line.ran == ["ingest", "dataset", "backtest", "train"]
    assert size.steps["score"].not_run == "needs train"
    assert (size.rows, size.events) == (7, 9)
    assert results.read(out) == {9: size}
    measure_size(line, out, until="recommend", peers=False, engines=False)
    assert len(line.ran) == 4
    measure_size(line, out, until="dataset", peers=False, engines=False, again=True)
    assert len(line.ran) == 6


def test_the_guard_names_what_became_worse_and_nothing_else() -> None:
    runs = [guard.ratios(size_of(100, cpu)) for cpu in (10, 10.2, 12)]
    accepted = guard.accept(runs)
    assert accepted["dataset ÷ scan"] == guard.Accepted(20.4, 0.353)
    assert accepted["one more day ÷ everything"].ratio == pytest.approx((1 + 1.02) / 50)
    assert accepted["bytes an event in train"] == guard.Accepted(GIB / 750_000, guard.LEAST_TOLERANCE)
    slower = size_of(100, 10)
    slower.steps["train"] = Measured(1, 28, GIB)
    slower.steps["score"] = Measured(not_run="needs more than 1.0 GiB")
    worse = [change.name for change in guard.compare(accepted, guard.ratios(slower)) if change.worse]
    assert worse == ["train ÷ scan", "score ÷ scan", "bytes an event in score"]
    again = guard.better_of(guard.ratios(slower), guard.ratios(size_of(100, 10)))
    assert not [change for change in guard.compare(accepted, again) if change.worse]


def test_only_what_was_measured_whole_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "accepted.json"
    with pytest.raises(SystemExit, match="--accept"):
        guard.read(file)
    with pytest.raises(SystemExit, match="bytes an event in score, score ÷ scan"):
        guard.write([size_of(100, 10, score="needs more than 1.0 GiB")], file)
    assert guard.write([size_of(100, 10)], file) == guard.read(file)


def test_peers_differ_where_a_value_does(tmp_path: Path) -> None:
    rows = pd.DataFrame({"rep_id": ["a", "b"], "as_of": pd.to_datetime(["2026-01-04"] * 2), "x": [1e6, np.nan]})
    ours, theirs = tmp_path / "ours.parquet", tmp_path / "theirs.parquet"
    rows.to_parquet(ours)
    rows.assign(x=[1e6 + 1, np.nan]).to_parquet(theirs)
    assert greatest_difference(ours, theirs, ["x"]) == pytest.approx(1e-6)
    rows.assign(x=[1e6, 0.0]).to_parquet(theirs)
    assert greatest_difference(ours, theirs, ["x"]) == np.inf
    rows[::-1].to_parquet(theirs)
    with pytest.raises(FailedError, match="other rows"):
        greatest_difference(ours, theirs, ["x"])


def test_pandas_gives_our_values(world: World, tmp_path: Path) -> None:
    store = make_store(world)
    with SalesHistory.open(store) as history:
        features = [feature for feature in FEATURES if feature.name in COMMON]
        ours = build_dataset(history, features=features).frame[["rep_id", "as_of", *COMMON]]
    ours.to_parquet(tmp_path / "ours.parquet")
    with_pandas.write(store, tmp_path / "ours.parquet", tmp_path / "theirs.parquet", COMMON)
    assert greatest_difference(tmp_path / "ours.parquet", tmp_path / "theirs.parquet", COMMON) == 0
