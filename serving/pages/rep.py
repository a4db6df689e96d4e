"""The rep page: the forecast over the period, the baseline metrics beside it, and the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup

from serving import formats
from serving.access import on_batch, require_reach
from serving.charts.fan import Fan, FanPoint, fan_chart
from serving.formats import Money
from serving.pages.assessments import AssessmentWords, assessment_words
from serving.pages.beside import MetricGroup, MetricRow, beside_the_forecast, metric_groups
from serving.pages.cases import TOPICS, CaseWords, Topic, case_words
from serving.pages.decided import Decided, decided_about
from serving.pages.diagnosis import DiagnosisWords, diagnosis_words
from serving.pages.explanation import Changed, MadeOf, Subject, changed, made_of
from serving.pages.feedback import FeedbackWords, feedback_words
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.offers import OfferWords, offer_words, proof_of
from serving.pages.outlook import DealRow, Largest, deals_of, largest_of
from serving.pages.pay import PayWords, pay_words, without_pay
from serving.pages.pipeline import PipelineWords, pipeline_words
from serving.pages.said import Said, said_of
from serving.pages.standing import Action, Standing, standing_of
from serving.pages.what_if import WhatIfCard, what_if_card
from serving.pages.words import BandWords, HazardWords, band_words, hazard_words
from serving.problem import NotYoursError
from serving.routes.answers import IdentifierInPath
from spm_ml.predictions import Batch, BatchReader, Prediction, Principal

router = APIRouter(include_in_schema=False)

_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Fact:
    """A number at the top of the page."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class WeekRow:
    """One as-of day of the table behind the fan chart."""

    day: str
    booked: str
    quantiles: tuple[str, ...]
    chance: str


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
        what_if: The form to suppose something.
    """

    name: str
    rep_id: str
    about: str
    facts: tuple[Fact, ...]
    standing: Standing
    band: BandWords
    is_hindsight: bool
    abstention: str | None
    fan: Markup
    weeks: tuple[WeekRow, ...]
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
    what_if: WhatIfCard


@router.get("/reps/{rep_id:path}")
async def rep(request: Request, principal: PagePrincipal, rep_id: IdentifierInPath) -> Response:
    """The page of one rep, for the rep and the managers above."""
    require_reach(principal, "figures")
    today = request.app.state.settings.today()

    def build(batch: BatchReader) -> Response:
        row = batch.prediction(rep_id)
        if row is None:
            raise NotYoursError
        page = _page(batch, principal, row, today)
        frame = frame_of(request, row.name, principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("rep.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def _page(batch: BatchReader, principal: Principal, row: Prediction, today: date | None) -> RepPage:
    money = Money.of(batch.batch)
    history = batch.history(row.rep_id)
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
    return RepPage(
        name=row.name,
        rep_id=row.rep_id,
        about=" · ".join(part for part in (row.role, row.team, row.region, row.segment) if part),
        facts=_facts(row, money),
        standing=standing_of(row, money, own=own, actions=_actions(offers, cases, decides=decides, own=own)),
        band=band_words(row.risk_band),
        is_hindsight=batch.is_hindsight(),
        abstention=formats.stored(row.abstention.detail) if row.abstention else None,
        fan=_fan(row, history, money),
        weeks=tuple(_week(week, money) for week in reversed(history)),
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
        remarks=_remarks(row, batch.batch, diagnosed=diagnosis is not None),
        offers=offers,
        decided=decided_about(batch, row.rep_id, findings),
        may_decide=decides,
        may_decline=own,
        cases=cases,
        topics=TOPICS if own and batch.scope.reach("own_case") != "none" else {},
        assessment=assessment_words(batch, row, diagnosis),
        feedback=feedback_words(batch, row),
        what_if=what_if_card(batch, row),
    )


def _actions(offers: Sequence[OfferWords], cases: Sequence[CaseWords], *, decides: bool, own: bool) -> Sequence[Action]:
    """What the reader can do on this page, in the order of the page."""
    open_offers = any(offer.program and offer.state == "" for offer in offers)
    actions = []
    if open_offers and decides:
        actions.append(Action("decide about the offered program", "#offers"))
    if open_offers and own:
        actions.append(Action("read what is offered to you, and decline it if it does not fit", "#offers"))
    if any(case.steps for case in cases):
        actions.append(Action("answer what was said", "#cases"))
    if own:
        actions.append(Action("correct data, contest a number or give your own view", "#cases"))
    return actions


def _facts(row: Prediction, money: Money) -> tuple[Fact, ...]:
    low, median, high = (row.quantile(level) for level in (0.1, 0.5, 0.9))
    quota = row.quota
    facts = [
        Fact("Quota", money.full(quota), "" if quota else "none is known"),
        Fact(
            "Booked so far", money.full(row.booked), f"{formats.percent(row.booked / quota)} of quota" if quota else ""
        ),
    ]
    if low is not None and median is not None and high is not None:
        shares = [formats.percent(value / quota) for value in (median, low, high)] if quota else []
        facts.append(
            Fact(
                "Forecast, P50",
                money.full(median),
                f"{shares[0]} of quota; P10\xa0{shares[1]}, P90\xa0{shares[2]}"
                if shares
                else f"P10 {money.amount(low)}, P90 {money.amount(high)}",
            )
        )
    facts.append(Fact("Chance of quota", formats.chance(row.p_hit), "" if row.p_hit is not None else "not rated"))
    return tuple(facts)


def _fan(row: Prediction, history: Sequence[Prediction], money: Money) -> Markup:
    points = tuple(FanPoint(week.as_of, week.booked, _five(week), _in_words(week, money)) for week in history)
    low, _, median, _, high = _five(row) or (0.0,) * 5
    outcome = "Nothing is forecast."
    if row.bookings_quantiles is not None:
        outcome = f"At its end P10 is {money.full(low)}, P50 {money.full(median)} and P90 {money.full(high)}."
    quota = "No quota is known." if row.quota is None else f"The quota is {money.full(row.quota)}."
    return fan_chart(
        Fan(row.period_start, row.period_end, points, row.quota),
        tick=money.tick,
        day=formats.short_day,
        title=f"Bookings of {row.name} in {row.period}: forecast each week, and booked",
        description=f"Booked {money.full(row.booked)} by {formats.day(row.as_of)}. {outcome} {quota}",
        key="fan",
    )


def _in_words(week: Prediction, money: Money) -> str:
    booked = f"{formats.day(week.as_of)}: booked {money.full(week.booked)}"
    median = week.quantile(0.5)
    if median is None:
        return f"{booked}; nothing was forecast."
    low, high = money.amount(week.quantile(0.1)), money.amount(week.quantile(0.9))
    return f"{booked}; forecast then {money.full(median)}, P10 {low}, P90 {high}; chance {formats.chance(week.p_hit)}."


def _five(row: Prediction) -> tuple[float, float, float, float, float] | None:
    values = tuple(value for level in _LEVELS if (value := row.quantile(level)) is not None)
    return None if len(values) < 5 else (values[0], values[1], values[2], values[3], values[4])


def _week(row: Prediction, money: Money) -> WeekRow:
    return WeekRow(
        formats.day(row.as_of),
        money.amount(row.booked),
        tuple(money.amount(row.quantile(level)) for level in _LEVELS),
        formats.chance(row.p_hit),
    )


def _remarks(row: Prediction, batch: Batch, *, diagnosed: bool) -> tuple[str, ...]:
    remarks = [] if row.pay else [without_pay(row)]
    if not diagnosed:
        remarks.append(
            "No diagnosis is published yet: what lies behind earlier results. It comes with 'spm recommend'."
        )
    if row.exposure < 1:
        remarks.append(f"Counted for {formats.percent(row.exposure)} of the period: joined late, left, or part time.")
    if row.history_reconstructed:
        remarks.append("The history of the deals was rebuilt from their last state; earlier weeks are less certain.")
    high, medium = formats.percent(batch.risk_high_below), formats.percent(batch.risk_medium_below)
    remarks.append(f"Risk is high below a {high} chance of reaching the quota, and medium below {medium}.")
    return tuple(remarks)
