"""What an OpenID provider may say and what not: a provider that tampers with one thing at a time."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from pydantic import ValidationError

from serving.identity import oidc
from serving.identity.flow import SECONDS, Flow
from serving.identity.oidc import Provider
from serving.identity.person import NotVouchedForError, Person, ProviderDownError
from serving.identity.settings import OpenIdProvider
from serving.settings import ServingSettings

ISSUER, CLIENT, SECRET = "https://login.example/o", "spm-ml", "the-secret-of-the-client"
RSA = RSAKey.generate_key(2_048, {"kid": "k-rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "k-ec"})
STRANGE = RSAKey.generate_key(2_048, {"kid": "k-rsa"})
SETTINGS = OpenIdProvider.model_validate(
    {"issuer": ISSUER, "client_id": CLIENT, "client_secret": SECRET, "public_url": "http://127.0.0.1:8000"}
)

Claims = dict[str, Any]


class Fake:
    """A provider in this process; what it says can be changed."""

    def __init__(self) -> None:
        self.keys: list[Any] = [RSA, EC]
        self.metadata: dict[str, Any] = {}
        self.sign: Callable[[Claims], Any] = signed()
        self.token_status, self.userinfo = 200, {"sub": "s-1", "email": "told@example.com", "email_verified": True}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        match request.url.path:
            case "/o/.well-known/openid-configuration":
                places = ("authorization", "token", "userinfo")
                document = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
                document |= {f"{name}_endpoint": f"{ISSUER}/{name}" for name in places}
                return httpx.Response(200, json=document | self.metadata)
            case "/o/keys":
                return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/o/token":
                now = int(time.time())
                claims = {"iss": ISSUER, "aud": CLIENT, "sub": "s-1", "iat": now, "exp": now + 300}
                claims |= {"nonce": self.nonce, "email": "anna@example.com", "email_verified": True}
                answer = {"access_token": "at", "token_type": "Bearer", "id_token": self.sign(claims)}
                return httpx.Response(self.token_status, json=answer)
            case _:
                return httpx.Response(200, json=self.userinfo)

    nonce = ""

    def count(self, path: str) -> int:
        """How often it was asked for this."""
        return sum(request.url.path == path for request in self.asked)


def signed(
    algorithm: str = "RS256", key: Any = RSA, header: dict[str, Any] | None = None, **changes: Any
) -> Callable[[Claims], str]:
    """Signs the claims with changes; None takes a claim away."""

    def sign(claims: Claims) -> str:
        said = {name: value for name, value in (claims | changes).items() if value is not None}
        head = {"alg": algorithm, "kid": key.kid} | (header or {})
        return jwt.encode({k: v for k, v in head.items() if v is not None}, said, key, algorithms=[algorithm])

    return sign


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def hand_made(header: dict[str, Any], secret: bytes | None) -> Callable[[Claims], str]:
    """A token as an attacker writes it, without a library that would refuse to."""

    def sign(claims: Claims) -> str:
        body = f"{part(header)}.{part(claims)}"
        return f"{body}.{'' if secret is None else part(hmac.digest(secret, body.encode(), hashlib.sha256))}"

    return sign


def tampered(claims: Claims) -> str:
    head, _, signature = signed()(claims).split(".")
    return f"{head}.{part(claims | {'sub': 'somebody-else'})}.{signature}"


def by_another_clock(claims: Claims) -> str:
    """Issued in a few seconds and over since a few: counted from the login, not from when this file was read."""
    return signed()(claims | {"iat": claims["iat"] + 5, "exp": claims["iat"] - 5})


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def ask(fake: Fake) -> Iterator[Callable[..., Person]]:
    """Ends a login at the fake provider."""
    runner = asyncio.Runner()
    provider = Provider(SETTINGS, transport=httpx.MockTransport(fake))

    def end(*, issuer: str | None = None, flow: Flow | None = None) -> Person:
        flow = flow or Flow.begin()
        fake.nonce = flow.nonce
        return runner.run(provider.end(flow, code="code", issuer=issuer))

    yield end
    runner.run(provider.close())
    runner.close()


LATER, EARLIER = time.time() + 100_000, time.time() - 100_000
PUBLIC_PEM = RSA.as_pem(private=False)

GOOD = {
    "RS256": signed(),
    "PS256": signed("PS256"),
    "ES256": signed("ES256", EC),
    "one audience in a list": signed(aud=[CLIENT]),
    "two audiences and ours is the party": signed(aud=[CLIENT, "other"], azp=CLIENT),
    "clocks differ a little": by_another_clock,
}
BAD: dict[str, Callable[[Claims], Any]] = {
    "wrong issuer": signed(iss="https://evil.example/o"),
    "issuer with a slash more": signed(iss=f"{ISSUER}/"),
    "no issuer": signed(iss=None),
    "wrong audience": signed(aud="other"),
    "no audience": signed(aud=None),
    "two audiences and no party": signed(aud=[CLIENT, "other"]),
    "another party": signed(aud=[CLIENT], azp="other"),
    "wrong nonce": signed(nonce="other"),
    "no nonce": signed(nonce=None),
    "expired": signed(exp=int(EARLIER)),
    "no expiry": signed(exp=None),
    "expiry in words": signed(exp="tomorrow"),
    "issued tomorrow": signed(iat=int(LATER)),
    "not valid yet": signed(nbf=int(LATER)),
    "no subject": signed(sub=None),
    "empty subject": signed(sub=""),
    "subject is a number": signed(sub=7),
    "wrong access token hash": signed(at_hash="AAAA"),
    "algorithm none": hand_made({"alg": "none"}, None),
    "algorithm None": hand_made({"alg": "None", "kid": "k-rsa"}, None),
    "HS256 with the public key": hand_made({"alg": "HS256", "kid": "k-rsa"}, PUBLIC_PEM),
    "HS256 with the client's secret": hand_made({"alg": "HS256"}, SECRET.encode()),
    "algorithm that is not allowed": signed("RS384"),
    "another key under the same name": signed(key=STRANGE),
    "a key that it brings along": signed(key=STRANGE, header={"kid": None, "jwk": STRANGE.as_dict(private=False)}),
    "unknown key": signed(header={"kid": "k-new"}),
    "no name of a key where there are two": signed(header={"kid": None}),
    "key of another kind": signed(header={"kid": "k-ec"}),
    "changed after it was signed": tampered,
    "no token": lambda _: None,
    "not a token": lambda _: "a.b.c",
    "a list": lambda _: ["a"],
}


@pytest.mark.parametrize("sign", GOOD.values(), ids=GOOD.keys())
def test_a_word_that_is_in_order_is_believed(ask: Callable[..., Person], fake: Fake, sign: Any) -> None:
    fake.sign = sign
    assert ask() == Person(ISSUER, "s-1", "anna@example.com")


@pytest.mark.parametrize("sign", BAD.values(), ids=BAD.keys())
def test_a_word_with_anything_wrong_is_not_believed(ask: Callable[..., Person], fake: Fake, sign: Any) -> None:
    fake.sign = sign
    with pytest.raises(NotVouchedForError):
        ask()


def test_an_answer_of_another_issuer_is_refused(ask: Callable[..., Person], fake: Fake) -> None:
    assert ask(issuer=ISSUER).subject == "s-1"
    with pytest.raises(NotVouchedForError):
        ask(issuer="https://evil.example")


def test_an_issuer_that_the_provider_promises_to_name_must_be_there(ask: Callable[..., Person], fake: Fake) -> None:
    fake.metadata = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(NotVouchedForError):
        ask()


def test_the_code_is_redeemed_with_the_verifier_and_the_secret_of_the_client(
    ask: Callable[..., Person], fake: Fake
) -> None:
    flow = Flow.begin()
    ask(flow=flow)
    (request,) = [request for request in fake.asked if request.url.path == "/o/token"]
    sent = parse_qs(request.content.decode())
    assert (sent["code_verifier"], sent["code"]) == ([flow.verifier], ["code"])
    assert sent["redirect_uri"] == ["http://127.0.0.1:8000/login/callback"]
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    assert SECRET not in repr(SETTINGS)


def test_an_address_counts_only_if_the_provider_has_verified_it(ask: Callable[..., Person], fake: Fake) -> None:
    for verified in (False, None, "true", 1):
        fake.sign = signed(email_verified=verified)
        assert ask().email is None
    fake.sign = signed(email=None)
    assert ask().email == "told@example.com"
    fake.userinfo = {"sub": "s-2", "email": "eve@example.com", "email_verified": True}
    with pytest.raises(NotVouchedForError):
        ask()


def test_a_new_key_is_looked_for_at_most_once_a_minute(
    ask: Callable[..., Person], fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    new = RSAKey.generate_key(2_048, {"kid": "k-new"})
    fake.keys, fake.sign = [new], signed(key=new)
    for _ in range(5):
        with pytest.raises(NotVouchedForError):
            ask()
    assert fake.count("/o/keys") == 1, "the keys were just looked at"
    monkeypatch.setattr(oidc, "KEYS_AGAIN_AFTER", 0.0)
    assert ask().subject == "s-1"
    monkeypatch.undo()
    fake.sign = signed()
    for _ in range(5):
        with pytest.raises(NotVouchedForError):
            ask()
    assert (fake.count("/o/keys"), fake.count("/o/.well-known/openid-configuration")) == (2, 1)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://login.example/token"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=["another issuer", "token in the clear", "keys in the clear", "nowhere to go", "a script"],
)
def test_a_description_that_is_not_the_providers_own_is_refused(
    ask: Callable[..., Person], fake: Fake, metadata: dict[str, Any]
) -> None:
    fake.metadata = metadata
    with pytest.raises(ProviderDownError):
        ask()
    assert fake.count("/o/token") == 0


def test_keys_that_no_signature_can_be_checked_with_are_left_out(ask: Callable[..., Person], fake: Fake) -> None:
    class Raw(dict):  # type: ignore[type-arg]
        def as_dict(self, **_: object) -> dict[str, Any]:
            return dict(self)

    with warnings.catch_warnings(action="ignore"):
        short = RSAKey.generate_key(1_024, {"kid": "k-short"})
    odd = [Raw(kty="oct", k="AAAA", kid="k-rsa"), Raw(kty="RSA", kid="k-rsa"), Raw(kty="new")]
    fake.keys = [*odd, short, RSA]
    assert ask().subject == "s-1"
    fake.sign = signed(key=short)
    with pytest.raises(NotVouchedForError):
        ask()


@pytest.mark.parametrize("status", [302, 500, 503])
def test_a_provider_that_does_not_answer_is_not_the_persons_fault(
    ask: Callable[..., Person], fake: Fake, status: int
) -> None:
    fake.token_status = status
    with pytest.raises(ProviderDownError):
        ask()
    fake.token_status = 400
    with pytest.raises(NotVouchedForError):
        ask()


def test_a_provider_that_hangs_is_left_alone_for_a_moment() -> None:
    tried = []

    def hang(request: httpx.Request) -> httpx.Response:
        tried.append(request)
        raise httpx.ConnectTimeout("no answer")

    async def attempts() -> None:
        provider = Provider(SETTINGS, transport=httpx.MockTransport(hang))
        for _ in range(5):
            with pytest.raises(ProviderDownError):
                await provider.begin(Flow.begin())
        await provider.close()

    asyncio.run(attempts())
    assert len(tried) == 1


def test_the_browser_is_sent_off_with_pkce_state_and_nonce(fake: Fake) -> None:
    flow = Flow.begin()

    async def begin() -> str:
        provider = Provider(SETTINGS, transport=httpx.MockTransport(fake))
        address = await provider.begin(flow)
        await provider.close()
        return address

    address = asyncio.run(begin())
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    challenge = part(hashlib.sha256(flow.verifier.encode()).digest())
    assert (query["code_challenge"], query["code_challenge_method"]) == (challenge, "S256")
    assert (query["state"], query["nonce"], query["response_type"]) == (flow.state, flow.nonce, "code")
    assert query["scope"] == "openid email profile"
    assert not any(kept in address for kept in (flow.secret, flow.verifier, SECRET))


def test_a_login_ends_in_the_browser_that_began_it_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, other = Flow.begin(), Flow.begin()
    assert Flow.ended(flow.secret, flow.state) == flow
    assert len({flow.state, flow.nonce, flow.verifier, flow.secret}) == 4
    assert 43 <= len(flow.verifier) <= 128
    assert Flow.ended(other.secret, flow.state) is None
    assert Flow.ended(flow.secret, other.state) is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SECONDS + 2)
    assert Flow.ended(flow.secret, flow.state) is None
    assert Flow.ended(flow.secret, f"{int(now + SECONDS)}.{flow.state.partition('.')[2]}") is None


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_made_up_ends_a_login(secret: str, state: str) -> None:
    flow = replace(Flow.begin())
    for tried in ((secret, state), (flow.secret, state), (secret, flow.state)):
        assert Flow.ended(*tried) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"issuer": "http://login.example"}, "must begin with https"),
        ({"issuer": "https://login.example?x=1"}, "no query"),
        ({"issuer": "https://a:b@login.example"}, "password"),
        ({"public_url": "http://spm.example"}, "must begin with https"),
        ({"public_url": "https://spm.example"}, "secure_cookies must be on"),
        ({"algorithms": ["none"]}, "RS256"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": []}, "at least 1"),
        ({"scopes": ["email"]}, "must hold 'openid'"),
        ({"client_id": ""}, "at least 1"),
    ],
)
def test_settings_that_would_not_be_safe_are_refused(changes: dict[str, object], problem: str) -> None:
    given = {"issuer": ISSUER, "client_id": CLIENT, "client_secret": SECRET, "public_url": "http://127.0.0.1:8000"}
    with pytest.raises(ValidationError, match=problem):
        ServingSettings.model_validate({"store": "x", "oidc": given | changes})
