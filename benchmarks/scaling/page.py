"""docs/benchmarks.md, written from what was measured; nothing in it is typed by hand but the words."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from benchmarks.scaling.engines import SPARK_MEMORY
from benchmarks.scaling.peers import COMMON, MLFORECAST, TOLERANCE
from benchmarks.scaling.processes import GIB
from benchmarks.scaling.results import Size
from benchmarks.scaling.steps import STEPS, Measured

EXTRAPOLATED: Final = 100_000
"""Reps of the table that was not measured."""

HOURS: Final = (1, 4)
GIBS: Final = (4, 16)
"""What the table of capacity asks for."""
GOAL_RATIO: Final = 5
GOAL_DAY: Final = 0.03
GOAL_GIB: Final = 4
"""Of the dataset at 10 000 reps: scans, one more day as a share of everything, and memory."""
_TOTAL: Final = "all steps"
_COLUMNS: Final = (
    *("step", "seconds", "CPU seconds", "share of CPU", "peak GiB", "raw events/s", "dataset rows/s"),
    *("÷ scan, seconds", "÷ scan, CPU"),
)


def page(sizes: Mapping[int, Size]) -> str:
    """The page as Markdown.

    Args:
        sizes: What was measured, by reps, smallest first.
    """
    measured = list(sizes.values())
    parts = [
        _INTRODUCTION,
        *map(_size, measured),
        _one_more_day(measured),
        _capacity(measured),
        _growth(measured),
        _engines(measured),
    ]
    parts += [_peers(measured), _GUARD]
    return "\n\n".join(part for part in parts if part) + "\n"


_INTRODUCTION: Final = f"""# How it grows

Generated from `benchmarks/scaling/measured.json` by `make docs`; measured by `python -m benchmarks.scaling`. What the
numbers mean for an installation is in [scaling](scaling.md).

Organisations of 100 seats are simulated with five seeds over 12 finished quarters and a running one, and copied until
there are enough reps; each copy has people, deals and teams of its own. *Raw events* are deals, changes of deals and
activities. Every step is the `spm` command in a process of its own, from Parquet files to published recommendations;
seconds include starting Python and its libraries (a few seconds of each step, which is much of it at 100 reps).
`ingest` also derives what a build reads ([record 20](decisions/0020-what-a-build-reads-is-derived-once.md)). *Peak* is
resident memory of the whole process tree. One *scan* reads and hashes every column of the stored Parquet once with
DuckDB on two threads, files in the system's cache, without the start of a process. On a machine that others use too,
seconds say little, processor seconds more, and ratios most; sizes that were measured at different commits do not give
true slopes. The goal of the dataset is at most {GOAL_RATIO} scans and {GOAL_GIB} GiB at 10 000 reps."""

_EXTRAPOLATION: Final = f"""## {EXTRAPOLATED:,} reps, not measured

Extrapolated: a straight line in logarithms through the two largest sizes that a step was measured at (slope 1 = ten
times the reps take ten times as much). Fixed costs make slopes between small sizes too flat, so that these are lower
bounds where the larger size is small."""

_CAPACITY: Final = f"""## What one machine holds

Reps that each step takes in so many hours of one core and in so much memory, from the largest measured size on along
the slope of the next table, but at least in proportion: slopes below 1 come from fixed costs and do not last.
Extrapolated beyond that size; nothing is said beyond {EXTRAPOLATED:,}. A step that works on two cores needs half of
the hours."""

_ENGINES: Final = f"""## The dataset on other engines

`spm dataset --engine …` with the same content hash on each (another one stops the benchmark), everything on this one
machine, where neither PostgreSQL nor Spark can gain. PostgreSQL runs with its own defaults, its processor seconds count
and its memory does not; Spark is `local[2]` with {SPARK_MEMORY} for Java, whose start counts."""

_PEERS: Final = f"""## Other means to the same features

