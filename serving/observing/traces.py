"""OpenTelemetry traces, off unless switched on: one span a request, named by its route template, about nobody."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from starlette.types import Scope

from serving.observing.request import Answered
from serving.observing.settings import TelemetrySettings
from spm_ml import __version__
from spm_ml.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

_PARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


@dataclass(frozen=True)
class Traces:
    """Makes a span for every request (an `Observer`)."""

    provider: "TracerProvider"

    @classmethod
    def open(cls, settings: TelemetrySettings) -> Self:
        """Connects to the collector of the settings.

        Raises:
            ConfigurationError: The extra is not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"telemetry is enabled and {error.name} is not installed: install the extra, spm-ml[telemetry], or "
                f"set telemetry.enabled to false"
            ) from error
        traces = cls._made(settings)
        traces.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint)))
        return traces

    @classmethod
    def into(cls, exporter: "SpanExporter", settings: TelemetrySettings) -> Self:
        """Hands every span at once to an exporter."""
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor

        traces = cls._made(settings)
        traces.provider.add_span_processor(SimpleSpanProcessor(exporter))
        return traces

    @classmethod
    def _made(cls, settings: TelemetrySettings) -> Self:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        named = {"service.name": settings.service_name, "service.version": __version__}
        return cls(TracerProvider(resource=Resource(named)))

    def began(self, scope: Scope) -> object:
        """Opens the span; it follows the caller's where the request names one."""
        from opentelemetry.trace import SpanKind

        tracer = self.provider.get_tracer("serving", __version__)
        return tracer.start_span("request", context=_parent(scope), kind=SpanKind.SERVER)

    def answered(self, began: object, request: Answered) -> None:
        """Names the span and closes it."""
        from opentelemetry.trace import StatusCode

        span: Span = began  # type: ignore[assignment]
        span.update_name(f"{request.method} {request.route}")
        span.set_attribute("http.request.method", request.method)
        span.set_attribute("http.route", request.route)
        span.set_attribute("http.response.status_code", request.status)
        span.set_attribute("spm.request_id", request.request_id)
        if request.status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()

    def close(self) -> None:
        """Sends what is left."""
        self.provider.shutdown()


def _parent(scope: Scope) -> "Context | None":
    """The caller's span by a well-formed `traceparent`; `tracestate` and baggage could carry anything and are left."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        if name == b"traceparent" and _PARENT.fullmatch(text):
            return TraceContextTextMapPropagator().extract({"traceparent": text})
    return None
