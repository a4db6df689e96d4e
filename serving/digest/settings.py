"""How the weekly mail goes out, and where its links lead."""

import hmac
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from serving.identity.settings import WebAddress, is_loopback

_SHORTEST = 24


class SmtpSettings(BaseModel):
    """The mail server.

    Attributes:
        host: Its name.
        port: Where it takes mail.
        security: `starttls`, `tls` from the first byte, or `none`, on this machine alone.
        username: Under which to log in; None: it asks for none.
        password: Of that, by environment or file alone.
        timeout_seconds: How long it is waited for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1, max_length=255)
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    timeout_seconds: float = Field(default=30.0, gt=0, le=300)

    @model_validator(mode="after")
    def _nothing_in_the_clear(self) -> Self:
        if self.security == "none" and not is_loopback(f"http://{self.host}"):
            raise ValueError("mail names people: take security starttls or tls for a server on another machine")
        if (self.username is None) != (self.password is None):
            raise ValueError("a username and a password belong together; give both or neither")
        return self


class WebhookSettings(BaseModel):
    """Who takes the digests instead of a mail server, such as a chat's gateway.

    Attributes:
        url: Where each is posted.
        secret: With which they are signed, 24 characters at least, by environment or file alone.
        timeout_seconds: How long an answer is waited for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: WebAddress
    secret: SecretStr = Field(min_length=_SHORTEST)
    timeout_seconds: float = Field(default=10.0, gt=0, le=120)


class DigestSettings(BaseModel):
    """The weekly mail.

    Attributes:
        public_url: Where browsers reach this service; links begin with it.
        secret: Signs the links by which people unsubscribe, 24 characters at least, by environment or file alone; a new
            one makes the links of earlier mails worthless.
        sender: From whom it comes, `Name <address>` or an address.
        smtp: The mail server; None: there is none.
        webhook: Who takes digests instead; None: nobody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: WebAddress
    secret: SecretStr = Field(min_length=_SHORTEST)
    sender: str = Field(default="spm-ml@localhost", max_length=300)
    smtp: SmtpSettings | None = None
    webhook: WebhookSettings | None = None

    @field_validator("sender")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if "@" not in value or not value.isprintable():
            raise ValueError("must be an address, such as 'Sales forecasts <forecasts@example.com>'")
        return value

    def link(self, path: str) -> str:
        """The whole address of a page."""
        return f"{self.public_url.rstrip('/')}{path}"

    def unsubscribe_link(self, account_id: str) -> str:
        """The address at which whoever holds it unsubscribes that account, and can do nothing else."""
        return self.link(f"/digest/unsubscribe/{account_id}/{self._signature(account_id)}")

    def signed(self, account_id: str, signature: str) -> bool:
        """Whether a signature is that of an account's link."""
        return hmac.compare_digest(self._signature(account_id).encode(), signature.encode())

    def _signature(self, account_id: str) -> str:
        key = self.secret.get_secret_value().encode()
        return hmac.digest(key, f"digest.unsubscribe.{account_id}".encode(), "sha256").hex()
