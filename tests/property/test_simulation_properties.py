"""Properties that hold for any size, seed and choice of hazards."""

import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spm_ml.fiscal import FiscalCalendar
from spm_ml.simulation import oracle_forecast, simulate
from spm_ml.simulation.book import Book, credited
from spm_ml.simulation.hazards import FILE_HAZARDS, PLANTED, plant
from spm_ml.simulation.ledger import UNCHANGED, running
from spm_ml.simulation.render import money
from spm_ml.simulation.truth import read_truth
from spm_ml.simulation.world import World
from spm_ml.tables import TABLE_BY_NAME

_CODES = [hazard.code for hazard in PLANTED if hazard.code not in FILE_HAZARDS]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    reps=st.integers(1, 12),
    periods=st.integers(1, 3),
    seed=st.integers(0, 2**32),
    hazards=st.sets(st.sampled_from(_CODES)),
    end=st.dates(date(2026, 10, 1), date(2026, 12, 30)),
)
def test_any_organisation_is_whole(reps: int, periods: int, seed: int, hazards: set[str], end: date) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        summary = simulate(folder, reps=reps, periods=periods, seed=seed, fmt="parquet", hazards=hazards, end=end)
        tables = {table: pq.read_table(folder / f"{table}.parquet").to_pandas() for table in summary.rows}
        for table, frame in tables.items():
            for column in TABLE_BY_NAME[table].columns:
                if column.references:
                    other, key = column.references.split(".")
                    assert set(frame[column.name].dropna()) <= set(tables[other][key])
        _check_bookings(folder)
        forecast = oracle_forecast(folder / "truth", summary.last_day, draws=5)
        assert forecast["rep_id"].is_unique


def _check_bookings(folder: Path) -> None:
    """Outcomes are what an independent reading of the whole ledger gives, deal by deal."""
    truth = read_truth(folder / "truth")
    if "H10" in truth.world.planted:
        return  # bookings are then at the rate of their day, the kernel's ledger is not
    calendar = FiscalCalendar.of(truth.world.organisation)
    events = pd.DataFrame(truth.events)
    expected: dict[tuple[str, str], float] = {}
    for number, rows in events.groupby("deal"):
        owner = amount = 0
        for row in rows.sort_values(["recorded_on", "seconds"], kind="stable").itertuples():
            owner = row.owner if row.owner != UNCHANGED else owner
            amount = row.amount if row.amount != UNCHANGED else amount
            sign = {4: 1, 6: -1, 7: -1}.get(row.kind, 0)
            if sign:
                partner, share = int(truth.deals.partner[number]), float(truth.deals.share[number])
                part = round(amount * share) if partner not in (-1, owner) else 0
                own = amount if truth.deals.credit[number] == 1 else amount - part
                label = calendar.period_of(date.fromordinal(719163 + row.event_on)).label
                for rep, value in ((owner, own), (partner, part)):
                    if rep >= 0 and value:
                        key = (truth.rep_ids[rep], label)
                        expected[key] = expected.get(key, 0) + sign * value
    tolerance = 60_000 if "H15" in truth.world.planted else 60
    for row in truth.outcomes.itertuples():
        assert abs(row.bookings - expected.get((row.rep_id, row.period), 0)) <= tolerance


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from([hazard.code for hazard in PLANTED])), st.floats(0, 3))
def test_a_world_is_read_back_as_it_was_written(codes: set[str], effects: float) -> None:
    world = plant(World.clean(effects), codes)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "world.json"
        world.write(path)
        assert World.read(path) == world


@settings(deadline=None)
@given(st.lists(st.integers(-(2**62), 2**62), max_size=30))
def test_money_is_exact(minor: list[int]) -> None:
    column = money(np.array(minor, dtype=np.int64))
    assert [int(value.scaleb(2)) for value in column.to_pylist()] == minor


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 5) | st.just(UNCHANGED), max_size=6), min_size=1, max_size=6))
def test_running_values_never_leave_their_deal(runs: list[list[int]]) -> None:
    known = [[9, *run] for run in runs]
    expected = []
    for run in known:
        last = UNCHANGED
        for value in run:
            last = value if value != UNCHANGED else last
            expected.append(last)
    assert running(np.array([value for run in known for value in run])).tolist() == expected


@settings(deadline=None)
@given(st.integers(1, 10**9), st.floats(0, 1), st.booleans(), st.sampled_from([-1, 0, 1]))
def test_revenue_credit_is_shared_and_overlay_comes_on_top(
    amount: int, share: float, overlay: bool, partner: int
) -> None:
    one = np.ones(1, dtype=np.int64)
    zero = np.zeros(1, dtype=np.int64)
    book = Book(
        deal=zero, created_on=zero, scenario=zero, owner=zero, segment=zero, stage=one, amount=one * amount,
        urgency=np.ones(1), expected=zero, dormant=np.zeros(1, dtype=np.bool_), age=zero, partner=one * partner,
        share=np.array([share]), credit=one * overlay,
    )  # fmt: skip
    total = credited(book, 1, 2).sum()
    extra = round(amount * share) if overlay and partner == 1 else 0
    assert abs(total - amount - extra) <= 1
    assert credited(book, 1, 2, sign=-1).sum() == -total
