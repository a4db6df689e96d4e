"""Salesforce's REST interface: logging in, asking patiently, and stopping before the day's calls are used up."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from json import JSONDecodeError
from typing import Any, Final, TypeVar

import jwt
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceResourceNotFound,
)
from simple_salesforce.login import token_login

from spm_ml.connectors.patience import TIMEOUT, RefusedError, retries, until_whole
from spm_ml.connectors.settings import SalesforceAccess
from spm_ml.errors import RemoteError

_CUT: Final = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError, JSONDecodeError)

_ADVICE: Final = {
    "REQUEST_LIMIT_EXCEEDED": "the organisation's calls of the last 24 hours are used up; fetch again later",
    "API_DISABLED_FOR_ORG": "give the user the permission 'API Enabled'",
    "API_NOT_ENABLED": "give the user the permission 'API Enabled'",
    "INVALID_FIELD": "a field that was there a moment ago may not be read any more; fetch again",
    "INVALID_SESSION_ID": "the session has ended; get a new token, or let an app log in (client_id and client_secret)",
}

Answer = TypeVar("Answer")
Page = Mapping[str, Any]


class LocatorExpiredError(Exception):
    """The server has forgotten a query; ask it again from the last record on."""


class _Session(requests.Session):
    """Gives every request a time limit and counts it."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.calls = 0
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(max_retries=retries(seconds)))

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.calls += 1
        kwargs.setdefault("timeout", TIMEOUT)
        return super().request(*args, **kwargs)


class SalesforceClient:
    """One organisation, read only.

    Args:
        access: How it is reached.

    Raises:
        RemoteError: It lets nobody in.
    """

    def __init__(self, access: SalesforceAccess) -> None:
        self._access = access
        self._session = _Session(access.retry_seconds)
        self._client = self._log_in()

    @property
    def calls(self) -> int:
        """Requests so far."""
        return self._session.calls

    def fields(self, name: str) -> tuple[str, ...] | None:
        """Fields of an object that this user may read; None if not even the object."""
        try:
            described = self._ask(lambda: self._client.restful(f"sobjects/{name}/describe"))
        except SalesforceResourceNotFound:
            return None
        if not described or not described.get("queryable", True):
            return None
        return tuple(each["name"] for each in described["fields"])

    def query(self, soql: str) -> Page:
        """First page of a query, deleted and archived records included."""
        self._stop_with_margin()
        return self._page(lambda: self._client.query(soql, include_deleted=True))

    def more(self, page: Page) -> Page:
        """The page after one.

        Raises:
            LocatorExpiredError: The server has forgotten the query.
        """
        self._stop_with_margin()
        path = str(page["nextRecordsUrl"]).partition(f"/services/data/v{self._client.sf_version}/")[2]
        found = self._page(lambda: self._client.restful(path))
        if found.get("nextRecordsUrl") == page["nextRecordsUrl"]:
            raise RemoteError("Salesforce repeats a page instead of going on; what has arrived is kept, fetch again")
        return found

    def _page(self, ask: Callable[[], Any]) -> Page:
        """An answer that is a page.

        Raises:
            RemoteError: It is something else, such as what a proxy has to say.
        """
        found = self._ask(ask)
        if not isinstance(found, Mapping) or not {"records", "done"} <= found.keys():
            raise RemoteError("Salesforce answered something that is no page of records; fetch again")
        return found

    def _ask(self, ask: Callable[[], Answer]) -> Answer:
        """Asks, and once more after logging in again where the session has ended."""
        for last in (False, True):
            try:
                return until_whole(ask, seconds=self._access.retry_seconds, cut=_CUT)
            except SalesforceExpiredSession as error:
                if last or self._access.session is not None:
                    raise RemoteError(_said(error)) from None
                self._client = self._log_in()
            except SalesforceResourceNotFound:
                raise
            except SalesforceError as error:
                if "INVALID_QUERY_LOCATOR" in _codes(error):
                    raise LocatorExpiredError from None
                refused = error.status in (400, 403) and "REQUEST_LIMIT_EXCEEDED" not in _codes(error)
                raise (RefusedError if refused else RemoteError)(_said(error)) from None
            except requests.RequestException as error:
                raise RemoteError(f"Salesforce gave no whole answer ({type(error).__name__}); fetch again") from None
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _stop_with_margin(self) -> None:
        """Leaves the rest of the organisation its calls.

        Raises:
            RemoteError: The share that may be used is.
        """
        usage: Any = self._client.api_usage.get("api-usage")
        if usage is not None and usage.used >= self._access.calls_share * usage.total:
            raise RemoteError(
                f"stopped at {usage.used:,} of the {usage.total:,} calls that the organisation has in 24 hours "
                f"(calls_share is {self._access.calls_share:g}); what has arrived is kept, fetch again later"
            )

    def _log_in(self) -> Salesforce:
        access = self._access
        if access.session is not None:
            session, host = access.session.get_secret_value(), access.url
        else:
            session, host = self._token()
        client = Salesforce(session_id=session, instance_url=host, session=self._session, parse_float=str)
        # The client always writes https; on this machine plain HTTP is allowed.
        client.base_url = f"{host}/services/data/v{client.sf_version}/"
        return client

    def _token(self) -> tuple[str, str]:
        """A session by one of the OAuth flows, at the organisation's own address."""
        access = self._access
        headers = None
        if access.client_secret is not None:
            secret = f"{access.client_id}:{access.client_secret.get_secret_value()}"
            headers = {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
            data = {"grant_type": "client_credentials"}
        else:
            data = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._assertion()}
        try:
            token, instance = token_login(
                f"{access.url}/services/oauth2/token", data, "", access.client_id or "", headers, None, self._session
            )
        except SalesforceAuthenticationFailed as error:
            raise RemoteError(
                f"Salesforce lets nobody in ({error.code}): check client_id, its secret or key, and that the app's "
                "policy lets its user in"
            ) from None
        except requests.RequestException as error:
            raise RemoteError(f"{access.url} cannot be reached ({type(error).__name__})") from None
        if str(instance).partition(":")[0] not in access.url and not str(instance).endswith(".salesforce.com"):
            raise RemoteError(f"{access.url} sends us to {instance}, which is not Salesforce's; check url")
        scheme = access.url.partition("://")[0]
        return str(token), f"{scheme}://{instance}"

    def _assertion(self) -> str:
        access = self._access
        assert access.private_key is not None  # noqa: S101 — the settings see to it
        claims = {
            "iss": access.client_id,
            "sub": access.username,
            "aud": access.audience or access.url,
            "exp": datetime.now(UTC) + timedelta(minutes=3),
        }
        try:
            return jwt.encode(claims, access.private_key.get_secret_value(), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise RemoteError(
                "private_key is no PEM of an RSA key: give the one whose certificate the app has"
            ) from None


def _codes(error: SalesforceError) -> list[str]:
    content: Any = error.content
    return (
        [str(each.get("errorCode")) for each in content if isinstance(each, dict)] if isinstance(content, list) else []
    )


def _said(error: SalesforceError) -> str:
    codes = _codes(error)
    advice = next((_ADVICE[code] for code in codes if code in _ADVICE), "see the code in Salesforce's documentation")
    return f"Salesforce refused ({', '.join(codes) or error.status}): {advice}; what has arrived is kept"
