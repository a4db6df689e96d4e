"""HubSpot's interface: asking patiently, and stopping before the day's calls are used up."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from hubspot import HubSpot
from urllib3.exceptions import HTTPError

from spm_ml.connectors.patience import TIMEOUT, RefusedError, retries, until_whole
from spm_ml.connectors.settings import HubSpotAccess
from spm_ml.errors import RemoteError

Page = Mapping[str, Any]

PAGE: Final = 100
"""Records a page at most; 50 where the history of properties is asked for too."""
HISTORY_PAGE: Final = 50


class ScopeMissingError(Exception):
    """The token may not read this; the message names the scopes."""


class _NoAnswerError(Exception):
    """Something in between answered, such as a proxy."""


_CUT: Final = (HTTPError, json.JSONDecodeError, UnicodeDecodeError, _NoAnswerError)
"""What is raised by an answer that broke off, or is none."""


class HubSpotClient:
    """One account, read only.

    Args:
        access: How it is reached.
    """

    def __init__(self, access: HubSpotAccess) -> None:
        self._access = access
        crm = HubSpot(
            access_token=access.token.get_secret_value(), host=access.url, retry=retries(access.retry_seconds)
        ).crm
        # The library opens connections of its own whenever one of these is named; kept, they stay open.
        self._basic, self._batch, self._search = crm.objects.basic_api, crm.objects.batch_api, crm.objects.search_api
        self._owners, self._pipelines = crm.owners.owners_api, crm.pipelines.pipelines_api
        self._property_names, self._associations = crm.properties.core_api, crm.associations.v4.batch_api
        self.calls = 0
        self.now = datetime.now(UTC)
        """The server's clock, as its last answer said."""

    def properties(self, kind: str) -> tuple[str, ...]:
        """Names of the properties of a kind of record."""
        page = self._ask(self._property_names.get_all, kind)
        return tuple(each["name"] for each in page["results"])

    def company_currency(self) -> str:
        """The currency that the account counts in."""
        return str(self._ask(self._setting, "company-currency", holds="id")["id"])

    def exchange_rates(self, after: str | None) -> Page:
        """A page of the account's exchange rates, those of the past too."""
        return _further(self._ask(self._setting, "exchange-rates", limit=PAGE, after=after), after)

    def _setting(
        self, name: str, *, _preload_content: bool, _request_timeout: tuple[float, float], **query: Any
    ) -> Any:
        """Asks for a setting of the account's currencies, which the library has no method for."""
        return self._owners.api_client.call_api(
            f"/settings/v3/currencies/{name}",
            "GET",
            query_params=[(key, value) for key, value in query.items() if value is not None],
            header_params={"Accept": "application/json"},
            auth_settings=["oauth2"],
            _preload_content=_preload_content,
            _request_timeout=_request_timeout,
        )

    def owners(self, after: str | None, *, archived: bool) -> Page:
        """A page of owners."""
        return _further(self._ask(self._owners.get_page, limit=PAGE, archived=archived, after=after), after)

    def stages(self) -> list[dict[str, Any]]:
        """Stages of all pipelines of deals."""
        page = self._ask(self._pipelines.get_all, "deals")
        return [stage for pipeline in page["results"] for stage in pipeline["stages"]]

    def listed(
        self,
        kind: str,
        properties: Sequence[str],
        *,
        after: str | None,
        history: Sequence[str] = (),
        deals: bool = False,
        archived: bool = False,
    ) -> Page:
        """A page of records in the order of their ids.

        Args:
            kind: Such as `deals`.
            properties: To be read.
            after: Where the page before ended.
            history: Properties whose past values are read too.
            deals: Also says with which deals they are associated.
            archived: Deleted records instead of those that are there.
        """
        wanted: dict[str, Any] = {"limit": HISTORY_PAGE if history else PAGE, "archived": archived}
        if properties:
            wanted["properties"] = list(properties)
        if history:
            wanted["properties_with_history"] = list(history)
        if deals:
            wanted["associations"] = ["deals"]
        if after is not None:
            wanted["after"] = after
        return _further(self._ask(self._basic.get_page, kind, **wanted), after)

    def changed(self, kind: str, properties: Sequence[str], *, since: datetime, after: str | None) -> Page:
        """A page of records that changed from a moment on, in the order in which they did."""
        stamp = str(int(since.timestamp() * 1000))
        search: dict[str, Any] = {
            "filterGroups": [{"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": stamp}]}],
            "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
            "properties": list(properties),
            "limit": PAGE,
        }
        if after is not None:
            search["after"] = after
        return _further(self._ask(self._search.do_search, kind, search), after)

    def read(
        self, kind: str, ids: Sequence[str], properties: Sequence[str], history: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Records by id, at most `HISTORY_PAGE`; those that are gone are left out."""
        wanted = {
            "inputs": [{"id": each} for each in ids],
            "properties": list(properties),
            "propertiesWithHistory": list(history),
        }
        return list(self._ask(self._batch.read, kind, wanted)["results"])

    def deals_of(self, kind: str, ids: Sequence[str]) -> dict[str, str]:
        """The first deal with which each of these records is associated."""
        wanted = {"inputs": [{"id": each} for each in ids]}
        page = self._ask(self._associations.get_page, kind, "deals", wanted)
        return {each["from"]["id"]: str(each["to"][0]["toObjectId"]) for each in page["results"] if each["to"]}

    def _ask(self, call: Callable[..., Any], *given: Any, holds: str = "results", **named: Any) -> dict[str, Any]:
        """Asks, and gives the answer if it holds what it is to hold."""
        self.calls += 1

        def once() -> dict[str, Any]:
            response = call(*given, **named, _preload_content=False, _request_timeout=TIMEOUT)
            content = json.loads(response.data)
            if not isinstance(content, dict) or holds not in content:
                raise _NoAnswerError
            self._take_note(response.headers)
            return content

        try:
            return until_whole(once, seconds=self._access.retry_seconds, cut=_CUT)
        except _CUT as error:
            raise RemoteError(f"HubSpot gave no whole answer ({type(error).__name__}); fetch again") from None
        except Exception as error:  # every part of the client has its own ApiException; they are alike
            if type(error).__module__.startswith("hubspot.") and hasattr(error, "status"):
                raise _meaning(error) from None
            raise

    def _take_note(self, headers: Mapping[str, str]) -> None:
        """Reads the server's clock and what is left of the day's calls.

        Raises:
            RemoteError: The share that may be used is.
        """
        if "Date" in headers:
            self.now = parsedate_to_datetime(headers["Date"])
        total, left = (headers.get(f"X-HubSpot-RateLimit-Daily{end}") for end in ("", "-Remaining"))
        if total and left and int(total) - int(left) >= self._access.calls_share * int(total):
            raise RemoteError(
                f"stopped with {int(left):,} of the account's {int(total):,} calls of the day left "
                f"(calls_share is {self._access.calls_share:g}); what has arrived is kept, fetch again tomorrow"
            )


def next_page(page: Page) -> str | None:
    """Where the next page begins; None: there is none."""
    found = ((page.get("paging") or {}).get("next") or {}).get("after")
    return None if found is None else str(found)


def _further(page: Page, after: str | None) -> Page:
    """The page, if it leads on.

    Raises:
        RemoteError: It names itself as the next one, which would never end.
    """
    if after is not None and next_page(page) == after:
        raise RemoteError("HubSpot repeats a page instead of going on; what has arrived is kept, fetch again")
    return page


def _meaning(error: Any) -> Exception:
    """What a refusal means: its category and scopes, never its body or the request."""
    try:
        said = json.loads(error.body)
    except (TypeError, ValueError):
        said = {}
    category = str(said.get("category") or said.get("errorType") or error.status)
    if error.status == 403:
        scopes = sorted(
            {
                str(scope)
                for each in [said, *said.get("errors", [])]
                for scope in each.get("context", {}).get("requiredGranularScopes", [])
            }
        )
        return ScopeMissingError(", ".join(scopes) or category)
    if error.status == 401:
        return RemoteError("HubSpot does not know the token: it was changed or taken back; set hubspot.token anew")
    if error.status == 429:
        daily = said.get("policyName") == "DAILY"
        return RemoteError(f"HubSpot takes no more calls {'today' if daily else 'for now'}; what has arrived is kept")
    kind = RefusedError if 400 <= error.status < 500 else RemoteError
    return kind(f"HubSpot refused ({error.status}, {category}); what has arrived is kept, fetch again")
