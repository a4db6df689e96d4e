"""Planted authorisation faults and who caught them: one command, one table.

    python -m benchmarks.authorisation --out benchmarks/results/authorisation.md

First the application as it is, asked by every principal for every object of every route: it must not differ from the
oracle of `tests/authorisation.py`. Then each fault of `tests/planted_faults.py` alone, over the routes where it shows.
"""

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

from spm_ml.predictions import PredictionStore
from tests.authorisation import DEAD, LIVING, RULES, Matrix, cases
from tests.planted_faults import FAULTS, Fault, planted
from tests.prediction_world import World, make_world


def measured(faults: Iterable[Fault] = FAULTS, *, clean: bool = True) -> str:
    """The table as Markdown.

    Args:
        faults: What is planted.
        clean: Ask everything of the application as it is, too.
    """
    world, lines, caught = make_world(), [], 0
    if clean:
        with _matrix(world) as matrix:
            found = list(matrix.differences(cases()))
            lines += [
                f"As it is: {len(found)} differences in {matrix.asked:,} requests to {len(RULES)} routes by "
                f"{len(LIVING)} principals and {len(DEAD)} without access.",
                "",
            ]
    lines += ["| planted fault | differences | the first one |", "|---|---|---|"]
    # A store of their own: at the end of the clean run everybody is logged out.
    with _matrix(world) as matrix:
        for fault in faults:
            with planted(fault):
                found = list(matrix.differences(fault.cases()))
            caught += bool(found)
            first = f"`{shorten(found[0], 110)}`" if found else "**missed**"
            lines.append(f"| {fault.what} | {len(found)} | {first} |")
    return "\n".join([*lines, "", f"{caught} caught."])


@contextmanager
def _matrix(world: World) -> Iterator[Matrix]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.db"
        with PredictionStore.open(path) as store:
            world.publish_into(store)
        with Matrix(path, world, kept_answers_bytes=0) as matrix:
            yield matrix


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file that gets the table as well")
    arguments = parser.parse_args()
    table = measured()
    print(table)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(table + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
