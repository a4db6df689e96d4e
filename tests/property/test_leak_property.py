"""The leak property: whatever is recorded after an as-of day changes no feature of a row of it, bit for bit (H01)."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spm_ml.history import SalesHistory
from spm_ml.leakage import check_leakage
from spm_ml.settings import FiscalSettings
from tests.feature_world import World, organisation

CALENDARS = (
    FiscalSettings(),
    FiscalSettings(period="month"),
    FiscalSettings(pattern="4-5-4", start_month=2),
)
EVENTLESS = ("opportunity_events",)


@pytest.mark.slow
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(seed=6056, fiscal=FiscalSettings(), timezone="UTC", share=0.364, without=EVENTLESS)  # deals before hiring
@given(
    seed=st.integers(0, 10_000),
    fiscal=st.sampled_from(CALENDARS),
    timezone=st.sampled_from(("UTC", "America/Los_Angeles", "Asia/Tokyo")),
    share=st.floats(0.3, 0.9),
    without=st.sampled_from(((), EVENTLESS)),
)
def test_no_feature_reads_what_is_recorded_later(
    seed: int, fiscal: FiscalSettings, timezone: str, share: float, without: tuple[str, ...]
) -> None:
    world = World(seed, organisation(fiscal, timezone=timezone), reps=3, deals=7, days=220)
    frames = {name: frame for name, frame in world.frames().items() if name not in without}
    with SalesHistory.from_frames(frames, world.settings) as history:
        day = world.first + timedelta(days=int(share * world.days))
        certificate = check_leakage(history, days=[day], seed=seed)
        assert certificate.passed, certificate.examples
        assert certificate.records_changed > 0
