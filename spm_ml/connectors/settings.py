"""How the systems are reached: `connectors.yaml` in the workspace, and the environment; no secret in the former."""

from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from spm_ml import deployment
from spm_ml.settings import Workspace

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def _safe_address(value: str) -> str:
    """An address whose traffic nobody on the way can read: HTTPS, or HTTP on this machine."""
    parts = urlsplit(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("must begin with https://, since a token travels to it")
    if parts.username is not None or parts.query or parts.path not in ("", "/") or not parts.hostname:
        raise ValueError("must be a host alone, such as https://company.my.salesforce.com")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_safe_address)]


class _Access(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    calls_share: float = Field(default=0.8, gt=0, le=1)
    retry_seconds: float = Field(default=1.0, ge=0, le=60)
    rates: bool = True


class SalesforceAccess(_Access):
    """One of three ways in: an app's own credentials, a signed assertion (JWT) for a user, or a session that is open.

    Attributes:
        url: The organisation's own address, `https://company.my.salesforce.com`.
        client_id: Consumer key of the connected app.
        client_secret: Its secret, for the client-credentials flow.
        username: In whose name the JWT flow logs in.
        private_key: PEM that signs it.
        audience: For whom the assertion is; None: `url`.
        session: A session token; it is used until it expires and cannot be renewed.
        calls_share: Share of the organisation's calls of 24 hours above which a fetch stops.
        retry_seconds: First wait before something is asked again; doubled each time.
        rates: Exchange rates come from here too, where amounts are in several currencies; false: from elsewhere.
    """

    url: Address
    client_id: str | None = None
    client_secret: SecretStr | None = None
    username: str | None = None
    private_key: SecretStr | None = None
    audience: Address | None = None
    session: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = {
            "session": self.session is not None,
            "client_id and client_secret": None not in (self.client_id, self.client_secret),
            "client_id, username and private_key": None not in (self.client_id, self.username, self.private_key),
        }
        if sum(ways.values()) != 1:
            raise ValueError(f"give exactly one of: {'; '.join(ways)}")
        return self


class HubSpotAccess(_Access):
    """The token of a private app.

    Attributes:
        token: Of the private app.
        url: Where the interface is.
        calls_share: Share of the account's calls of a day above which a fetch stops.
        retry_seconds: First wait before something is asked again; doubled each time.
        rates: Exchange rates come from here too, where amounts are in several currencies; false: from elsewhere.
    """

    token: SecretStr
    url: Address = "https://api.hubapi.com"


class ConnectorSettings(BaseModel):
    """What an operator decides about fetching.

    Attributes:
        salesforce: How Salesforce is reached; None: it is not.
        hubspot: How HubSpot is reached; None: it is not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    salesforce: SalesforceAccess | None = None
    hubspot: HubSpotAccess | None = None

    @classmethod
    def of_workspace(cls, workspace: Workspace) -> "ConnectorSettings":
        """Reads them.

        Raises:
            ConfigurationError: A setting is unknown or wrong, a secret in the file, or for another tenant.
        """
        return deployment.load(cls, workspace.root, at=deployment.CONNECTORS)