The same values on the same rows, held to ours (a difference above {TOLERANCE:g} stops the benchmark). *pandas*:
{len(COMMON)} features in a page of code that reads the stored Parquet. *mlforecast*: the engine of mlforecast
{MLFORECAST} in an environment of its own; it starts from daily counts that are made before its clock starts. *Ours* is
a whole build of the rows, with targets, hazards and open deals beside these features, which the others do not make;
what `ingest` would have derived before is derived in it."""

_ONE_MORE_DAY: Final = f"""## One more day

A world is cut before its busiest day of the last week; what the day changes is derived, and the dataset refreshed, each
in a process of its own, whose start counts. Both must give what deriving and building everything gives, or the
benchmark stops. *Share* is processor seconds of the day ÷ those of everything (goal: {GOAL_DAY:.0%}). Datasets of at
most 50 000 rows are always built whole."""

_GUARD: Final = """## The guard

`python -m benchmarks.guard` measures 100 reps again and compares ratios, never seconds, with those last accepted
([scaling](scaling.md#what-became-slower))."""


def _size(size: Size) -> str:
    head = (
        f"## {size.reps:,} reps\n\n{size.events:,} raw events, {size.rows:,} dataset rows, {size.periods} finished "
        f"quarters. {size.day}, commit `{size.commit}`, {size.machine}."
    )
    ran = [one for one in size.steps.values() if not one.not_run]
    cpu = sum(one.cpu for one in ran)
    total = Measured(sum(one.seconds for one in ran), cpu, max((one.peak for one in ran), default=0.0))
    lines = []
    if size.scan is not None:
        lines.append(["one scan", _number(size.scan.seconds), _number(size.scan.cpu), "", "", "", "", "1", "1"])
    lines += [_line(step.name, size.steps[step.name], size, cpu) for step in STEPS if step.name in size.steps]
    return f"{head}\n\n{_markdown(_COLUMNS, [*lines, _line(_TOTAL, total, size, cpu)])}"


def _line(name: str, taken: Measured, size: Size, cpu: float) -> list[str]:
    if taken.not_run:
        return [name, f"not run: {taken.not_run}", *[""] * (len(_COLUMNS) - 2)]
    scan = size.scan or Measured()
    return [
        name,
        _number(taken.seconds),
        _number(taken.cpu),
        f"{_ratio(taken.cpu, cpu):.0%}",
        f"{taken.peak / GIB:.2f}",
        f"{_ratio(size.events, taken.seconds):,.0f}",
        f"{_ratio(size.rows, taken.seconds):,.0f}",
        _number(_ratio(taken.seconds, scan.seconds)),
        _number(_ratio(taken.cpu, scan.cpu)),
    ]


def slope(smaller: float, larger: float, growth: float) -> float:
    """Exponent of a power law through two sizes: 1 = twice the reps take twice as much.

    >>> slope(2.0, 20.0, 10)
    1.0
    """
    return math.log(larger / smaller) / math.log(growth)


def _pairs(sizes: Sequence[Size]) -> Iterator[tuple[str, Size, Size]]:
    """Each step with the two largest sizes that it was measured at."""
    for step in STEPS:
        ran = [size for size in sizes if step.name in size.steps and not size.steps[step.name].not_run]
        if len(ran) > 1:
            yield step.name, *ran[-2:]


def _capacity(sizes: Sequence[Size]) -> str:
    """How many reps each step takes in an hour and in some memory."""
    lines = []
    for name, smaller, larger in _pairs(sizes):
        before, after = smaller.steps[name], larger.steps[name]
        room = (
            *((before.cpu, after.cpu, hours * 3600.0) for hours in HOURS),
            *((before.peak, after.peak, float(gib * GIB)) for gib in GIBS),
        )
        lines.append([name, *(_holds(low, high, most, smaller.reps, larger.reps) for low, high, most in room)])
    if not lines:
        return ""
    columns = ("step", *(f"reps in {hours} h of one core" for hours in HOURS), *(f"reps in {gib} GiB" for gib in GIBS))
    return f"{_CAPACITY}\n\n{_markdown(columns, lines)}"


def _holds(low: float, high: float, most: float, smaller: int, larger: int) -> str:
    """Reps at which a power law from the larger size on, at least a proportional one, reaches `most`; two digits."""
    steep = max(slope(low, high, larger / smaller), 1.0)
    exponent = min(math.log10(larger) + math.log10(most / high) / steep, math.log10(EXTRAPOLATED))
    if exponent == math.log10(EXTRAPOLATED):
        return f"above {EXTRAPOLATED:,}"
    reps = 10**exponent * (1 + 1e-9)  # a whole number stays one
    digits = 10 ** max(math.floor(exponent) - 1, 0)
    return f"{math.floor(reps / digits) * digits:,}"


def _growth(sizes: Sequence[Size]) -> str:
    """What the two largest sizes say of one that was not measured."""
    lines = []
    for name, smaller, larger in _pairs(sizes):
        before, after = smaller.steps[name], larger.steps[name]
        cells = [name, f"{smaller.reps:,} → {larger.reps:,}"]
        for low, high in ((before.cpu / 3600, after.cpu / 3600), (before.peak / GIB, after.peak / GIB)):
            steep = slope(low, high, larger.reps / smaller.reps)
            cells += [f"{steep:.2f}", _number(high * (EXTRAPOLATED / larger.reps) ** steep)]
        lines.append(cells)
    if not lines:
        return ""
    columns = ("step", "slope from", "slope of CPU", f"CPU hours at {EXTRAPOLATED:,}", "slope of peak", "GiB")
    return f"{_EXTRAPOLATION}\n\n{_markdown(columns, lines)}"


def _one_more_day(sizes: Sequence[Size]) -> str:
    lines = []
    for size in sizes:
        if (day := size.one_more_day) is not None:
            costs = (day.derive_all, day.build_all, day.derive_changes, day.refresh)
            cells = [f"{size.reps:,}", f"{day.records:,}", f"{day.computed:,} of {day.rows:,}"]
            peak = max(day.derive_changes.peak, day.refresh.peak) / GIB
            lines.append([*cells, *(_number(cost.cpu) for cost in costs), f"{day.share:.1%}", f"{peak:.2f}"])
    if not lines:
        return ""
    columns = ("reps", "records of the day", "rows computed", "derive all, CPU s", "build all", "derive the day")
    return f"{_ONE_MORE_DAY}\n\n{_markdown((*columns, 'refresh', 'share', 'peak GiB'), lines)}"


def _engines(sizes: Sequence[Size]) -> str:
    lines = []
    for size in sizes:
        own = size.engines.get("duckdb", Measured())
        lines += [[f"{size.reps:,}", name, *_beside(taken, own)] for name, taken in size.engines.items()]
    if not lines:
        return ""
    columns = ("reps", "engine", "seconds", "CPU seconds", "peak GiB", "CPU ÷ DuckDB")
    return f"{_ENGINES}\n\n{_markdown(columns, lines)}"


def _peers(sizes: Sequence[Size]) -> str:
    lines = []
    for size in sizes:
        own = Measured()
        for name, peer in size.peers.items():
            own = peer.measured if name.startswith("ours") else own
            lines.append(
                [f"{size.reps:,}", name, str(peer.features), *_beside(peer.measured, own), _equal(peer.difference)]
            )
    if not lines:
        return ""
    columns = ("reps", "who", "features", "seconds", "CPU seconds", "peak GiB", "CPU ÷ ours", "greatest difference")
    return f"{_PEERS}\n\n{_markdown(columns, lines)}"


def _beside(taken: Measured, own: Measured) -> list[str]:
    if taken.not_run:
        return [f"not run: {taken.not_run}", "", "", ""]
    return [
        _number(taken.seconds),
        _number(taken.cpu),
        f"{taken.peak / GIB:.2f}",
        f"{_ratio(taken.cpu, own.cpu):.2f}",
    ]


def _equal(difference: float) -> str:
    return "0" if difference == 0 else f"{difference:.0e}"


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _number(value: float) -> str:
    """Three digits.

    >>> [_number(value) for value in (0.0123, 1.234, 45.67, 1234.5, float("nan"))]
    ['0.012', '1.2', '46', '1,234', '–']
    """
    if math.isnan(value):
        return "–"
    digits = 0 if value >= 10 else 1 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def _markdown(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    columns = list(header)
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows))
