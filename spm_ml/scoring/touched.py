"""score_touched(): the forecasts of those about whom something was recorded since, and of the groups they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from uuid import uuid4

from spm_ml.champion import reconcile_workspace
from spm_ml.compensation import ClosedPeriod, CompensationPlan
from spm_ml.dataset import build_dataset
from spm_ml.history import SalesHistory
from spm_ml.history.changed import Changed, changed_since
from spm_ml.history.store import TableStore
from spm_ml.incentives import closed_periods, payable_plans, statement_of
from spm_ml.metrics.inputs_pay import pay_inputs
from spm_ml.predictions import Batch, Counted, Prediction, PredictionStore, TeamPrediction, TouchedContent
from spm_ml.progress import Progress, silent
from spm_ml.registry import Registry
from spm_ml.scoring.before import Before, named_in
from spm_ml.scoring.beside import FinishedPeriods, metrics_beside
from spm_ml.scoring.board import Board
from spm_ml.scoring.compute import Known
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.events import events_between
from spm_ml.scoring.explained import explain_reps
from spm_ml.scoring.kept_finished import KeptFinished
from spm_ml.scoring.kept_pay import KeptPay
from spm_ml.scoring.model import ScoringModel
from spm_ml.scoring.news import with_news
from spm_ml.scoring.part_words import PartWords
from spm_ml.scoring.pay import pay_curves, pay_ladders, pay_outlooks, pay_until, window_of
from spm_ml.scoring.pay_costs import costs_of
from spm_ml.scoring.said import submissions_of
from spm_ml.scoring.scored_state import ScoredState, forget_states
from spm_ml.scoring.sellers import sellers
from spm_ml.scoring.settings_kept import forget_settings, hash_of_plans, keep_settings, same_settings
from spm_ml.scoring.sums import Sums
from spm_ml.scoring.teams import build_people, build_teams
from spm_ml.scoring.two_days import TwoDays
from spm_ml.scoring.what_if import what_if_inputs
from spm_ml.scoring.words import MoneyWords
from spm_ml.settings import Workspace

_STEPS: Final = 5


@dataclass(frozen=True)
class TouchedResult:
    """What was published anew.

    Attributes:
        batch: The new one; its rows about everybody else are those of the batch before.
        reps: Whose rows are new.
        predictions: Their rows.
        teams: Every group on the board's day.
    """

    batch: Batch
    reps: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    teams: tuple[TeamPrediction, ...]

    def text(self) -> str:
        """What a person reads after the run."""
        return f"{self.batch.period} as of {self.batch.as_of}: {len(self.reps)} reps scored anew, the others as before."


def score_touched(workspace: Workspace, *, progress: Progress = silent) -> TouchedResult | None:
    """Scores those about whom something was recorded since the published batch, and publishes a batch of all.

    Their numbers are what `score` would give them on the same data. Everybody else's stay as they were published: what
    the organisation as a whole stands at moves them when all are scored. Groups are added up anew from all of them.

    Args:
        workspace: Whose data, champion and board.
        progress: Told while it runs.

    Returns:
        What was published; None where all have to be scored (`score`): nothing is published, the day, the model, the
        settings or the plans are others, something changed that may concern everybody, or what is known of an earlier
        as-of day has changed.

    Raises:
        NotReadyError: Nothing was ingested, or no champion was promoted.
    """
    if not workspace.has_predictions:
        return None
    started = datetime.now(UTC)
    reconcile_workspace(workspace)
    with PredictionStore.of(workspace) as store:
        batch = store.published_batch()
        if batch is None:
            return None
        model = ScoringModel.champion(Registry(workspace, progress=progress))
        if not _same_way(workspace, batch, model):
            return None
        if any(closing.closed_at > batch.created_at for closing in store.closings.every()):
            return None
        changed = changed_since(TableStore(workspace), batch.data_version)
        if not changed.about_some:
            return None
        if not ScoredState.is_kept(workspace, batch.batch_id):
            return None
        with (
            SalesHistory.open(workspace) as history,
            Before.opened(workspace, batch.data_version, changed.deals) as then,
        ):
            known = Known.on(history)
            if (known.target.as_of, known.target.period.label) != (batch.as_of, batch.period) or then.unlike(history):
                return None
            closed = closed_periods(workspace, by=started, known_on=known.target.as_of)
            plans, _without_pay = payable_plans(workspace, history, closed)
            if batch.plans_hash != hash_of_plans(plans):
                return None
            run = _Touched(workspace, store, known, model, plans, closed, batch, then, changed, started, progress)
            return run.publish()


def _same_way(workspace: Workspace, batch: Batch, model: ScoringModel) -> bool:
    version = (model.version.name, str(model.version.version))
    return (batch.model_name, batch.model_version) == version and same_settings(workspace, batch.data_hash)


@dataclass(frozen=True)
class _Touched:
    """One run; attributes are what it starts from."""

    workspace: Workspace
    store: PredictionStore
    known: Known
    model: ScoringModel
    plans: Sequence[CompensationPlan]
    closed: Sequence[ClosedPeriod]
    before: Batch
    then: Before
    changed: Changed
    started: datetime
    progress: Progress

    def publish(self) -> TouchedResult | None:
        """Scores, adds up and publishes."""
        history, target, forecaster = self.known.history, self.known.target, self.model.forecaster
        dataset = build_dataset(history, as_of_days=target.days, reps=self.reps, progress=self.progress)
        if not len(dataset):
            return None
        self.progress("forecast", 0, _STEPS)
        forecast = forecaster.predict(dataset)
        days = TwoDays.of(dataset, forecast, forecaster, target)
        self.progress("forecast", 1, _STEPS)
        words = PartWords(dataset.stages, MoneyWords(dataset.currency), forecaster.label)
        happened = events_between(history, days.since, target.as_of, target.period.end) if days.since else {}
        state = ScoredState.of(self.workspace, self.before.batch_id, target, forecast.dependence)
        paid = pay_until(history, target, self.plans, self.closed, reps=frozenset(self.reps))
        ladders = pay_ladders(paid, target, forecast)
        pay_now = pay_inputs(paid, window_of(history, target)) if self.plans else None
        pay = state.pay.with_anew(KeptPay(pay_now, pay_curves(ladders, target, forecast)), frozenset(self.reps))
        selling = frozenset(sellers(history))
        finished = self._finished(state.finished, selling)
        beside = metrics_beside(history, target, pay.inputs, finished=finished, reps=self.reps)
        self.progress("forecast", 2, _STEPS)
        board = Board(
            as_of=target.as_of,
            currency=dataset.currency,
            metrics=beside.of_reps,
            bands=history.organisation.risk_bands,
            explained=explain_reps(days, happened, words),
            submissions=submissions_of(history, target, self.model.backtest_file, forecaster.name, reps=self.reps),
            pay=pay_outlooks(ladders),
        )
        made = board.predictions(dataset, forecast)
        if self._differ_earlier(made):
            return None
        shown = self.store.touched.board(self.before)
        made = with_news(history, self.changed, self.before, shown, made, words.money)
        self.progress("forecast", 3, _STEPS)
        state = replace(state.with_anew(days), pay=pay, finished=KeptFinished(beside.finished.rates, selling))
        last: list[Counted] = [*shown, *(row for row in made if row.as_of == target.as_of)]
        newest = {row.rep_id: row for row in last}
        everybody = [newest[rep] for rep in state.days.dataset.frame["rep_id"].to_numpy(dtype=object)[state.days.now]]
        people = build_people(history, target, everybody)
        sums = Sums(state.days, Credited.of(history, target), happened, words)
        teams = build_teams(history, target, everybody, people, beside, sums)
        self.progress("forecast", 4, _STEPS)
        batch = replace(_batch(self.before, history, self.started), usual_share=beside.usual_share)
        content = TouchedContent(
            people=people,
            predictions=made,
            board=everybody,
            teams=teams,
            what_if=what_if_inputs(dataset, forecast, forecaster, target.as_of, None, ladders),
            statements=tuple(statement_of(ladder.so_far) for ladder in ladders.values()),
            costs=costs_of(history, target, pay.curves, state.days.forecast),
        )
        keep_settings(self.workspace, batch.data_hash)
        state.keep(self.workspace, batch.batch_id)
        self.store.touched.publish(batch, self.before, content)
        forget_states(self.workspace, but=batch.batch_id)
        if self.before.scored_whole_at is not None:
            forget_settings(self.workspace, self.before.data_hash)
        self.progress("forecast", 5, _STEPS)
        return TouchedResult(batch, tuple(sorted({row.rep_id for row in made})), made, teams)

    def _finished(self, kept: KeptFinished, selling: frozenset[str]) -> FinishedPeriods | None:
        """What finished periods say; None where a change reaches them, so that they have to be read anew."""
        start = self.known.target.period.start
        if selling != kept.sellers or not self.then.same_past(self.known.history, start):
            return None
        growth = {(row.level, row.key): row.growth for row in self.store.touched.teams(self.before) if row.growth}
        return FinishedPeriods(kept.rates, growth)

    @cached_property
    def reps(self) -> tuple[str, ...]:
        """Whom changes concern: named in rows, owners and creditors of deals at any time, and who is paid on them.

        Owners are those that the tables name now and those that they named when the batch before was scored.
        """
        history, changed = self.known.history, self.changed
        found = set(changed.reps) | named_in(history, changed.deals) | self.then.reps()
        if any(plan.overrides for plan in self.plans):  # somebody is paid on what others are credited with
            found |= set(history.profiles.select("rep_id").to_pyarrow()["rep_id"].to_pylist())
        return tuple(sorted(found))

    def _differ_earlier(self, made: Sequence[Prediction]) -> bool:
        """Whether what is known of an earlier as-of day is no longer what was published."""
        published = {
            (row.rep_id, row.as_of): _answer(row) for row in self.store.touched.earlier(self.before, self.reps)
        }
        earlier = [row for row in made if row.as_of < self.before.as_of]
        return any(published.get((row.rep_id, row.as_of)) != _answer(row) for row in earlier)


def _answer(row: Prediction) -> tuple[object, ...]:
    return row.bookings_quantiles, row.booked, row.quota, row.abstention


def _batch(before: Batch, history: SalesHistory, started: datetime) -> Batch:
    return replace(
        before,
        batch_id=uuid4().hex,
        created_at=started,
        data_version=history.version,
        data_hash=history.data_hash,
        watermark=history.watermark,
        scored_whole_at=before.scored_whole_at or before.created_at,
    )
