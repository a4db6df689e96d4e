"""What a provider or proxy says of a person, and what can go wrong on the way."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException


@dataclass(frozen=True)
class Person:
    """Somebody whom an OpenID provider vouches for.

    Attributes:
        issuer: The provider.
        subject: Their name there, which never changes.
        email: Only if the provider has verified that it is theirs.
    """

    issuer: str
    subject: str
    email: str | None


class NoAccountError(HTTPException):
    """Somebody is known to the provider or proxy, and has no account here that is active."""

    def __init__(self) -> None:
        super().__init__(403)


class LoginOverError(Exception):
    """This browser began no such login, or too long ago."""


class NotVouchedForError(Exception):
    """The provider did not vouch for anybody, or not in a way that can be believed. The message is for the log."""


class ProviderDownError(Exception):
    """The provider does not answer, or not as an OpenID provider does. The message is for the log."""
