"""Measures the service beside bare Starlette and `mlflow models serve`, and how it bears growth.

    python -m benchmarks.serving                  # the table: about 25 minutes
    python -m benchmarks.serving --quick          # the same from short slices: about 3 minutes
    python -m benchmarks.serving --parts growth   # 1 000, 10 000 and 100 000 reps stored
    python -m benchmarks.serving --parts million  # memory over a million requests

Servers run on one core and the client on another. PostgreSQL runs where it likes.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.serving import load, stores, tables, targets
from benchmarks.serving.compare import Job, Results, compare
from benchmarks.serving.endurance import NOTHING_KEPT, Grown, Started, growth, memory, start

PARTS: Final = ("speed", "start", "growth", "million")
SIZES: Final = (1_000, 10_000, 100_000)
_ENDLESS: Final = 10**9
SETTINGS: Final[dict[str, object]] = {
    "limits": {"reads_per_minute": _ENDLESS, "writes_per_minute": _ENDLESS, "what_if_per_minute": _ENDLESS}
}
"""Of the service: as it is shipped, requests logged and counted; a few managers ask more than any manager may."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what is asked for; prints the tables and writes them with their numbers."""
    options = _options(arguments)
    quick = options.quick
    server_core, client_core = options.cores
    results: Results = {}
    grown: list[Grown] = []
    resident: dict[int, int] = {}
    started: dict[str, Started] = {}
    texts = []
    with load.client(client_core) as client:
        stored = stores.sqlite_store(options.cache, options.reps, weeks=14, what_if=not options.without_what_if)
        if "speed" in options.parts:
            results = _speed(options, stored, client)
            texts.append(f"### Speed\n\n{tables.speed_table(results)}")
        if "start" in options.parts:
            started = {"SQLite": start(stored, server_core, times=3 if quick else 9, settings=SETTINGS)}
            texts.append(f"### Start\n\n{tables.start_table(started)}")
        if "growth" in options.parts:
            grown = growth(
                options.cache,
                options.sizes,
                client,
                server_core,
                weeks=3,
                rounds=options.rounds,
                seconds=options.seconds,
                settings=SETTINGS,
                say=_say,
            )
            texts.append(f"### Growth\n\n{tables.growth_table(grown)}")
        if "million" in options.parts:
            resident = memory(
                stored,
                client,
                server_core,
                requests=options.requests,
                steps=10,
                settings=SETTINGS,
                say=_say,
            )
            texts.append(f"### Memory\n\n{tables.memory_table(resident)}")
    text = "\n\n".join(texts) + "\n"
    print(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
        found = tables.numbers(results, grown, resident, started)
        options.out.with_suffix(".json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def _speed(options: argparse.Namespace, stored: stores.Stored, client: load.Client) -> Results:
    server_core, _ = options.cores
    with ExitStack() as stack:
        bare = stack.enter_context(targets.bare(server_core))
        jobs = [Job(tables.BARE, bare, [load.request("/")])]
        if not options.without_mlflow:
            _say("start mlflow")
            mlflow = stack.enter_context(targets.mlflow_serve(options.cache, server_core))
            jobs.append(Job(tables.MLFLOW, mlflow, [_invocation()]))
        places = {"SQLite": stored}
        if not options.without_postgresql:
            _say("fill PostgreSQL")
            places["PostgreSQL"] = stack.enter_context(_on_postgresql(options))
        for name, place in places.items():
            server = stack.enter_context(targets.ours(name, place.target, server_core, SETTINGS))
            page = load.request("/", headers={"Cookie": targets.log_in(server.port, next(iter(place.tokens.values())))})
            zipped = [one.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip\r\n\r\n") for one in place.single_reads()]
            anew = stack.enter_context(targets.ours(name, place.target, server_core, SETTINGS | NOTHING_KEPT))
            jobs += [
                Job(f"{name}: one rep's forecast", server, place.single_reads()),
                Job(f"{name}: the same, gzip", server, zipped),
                Job(f"{name}: the same, made anew", anew, place.single_reads()),
                Job(f"{name}: forecasts of a team", server, place.lists()),
                Job(f"{name}: decision", server, place.decisions(), frozenset({201})),
                Job(f"{name}: what-if", server, [] if options.without_what_if else place.what_ifs()),
                Job(f"{name}: risk board", server, [page]),
            ]
        return compare(
            [job for job in jobs if job.requests],
            client,
            connections=options.connections,
            rounds=options.rounds,
            seconds=options.seconds,
            say=_say,
        )


@contextmanager
def _on_postgresql(options: argparse.Namespace) -> Iterator[stores.Stored]:
    from tests.databases import start_postgresql

    server = start_postgresql(options.cache / "postgresql")
    name = server.new_database()
    try:
        target = server.address(name)
        stores.made(target, options.reps, weeks=14, what_if=not options.without_what_if)
        yield stores.asked(target)
    finally:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


def _invocation() -> bytes:
    columns = [f"x{number}" for number in range(32)]
    body = json.dumps({"dataframe_split": {"columns": columns, "data": [[0.5] * len(columns)]}}).encode()
    return load.request("/invocations", method="POST", body=body)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=_words, default=["speed", "start"], help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="short slices: rough numbers")
    parser.add_argument("--connections", type=_counts, default=[1, 16, 64])
    parser.add_argument("--reps", type=int, default=1_000, help="stored, but for growth")
    parser.add_argument("--sizes", type=_counts, default=list(SIZES), help="of the stores that growth is measured on")
    parser.add_argument("--requests", type=int, default=1_000_000, help="over which memory is measured")
    parser.add_argument("--rounds", type=int, help="slices of each row; default 15, quick 3")
    parser.add_argument("--seconds", type=float, help="of a slice; default 1.5, quick 0.4")
    for left_out in ("mlflow", "postgresql", "what-if"):
        parser.add_argument(f"--without-{left_out}", action="store_true")
    parser.add_argument("--cores", type=_cores, default=_two_cores(), help="server's and client's, for example 0,1")
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/results/serving"))
    parser.add_argument("--out", type=Path, help="Markdown file; the numbers go beside it as JSON")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.seconds = options.seconds or (0.4 if options.quick else 1.5)
    return options


def _words(text: str) -> list[str]:
    words = text.split(",")
    if unknown := sorted(set(words) - set(PARTS)):
        raise argparse.ArgumentTypeError(f"{unknown} are not parts: choose from {', '.join(PARTS)}")
    return words


def _counts(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _cores(text: str) -> tuple[int | None, int | None]:
    server, client = _counts(text)
    return server, client


def _two_cores() -> tuple[int | None, int | None]:
    free = sorted(os.sched_getaffinity(0))
    return (free[0], free[-1]) if len(free) > 1 else (None, None)


if __name__ == "__main__":
    main()
