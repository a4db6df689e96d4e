"""A row depends on its rep, its day and the records known by then, and on nothing else of the build."""

from random import Random

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spm_ml.dataset import RepPeriodDataset, as_of_grid, build_dataset, write_dataset
from spm_ml.history import SalesHistory
from tests.feature_world import World


@pytest.mark.slow
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False), share=st.floats(0.2, 0.8))
def test_rows_do_not_depend_on_the_build(
    tmp_path_factory: pytest.TempPathFactory, seed: int, order: Random, share: float
) -> None:
    tmp = tmp_path_factory.mktemp("blocks")
    world = World(seed, reps=3, deals=6, days=200)
    frames = world.frames()
    with SalesHistory.from_frames(frames, world.settings) as history:
        whole = build_dataset(history)
        grid = as_of_grid(history)
        chosen = sorted(order.sample(grid, max(1, int(share * len(grid)))))
        some = sorted(order.sample(world.rep_ids, order.randint(0, len(world.rep_ids))))
        blocks = write_dataset(history, tmp / "rows.parquet", as_of_days=chosen, reps_at_once=order.randint(1, 4))
        of_some = build_dataset(history, as_of_days=chosen[:1], reps=[*some, "nobody"])
    expected = whole.where(whole.frame["as_of"].dt.date.isin(chosen))
    assert blocks == expected.content_hash == RepPeriodDataset.read(tmp / "rows.parquet").content_hash
    asked = expected.frame["rep_id"].isin(some) & (expected.frame["as_of"].dt.date == chosen[0])
    assert of_some.content_hash == expected.where(asked).content_hash

    shuffled = {
        name: frame.sample(frac=1, random_state=seed) if name not in ("opportunity_events", "activities") else frame
        for name, frame in frames.items()
    }
    with SalesHistory.from_frames(shuffled, world.settings) as history:
        part = build_dataset(history, as_of_days=chosen)
    pd.testing.assert_frame_equal(part.frame, expected.frame)
    assert part.content_hash == expected.content_hash
    assert part.data_hash == whole.data_hash
