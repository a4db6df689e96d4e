"""Who is asking, and the form in which a secret is kept."""

import hashlib
from dataclasses import dataclass, field

from spm_ml.predictions.scope import Scope
from spm_ml.predictions.session_limits import SessionSpan


@dataclass(frozen=True)
class Principal:
    """Who is asking.

    Attributes:
        account_id: Names the account, says nothing about it.
        label: Who it is, as audit rows name them.
        scope: What it may see.
        token_id: Names the access token it came with or logged in with; None without one.
        session: Of the browser session it came with; None without one.
    """

    account_id: str
    label: str
    scope: Scope
    token_id: str | None = None
    session: SessionSpan | None = field(default=None, compare=False)


def hashed(secret: str) -> str:
    """SHA-256 of a token or session key. They are 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
