"""Whether a provider's signed word about a person is to be believed (OpenID Connect Core 3.1.3.7)."""

import warnings
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet

from serving.identity.person import NotVouchedForError, ProviderDownError
from serving.identity.settings import OpenIdProvider

_PUBLIC: Final = ("RSA", "EC")


class UnknownKeyError(NotVouchedForError):
    """It is signed with a key that is not among those known."""


def keys_of(document: Any) -> KeySet:
    """The public signature keys of a JWKS document; keys of other kinds, or that cannot be read, are left out.

    Raises:
        ProviderDownError: It holds none.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") not in _PUBLIC or entry.get("use", "sig") != "sig":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # what joserfc warns of, a short key for instance, is not believed
                keys.append(JWKRegistry.import_key(entry))
        except (JoseError, ValueError, Warning):
            continue
    if not keys:
        raise ProviderDownError("the provider publishes no key that signatures could be checked with")
    return KeySet(keys)


def checked_claims(
    token: str, keys: KeySet, settings: OpenIdProvider, *, nonce: str, access_token: str | None
) -> dict[str, Any]:
    """The claims of an ID token: signature, algorithm, issuer, audience, times and nonce are as they must be.

    Raises:
        UnknownKeyError: Its key is not among `keys`.
        NotVouchedForError: Something else about it is wrong.
    """
    try:
        signed = jwt.decode(token, keys, algorithms=list(settings.algorithms))
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            options={
                "iss": {"essential": True, "value": settings.issuer},
                "aud": {"essential": True, "value": settings.client_id},
            },
            params={"nonce": nonce, "client_id": settings.client_id, "access_token": access_token},
        )
        claims.validate(leeway=settings.leeway_seconds)
    except InvalidKeyIdError as error:
        raise UnknownKeyError("InvalidKeyIdError") from error
    except (JoseError, ValueError, TypeError) as error:
        raise NotVouchedForError(type(error).__name__) from error
    if not claims["sub"]:
        raise NotVouchedForError("no subject")
    return dict(claims)
