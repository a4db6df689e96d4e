"""Settings of the service, read once when it starts."""

from datetime import UTC, date, datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from serving.digest.settings import DigestSettings
from serving.identity.settings import OpenIdProvider, TrustedProxy, WebAddress, is_loopback
from serving.limits import RateLimits
from serving.observing.settings import LogSettings, MetricsSettings, TelemetrySettings
from serving.signatures import EventSettings
from serving.what_if import WhatIfSettings
from spm_ml import deployment
from spm_ml.errors import ConfigurationError
from spm_ml.predictions import SessionLimits
from spm_ml.settings import LOCALE, Workspace, check_locale


class SessionSettings(BaseModel):
    """When people who are logged in to the pages must log in again.

    Attributes:
        hours: After they logged in, whatever they did since.
        idle_hours: After they last asked for a page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: float = Field(default=12.0, gt=0, le=8_760)
    idle_hours: float = Field(default=12.0, gt=0, le=8_760)

    @property
    def limits(self) -> SessionLimits:
        """The same for the store."""
        return SessionLimits(timedelta(hours=self.hours), timedelta(hours=self.idle_hours))


class ServingSettings(BaseModel):
    """What an operator decides about the service.

    Attributes:
        store: Path or database URL of the prediction store.
        stale_after_days: A published batch older than this makes the service unready; None: never.
        locale: BCP 47, such as `de-CH`: how pages write numbers, amounts and days. Downloads and the API never change.
        secure_cookies: Send cookies over HTTPS alone; switch on wherever the service is not on the loopback.
        max_body_bytes: Largest request body that is read.
        body_seconds: Longest time a client may take to send one.
        page_size: Reps on one page of a board.
        workers: Processes that serve one port; more than one wants PostgreSQL or few writes.
        log: What is logged, and how.
        metrics: Metrics for Prometheus.
        telemetry: Traces for an OpenTelemetry collector.
        idempotency_hours: How long the key of a write is remembered.
        kept_answers_bytes: Answers about the published batch that are kept in memory, at most; 0: none.
        limits: How often one may ask.
        what_if: How what-if questions are answered.
        sessions: When people who are logged in must log in again.
        oidc: The OpenID provider at which people log in; None: none.
        proxy: The proxy in front that says who somebody is; None: none.
        events: Which systems may send fresh data.
        token_login: Whether people may log in to the pages with a token of ours.
        digest: The weekly mail; None: there is none.
        mlflow_ui: Where browsers reach MLflow's pages, for links to runs and model versions; None: no links.
        tenant: Whose workspace it is, as its `tenant.yaml` says, and in every line of the log; another one is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str = Field(repr=False)
    stale_after_days: int | None = Field(default=None, ge=1)
    locale: str = LOCALE
    secure_cookies: bool = False
    max_body_bytes: int = Field(default=65_536, ge=1_024)
    body_seconds: float = Field(default=10.0, gt=0)
    page_size: int = Field(default=25, ge=1, le=100)
    workers: int = Field(default=1, ge=1, le=64)
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    idempotency_hours: int = Field(default=24, ge=1)
    kept_answers_bytes: int = Field(default=32 * 1024 * 1024, ge=0)
    limits: RateLimits = RateLimits()
    what_if: WhatIfSettings = WhatIfSettings()
    sessions: SessionSettings = SessionSettings()
    oidc: OpenIdProvider | None = None
    proxy: TrustedProxy | None = None
    events: EventSettings = EventSettings()
    token_login: bool = True
    digest: DigestSettings | None = None
    mlflow_ui: WebAddress | None = None
    tenant: str | None = None

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        return check_locale(value)

    @model_validator(mode="after")
    def _somebody_can_log_in_safely(self) -> Self:
        if not self.token_login and self.oidc is None and self.proxy is None:
            raise ValueError("token_login is off and neither oidc nor proxy is set: nobody could log in")
        if self.oidc is not None and not is_loopback(self.oidc.public_url) and not self.secure_cookies:
            raise ValueError("secure_cookies must be on where oidc.public_url is not on the loopback")
        return self

    @classmethod
    def of_workspace(cls, workspace: Workspace) -> "ServingSettings":
        """The settings under which a workspace is served: environment, then `serving.yaml`, then its organisation.

        Raises:
            ConfigurationError: A setting is unknown or wrong, or for another tenant.
        """
        defaults: dict[str, object] = {"store": workspace.predictions_store, "tenant": workspace.tenant}
        if workspace.organisation_file.exists():
            organisation = workspace.organisation()
            defaults["stale_after_days"] = organisation.stale_after_days
            defaults["locale"] = organisation.locale
            defaults["idempotency_hours"] = organisation.retention.idempotency_hours
        given = deployment.load(cls, workspace.root, defaults=defaults)
        if given.tenant != workspace.tenant:
            raise ConfigurationError(
                f"the settings are for tenant {given.tenant!r} and {workspace.root} is of {workspace.tenant or 'none'}"
            )
        return given.model_copy(update={"store": workspace.predictions_store})

    @property
    def stale_after(self) -> timedelta | None:
        """Age from which a batch is stale."""
        return None if self.stale_after_days is None else timedelta(days=self.stale_after_days)

    def today(self) -> date | None:
        """The day that says which offers have lapsed; None: the batch's own.

        Where no age of data is declared, a day has no bearing on what is served.
        """
        return None if self.stale_after_days is None else datetime.now(UTC).date()
