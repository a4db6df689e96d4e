"""A small dataset, value by value: a change of any rule shows here as a difference that someone must want.

To accept a change, run the test with `UPDATE_GOLDEN=1` in the environment and look at what it wrote.
"""

import os
from datetime import date
from math import isnan
from pathlib import Path

from spm_ml.dataset import build_dataset
from spm_ml.history import SalesHistory
from tests.feature_world import World

GOLDEN = Path(__file__).with_name("dataset.csv")
DAYS = [date(2025, 3, 31), date(2025, 5, 12), date(2025, 7, 7), date(2025, 7, 18)]


def test_the_dataset_is_as_it_was() -> None:
    world = World(41, reps=2, deals=8, days=200)
    with SalesHistory.from_frames(world.frames(), world.settings) as history:
        frame = build_dataset(history, as_of_days=DAYS).frame
    for name in frame.select_dtypes("float").columns:
        frame[name] = frame[name].map(lambda value: "" if isnan(value) else f"{value:.12g}")
    # one row a value, so that a difference reads as what it is
    rows = frame.drop(columns=["as_of", "rep_id"]).set_index(frame["rep_id"] + " " + frame["as_of"].dt.strftime("%F"))
    text = rows.T.to_csv(lineterminator="\n", index_label="column")
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text.splitlines() == GOLDEN.read_text(encoding="utf-8").splitlines()
