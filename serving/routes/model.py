"""The model behind the numbers: its card, the gate it passed, and what it adds over the baselines."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from serving.access import ApiPrincipal, on_batch
from serving.problem import documented
from serving.routes.answers import Answer, Model, PeriodQuery, source
from spm_ml.predictions import BatchReader

router = APIRouter(prefix="/v1/model", tags=["model"])

Row = dict[str, str | int | float | bool | None]


class CardOut(Model):
    """The model card."""

    name: str
    version: str
    forecaster: str
    trained_at: datetime
    data_hash: str
    spm_version: str
    markdown: str


class GateTestOut(Model):
    """One test that the model had to pass."""

    test: str
    passed: bool
    value: float | None
    threshold: float | None
    detail: str

    @classmethod
    def of(cls, row: dict[str, Any]) -> "GateTestOut":
        """The same for the API."""
        return cls(
            test=row["test"],
            passed=row["passed"],
            value=row.get("value"),
            threshold=row.get("threshold"),
            detail=row["detail"],
        )


class ModelAnswer(Answer):
    """The model, its card and its gate."""

    card: CardOut
    gate: tuple[GateTestOut, ...]


class ValueAddedAnswer(Answer):
    """Accuracy of every forecaster in the backtest, overall and by week."""

    items: tuple[Row, ...] = Field(
        description=(
            "One row a forecaster: forecaster, kind (model, submission: what people said, or rule), n, crps, pinball, "
            "mae, wape, bias (Σ (said − booked) ÷ Σ booked), brier, ece, auc, coverage_80, value_added "
            "(gain in CRPS over the best simple baseline) and the unit they are measured in."
        )
    )
    by_week: tuple[Row, ...] = Field(description="The same by forecaster and week of the period.")


@router.get("", responses=documented(401, 404, 422, 503))
async def get_model(request: Request, principal: ApiPrincipal, query: Annotated[PeriodQuery, Query()]) -> ModelAnswer:
    """Get the model behind the batch, its card and the gate it passed."""

    def build(batch: BatchReader) -> ModelAnswer:
        card = batch.model_card()
        return ModelAnswer(
            **source(batch.batch),
            card=CardOut(
                name=card.name,
                version=card.version,
                forecaster=card.forecaster,
                trained_at=card.trained_at,
                data_hash=card.data_hash,
                spm_version=card.spm_version,
                markdown=card.card_markdown,
            ),
            gate=tuple(GateTestOut.of(row) for row in card.gate),
        )

    return await on_batch(request, principal, build, period=query.period)


@router.get("/value-added", responses=documented(401, 404, 422, 503))
async def get_value_added(
    request: Request, principal: ApiPrincipal, query: Annotated[PeriodQuery, Query()]
) -> ValueAddedAnswer:
    """Get the forecast-value-added table: every forecaster against the simple baselines."""

    def build(batch: BatchReader) -> ValueAddedAnswer:
        card = batch.model_card()
        return ValueAddedAnswer(**source(batch.batch), items=card.value_added, by_week=card.by_week)

    return await on_batch(request, principal, build, period=query.period)
