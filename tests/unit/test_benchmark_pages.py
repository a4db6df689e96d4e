"""The benchmark of the pages runs, and counts what it says it counts."""

from pathlib import Path

import pytest

from benchmarks.pages.__main__ import Measured, measure, table
from benchmarks.pages.browser import Load, Loads, chromium
from benchmarks.pages.visits import CLICKS, COMPARED, VISITS, Visit
from tests.browser.conftest import CHROMIUM


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}")
def test_a_short_run_measures_loads_and_clicks(tmp_path: Path) -> None:
    board, glossary = VISITS[0], next(visit for visit in VISITS if visit.name == "glossary")
    sort, opened = (click for click in CLICKS if click.name in ("risk board: sort", "risk board: open a rep"))
    with chromium() as browser:
        found = measure(browser, tmp_path, 12, 1, (COMPARED, board, glossary), (sort, opened))
    icon, loaded, text = found.loads
    assert icon.requests == 1
    assert icon.wire < 2_000
    assert icon.has_chart
    assert loaded.has_chart
    assert 1 < loaded.requests <= 6
    assert 10_000 < loaded.wire <= 45_000
    assert 0 < loaded.server < loaded.shown[0]
    assert not text.has_chart
    assert set(found.clicks) == {sort.name, opened.name}
    assert all(times[0] > 0 for times in found.clicks.values())


def test_the_table_shows_medians_and_the_heaviest() -> None:
    loads = tuple(
        Load(wire, 4, 10.0, chart, chart) for wire, chart in ((20_000, 90.0), (21_040, 250.0), (20_000, 100.0))
    )
    text = table([Measured(500, (Loads(Visit("vp", "/", "risk board"), loads),), {"sort": [80.0, 60.0, 300.0]})])
    assert "| risk board | vp | 500 | 21.0 | 4 | 10 | 100 (90) |" in text
    assert "| sort | 500 | 80 (60) |" in text
