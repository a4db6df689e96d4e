"""The catalogue of baseline metrics, from the list that computes them."""

from collections.abc import Collection

from fastapi import APIRouter, Request

from serving.access import ApiPrincipal, on_batch
from serving.problem import documented
from serving.routes.answers import Answer, Model, source
from spm_ml.metrics import GROUPS, METRIC_BY_SLUG
from spm_ml.predictions import BatchReader

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])


class Definition(Model):
    """How a metric is computed."""

    formula: str
    null_rule: str
    source: str
    version: int


class CatalogueEntry(Definition):
    """A metric that can stand beside a forecast."""

    slug: str
    label: str
    group: str
    unit: str
    levels: tuple[str, ...]


class Catalogue(Answer):
    """Every baseline metric."""

    items: tuple[CatalogueEntry, ...]


def definitions_of(slugs: Collection[str]) -> dict[str, Definition]:
    """The definitions behind these metrics, by slug."""
    return {
        slug: Definition(
            formula=metric.formula, null_rule=metric.null_rule, source=metric.source, version=metric.version
        )
        for slug, metric in METRIC_BY_SLUG.items()
        if slug in slugs
    }


@router.get("", responses=documented(401, 503))
async def list_metrics(request: Request, principal: ApiPrincipal) -> Catalogue:
    """List every baseline metric with its formula, null rule and source."""
    items = tuple(
        CatalogueEntry(
            slug=metric.slug,
            label=metric.label,
            group=group,
            unit=metric.unit,
            levels=metric.levels,
            formula=metric.formula,
            null_rule=metric.null_rule,
            source=metric.source,
            version=metric.version,
        )
        for group, metrics in GROUPS.items()
        for metric in metrics
    )

    def build(batch: BatchReader) -> Catalogue:
        return Catalogue(**source(batch.batch), items=items)

    return await on_batch(request, principal, build)
