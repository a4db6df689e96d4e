"""Organisations of 100, 1 000 and 10 000 reps, made in minutes: simulated units of 100 seats, copied inside DuckDB.

    python -m benchmarks.scaling.worlds --reps 100,1000,10000                 # stores, as `spm ingest` writes them
    python -m benchmarks.scaling.worlds --reps 1000 --what export --format csv

A few units are simulated with different seeds and copied in turn. Every copy has reps, managers, deals, accounts, teams
and territories of its own; regions, products, stages and programs are the company's. The first copy keeps its names, so
a world of one unit is the simulated one. 100 reps × 12 quarters are about 750 000 raw events: deals, changes of deals,
activities. What was made is kept under the cache folder, named after its arguments and the code that made it.
"""

import argparse
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.worlds import GENERATOR, code_digest
from spm_ml.errors import DataError
from spm_ml.history.store import TableCounts, TableStore, quote_text
from spm_ml.settings import Workspace
from spm_ml.simulation import simulate
from spm_ml.simulation.write import FORMATS, Format
from spm_ml.sources import ingest

EVENT_TABLES: Final = ("opportunities", "opportunity_events", "activities")
"""Whose rows are the raw events."""

CACHE: Final = Path("benchmarks/results/scaling")

_INGEST: Final = (*GENERATOR, "spm_ml/sources", "spm_ml/history/store.py", "spm_ml/tables.py")
_COPIES: Final = (*_INGEST, "benchmarks/scaling/worlds.py")
_OWN: Final = (
    *("rep_id", "manager_id", "opportunity_id", "account_id"),
    *("submitted_by", "assigned_by", "team", "territory"),
)
"""Columns whose values every copy has for itself."""
_SHARED: Final = {"programs": "seats", "spend": "amount"}
"""Tables of the whole company, and what grows with the copies in them."""


@dataclass(frozen=True)
class World:
    """An organisation of so many seats.

    Attributes:
        reps: Seats: a multiple of `unit`.
        periods: Finished quarters; a running one comes on top.
        seeds: Units that are simulated; the copies take them in turn.
        unit: Seats of each.
        cache: Folder in which worlds are kept.
    """

    reps: int
    periods: int = 12
    seeds: int = 5
    unit: int = 100
    cache: Path = CACHE

    def __post_init__(self) -> None:
        if self.reps < self.unit or self.reps % self.unit:
            raise DataError(f"{self.reps} reps are not whole units: choose a multiple of {self.unit}")

    @property
    def copies(self) -> int:
        """Units in it."""
        return self.reps // self.unit

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self.cache / f"r{self.reps}-p{self.periods}-s{self.seeds}-u{self.unit}-{code_digest(_COPIES)}"


def make_export(world: World, fmt: Format) -> Path:
    """The world as a folder that `spm ingest` reads; made unless it is kept."""
    return _kept(world.folder / f"export-{fmt}", partial(_write_export, world, fmt))


def make_store(world: World) -> Workspace:
    """The kept workspace with the world's tables, only to be read; made unless it is there."""
    return Workspace(_kept(world.folder / "workspace", partial(_write_store, world)))


def make_workspace(world: World, root: Path) -> Workspace:
    """A new workspace at `root` with the world ingested: the store's files are linked to the kept ones.

    Raises:
        DataError: There is something at `root`, or it lies on another disk than the cache.
    """
    if root.exists():
        raise DataError(f"{root} exists: choose a folder that does not")
    kept = make_store(world)
    try:
        shutil.copytree(kept.root, root, copy_function=_link_or_copy)
    except OSError as error:
        raise DataError(f"{root} must lie on the same disk as {world.cache}: {error}") from error
    return Workspace(root)


def events_of(workspace: Workspace) -> int:
    """Raw events in the newest version of a workspace."""
    tables = TableStore(workspace).versions()[0].tables
    return sum(tables[name].accepted for name in EVENT_TABLES)


def _kept(target: Path, write: Callable[[Path], None]) -> Path:
    """What is there, or what `write` makes in a pending folder, which a killed process leaves to be cleared away."""
    if not target.exists():
        pending = target.with_name(target.name + ".pending")
        shutil.rmtree(pending, ignore_errors=True)
        pending.mkdir(parents=True)
        write(pending)
        os.replace(pending, target)
    return target


def _exports(world: World) -> list[Path]:
    """The export that each copy is made of, simulated."""
    kept = [
        _kept(_unit(world, seed, "export", GENERATOR), partial(_simulate, world, seed))
        for seed in range(1, 1 + min(world.copies, world.seeds))
    ]
    return [kept[copy % world.seeds] for copy in range(world.copies)]


def _workspaces(world: World) -> list[Workspace]:
    """The workspace that each copy is made of, ingested."""
    exports = _exports(world)
    kept = [
        Workspace(_kept(_unit(world, seed, "workspace", _INGEST), partial(_ingest, exports[seed - 1])))
        for seed in range(1, 1 + min(world.copies, world.seeds))
    ]
    return [kept[copy % world.seeds] for copy in range(world.copies)]


