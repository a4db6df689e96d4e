"""The audit of what is published: the newest batch, its offers and diagnoses; and what of it readers are given."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import pandas as pd

from spm_ml.errors import NotReadyError
from spm_ml.fairness.audit import WITHHELD, Audit, audit
from spm_ml.fairness.groups import ProtectedGroups
from spm_ml.fairness.measures import Measure, published_measures
from spm_ml.predictions import FairnessAudit, FairnessRow, PredictionStore
from spm_ml.settings import FairnessSettings, Workspace


@dataclass(frozen=True)
class PublishedAudit:
    """The audit of the published batch.

    Attributes:
        audit: For whoever may see what the organisation's settings allow.
        given: For readers of the pages, who know by name who is flagged and who is offered something.
    """

    audit: Audit
    given: FairnessAudit


def audit_published(workspace: Workspace) -> PublishedAudit:
    """Audits the published batch of a workspace by the protected groups now on record, and stores it beside the batch.

    Raises:
        NotReadyError: Nothing is published.
    """
    settings = workspace.organisation().fairness
    if not workspace.has_predictions:
        raise NotReadyError(_NOTHING)
    with PredictionStore.of(workspace) as store:
        batch = store.published_batch()
        if batch is None:
            raise NotReadyError(_NOTHING)
        predictions, coaching = store.content(batch).predictions, store.coaching(batch)
        measures = published_measures(
            [row for row in predictions if row.as_of == batch.as_of],
            coaching.recommendations,
            diagnoses=coaching.diagnoses,
            options=coaching.options,
        )
        groups = ProtectedGroups.read(workspace)
        given = given_to_readers(groups, measures, settings)
        store.publish_fairness(batch, given)
    return PublishedAudit(audit(groups, measures, settings), given)


def given_to_readers(
    groups: ProtectedGroups | None, measures: Sequence[Measure], settings: FairnessSettings
) -> FairnessAudit:
    """The audit without what would tell somebody's group to readers who know who got what.

    Whatever the settings, nothing is given of a measure that fewer persons than the minimum share. Where all who got
    it, or all who did not, are of one group, the measure is withheld for that attribute and for its pairs.

    Args:
        groups: Who belongs where; None: nothing is on record.
        measures: All about the same reps.
        settings: Smallest group.

    Source: Machanavajjhala et al. (2007), l-Diversity, ACM TKDD 1(1), for the attack on groups of one kind.
    """
    found = audit(groups, measures, settings.model_copy(update={"aggregation_only": True}))
    told = _told(found.table, {measure.slug: measure for measure in measures})
    rows = tuple(_row(row, told) for row in found.table.to_dict("records"))
    return FairnessAudit(settings.minimum_group, rows, found.abstention, found.notes)


def _told(table: pd.DataFrame, measures: Mapping[str, Measure]) -> set[tuple[str, str]]:
    """Measures and attributes of which one group holds all who got it, or all who did not."""
    told = set()
    for row in table[table["rate"].notna()].to_dict("records"):
        counted = measures[row["measure"]].counted
        hits = round(row["rate"] * row["people"])
        got = int(counted.sum())
        if 0 < got == hits or 0 < len(counted) - got == row["people"] - hits:
            told.add((str(row["measure"]), str(row["attribute"])))
    return told


_NUMBERS: Final = ("people", "rate", "rate_low", "rate_high", "reference_rate", "ratio", "ratio_low", "ratio_high")


def _row(row: Mapping[Hashable, Any], told: set[tuple[str, str]]) -> FairnessRow:
    """The row as it is stored; a pair of attributes is withheld where one of the two is."""
    values = {field.name: row[field.name] for field in fields(FairnessRow)}
    if any(row["measure"] == measure and _is_of(attribute, str(row["attribute"])) for measure, attribute in told):
        values |= dict.fromkeys((*_NUMBERS, "reference")) | {"finding": WITHHELD}
    for name in _NUMBERS:
        value = values[name]
        values[name] = None if value is None or not math.isfinite(value) else float(value)
    values["people"] = None if values["people"] is None else int(values["people"])
    values["reference"] = None if pd.isna(values["reference"]) else str(values["reference"])
    return FairnessRow(**values)


def _is_of(attribute: str, cut: str) -> bool:
    return cut == attribute or cut.startswith(f"{attribute} and ") or cut.endswith(f" and {attribute}")


_NOTHING: Final = "no batch is published, so there is nothing to audit: run 'spm score' first"
