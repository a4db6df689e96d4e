"""Requests that nobody would send, many of them: one command, one table of what they were answered.

    python -m benchmarks.bad_requests --examples 120 --out benchmarks/results/bad_requests.md

Schemathesis asks every operation of the API as every kind of principal, within its description and outside of it, and
holds each answer to it; then bodies that are none go to every route that writes. A 5xx, or a refusal that repeats what
was sent, ends the command with the request that caused it.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from schemathesis import GenerationMode

from spm_ml.predictions import PredictionStore
from tests.authorisation import Matrix
from tests.fuzzing import Statuses, ask_operation, fuzz_body, schema_of, writes
from tests.prediction_world import make_world


def measured(examples: int, *, only: str = "") -> str:
    """The table as Markdown.

    Args:
        examples: For each operation and mode, and for each route that writes.
        only: Addresses that begin otherwise are left out.
    """
    world = make_world()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.db"
        with PredictionStore.open(path) as store:
            world.publish_into(store)
        with Matrix(path, world) as matrix:
            schema, lines = schema_of(matrix), []
            operations = [
                (method, address)
                for address, methods in matrix.app.openapi()["paths"].items()
                for method in methods
                if address.startswith(only)
            ]
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                asked = [
                    ask_operation(schema, matrix.tokens, method, address, mode, examples)
                    for method, address in operations
                ]
                lines.append(_line(f"Schemathesis, {mode.value}", len(operations), asked))
            routes = [(method, route) for method, route in writes() if route.startswith(only)]
            bodies = [fuzz_body(matrix, method, route, examples) for method, route in routes]
            lines.append(_line("bodies that are none", len(routes), bodies))
    return "\n".join(["| requests | routes | sent | 2xx | 3xx | 4xx | 5xx |", "|---|---|---|---|---|---|---|", *lines])


def _line(name: str, routes: int, parts: Iterable[Statuses]) -> str:
    statuses: Statuses = sum(parts, Counter())
    classes = Counter[int]()
    for status, number in statuses.items():
        classes[status // 100] += number
    counts = (statuses.total(), *(classes[first] for first in (2, 3, 4, 5)))
    return f"| {name} | {routes} | {' | '.join(f'{number:,}' for number in counts)} |"


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=120)
    parser.add_argument("--out", type=Path, help="file that gets the table as well")
    arguments = parser.parse_args()
    table = measured(arguments.examples)
    print(table)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(table + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
