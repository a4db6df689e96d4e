"""What speaks for and against the model, section by section: the model room for programs."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from serving.access import ApiPrincipal, on_batch, require_reach
from serving.problem import NotYoursError, documented
from serving.routes.answers import AbstentionOut, Answer, Identifier, Model, PeriodQuery, major_or_none, source
from spm_ml.predictions import (
    COMPANY,
    BatchReader,
    Calibration,
    Champion,
    DataQuality,
    Drift,
    LeakageResult,
    Lineage,
    Rivals,
    VoicesValue,
)

router = APIRouter(prefix="/v1/model", tags=["model"])

_DOCUMENTED: Final = documented(401, 404, 422, 503)
_ABSENT: Final = "None: it was not published with the batch; run `spm score`."

Period = Annotated[PeriodQuery, Query()]


class ChampionOut(Model):
    """A version that was made champion."""

    version: str
    since: datetime
    actor: str
    reason: str

    @classmethod
    def of(cls, at: datetime, champion: Champion) -> "ChampionOut":
        """The same for the API."""
        return cls(version=champion.model_version, since=at, actor=champion.actor, reason=champion.reason)


class ChampionsAnswer(Answer):
    """Champion and challenger."""

    rivals: Rivals | None = Field(description=f"Champion and challenger side by side. {_ABSENT}")
    history: tuple[ChampionOut, ...] = Field(description="Every champion, the latest first.")


class CalibrationAnswer(Answer):
    """Reliability, coverage and PIT in the model's backtest."""

    calibration: Calibration | None = Field(description=_ABSENT)


class DriftAnswer(Answer):
    """Whether the rows forecast now are unlike those the model learnt from."""

    drift: Drift | None = Field(description=_ABSENT)


class DataQualityAnswer(Answer):
    """What came in, what was set aside, and which hazards the rows carry."""

    data_quality: DataQuality | None = Field(description=_ABSENT)


class LeakageAnswer(Answer):
    """What the leak check found."""

    leakage: LeakageResult | None = Field(description="None: no check was run; run `spm check-leakage`.")


class VoicesAnswer(Answer):
    """Whether what people say makes the forecasts better."""

    voices: VoicesValue | None = Field(
        description="Each kind of words in the model's backtest: the error (CRPS) of the forecast moved by it minus "
        f"that of the forecast moved without it, with an interval, or why it cannot be told yet. {_ABSENT}"
    )


class NumberOut(Model):
    """A number of the batch: the middle forecast of bookings of a rep or of the company."""

    rep_id: str | None = Field(description="None: the company's.")
    label: str
    median: float | None
    abstention: AbstentionOut | None


class LineageAnswer(Answer):
    """From a number to the files."""

    number: NumberOut | None = Field(description="None: the principal sees none.")
    lineage: Lineage | None = Field(description=_ABSENT)


class LineageQuery(PeriodQuery):
    """Whose number."""

    rep_id: Identifier | None = Field(default=None, description="Default: the company's.")


@router.get("/champions", responses=_DOCUMENTED)
async def get_champions(request: Request, principal: ApiPrincipal, query: Period) -> ChampionsAnswer:
    """Get the champion beside the newest version after it, and every champion before it."""

    def build(batch: BatchReader) -> ChampionsAnswer:
        history = tuple(ChampionOut.of(at, champion) for at, champion in batch.champions())
        return ChampionsAnswer(**source(batch.batch), rivals=batch.evidence(Rivals), history=history)

    return await on_batch(request, principal, build, period=query.period)


@router.get("/calibration", responses=_DOCUMENTED)
async def get_calibration(request: Request, principal: ApiPrincipal, query: Period) -> CalibrationAnswer:
    """Get whether chances and intervals mean what they say, by week and level."""
    return await on_batch(
        request,
        principal,
        lambda batch: CalibrationAnswer(**source(batch.batch), calibration=batch.evidence(Calibration)),
        period=query.period,
    )


@router.get("/drift", responses=_DOCUMENTED)
async def get_drift(request: Request, principal: ApiPrincipal, query: Period) -> DriftAnswer:
    """Get the drift tests: statistic, threshold, p and corrected p of every column."""
    return await on_batch(
        request,
        principal,
        lambda batch: DriftAnswer(**source(batch.batch), drift=batch.evidence(Drift)),
        period=query.period,
    )


@router.get("/data-quality", responses=_DOCUMENTED)
async def get_data_quality(request: Request, principal: ApiPrincipal, query: Period) -> DataQualityAnswer:
    """Get what was accepted and set aside by table and rule, and counts of data hazards."""
    return await on_batch(
        request,
        principal,
        lambda batch: DataQualityAnswer(**source(batch.batch), data_quality=batch.evidence(DataQuality)),
        period=query.period,
    )


@router.get("/leakage", responses=_DOCUMENTED)
async def get_leakage(request: Request, principal: ApiPrincipal, query: Period) -> LeakageAnswer:
    """Get what the last leak check found."""
    return await on_batch(
        request,
        principal,
        lambda batch: LeakageAnswer(**source(batch.batch), leakage=batch.evidence(LeakageResult)),
        period=query.period,
    )


@router.get("/voices", responses=_DOCUMENTED)
async def get_voices(request: Request, principal: ApiPrincipal, query: Period) -> VoicesAnswer:
    """Get whether ratings, pulses and submissions make the forecasts better."""
    return await on_batch(
        request,
        principal,
        lambda batch: VoicesAnswer(**source(batch.batch), voices=batch.evidence(VoicesValue)),
        period=query.period,
    )


@router.get("/lineage", responses=documented(401, 403, 404, 422, 503))
async def get_lineage(
    request: Request, principal: ApiPrincipal, query: Annotated[LineageQuery, Query()]
) -> LineageAnswer:
    """Get what a number rests on: batch, model version, rows and files."""
    if query.rep_id is not None:
        require_reach(principal, "figures")
    return await on_batch(request, principal, _answer(query.rep_id), period=query.period)


def _answer(rep_id: str | None) -> Callable[[BatchReader], LineageAnswer]:
    def build(batch: BatchReader) -> LineageAnswer:
        number = _company(batch) if rep_id is None else _rep(batch, rep_id)
        return LineageAnswer(**source(batch.batch), number=number, lineage=batch.evidence(Lineage))

    return build


def _rep(batch: BatchReader, rep_id: str) -> NumberOut:
    row = batch.prediction(rep_id)
    if row is None:
        raise NotYoursError
    median = major_or_none(row.quantile(0.5), batch.batch)
    return NumberOut(rep_id=rep_id, label=row.name, median=median, abstention=AbstentionOut.of(row.abstention))


def _company(batch: BatchReader) -> NumberOut | None:
    group = batch.group("company", COMPANY)
    if group is None:
        return None
    median = major_or_none(group.quantile(0.5), batch.batch)
    return NumberOut(rep_id=None, label=group.label, median=median, abstention=None)
