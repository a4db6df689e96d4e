"""The rep page: the forecast over the period, the baseline metrics beside it, and the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from serving import formats
from serving.access import on_batch, on_store, require_reach, store_of
from serving.formats import Money
from serving.pages.agreements import AgreementsCard, agreements_card
from serving.pages.assessments import AssessmentWords, assessment_words
from serving.pages.beside import MetricGroup, MetricRow, beside_the_forecast, metric_groups
from serving.pages.board_day import DayPicker, day_picker, period_choices
from serving.pages.cases import TOPICS, CaseWords, Topic, case_words
from serving.pages.choices import Choice
from serving.pages.decided import Decided, decided_about
from serving.pages.diagnosis import DiagnosisWords, diagnosis_words
from serving.pages.explanation import Changed, MadeOf, Subject, changed, made_of
from serving.pages.feedback import FeedbackWords, feedback_words
from serving.pages.frame import PagePrincipal, frame_of, rep_href
from serving.pages.news_words import news_words, partly_words
from serving.pages.notes import NotesCard, notes_card
from serving.pages.offers import OfferWords, offer_words, proof_of
from serving.pages.outlook import DealRow, Largest, deals_of, largest_of, voices_of
from serving.pages.pay import PayWords, pay_words, without_pay
from serving.pages.pipeline import PipelineWords, pipeline_words
from serving.pages.pulse import PulseWords, pulse_words
from serving.pages.queries import RepPageQuery
from serving.pages.rep_facts import Fact, facts_of_rep
from serving.pages.rep_weeks import Weeks, weeks_of
from serving.pages.results import Result, result_of
from serving.pages.said import Said, said_href, said_of
from serving.pages.standing import Action, Standing, standing_of
from serving.pages.what_if import WhatIfCard, what_if_card
from serving.pages.words import BandWords, HazardWords, band_words, hazard_words
from serving.problem import NotYoursError
from serving.routes.answers import IdentifierInPath
from spm_ml.predictions import Batch, BatchReader, Outcome, Prediction, Principal, StoredPeriod

router = APIRouter(include_in_schema=False)

_LOST: Final = (
    "What the forecast is made of, deals, commits, offers and pay are kept for the newest day only and are left out."
)


@dataclass(frozen=True)
class RepPage:
    """Everything the page shows.

    Attributes:
        is_hindsight: Whether the model knew what came of the period.
        abstention: Why a number is missing.
        remarks: What else to know about the numbers.
        may_decide: Whether the reader may accept or override the offers.
        may_decline: Whether the reader is the rep and may decline them.
        cases: What the rep says about these numbers.
        topics: What the reader may open a case about; empty: the reader is somebody else.
        assessment: How the rep's skills are rated; None: the reader may not see it.
        feedback: What people said about these numbers, and the form to say something.
        agreements: What rep and managers agreed on; None: the reader may not see it, or it is a look back.
        notes: What managers noted about the rep; None likewise.
        pulse: What the rep answered about the period; None likewise.
        what_if: The form to suppose something; None: about the past nothing is supposed.
        result: What came of a finished period's forecast; None while that is not known.
        day: As of which day everything is.
        periods: Those with a forecast of the rep.
        looking_back: Whether it is about an earlier day or period: then there is nothing to say or do.
    """

    name: str
    rep_id: str
    about: str
    facts: tuple[Fact, ...]
    standing: Standing
    band: BandWords
    is_hindsight: bool
    abstention: str | None
    weeks: Weeks
    result: Result | None
    currency: str
    made_of: MadeOf | None
    diagnosis: DiagnosisWords | None
    changed: Changed | None
    deals: tuple[DealRow, ...]
    largest: Largest | None
    said: Said
    pipeline: PipelineWords
    pay: PayWords | None
    beside: tuple[MetricRow, ...]
    metrics: tuple[MetricGroup, ...]
    hazards: tuple[HazardWords, ...]
    remarks: tuple[str, ...]
    offers: tuple[OfferWords, ...]
    decided: Decided
    may_decide: bool
    may_decline: bool
    cases: tuple[CaseWords, ...]
    topics: dict[Topic, str]
    assessment: AssessmentWords | None
    feedback: FeedbackWords
    agreements: AgreementsCard | None
    notes: NotesCard | None
    pulse: PulseWords | None
    what_if: WhatIfCard | None
    day: DayPicker
    periods: tuple[Choice, ...]
    looking_back: bool


@router.get("/reps/{rep_id:path}")
async def rep(
    request: Request, principal: PagePrincipal, rep_id: IdentifierInPath, query: Annotated[RepPageQuery, Query()]
) -> Response:
    """The page of one rep, for the rep and the managers above."""
    require_reach(principal, "figures")
    today = request.app.state.settings.today()
    store = store_of(request)
    stored = await on_store(store, store.periods)

    def build(published: BatchReader) -> Response:
        asked = query.settled(published.batch.period)
        batch = published.on(asked.as_of)
        row = batch.prediction(rep_id)
        if row is None:
            raise NotYoursError
        page = _page(batch, principal, row, today, stored)
        frame = frame_of(request, row.name, principal=principal, batch=batch.batch, as_of=batch.as_of)
        response: Response = request.app.state.templates.page("rep.html", page, frame)
        return response

    return await on_batch(request, principal, build, period=query.period)


def _page(
    batch: BatchReader, principal: Principal, row: Prediction, today: date | None, stored: Sequence[StoredPeriod]
) -> RepPage:
    money = Money.of(batch.batch)
    history = tuple(week for week in batch.weeks(row.rep_id) if week.as_of <= row.as_of)
    versions = batch.outcome_versions(row.rep_id)
    outcome, result = versions[-1].outcome if versions else None, result_of(versions, row, money)
    median, diagnosis = row.quantile(0.5), batch.diagnosis(row.rep_id)
    decisions = batch.decisions(row.rep_id)
    subject = None if median is None else Subject(row.name, "Forecast, P50", median, row.quota, "rep")
    own = principal.scope.rep_id == row.rep_id
    decides = batch.scope.reach("decision") != "none" and not own
    findings = batch.findings()
    offers = tuple(
        offer_words(
            offer,
            money,
            decisions,
            expired=offer.status(batch.batch, today) == "expired",
            proof=proof_of(offer.recommendation, findings, batch),
        )
        for offer in batch.offers(rep_ids=[row.rep_id]).items
    )
    cases = tuple(case_words(batch, principal, case) for case in batch.cases(rep_id=row.rep_id).items)
    agreements = agreements_card(batch, row, diagnosis, _offered(offers), today)
    actions = _actions(offers, agreements, cases, decides=decides, own=own)
    last_day = row.as_of == batch.batch.as_of
    kept = batch.batches_with(row.rep_id, [one.batch.batch_id for one in stored])
    page = RepPage(
        name=row.name,
        rep_id=row.rep_id,
        about=" · ".join(part for part in (row.role, row.team, row.region, row.segment) if part),
        facts=facts_of_rep(row, outcome, result, money),
        standing=standing_of(row, money, own=own, actions=actions),
        band=band_words(row.risk_band),
        is_hindsight=batch.is_hindsight(),
        abstention=formats.stored(row.abstention.detail) if row.abstention else None,
        weeks=weeks_of(row, history, outcome, money),
        result=result,
        currency=batch.batch.currency,
        made_of=None if subject is None else made_of(row.parts, subject, money),
        diagnosis=None if diagnosis is None else diagnosis_words(diagnosis, row.name),
        changed=None if subject is None else changed(row.change, subject, money),
        deals=deals_of(row, money),
        largest=largest_of(row, money),
        said=said_of(batch, principal, row),
        pipeline=pipeline_words(row, money),
        pay=pay_words(row, money),
        beside=beside_the_forecast(row, money),
        metrics=metric_groups(row.metrics, money),
        hazards=tuple(hazard_words(code) for code in row.hazards),
        remarks=_remarks(row, batch.batch, diagnosed=diagnosis is not None, last_day=last_day),
        offers=offers,
        decided=decided_about(batch, row.rep_id, findings),
        may_decide=decides,
        may_decline=own,
        cases=cases,
        topics=TOPICS if own and batch.scope.reach("own_case") != "none" else {},
        assessment=assessment_words(batch, row, diagnosis),
        feedback=feedback_words(batch, row),
        agreements=agreements,
        notes=notes_card(batch, row, today),
        pulse=pulse_words(batch, row),
        what_if=what_if_card(batch, row),
        day=day_picker(batch, partial(_href, batch, row), known_on=batch.results_known_on, lost=_LOST),
        periods=period_choices([one for one in stored if one.batch.batch_id in kept], batch.batch.period),
        looking_back=not (batch.is_current and last_day),
    )
    return _as_then(page, batch, row, outcome) if page.looking_back else page


def _as_then(page: RepPage, batch: BatchReader, row: Prediction, outcome: Outcome | None) -> RepPage:
    """The same without what is said and done now; on an earlier day also without what is kept for the last alone."""
    where = page.standing.where if page.result is None else page.result.sentence
    last_day, money = row.as_of == batch.batch.as_of, Money.of(batch.batch)
    ended = None if outcome is None or outcome.censored else outcome.bookings
    return replace(
        page,
        standing=Standing(where, "", ()),
        said=Said(voices_of(row, money, ended=ended), None, said_href(row.rep_id), money.currency),
        diagnosis=page.diagnosis if last_day else None,
        offers=page.offers if last_day else (),
        may_decide=False,
        may_decline=False,
        cases=(),
        topics={},
        assessment=None,
        feedback=replace(page.feedback, may_say=False, rows=()),
        agreements=None,
        notes=None,
        pulse=None,
        what_if=None,
    )


def _offered(offers: Sequence[OfferWords]) -> dict[str, str]:
    """Programs that are offered: id and name."""
    return {offer.program_id: offer.program for offer in offers if offer.program and offer.program_id}


def _href(batch: BatchReader, row: Prediction, **changes: date | str | None) -> str:
    """The page's own address with something changed."""
    asked = {"period": None if batch.is_current else batch.batch.period, "as_of": row.as_of} | changes
    return rep_href(row.rep_id, **asked)


