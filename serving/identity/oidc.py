"""An OpenID provider: authorization code flow with PKCE (OpenID Connect Core 3.1, RFC 7636, RFC 9207).

Imported only where a provider is configured.
"""

import asyncio
import time
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import get_well_known_url
from joserfc.jwk import KeySet

from serving.identity.flow import Flow
from serving.identity.id_token import UnknownKeyError, checked_claims, keys_of
from serving.identity.person import NotVouchedForError, Person, ProviderDownError
from serving.identity.settings import OpenIdProvider, is_loopback

KEYS_AGAIN_AFTER: Final = 60.0
"""Seconds between two looks at the provider's keys, however many tokens name an unknown one."""
METADATA_HOLDS: Final = 3_600.0
"""Seconds for which the discovery document is believed."""
FAILURE_HOLDS: Final = 5.0
"""Seconds after a failure during which the provider is left alone."""

_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider:
    """The provider that the settings name.

    Args:
        settings: What the operator decided.
        transport: How it is reached; None: over the network.
    """

    def __init__(self, settings: OpenIdProvider, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            timeout=settings.timeout_seconds,
            follow_redirects=False,
            trust_env=not is_loopback(settings.issuer),
            transport=transport,
        )
        self._lock = asyncio.Lock()
        self._metadata: dict[str, Any] = {}
        self._metadata_at = self._keys_at = self._failed_at = float("-inf")
        self._keys: KeySet | None = None

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.aclose()

    async def begin(self, flow: Flow) -> str:
        """The address at the provider to which a browser is sent.

        Raises:
            ProviderDownError: The provider does not answer.
        """
        metadata = await self._described()
        address: str = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=self._settings.client_id,
            response_type="code",
            redirect_uri=self._settings.redirect_uri,
            scope=" ".join(self._settings.scopes),
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return address

    async def end(self, flow: Flow, *, code: str, issuer: str | None) -> Person:
        """Whom the provider vouches for.

        Args:
            flow: The login that this browser began.
            code: What the provider sent it back with.
            issuer: Who says so in the address, where the provider does (RFC 9207).

        Raises:
            NotVouchedForError: Nobody, or not in a way that can be believed.
            ProviderDownError: The provider does not answer.
        """
        metadata = await self._described()
        named = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._settings.issuer and (named or issuer is not None):
            raise NotVouchedForError("another issuer in the address")
        answer = await self._redeem(metadata, code, flow)
        token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str) or not isinstance(access_token, str):
            raise NotVouchedForError("no ID token in the provider's answer")
        claims = await self._checked(token, flow, access_token)
        if "email" not in claims and isinstance(metadata.get("userinfo_endpoint"), str):
            claims = await self._asked(metadata["userinfo_endpoint"], access_token, claims)
        email = claims.get("email")
        verified = claims.get("email_verified") is True and isinstance(email, str)
        return Person(self._settings.issuer, claims["sub"], email if verified else None)

    async def _checked(self, token: str, flow: Flow, access_token: str) -> dict[str, Any]:
        for again in (False, True):
            keys = await self._known_keys(again=again)
            try:
                return checked_claims(token, keys, self._settings, nonce=flow.nonce, access_token=access_token)
            except UnknownKeyError:
                if again:
                    raise
        raise AssertionError  # pragma: no cover

    async def _redeem(self, metadata: dict[str, Any], code: str, flow: Flow) -> dict[str, Any]:
        """Exchanges the code for tokens."""
        secret = self._settings.client_secret
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=self._settings.redirect_uri, code_verifier=flow.verifier
        )
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        auth = ClientAuth(
            self._settings.client_id,
            None if secret is None else secret.get_secret_value(),
            "none" if secret is None else method,
        )
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        uri, headers, body = auth.prepare("POST", metadata["token_endpoint"], headers, body)
        try:
            response = await self._client.post(uri, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise ProviderDownError(type(error).__name__) from error
        if 400 <= response.status_code < 500:
            raise NotVouchedForError(f"the provider refused the code with {response.status_code}")
        return _document(response)

    async def _asked(self, endpoint: str, access_token: str, claims: dict[str, Any]) -> dict[str, Any]:
        """The claims with the email that the provider tells on being asked, if it is the same person's."""
        try:
            response = await self._client.get(self._safe(endpoint), headers={"Authorization": f"Bearer {access_token}"})
        except httpx.HTTPError as error:
            raise ProviderDownError(type(error).__name__) from error
        told = _document(response)
        if told.get("sub") != claims["sub"]:
            raise NotVouchedForError("the provider told of another person")
        return claims | {name: told[name] for name in ("email", "email_verified") if name in told}

    async def _described(self) -> dict[str, Any]:
        """The discovery document."""
        async with self._lock:
            if time.monotonic() - self._metadata_at < METADATA_HOLDS:
                return self._metadata
            document = await self._get(get_well_known_url(self._settings.issuer, external=True))
            if document.get("issuer") != self._settings.issuer:
                raise ProviderDownError("the discovery document is another issuer's")
            for name in _ENDPOINTS:
                self._safe(document.get(name))
            self._metadata, self._metadata_at = document, time.monotonic()
            self._keys = None  # so that a key which the provider has withdrawn is forgotten too
            return document

    async def _known_keys(self, *, again: bool) -> KeySet:
        metadata = await self._described()
        async with self._lock:
            stale = again and time.monotonic() - self._keys_at >= KEYS_AGAIN_AFTER
            if self._keys is None or stale:
                self._keys_at = time.monotonic()
                self._keys = keys_of(await self._get(metadata["jwks_uri"]))
            return self._keys

    async def _get(self, address: str) -> dict[str, Any]:
        if time.monotonic() - self._failed_at < FAILURE_HOLDS:
            raise ProviderDownError("it failed a moment ago")
        try:
            return _document(await self._client.get(address, headers={"Accept": "application/json"}))
        except httpx.HTTPError as error:
            self._failed_at = time.monotonic()
            raise ProviderDownError(type(error).__name__) from error
        except ProviderDownError:
            self._failed_at = time.monotonic()
            raise

    def _safe(self, address: object) -> str:
        """The address, if nobody can read on the way what is sent there."""
        if not isinstance(address, str) or not (
            urlsplit(address).scheme == "https" or (is_loopback(address) and is_loopback(self._settings.issuer))
        ):
            raise ProviderDownError("the provider names an address that is not https")
        return address


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json() if response.status_code == 200 else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ProviderDownError(f"the provider answered {response.status_code} without a JSON object")
    return document
