"""Whether a request was signed by a source that the operator knows: the scheme of Standard Webhooks.

HMAC-SHA256 over `id.timestamp.body` in the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`
(`v1,BASE64`, several apart by a blank while a sender changes its secret). https://www.standardwebhooks.com
"""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

_PREFIX: Final = "whsec_"
_SHORTEST: Final = 24
_MOST_SIGNATURES: Final = 8
_SECONDS: Final = re.compile(r"\d{1,12}", re.ASCII)
_ID: Final = re.compile(r"[!-~]{1,200}", re.ASCII)

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]


class EventSource(BaseModel):
    """A system that sends events.

    Attributes:
        secret: With which it signs, 24 characters at least, by environment or file alone; `whsec_` and base64 count as
            the bytes they stand for.
        previous_secret: Also believed, while the source changes to the new one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: SecretStr
    previous_secret: SecretStr | None = None

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        for secret in self.secrets:
            if len(_key(secret)) < _SHORTEST:
                raise ValueError(f"a secret of fewer than {_SHORTEST} bytes can be guessed: make a longer one")
        return self

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Those that count."""
        return (self.secret,) if self.previous_secret is None else (self.secret, self.previous_secret)


class EventSettings(BaseModel):
    """Who may send events, and how far clocks may differ.

    Attributes:
        sources: By name, as it stands in the audit; none: nobody may.
        tolerance_seconds: A signature older than this, or from further ahead, is refused: it may be a repetition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: dict[SourceName, EventSource] = {}
    tolerance_seconds: int = Field(default=300, ge=10, le=3_600)

    def signer(self, headers: Mapping[str, str], body: bytes, *, now: float) -> str | None:
        """The source that signed a request; None if none did, or not now.

        Every secret is tried, whichever fits, so that the time taken says nothing.

        Args:
            headers: Of the request, names in lower case.
            body: All of it.
            now: Seconds since 1970.
        """
        name, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        given = headers.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]
        if not (_ID.fullmatch(name) and _SECONDS.fullmatch(moment)):
            return None
        signed = f"{name}.{moment}.".encode("ascii") + body
        sent = [_bytes(one.removeprefix("v1,")) for one in given if one.startswith("v1,")]
        found = None
        for source, known in self.sources.items():
            for secret in known.secrets:
                right = hmac.digest(_key(secret), signed, "sha256")
                for one in sent:
                    if hmac.compare_digest(right, one):
                        found = source
        return found if abs(now - int(moment)) <= self.tolerance_seconds else None


def sign(secret: SecretStr, name: str, body: bytes, *, now: float) -> dict[str, str]:
    """Headers that sign a request of ours in the same way.

    Args:
        secret: As an `EventSource` has it.
        name: Id of the message, the same whenever it is sent again.
        body: All of it.
        now: Seconds since 1970.
    """
    moment = str(int(now))
    signature = hmac.digest(_key(secret), f"{name}.{moment}.".encode("ascii") + body, "sha256")
    return {
        "webhook-id": name,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{b64encode(signature).decode('ascii')}",
    }


def _key(secret: SecretStr) -> bytes:
    text = secret.get_secret_value()
    return _bytes(text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else text.encode("utf-8")


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
