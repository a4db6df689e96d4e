"""The audit of what is published: the newest batch, its offers and diagnoses."""

from spm_ml.errors import NotReadyError
from spm_ml.fairness.audit import Audit, audit
from spm_ml.fairness.groups import ProtectedGroups
from spm_ml.fairness.measures import published_measures
from spm_ml.predictions import PredictionStore
from spm_ml.settings import Workspace


def audit_published(workspace: Workspace) -> Audit:
    """Audits the published batch of a workspace by the protected groups now on record.

    Raises:
        NotReadyError: Nothing is published.
    """
    organisation = workspace.organisation()
    if not workspace.has_predictions:
        raise NotReadyError(_NOTHING)
    with PredictionStore.open(workspace.predictions_store) as store:
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
    return audit(ProtectedGroups.read(workspace), measures, organisation.fairness)


_NOTHING = "no batch is published, so there is nothing to audit: run 'spm score' first"
