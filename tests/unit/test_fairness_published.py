"""What readers who know by name who got what are given of an audit: rates of groups, and nobody's group."""

import pandas as pd

from spm_ml.fairness import Measure, ProtectedGroups
from spm_ml.fairness.published import given_to_readers
from spm_ml.predictions import FairnessAudit, PredictionStore, Scope
from spm_ml.settings import FairnessSettings
from tests.coaching_world import make_coaching, make_fairness
from tests.prediction_world import World, make_world

REPS = [f"r{place:02d}" for place in range(40)]
GROUPS = ProtectedGroups.of(
    pd.DataFrame(
        [
            {"rep_id": rep, "attribute": name, "value": value}
            for place, rep in enumerate(REPS)
            for name, value in (("gender", "fm"[place % 2]), ("part time", "no" if place < 24 else "yes"))
        ]
    )
)


def measured(*got: str, slug: str = "offered") -> Measure:
    index = pd.Index(REPS, name="rep_id")
    return Measure(slug, "Offered a program", "benefit", pd.Series(index.isin(got), index=index))


def given(*measures: Measure, aggregation_only: bool = False) -> FairnessAudit:
    return given_to_readers(GROUPS, measures, FairnessSettings(aggregation_only=aggregation_only))


def findings(audit: FairnessAudit, attribute: str) -> set[str]:
    return {row.finding for row in audit.rows if row.attribute == attribute}


def test_rates_and_ratios_are_given() -> None:
    rows = [row for row in given(measured(*REPS[:10], *REPS[30:36])).rows if row.attribute == "gender"]
    assert [(row.group, row.people, row.rate) for row in rows] == [("f", 20, 0.4), ("m", 20, 0.4)]
    assert {row.finding for row in rows} == {"reference", "within four fifths"}


def test_where_all_who_got_it_are_of_one_group_nothing_is_given_of_it() -> None:
    """Every name among the offered would be a woman's."""
    women = measured(*REPS[0:24:2])
    found = given(women)
    assert findings(found, "gender") == {"withheld"}
    assert findings(found, "gender and part time") == {"withheld"}
    assert all(row.rate is None and row.people is None for row in found.rows if "gender" in row.attribute)
    everybody_else = measured(*(rep for rep in REPS if rep not in REPS[0:24:2]))
    assert findings(given(everybody_else), "gender") == {"withheld"}, "nor where all who did not are"


def test_of_what_few_share_nothing_is_given_whatever_the_settings() -> None:
    for aggregation_only in (True, False):
        found = given(measured(*REPS[:3]), aggregation_only=aggregation_only)
        assert {row.finding for row in found.rows} == {"too few in all"}


def test_without_groups_there_is_a_reason() -> None:
    found = given_to_readers(None, [measured(*REPS[:10])], FairnessSettings())
    assert found.abstention is not None
    assert found.rows == ()


def test_an_audit_is_of_the_offers_that_it_saw(harbour: World, tmp_path: object) -> None:
    with PredictionStore.open(f"sqlite:///{tmp_path}/audit.db") as store:
        harbour.publish_into(store)
        store.publish_coaching(make_coaching(harbour))
        store.publish_fairness(harbour.batch, make_fairness())
        lines = len(tuple(store.audit.entries()))
        store.publish_fairness(harbour.batch, make_fairness())
        assert len(tuple(store.audit.entries())) == lines, "the same found again is no news"
        for role, sees in (("hr", True), ("analyst", False), ("admin", False)):
            with store.read(Scope(role)) as batch:  # type: ignore[arg-type]
                assert (batch.fairness() == make_fairness()) is sees
        store.publish_coaching(make_coaching(harbour))
        with store.read(Scope("hr")) as batch:
            assert batch.fairness() is None
        make_world(batch_id="b-0002").publish_into(store)
        with store.read(Scope("hr")) as batch:
            assert batch.fairness() is None
