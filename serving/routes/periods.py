"""Periods that can be read."""

from datetime import date, datetime

from fastapi import APIRouter, Request

from serving.access import ApiPrincipal, on_batch, store_of
from serving.problem import documented
from serving.routes.answers import Answer, Model, source
from spm_ml.predictions import BatchReader

router = APIRouter(prefix="/v1/periods", tags=["periods"])


class PeriodOut(Model):
    """A period and its last published batch."""

    period: str
    as_of: date
    watermark: date
    batch_id: str
    published_at: datetime
    model_version: str
    current: bool


class Periods(Answer):
    """Every period that can be read, the published one first."""

    items: tuple[PeriodOut, ...]


@router.get("", responses=documented(401, 503))
async def list_periods(request: Request, principal: ApiPrincipal) -> Periods:
    """List the periods that can be read, the published one first."""
    store = store_of(request)

    def build(batch: BatchReader) -> Periods:
        items = (
            PeriodOut(
                period=stored.batch.period,
                as_of=stored.batch.as_of,
                watermark=stored.batch.watermark,
                batch_id=stored.batch.batch_id,
                published_at=stored.published_at,
                model_version=stored.batch.model_version,
                current=stored.current,
            )
            for stored in store.periods()
        )
        return Periods(**source(batch.batch), items=tuple(items))

    return await on_batch(request, principal, build)
