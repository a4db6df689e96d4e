"""compute(): every row of a batch, from a history as it was known and one model version; nothing is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from spm_ml.compensation import ClosedPeriod, CompensationPlan, plans_json
from spm_ml.dataset import RepPeriodDataset, build_dataset
from spm_ml.errors import NotReadyError
from spm_ml.forecasting import AttainmentForecast
from spm_ml.hazards import Abstention
from spm_ml.history import SalesHistory
from spm_ml.incentives import statement_of
from spm_ml.metrics.inputs_pay import pay_inputs
from spm_ml.predictions import Person, Prediction, PublishedPay, TeamPrediction, WhatIfInputs
from spm_ml.progress import Progress, silent
from spm_ml.scoring.beside import metrics_beside
from spm_ml.scoring.board import Board
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.events import events_between
from spm_ml.scoring.explained import Explained, explain_reps
from spm_ml.scoring.kept_finished import KeptFinished
from spm_ml.scoring.kept_pay import KeptPay
from spm_ml.scoring.model import ScoringModel
from spm_ml.scoring.part_words import PartWords
from spm_ml.scoring.pay import PayLadder, pay_curves, pay_ladders, pay_outlooks, pay_until, window_of
from spm_ml.scoring.pay_costs import costs_of
from spm_ml.scoring.said import submissions_of
from spm_ml.scoring.scored_state import ScoredState
from spm_ml.scoring.sellers import sellers
from spm_ml.scoring.sums import Sums
from spm_ml.scoring.target import ScoringTarget, scoring_target
from spm_ml.scoring.teams import build_earlier_teams, build_people, build_teams
from spm_ml.scoring.two_days import TwoDays
from spm_ml.scoring.what_if import what_if_inputs
from spm_ml.scoring.words import MoneyWords
from spm_ml.settings import RiskBands

_STEPS: Final = 5


@dataclass(frozen=True)
class Known:
    """A history as it was known on a day, and what is forecast from it.

    Attributes:
        history: Nothing recorded after the target's day is in it.
        target: Period and as-of days.
    """

    history: SalesHistory
    target: ScoringTarget

    @classmethod
    def on(cls, history: SalesHistory, as_of: date | None = None) -> "Known":
        """Looks back to a day; default, and at most, the watermark of the history."""
        target = scoring_target(history.calendar, history.watermark, as_of)
        return cls(history if target.as_of == history.watermark else history.as_of(target.as_of), target)


@dataclass(frozen=True)
class ScoredRows:
    """The rows of one batch.

    Attributes:
        people: The organisation's tree on the as-of day.
        predictions: One row a rep and as-of day of the period.
        teams: One row a group and as-of day, oldest day first.
        what_if: What what-if questions about them start from.
        dataset: The rows that were forecast.
        forecast: Of the same rows.
        pay: Statements of the period on what is credited so far, and what they will add up to.
        usual_share: What part of a period's bookings finished periods had by this point.
        state: What some of the rows can be made anew from, without the others; None where nothing is forecast.
    """

    people: Sequence[Person]
    predictions: tuple[Prediction, ...]
    teams: tuple[TeamPrediction, ...]
    what_if: WhatIfInputs
    dataset: RepPeriodDataset
    forecast: AttainmentForecast
    pay: PublishedPay
    usual_share: float | None = None
    state: ScoredState | None = None


def compute(
    known: Known,
    model: ScoringModel,
    *,
    plans: Sequence[CompensationPlan] = (),
    closed: Sequence[ClosedPeriod] = (),
    bands: RiskBands | None = None,
    stale: Abstention | None = None,
    progress: Progress = silent,
) -> ScoredRows:
    """Computes what would be published; the same arguments give the same rows, bit for bit.

    Everything that a row depends on comes in through the arguments: no clock, no alias and no file that may change is
    read. That is what makes a batch replayable.

    Args:
        known: What was known, and the period to forecast.
        model: The model version.
        plans: The compensation plans that payouts are worked out with.
        closed: Pay periods that are settled.
        bands: Thresholds of the risk bands; default: the organisation's.
        stale: Why no forecast may be given at all, if the data are too old (H25).
        progress: Told while it runs.

    Raises:
        NotReadyError: No rep is employed in the period.
        ConfigurationError: The model cannot read these data, for example because a stage was added; or a plan is in
            another currency, or two plans hold for one rep.
    """
    history, target, forecaster = known.history, known.target, model.forecaster
    dataset = build_dataset(history, as_of_days=target.days, progress=progress)
    if not len(dataset):
        raise NotReadyError(
            f"no rep is employed in {target.period.label} as of {target.as_of}: check hired_on and left_on in the "
            "table reps, or score another day"
        )
    progress("forecast", 0, _STEPS)
    forecast = forecaster.predict(dataset)
    progress("forecast", 1, _STEPS)
    explained, sums = ({}, None) if stale else _explained(known, model, dataset, forecast)
    progress("forecast", 2, _STEPS)
    paid = pay_until(history, target, plans, closed)
    pay_now = pay_inputs(paid, window_of(history, target)) if plans else None
    beside = metrics_beside(history, target, pay_now)
    progress("forecast", 3, _STEPS)
    ladders = pay_ladders(paid, target, None if stale else forecast)
    curves = pay_curves(ladders, target, None if stale else forecast)
    board = Board(
        as_of=target.as_of,
        currency=dataset.currency,
        metrics=beside.of_reps,
        bands=bands or history.organisation.risk_bands,
        explained=explained,
        submissions=submissions_of(history, target, model.backtest_file, forecaster.name),
        pay=pay_outlooks(ladders),
        stale=stale,
    )
    predictions = board.predictions(dataset, forecast)
    progress("forecast", 4, _STEPS)
    people = build_people(history, target, predictions)
    earlier = build_earlier_teams(history, target, predictions, people, None if stale else forecast)
    teams = (*earlier, *build_teams(history, target, predictions, people, beside, sums))
    what_if = what_if_inputs(dataset, forecast, forecaster, target.as_of, stale, ladders)
    pay = PublishedPay(
        plans=_plans_text(ladders),
        statements=tuple(statement_of(ladder.so_far) for ladder in ladders.values()),
        costs=costs_of(history, target, curves, None if stale else forecast),
    )
    progress("forecast", 5, _STEPS)
    state = None
    if sums is not None:
        kept = KeptFinished(beside.finished.rates, frozenset(sellers(history)))
        state = ScoredState(sums.days, KeptPay(pay_now, curves), kept)
    return ScoredRows(people, predictions, teams, what_if, dataset, forecast, pay, beside.usual_share, state)


def _plans_text(ladders: Mapping[str, PayLadder]) -> str:
    """The plans that anybody is on."""
    used = {ladder.pay.plan.version: ladder.pay.plan for ladder in ladders.values()}
    return plans_json(used[version] for version in sorted(used))


def _explained(
    known: Known, model: ScoringModel, dataset: RepPeriodDataset, forecast: AttainmentForecast
) -> tuple[Mapping[str, Explained], Sums]:
    """Why the forecasts of the board's day are what they are, and what they add up to."""
    history, target = known.history, known.target
    days = TwoDays.of(dataset, forecast, model.forecaster, target)
    happened = events_between(history, days.since, target.as_of, target.period.end) if days.since else {}
    words = PartWords(dataset.stages, MoneyWords(dataset.currency), model.forecaster.label)
    return explain_reps(days, happened, words), Sums(days, Credited.of(history, target), happened, words)
