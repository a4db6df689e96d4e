"""What an operator decides about identity providers and proxies."""

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator

CALLBACK_PATH: Final = "/login/callback"


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine itself.

    >>> is_loopback("http://127.0.0.1:8000/o"), is_loopback("http://login.example"), is_loopback("https://[::1]/")
    (True, False, True)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def safe_url(url: str) -> str:
    """The URL, if what is sent there cannot be read on the way.

    Raises:
        ValueError: It is neither HTTPS nor on the loopback, or holds more than a place.
    """
    parts = urlsplit(url)
    if not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))) or not parts.hostname:
        raise ValueError("must begin with https://; http:// is for the loopback alone")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must hold no query, fragment or password")
    return url


SafeUrl = Annotated[str, StringConstraints(max_length=500), AfterValidator(safe_url)]


def web_address(url: str) -> str:
    """The address of another application's pages, without a slash at its end.

    >>> web_address("http://mlflow.intern:5000/")
    'http://mlflow.intern:5000'

    Raises:
        ValueError: It is no http or https address, or holds more than a place.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with https:// or http://")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must hold no query, fragment or password")
    return url.rstrip("/")


WebAddress = Annotated[str, StringConstraints(max_length=500), AfterValidator(web_address)]


class OpenIdProvider(BaseModel):
    """An OpenID provider at which people log in; what they may do here stays a matter of their account.

    Attributes:
        issuer: As the provider writes it; its discovery document lies below.
        client_id: Under which this service is registered there.
        client_secret: Its secret, by environment or file alone; None: a public client.
        public_url: Where browsers reach this service; `/login/callback` below it is the registered redirect address.
        name: On the button of the login page.
        scopes: What is asked for; the address is needed for people whose account is known by email alone.
        algorithms: Of signatures that are believed.
        leeway_seconds: How far the clocks may differ.
        timeout_seconds: How long the provider is waited for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: SafeUrl
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: SecretStr | None = None
    public_url: SafeUrl
    name: str = Field(default="single sign-on", min_length=1, max_length=100)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithms: tuple[Literal["RS256", "PS256", "ES256"], ...] = Field(
        default=("RS256", "PS256", "ES256"), min_length=1
    )
    leeway_seconds: int = Field(default=60, ge=0, le=300)
    timeout_seconds: float = Field(default=5.0, gt=0, le=60)

    @field_validator("scopes")
    @classmethod
    def _is_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("must hold 'openid'")
        return scopes

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to."""
        return self.public_url.rstrip("/") + CALLBACK_PATH


class TrustedProxy(BaseModel):
    """A proxy in front of the service that has checked who somebody is.

    Attributes:
        header: In which it names the person, by the account's email or as the subject of issuer `proxy`. It must
            remove the header from what it receives.
        peers: Networks of addresses from which the proxy connects; the header is ignored from any other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    header: str = Field(default="X-Forwarded-User", pattern=r"^[A-Za-z0-9-]{1,100}$")
    peers: tuple[IPv4Network | IPv6Network, ...] = Field(min_length=1)

    @field_validator("peers")
    @classmethod
    def _not_everybody(cls, peers: tuple[IPv4Network | IPv6Network, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
        if any(peer.prefixlen == 0 for peer in peers):
            raise ValueError("must not hold every address there is")
        return peers
