"""What counts as restated: rows recorded by the day that are new, other or gone; later records are not."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from spm_ml.replay.late_rows import LateRows, keep_rows, late_rows
from tests.history_world import Rows, deal, event, history_of

DAY = date(2026, 3, 31)

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def restated(folder: Path, then: Tables, now: Tables) -> tuple[LateRows, ...]:
    names = sorted({*then, *now})
    with history_of(**then) as before:
        keep_rows(before.as_of(DAY), names, folder)
    with history_of(**now) as after:
        return late_rows(after.as_of(DAY), names, folder)


def quota(rep_id: str, amount: float, set_on: str = "2026-01-02") -> dict[str, Any]:
    return {"rep_id": rep_id, "period": "2026Q1", "amount": amount, "set_on": set_on}


def test_rows_are_gained_changed_and_withdrawn_by_key(tmp_path: Path) -> None:
    then: Rows = [quota("ann", 10), quota("bob", 20)]
    now: Rows = [quota("ann", 11), quota("cy", 30), quota("ann", 99, "2026-04-01")]
    [found] = restated(tmp_path, {"quotas": then}, {"quotas": now})
    assert found == LateRows("quotas", gained=1, changed=1, withdrawn=1)
    assert found.text() == "quotas: 1 came in late, 1 corrected, 1 withdrawn"


def test_what_happened_later_restates_nothing(tmp_path: Path) -> None:
    created = event("2026-01-05", rep_id="ann", stage="Qualify", amount=5)
    then: Tables = {"opportunities": [deal(amount=5, recorded_at="2026-01-05")], "opportunity_events": [created]}
    won = deal(amount=7, stage="Won", outcome="won", closed_on="2026-04-02", recorded_at="2026-04-02T12:00:00Z")
    now: Tables = {
        "opportunities": [won],
        "opportunity_events": [created, event("2026-04-02T12:00:00Z", amount=7, outcome="won")],
    }
    assert restated(tmp_path, then, now) == ()


def test_a_deal_counts_once_however_many_of_its_changes_are_other(tmp_path: Path) -> None:
    created = event("2026-01-05", rep_id="ann", stage="Qualify", amount=5)
    later = [event("2026-02-01", stage="Propose", amount=6), event("2026-02-02", stage="Negotiate", amount=7)]
    deals = [deal(amount=5, recorded_at="2026-01-05")]
    then: Tables = {"opportunities": deals, "opportunity_events": [created]}
    now: Tables = {"opportunities": deals, "opportunity_events": [created, *later]}
    found = {one.table: (one.gained, one.changed, one.withdrawn) for one in restated(tmp_path, then, now)}
    assert found == {"opportunities": (0, 1, 0), "opportunity_events": (2, 0, 0)}


def test_an_open_deal_without_a_day_of_recording_is_known_from_the_export_on(tmp_path: Path) -> None:
    """A later export moves what such a source says about its open deals to a later day."""
    closed = [deal("old", "bob", closed_on="2026-03-30", outcome="won", amount=1)]
    newer = [deal("new", "bob", created_on="2026-04-10", closed_on="2026-04-15", outcome="won", amount=1)]
    then: Tables = {"opportunities": [deal(amount=5), *closed]}
    now: Tables = {"opportunities": [deal(amount=5), *closed, *newer]}
    assert restated(tmp_path, then, now) == (LateRows("opportunities", gained=0, changed=1, withdrawn=0),)
