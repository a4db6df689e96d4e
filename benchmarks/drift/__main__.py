"""Prints the table of `docs/decisions/0013-drift.md`: `python -m benchmarks.drift [--months N]`."""

import argparse
import sys
from collections.abc import Iterable

from benchmarks.drift.worlds import make_rows, stability_indices
from spm_ml.drift import find_drift
from spm_ml.drift.columns import ALPHA

SIZES = (30, 60, 100)
SHIFTS = (0.5, 1.0, 1.5)


def alarms(reps: int, seeds: Iterable[int]) -> tuple[float, float, float]:
    """Shares of months without drift in which the check alarms, PSI > .1 does, and PSI does for one column."""
    found = []
    for seed in seeds:
        rows = make_rows(reps, seed=seed)
        unstable = stability_indices(rows) > 0.1
        checked = any(one.is_beyond_chance for one in find_drift([rows], seed=seed))
        found.append((checked, bool(unstable.any()), float(unstable.mean())))
    return tuple(sum(column) / len(found) for column in zip(*found, strict=True))  # type: ignore[return-value]


def power(reps: int, shift: float, seeds: Iterable[int]) -> float:
    """Share of months in which a shift of one column is found."""
    found = [find_drift([make_rows(reps, seed=seed, shift=shift)], seed=seed)[-1] for seed in seeds]
    return sum(one.is_beyond_chance for one in found) / len(found)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=200, help="months of each kind")
    months = parser.parse_args().months
    heads = ("rows", "any alarm", "PSI > .1, any", "PSI > .1, one", *(f"finds {shift} SD" for shift in SHIFTS))
    sys.stdout.write(f"{months} months of each kind, stated level {ALPHA:.0%}\n| {' | '.join(heads)} |\n")
    sys.stdout.write(f"|{'---|' * len(heads)}\n")
    for reps in SIZES:
        measured = (*alarms(reps, range(months)), *(power(reps, shift, range(months)) for shift in SHIFTS))
        sys.stdout.write(f"| {reps} | {' | '.join(f'{share:.1%}' for share in measured)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