def _unit(world: World, seed: int, what: str, code: Sequence[str]) -> Path:
    return world.cache / f"unit-r{world.unit}-p{world.periods}-s{seed}" / f"{what}-{code_digest(code)}"


def _simulate(world: World, seed: int, target: Path) -> None:
    simulate(target, reps=world.unit, periods=world.periods, seed=seed, fmt="parquet")


def _ingest(export: Path, target: Path) -> None:
    report = ingest(Workspace(target), export)
    if any(table.quarantined for table in report.tables):
        raise DataError(f"rows of {export} were quarantined, so the world is not what it claims to be\n{report.text()}")


def _write_export(world: World, fmt: Format, target: Path) -> None:
    units = _exports(world)
    for name in sorted(path.stem for path in units[0].glob("*.parquet")):
        options = "FORMAT csv, HEADER" if fmt == "csv" else "FORMAT parquet"
        _copy(name, [unit / f"{name}.parquet" for unit in units], target / f"{name}.{fmt}", options)
    for name in ("organisation.yaml", "comp_plans.yaml"):
        shutil.copy(units[0] / name, target / name)


def _write_store(world: World, target: Path) -> None:
    workspace = Workspace(target)
    units = _workspaces(world)
    stores = [TableStore(unit) for unit in units]
    loaded = [store.versions()[0] for store in stores]
    staging = workspace.root / "staging"
    staging.mkdir()
    staged: dict[str, Path] = {}
    for name in loaded[0].parts:
        staged[name] = staging / f"{name}.parquet"
        parts = [store.part_file(name, 1) for store in stores]
        _copy(name, parts, staged[name], "FORMAT parquet, COMPRESSION zstd")
    counts = {
        name: _added([one.tables[name] for one in (loaded[:1] if name in _SHARED else loaded)])
        for name in loaded[0].tables
    }
    source = f"{world.copies} copies of {world.unit} simulated reps"
    TableStore(workspace).append(staged, source=source, mapping=loaded[0].mapping, files={}, tables=counts)
    staging.rmdir()
    shutil.copy(units[0].organisation_file, workspace.organisation_file)
    shutil.copytree(units[0].comp_plans, workspace.comp_plans)


def _added(counts: list[TableCounts]) -> TableCounts:
    return TableCounts(**{each.name: sum(getattr(one, each.name) for one in counts) for each in fields(TableCounts)})


def _copy(name: str, parts: list[Path], target: Path, options: str) -> None:
    """Writes one table of all copies."""
    with closing(duckdb.connect(config={"memory_limit": "1GB", "threads": 2})) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = {quote_text(str(target.parent))}")
        described = connection.execute(f"DESCRIBE FROM {_parquet(parts[0])}").fetchall()
        types = {str(column): str(type_) for column, type_, *_ in described}
        if name in _SHARED:
            grown = _SHARED[name]
            parts, changes = parts[:1], [{grown: f"({grown} * {len(parts)})::{types[grown]}"}]
        else:
            changes = [_names_of(copy, types) for copy in range(len(parts))]
        rows = " UNION ALL ".join(_select(part, change) for part, change in zip(parts, changes, strict=True))
        connection.execute(f"COPY ({rows}) TO {quote_text(str(target))} ({options})")


def _names_of(copy: int, columns: Mapping[str, str]) -> dict[str, str]:
    """What gives a copy names of its own; the first keeps those it has."""
    return {name: f"'{copy:03}-' || {name}" for name in _OWN if copy and name in columns}


def _select(part: Path, changes: Mapping[str, str]) -> str:
    replaced = ", ".join(f"{expression} AS {name}" for name, expression in changes.items())
    return f"SELECT * {f'REPLACE ({replaced})' if replaced else ''} FROM {_parquet(part)}"


def _parquet(part: Path) -> str:
    return f"read_parquet({quote_text(str(part))})"


def _link_or_copy(source: str, target: str) -> None:
    """Files that are written once take no room; all others are the workspace's own."""
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy(source, target)


def main() -> None:
    """Makes worlds and says where they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", default="100,1000,10000")
    parser.add_argument("--periods", type=int, default=12, help="finished quarters")
    parser.add_argument("--what", choices=("store", "export"), default="store")
    parser.add_argument("--format", choices=FORMATS, default="parquet", help="of an export")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    for reps in map(int, options.reps.split(",")):
        world = World(reps, options.periods, cache=options.cache)
        if options.what == "export":
            print(make_export(world, options.format), flush=True)
            continue
        kept = make_store(world)
        print(f"{kept.root}: {events_of(kept):,} raw events, {events_of(kept) / reps:,.0f} a rep", flush=True)


if __name__ == "__main__":
    main()
