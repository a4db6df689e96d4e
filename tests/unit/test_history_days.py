"""Local days as an expression equal the calendar's own, second by second around every change of the clocks."""

from datetime import datetime, timedelta

import ibis
import pyarrow as pa
import pytest

from spm_ml.fiscal import FiscalCalendar
from spm_ml.history.local_days import LocalDays
from spm_ml.settings import FiscalSettings

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # clocks changed at midnight until 2019
    "America/St_Johns",  # at 00:01 until 2011
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kathmandu",
    "Pacific/Apia",  # skipped 2011-12-30
    "Africa/Casablanca",  # around Ramadan
]


@pytest.mark.parametrize("zone", ZONES)
def test_local_days_are_the_calendars(zone: str) -> None:
    first, last = datetime.fromisoformat("2010-01-01"), datetime.fromisoformat("2020-06-01")
    days = LocalDays.of(zone, first, last)
    around = [start + timedelta(seconds=ahead) for start in days.starts for ahead in (-86_400, -3_600, -1, 0, 1, 3_600)]
    spread = [first + timedelta(hours=7 * step, seconds=step) for step in range(13_000)]
    instants = [instant for instant in (*around, *spread, last) if first <= instant <= last]
    rows = ibis.memtable(pa.table({"at": pa.array(instants, pa.timestamp("us"))}))
    found = rows.select("at", day=days.day(rows["at"])).to_pyarrow().to_pydict()
    calendar = FiscalCalendar(FiscalSettings(), zone)
    assert found["day"] == [calendar.local_day(instant) for instant in found["at"]]


def test_one_instant_is_enough() -> None:
    instant = datetime.fromisoformat("2026-07-01T03:00")
    days = LocalDays.of("America/New_York", instant, instant)
    assert (days.starts, days.offsets) == ((instant,), (timedelta(hours=-4),))
