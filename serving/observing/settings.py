"""What an operator decides about logs, metrics and traces."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LogSettings(_Frozen):
    """What is logged, and how.

    Attributes:
        format: `json`: an object a line; `text`: lines for people; `auto`: text where stdout is a terminal.
        requests: A line for every request: route template, status, milliseconds, account id, request id.
    """

    format: Literal["auto", "json", "text"] = "auto"
    requests: bool = True


class MetricsSettings(_Frozen):
    """Metrics for Prometheus on /metrics.

    Attributes:
        enabled: Off: the address does not exist.
        networks: From where they may be read, by the address of the connection. A request that a proxy forwards is
            answered as if there were nothing.
    """

    enabled: bool = False
    networks: tuple[IPv4Network | IPv6Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


class TelemetrySettings(_Frozen):
    """Traces for an OpenTelemetry collector.

    Attributes:
        enabled: Off: nothing of OpenTelemetry is even imported. Needs the extra `telemetry`.
        endpoint: Where the collector takes traces (OTLP over HTTP); none: `OTEL_EXPORTER_OTLP_ENDPOINT` says so.
        service_name: Name under which the service appears.
    """

    enabled: bool = False
    endpoint: str | None = None
    service_name: str = "spm-ml"
