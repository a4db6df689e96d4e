"""Measures the pages in Chromium against the service in a process of its own.

    python -m benchmarks.pages                     # 12 and 500 reps on the board: about 10 minutes
    python -m benchmarks.pages --reps 12 --runs 3  # rough numbers

Every cold load has a window of its own with an empty cache; clicks are done in one window, on the page anew each time.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from playwright.sync_api import Browser

from benchmarks.pages.browser import Load, Loads, chromium, clicked, load
from benchmarks.pages.visits import CLICKS, COMPARED, VISITS, Click, Visit
from benchmarks.pages.worlds import filled
from benchmarks.serving.targets import ours

SETTINGS: Final = {"limits": {"enabled": False}}


@dataclass(frozen=True)
class Measured:
    """What was measured with so many reps on the board.

    Attributes:
        loads: Of each page.
        clicks: Milliseconds of each run of each click.
    """

    reps: int
    loads: tuple[Loads, ...]
    clicks: dict[str, list[float]]


def measure(
    browser: Browser, folder: Path, reps: int, runs: int, visits: Sequence[Visit], clicks: Sequence[Click]
) -> Measured:
    """Fills a store, serves it and visits it.

    Args:
        browser: Running.
        folder: For the store.
        reps: On the board of the head.
        runs: Of each page and click; one more before them is not counted.
        visits: Pages to load.
        clicks: What to do on them.
    """
    store = folder / f"reps-{reps}.db"
    sessions = filled(store, reps)
    with ours("pages", str(store), None, SETTINGS) as server:
        address = f"http://127.0.0.1:{server.port}"
        every: list[list[Load]] = [[] for _ in visits]
        for run in range(runs + 1):  # in turn, so that a busy minute of the machine is shared by all
            _say(f"{reps} reps: cold loads, {run} of {runs}")
            for visit, so_far in zip(visits, every, strict=True):
                so_far.append(load(browser, address, sessions[visit.who], visit))
        loads = (Loads(visit, tuple(found[1:])) for visit, found in zip(visits, every, strict=True))
        times = {}
        for click in clicks:
            if reps >= click.reps:
                _say(f"{reps} reps: {click.name}")
                times[click.name] = clicked(browser, address, sessions[click.who], click, runs + 1)[1:]
    return Measured(reps, tuple(loads), times)


def table(found: Sequence[Measured]) -> str:
    """Both tables in Markdown."""
    lines = ["| page | role | reps | KB on the wire | requests | first byte, ms | first chart, ms (least) |"]
    lines.append("|---|---|---|---|---|---|---|")
    for one in found:
        for loads in one.loads:
            shown, least = loads.shown
            chart = f"{shown:.0f} ({least:.0f})" + ("" if loads.has_chart else ", text")
            lines.append(
                f"| {loads.visit.name} | {loads.visit.who} | {one.reps} | {loads.wire / 1_000:.1f} | {loads.requests} "
                f"| {loads.server:.0f} | {chart} |"
            )
    lines += ["", "| click | reps | ms (least) |", "|---|---|---|"]
    lines += [
        f"| {name} | {one.reps} | {median(times):.0f} ({min(times):.0f}) |"
        for one in found
        for name, times in one.clicks.items()
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what is asked for; prints the tables and writes them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--reps", type=_sizes, default=(12, 500), help="reps on the board: 12,500")
    parser.add_argument("--runs", type=int, default=15, help="of each page and click")
    parser.add_argument("--out", type=Path, help="a file for the tables")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        text = table(
            [measure(browser, Path(folder), reps, options.runs, (COMPARED, *VISITS), CLICKS) for reps in options.reps]
        )
    print(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
