"""score(): the champion's forecast of the running period, with reasons and metrics, published as one batch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import uuid4

from spm_ml.champion import reconcile_workspace
from spm_ml.hazards import Abstention
from spm_ml.history import SalesHistory
from spm_ml.incentives import closed_periods, payable_plans
from spm_ml.predictions import Batch, Outcome, Prediction, PredictionStore, Recommendation, TeamPrediction
from spm_ml.progress import Progress, silent
from spm_ml.registry import ModelVersion, Registry
from spm_ml.scoring.compute import Known, compute
from spm_ml.scoring.evidence import gather_evidence
from spm_ml.scoring.model import ScoringModel, read_model_card
from spm_ml.scoring.outcomes import finished_days, outcomes_of
from spm_ml.scoring.scored_state import forget_states
from spm_ml.scoring.settings_kept import keep_plans, keep_settings
from spm_ml.scoring.target import ScoringTarget, knew_the_outcome
from spm_ml.settings import Workspace
from spm_ml.tables import minor_digits


@dataclass(frozen=True)
class ScoringResult:
    """What was published.

    Attributes:
        batch: What every number was computed from.
        predictions: One row a rep and as-of day of the period.
        teams: One row a group and as-of day, oldest day first.
        notes: What the person who asked should know.
    """

    batch: Batch
    predictions: tuple[Prediction, ...]
    teams: tuple[TeamPrediction, ...]
    notes: tuple[str, ...] = ()

    @property
    def board(self) -> tuple[Prediction, ...]:
        """The rows that the board shows."""
        return tuple(row for row in self.predictions if row.as_of == self.batch.as_of)

    def text(self) -> str:
        """What a person reads after the run."""
        bands = Counter(row.risk_band for row in self.board if row.risk_band)
        reasons = Counter(row.abstention.reason for row in self.board if row.abstention)
        risk = ", ".join(f"{bands[band]} {band}" for band in ("high", "medium", "low") if bands[band]) or "none known"
        lines = [
            f"{self.batch.period} as of {self.batch.as_of}: {len(self.board)} reps scored by {self.batch.forecaster} "
            f"({self.batch.model_name} version {self.batch.model_version}); risk: {risk}.",
            *(f"{count} without attainment: {reason}." for reason, count in sorted(reasons.items())),
            *self.notes,
        ]
        return "\n".join(lines)


def score(
    workspace: Workspace,
    *,
    as_of: date | None = None,
    today: date | None = None,
    recommendations: Sequence[Recommendation] | None = None,
    progress: Progress = silent,
) -> ScoringResult:
    """Forecasts the running period with the champion and publishes the batch.

    Only what was recorded by the end of the as-of day is read. On the last day of a period the next period is forecast.
    With the batch go the results of earlier periods whose batches are kept, as far as they are over by then.

    Args:
        workspace: Whose data, champion and board.
        as_of: Day to forecast from; default, and at most, the watermark (the newest record's day).
        today: Day on which somebody asks; when the data known then are older than `stale_after_days`, every forecast
            is withheld as `stale_data` (H25). Default: no check by the clock, as data of the past would always fail it.
        recommendations: Published with the batch; default: those that are published for the period already.
        progress: Told while it runs.

    Raises:
        NotReadyError: Nothing was ingested, no champion was promoted, or no rep is employed in the period.
        ConfigurationError: The champion cannot read these data, for example because a stage was added; or a
            compensation plan cannot be read, is in another currency, or two of them hold for one rep.
    """
    started, repaired = datetime.now(UTC), reconcile_workspace(workspace)
    registry = Registry(workspace, progress=progress)
    model = ScoringModel.champion(registry)
    with SalesHistory.open(workspace) as history:
        known = Known.on(history, as_of)
        stale = _stale(known.history.watermark, today, history.organisation.stale_after_days)
        closed = closed_periods(workspace, by=started, known_on=known.target.as_of)
        plans, without_pay = payable_plans(workspace, history, closed)
        rows = compute(known, model, plans=plans, closed=closed, stale=stale, progress=progress)
        evidence = gather_evidence(workspace, registry, model, known, rows)
        batch = replace(
            _batch(history, known, model.version, started),
            plans_hash=keep_plans(workspace, plans),
            usual_share=rows.usual_share,
        )
        outcomes = _outcomes(workspace, known.history, progress)
    progress("publish", 0, 1)
    keep_settings(workspace, batch.data_hash)
    if rows.state is not None:
        rows.state.keep(workspace, batch.batch_id)
    with PredictionStore.of(workspace) as store:
        store.publish(
            batch,
            people=rows.people,
            predictions=rows.predictions,
            teams=rows.teams,
            recommendations=recommendations,
            model_card=read_model_card(registry, model.version),
            what_if=rows.what_if,
            evidence=evidence,
            outcomes=outcomes,
            pay=rows.pay,
        )
    forget_states(workspace, but=batch.batch_id)
    progress("publish", 1, 1)
    notes = [repaired] if repaired else []
    if without_pay:
        notes.append(f"No pay is worked out: {without_pay}.")
    notes += _notes(known.target, model.version)
    return ScoringResult(batch, rows.predictions, rows.teams, tuple(notes))


def _outcomes(workspace: Workspace, history: SalesHistory, progress: Progress) -> tuple[Outcome, ...]:
    """What came of the periods whose batches are kept, as far as they are over."""
    if not workspace.has_predictions:
        return ()
    with PredictionStore.of(workspace) as store:
        batches = [stored.batch for stored in store.periods()]
    return outcomes_of(history, finished_days(history.calendar, history.watermark, batches), progress=progress)


def _stale(watermark: date, today: date | None, limit: int) -> Abstention | None:
    if today is None or (today - watermark).days <= limit:
        return None
    age = (today - watermark).days
    return Abstention(
        "stale_data",
        f"The newest record is of {watermark}, {age} days before {today}; beyond {limit} days nothing is forecast.",
    )


def _batch(history: SalesHistory, known: Known, version: ModelVersion, started: datetime) -> Batch:
    organisation, target = history.organisation, known.target
    return Batch(
        batch_id=uuid4().hex,
        period=target.period.label,
        as_of=target.as_of,
        created_at=started,
        model_name=version.name,
        model_version=str(version.version),
        forecaster=version.forecaster,
        data_version=history.version,
        data_hash=history.data_hash,
        watermark=known.history.watermark,
        currency=organisation.currency,
        minor_digits=minor_digits(organisation.currency),
        organisation_name=organisation.name,
        risk_high_below=organisation.risk_bands.high_below,
        risk_medium_below=organisation.risk_bands.medium_below,
        timezone=organisation.timezone,
    )


def _notes(target: ScoringTarget, version: ModelVersion) -> tuple[str, ...]:
    """Warns of a champion that was fitted on what happened after the as-of day."""
    learnt_until = version.tags.get("watermark", "")
    notes = [target.note] if target.note else []
    if knew_the_outcome(version, target):
        notes.append(
            f"The champion was fitted on data up to {learnt_until}, which hold the outcome of {target.period.label}: "
            "this replay shows what it would say, not how good it is. 'spm backtest' measures that."
        )
    return tuple(notes)
