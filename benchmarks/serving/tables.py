"""The results as Markdown, and as numbers that a later run can be held against."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from benchmarks.serving.compare import Results
from benchmarks.serving.endurance import Grown, Started

BARE: Final = "bare Starlette, hello"
MLFLOW: Final = "`mlflow models serve`, one row"


def speed_table(results: Results) -> str:
    """Every row beside bare Starlette and `mlflow models serve`."""
    head = ("", "connections", "requests/s", "÷ bare", "CPU: bare ÷", "÷ mlflow", "p50, ms", "p99, ms")
    rows = []
    for (row, connections), seen in results.items():
        bare, mlflow = results[BARE, connections], results.get((MLFLOW, connections))
        rows.append(
            (
                row,
                str(connections),
                f"{median(seen.rates):,.0f}",
                f"{seen.against(bare):.1%}",
                f"{bare.cpu_each / seen.cpu_each:.1%}" if seen.cpu else "–",
                "–" if mlflow is None else f"{seen.against(mlflow):.1f}",
                f"{1e3 * seen.percentile(0.5):.1f}",
                f"{1e3 * seen.percentile(0.99):.1f}",
            )
        )
    return _markdown(head, rows)


def growth_table(grown: Sequence[Grown]) -> str:
    """p50 of each read, and how many times that of the smallest store it is."""
    sizes = list(grown[0].p50)
    head = ("p50, ms (÷ smallest)", *(f"{size:,} reps" for size in sizes))
    return _markdown(
        head, [(one.row, *(f"{1e3 * one.p50[size]:.2f} ({one.ratio[size]:.2f})" for size in sizes)) for one in grown]
    )


def memory_table(resident: Mapping[int, int]) -> str:
    """Resident memory by requests answered."""
    head = ("requests answered", "MB")
    return _markdown(head, [(f"{count:,}", f"{size / 1e6:.1f}") for count, size in resident.items()])


def start_table(started: Mapping[str, Started]) -> str:
    """What it takes to be ready."""
    head = ("store", "ready after, s", "processor time, s", "MB")
    return _markdown(
        head,
        [(name, f"{one.seconds:.2f}", f"{one.cpu:.2f}", f"{one.resident / 1e6:.1f}") for name, one in started.items()],
    )


def numbers(
    results: Results, grown: Sequence[Grown], resident: Mapping[int, int], started: Mapping[str, Started]
) -> dict[str, Any]:
    """Ratios, which hold on another machine, and what they were made of."""
    speed = {}
    for (row, connections), seen in results.items():
        bare, mlflow = results[BARE, connections], results.get((MLFLOW, connections))
        speed[f"{row}, {connections}"] = {
            "rate": median(seen.rates),
            "of_bare": seen.against(bare),
            "of_mlflow": None if mlflow is None else seen.against(mlflow),
            "cpu_of_bare": bare.cpu_each / seen.cpu_each if seen.cpu else None,
            "p50": seen.percentile(0.5),
            "p99": seen.percentile(0.99),
        }
    return {
        "speed": speed,
        "growth": {one.row: {str(size): ratio for size, ratio in one.ratio.items()} for one in grown},
        "memory": {str(count): size for count, size in resident.items()},
        "start": {name: vars(one) for name, one in started.items()},
    }


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))
