"""Whether scoring again would publish the same numbers: same data, settings, plans, closed periods, model and day."""

from datetime import date

from spm_ml.champion import reconcile
from spm_ml.history import SalesHistory
from spm_ml.incentives import closed_periods, payable_plans
from spm_ml.predictions import Batch, Champion, PredictionStore
from spm_ml.registry import Registry
from spm_ml.scoring.settings_kept import hash_of_plans
from spm_ml.scoring.target import scoring_target
from spm_ml.settings import Workspace


def published_already(workspace: Workspace, *, as_of: date | None = None, today: date | None = None) -> Batch | None:
    """The published batch, if `score` with these days would compute it anew; None if something is different.

    The champion is the one on record in the store; MLflow is asked only where none is.

    Args:
        workspace: Whose data and board.
        as_of: Day to forecast from; default: the newest record's.
        today: Day on which stale data are refused: they may have become stale since, so they are scored again.

    Raises:
        NotReadyError: Nothing was ingested.
    """
    if not workspace.has_predictions:
        return None
    with PredictionStore.of(workspace) as store:
        batch, champion = store.published_batch(), _champion(store, Registry(workspace))
        closings = store.closings.every()
    if batch is None or champion is None or batch.scored_whole_at is not None:
        return None
    with SalesHistory.open(workspace) as history:
        target = scoring_target(history.calendar, history.watermark, as_of)
        stale = today is not None and (today - history.watermark).days > history.organisation.stale_after_days
        now = (history.data_hash, target.as_of, target.period.label)
        plans, _without_pay = payable_plans(workspace, history, closed_periods(workspace, known_on=target.as_of))
    model = (champion.model_name, champion.model_version, hash_of_plans(plans))
    then = (batch.data_hash, batch.as_of, batch.period)
    made = (batch.model_name, batch.model_version, batch.plans_hash)
    settled = all(closing.closed_at <= batch.created_at for closing in closings)
    return batch if settled and not stale and (then, made) == (now, model) else None


def _champion(store: PredictionStore, registry: Registry) -> Champion | None:
    """The champion on record; one that only the registry names is put on record first."""
    if store.champions.last(registry.place) is None:
        reconcile(registry, store)
    return store.champions.last(registry.place)
