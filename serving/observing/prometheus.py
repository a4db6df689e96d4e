"""Prometheus metrics with bounded labels: route templates, never addresses; no metric knows a person."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import Scope

from serving.observing.request import Answered
from serving.observing.settings import MetricsSettings
from serving.problem import NotYoursError
from serving.settings import ServingSettings
from spm_ml import __version__
from spm_ml.predictions import PredictionStore, StoreUnavailableError

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder through which several workers add up their numbers (prometheus_client's own variable)."""

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_REFUSED: Final = frozenset({401, 403, 413, 422, 429})
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def _admits(settings: MetricsSettings, request: Request) -> bool:
    """Whether the request comes straight from one of the networks."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        peer = ip_address(request.client.host)
    except ValueError:  # a Unix socket has no address
        return False
    return any(peer in network for network in settings.networks)


class ServiceMetrics:
    """Counts requests (an `Observer`) and looks into the store when it is asked for the page."""

    def __init__(self, store: PredictionStore) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        shared = SHARED_FOLDER in os.environ
        if shared:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        own = None if shared else self._registry
        self._requests = Counter("spm_requests", "Requests answered.", ("method", "route", "status"), registry=own)
        self._seconds = Histogram(
            "spm_request_seconds",
            "Time until the answer was sent.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=own,
        )
        self._in_flight = Gauge(
            "spm_requests_in_flight", "Requests being answered.", registry=own, multiprocess_mode="livesum"
        )
        self._refused = Counter("spm_refused", "Requests refused, by status.", ("status",), registry=own)
        self._store_errors = Counter("spm_store_errors", "Errors of the database.", registry=own)
        store.on_error(self._store_errors.inc)
        self._registry.register(_StoreFigures(store))

    def began(self, scope: Scope) -> None:  # noqa: ARG002  (an Observer)
        """One more is being answered."""
        self._in_flight.inc()

    def answered(self, began: object, request: Answered) -> None:  # noqa: ARG002  (an Observer)
        """Counts the answer."""
        self._in_flight.dec()
        self._requests.labels(request.method, request.route, f"{request.status // 100}xx").inc()
        self._seconds.labels(request.method, request.route).observe(request.seconds)
        if request.status in _REFUSED:
            self._refused.labels(str(request.status)).inc()

    def page(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _StoreFigures(Collector):
    """What the store says at the moment somebody asks."""

    def __init__(self, store: PredictionStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """The build, whether the store answers, the age of the published batch and the decisions by verdict."""
        build = GaugeMetricFamily("spm_build_info", "Version of the service.", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        up = GaugeMetricFamily("spm_store_up", "1 if the store answers.")
        try:
            batch, verdicts = self._store.published_batch(), self._store.verdicts()
        except StoreUnavailableError:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        age = GaugeMetricFamily("spm_batch_age_seconds", "Time since the published batch was scored; none: no sample.")
        if batch is not None:
            age.add_metric((), (datetime.now(UTC) - batch.created_at).total_seconds())
        yield age
        decisions = GaugeMetricFamily("spm_decisions", "Decisions on record.", labels=("verdict",))
        for verdict, count in sorted(verdicts.items()):
            decisions.add_metric((verdict,), count)
        yield decisions


router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def metrics_page(request: Request) -> Response:
    """The metrics, for those who may read them; for others there is nothing here."""
    settings: ServingSettings = request.app.state.settings
    if not _admits(settings.metrics, request):
        raise NotYoursError
    metrics: ServiceMetrics = request.app.state.metrics
    return Response(metrics.page(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
