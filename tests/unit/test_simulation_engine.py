"""What the engine hands to the CRM on its first morning."""

from dataclasses import replace

import numpy as np

from spm_ml.fiscal import FiscalCalendar
from spm_ml.progress import silent
from spm_ml.simulation.engine import run, streams
from spm_ml.simulation.ledger import KINDS
from spm_ml.simulation.simulate import DEFAULT_END
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import Ints, Knobs, World


def test_no_deal_is_loaded_whose_owner_the_crm_does_not_know() -> None:
    knobs = Knobs(attrition=0.6, cancel=0.3, inherit=True)  # deals are reopened after their owners have left
    world = replace(World.clean(), knobs=knobs, activities=0.0)
    calendar = FiscalCalendar.of(world.organisation)
    timeline = Timeline.of(calendar, last=DEFAULT_END, periods=1, burn_in=world.burn_in)
    diary: list[dict[str, Ints]] = []
    course = run(world, timeline, 120, streams(2), diary.append, silent)
    columns = course.ledger.columns()
    loaded = (columns["kind"] == KINDS.index("created")) & (columns["event_on"] < timeline.report_start)
    left_on = course.people.left_on[columns["owner"][loaded]]
    assert loaded.sum() > 100
    assert (left_on >= timeline.report_start).all()
    assert np.isin(columns["deal"], columns["deal"][columns["kind"] == KINDS.index("created")]).all()
