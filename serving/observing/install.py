"""Puts what is switched on around the application."""

from collections.abc import Callable

from fastapi import FastAPI

from serving.observing.logs import RequestLog
from serving.observing.request import Observed, Observer
from serving.observing.traces import Traces
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore


def install(
    app: FastAPI, settings: ServingSettings, store: PredictionStore, requests: RequestLog | None
) -> Callable[[], None]:
    """Adds the log of requests, metrics and traces as the outermost middleware.

    Returns:
        To be called when the application shuts down.

    Raises:
        ConfigurationError: Telemetry is enabled and not installed.
    """
    observers: list[Observer] = []
    closing: Callable[[], None] = _nothing
    if requests is not None:
        observers.append(requests)
    if settings.metrics.enabled:
        from serving.observing import prometheus

        app.state.metrics = prometheus.ServiceMetrics(store)
        app.router.routes.extend(prometheus.router.routes)
        observers.append(app.state.metrics)
    if settings.telemetry.enabled:
        traces = Traces.open(settings.telemetry)
        observers.append(traces)
        closing = traces.close
    if observers:
        app.add_middleware(Observed, observers=observers)
    return closing


def _nothing() -> None:
    pass
