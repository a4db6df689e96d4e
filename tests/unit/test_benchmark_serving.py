"""The benchmark of the service runs, and counts what it says it counts."""

import json
from pathlib import Path

import pytest

from benchmarks.serving import tables
from benchmarks.serving.__main__ import main
from benchmarks.serving.compare import Measured
from benchmarks.serving.endurance import Grown


def test_a_short_run_fills_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--reps", "20", "--rounds", "2", "--seconds", "0.1", "--connections", "2", "--cache", str(tmp_path)]
    left_out = ["--without-mlflow", "--without-postgresql", "--without-what-if"]
    out = tmp_path / "results" / "serving.md"
    main(["--parts", "speed", *size, *left_out, "--out", str(out)])
    assert out.read_text(encoding="utf-8") == capsys.readouterr().out.removesuffix("\n")
    found = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["speed"]
    assert list(found) == [
        f"{row}, 2"
        for row in (
            tables.BARE,
            "SQLite: one rep's forecast",
            "SQLite: the same, gzip",
            "SQLite: the same, made anew",
            "SQLite: forecasts of a team",
            "SQLite: decision",
            "SQLite: risk board",
        )
    ]
    assert found[f"{tables.BARE}, 2"]["of_bare"] == 1
    assert all(0 < row["p50"] <= row["p99"] and row["of_bare"] > 0 for row in found.values())


def test_ratios_are_taken_round_by_round() -> None:
    quiet, busy = Measured(rates=[100.0, 10.0, 50.0], p50=[1.0, 10.0, 2.0]), Measured()
    busy.rates, busy.p50 = [50.0, 5.0, 10.0], [2.0, 20.0, 10.0]
    assert busy.against(quiet) == 0.5
    assert busy.slower(quiet) == 2.0


def test_growth_and_memory_are_written_as_tables() -> None:
    grown = [Grown("one rep", {10: 0.001, 100: 0.002}, {10: 1.0, 100: 1.5})]
    assert tables.growth_table(grown).endswith("| one rep | 1.00 (1.00) | 2.00 (1.50) |")
    assert tables.memory_table({0: 50_000_000, 1_000: 51_000_000}).endswith("| 1,000 | 51.0 |")