def _actions(
    offers: Sequence[OfferWords],
    agreements: AgreementsCard | None,
    cases: Sequence[CaseWords],
    *,
    decides: bool,
    own: bool,
) -> Sequence[Action]:
    """What the reader can do on this page, in the order of the page."""
    open_offers = any(offer.program and offer.state == "" for offer in offers)
    actions = []
    if open_offers and decides:
        actions.append(Action("decide about the offered program", "#offers"))
    if open_offers and own:
        actions.append(Action("read what is offered to you, and decline it if it does not fit", "#offers"))
    if agreements is not None and any(row.waits for row in agreements.rows):
        actions.append(Action("agree to what is proposed, or not", "#agreements"))
    if any(case.steps for case in cases):
        actions.append(Action("answer what was said", "#cases"))
    if own:
        actions.append(Action("correct data, contest a number or give your own view", "#cases"))
    return actions


def _remarks(row: Prediction, batch: Batch, *, diagnosed: bool, last_day: bool) -> tuple[str, ...]:
    # Pay and the diagnosis are kept for the last day alone.
    news = news_words(row.news, row.quota, Money.of(batch), batch.timezone)
    remarks = [news] if news else []
    if not row.pay and last_day:
        remarks.append(without_pay(row))
    if not diagnosed and last_day:
        remarks.append(
            "No diagnosis is published yet: what lies behind earlier results. It comes with 'spm recommend'."
        )
    if row.exposure < 1:
        remarks.append(f"Counted for {formats.percent(row.exposure)} of the period: joined late, left, or part time.")
    if row.history_reconstructed:
        remarks.append("The history of the deals was rebuilt from their last state; earlier weeks are less certain.")
    high, medium = formats.percent(batch.risk_high_below), formats.percent(batch.risk_medium_below)
    remarks.append(f"Risk is high below a {high} chance of reaching the quota, and medium below {medium}.")
    if partly := partly_words(batch).strip():
        remarks.append(partly)
    return tuple(remarks)
