"""One login at the provider: what ties its end to its beginning, and both to one browser.

The browser keeps one random secret in a cookie. State, nonce and PKCE verifier are derived from it and from the moment
of the beginning, so that nothing is kept here and nothing of another login fits.
"""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Final, Self

SECONDS: Final = 600
"""How long a login may take."""


@dataclass(frozen=True)
class Flow:
    """A login that was begun.

    Attributes:
        secret: Kept by the browser alone.
        state: Comes back with the browser (RFC 6749 10.12).
        nonce: Comes back in the provider's signed word.
        verifier: Proves to the provider that who began the login ends it (RFC 7636).
    """

    secret: str
    state: str
    nonce: str
    verifier: str

    @classmethod
    def begin(cls) -> Self:
        """A new login."""
        return cls._of(secrets.token_urlsafe(32), str(int(time.time())))

    @classmethod
    def ended(cls, secret: str, state: str) -> Self | None:
        """The login that a browser with this secret ends; None if it began none with this state, or too long ago."""
        began = state.partition(".")[0]
        if len(secret) != 43 or not (began.isascii() and began.isdecimal() and len(began) < 12):
            return None
        flow = cls._of(secret, began)
        right = hmac.compare_digest(flow.state.encode(), state.encode("utf-8", "surrogatepass"))
        return flow if right and 0 <= time.time() - int(began) <= SECONDS else None

    @classmethod
    def _of(cls, secret: str, began: str) -> Self:
        def derived(purpose: str) -> str:
            mac = hmac.digest(secret.encode("utf-8", "surrogatepass"), f"{purpose} {began}".encode(), hashlib.sha256)
            return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

        return cls(secret, f"{began}.{derived('state')}", derived("nonce"), derived("verifier"))
