"""Salesforce and HubSpot on the loopback: real HTTP, with the shapes of answers and errors that the vendors document.

What a test wants to go wrong it puts into `faults`; each is used up by one request for data.
"""

import base64
import json
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT_ID, CLIENT_SECRET, HUBSPOT_TOKEN = "the-app", "its-secret", "pat-the-token"

NO_ANSWER = {"html": "<html>Anmeldung n\xf6tig</html>".encode("latin-1"), "other": ["maintenance"]}
"""What proxies and maintenance pages send with status 200."""


@dataclass
class Crm:
    """A system that holds records by kind.

    Attributes:
        records: Of each kind, by id.
        page: Records on a page.
        faults: What goes wrong with the next requests: a status, `cut`, `expired`, `locator`, `limit`, no answer
            (`html` or `other`), a page that leads `again` to itself, or nothing.
        asked: Path and query, or body, of every request for data.
        used: Calls of the day so far, and how many there are.
        hidden: Kinds, or kinds and fields (`Opportunity.Amount`), that may not be read.
        logins: How often somebody has logged in.
        currency: The company's in HubSpot.
    """

    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    page: int = 3
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    used: list[int] = field(default_factory=lambda: [10, 15_000])
    hidden: set[str] = field(default_factory=set)
    logins: int = 0
    currency: str = "USD"
    url: str = ""
    tokens: set[str] = field(default_factory=set)
    locators: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    archived: dict[str, set[str]] = field(default_factory=dict)

    def put(self, kind: str, *records: dict[str, Any]) -> None:
        """Adds or replaces records."""
        for each in records:
            self.records.setdefault(kind, {})[str(each.get("Id", each.get("id")))] = each


class _Handler(BaseHTTPRequestHandler, ABC):
    crm: Crm
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet an answer

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"] or 0)))

    def _answer(self, body: bytes | None) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        status, content, headers = self.route(parts.path, query, body)
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        cut = status == 200 and self.crm.faults[:1] == ["cut"] and not parts.path.endswith(("/token", "/describe"))
        if cut:
            self.crm.faults.pop(0)
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text[: len(text) // 2] if cut else text)
        if cut:
            self.close_connection = True

    @abstractmethod
    def route(self, path: str, query: dict[str, list[str]], body: bytes | None) -> tuple[int, Any, dict[str, str]]:
        """Status, content and headers."""

    def fault(self) -> str | None:
        return self.crm.faults.pop(0) or None if self.crm.faults and self.crm.faults[0] != "cut" else None


class _Salesforce(_Handler):
    def route(self, path: str, query: dict[str, list[str]], body: bytes | None) -> tuple[int, Any, dict[str, str]]:
        crm = self.crm
        if path == "/services/oauth2/token":
            return self._log_in(parse_qs((body or b"").decode()))
        if self.headers["Authorization"].removeprefix("Bearer ") not in crm.tokens:
            return 401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}], {}
        crm.used[0] += 1
        headers = {"Sforce-Limit-Info": f"api-usage={crm.used[0]}/{crm.used[1]}"}
        if described := re.fullmatch(r"/services/data/v[\d.]+/sobjects/(\w+)/describe", path):
            return self._describe(described[1], headers)
        crm.asked.append(query["q"][0] if "q" in query else path)
        fault = self.fault()
        if fault == "expired":
            crm.tokens.clear()
            return 401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}], {}
        if fault == "limit":
            return 403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}], {}
        if fault == "locator" and "q" in query:
            crm.faults.insert(0, fault)  # only what follows on a first page knows of locators
            fault = None
        if fault == "locator":
            return 400, [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}], {}
        if fault in NO_ANSWER:
            return 200, NO_ANSWER[fault], headers
        if fault == "again" and "q" not in query:
            return 200, {"records": [], "done": False, "nextRecordsUrl": path}, headers
        if fault == "again":
            crm.faults.insert(0, fault)
            fault = None
        if fault is not None:
            return int(fault), [{"message": "busy", "errorCode": "SERVER_UNAVAILABLE"}], {"Retry-After": "0"}
        if "q" in query:
            found = self._select(query["q"][0])
            if isinstance(found, str):
                return 400, [{"message": found, "errorCode": "INVALID_FIELD"}], headers
            locator, start = f"0r8xx{len(crm.locators):013}", 0
            crm.locators[locator] = found
        else:
            locator, _, begin = path.rpartition("/")[2].rpartition("-")
            start = int(begin)
        found = crm.locators[locator]
        end = start + crm.page
        content: dict[str, Any] = {"totalSize": len(found), "done": end >= len(found), "records": found[start:end]}
        if end < len(found):
            content["nextRecordsUrl"] = f"/services/data/v59.0/query/{locator}-{end}"
        return 200, content, headers

    def _log_in(self, form: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        assertion = form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"] and form["assertion"]
        if not assertion and self.headers["Authorization"] != f"Basic {secret}":
            return 400, {"error": "invalid_client", "error_description": "invalid client credentials"}, {}
        self.crm.logins += 1
        token = f"00D!token{self.crm.logins}"
        self.crm.tokens.add(token)
        return 200, {"access_token": token, "instance_url": self.crm.url, "token_type": "Bearer"}, {}

    def _describe(self, kind: str, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        if kind in self.crm.hidden or kind not in self.crm.records:
            return 404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}], headers
        names = dict.fromkeys(name for each in self.crm.records[kind].values() for name in each if name != "attributes")
        fields = [{"name": name, "type": "string"} for name in names if f"{kind}.{name}" not in self.crm.hidden]
        return 200, {"name": kind, "queryable": True, "fields": fields}, headers

    def _select(self, soql: str) -> list[dict[str, Any]] | str:
        found = re.fullmatch(r"SELECT (.+) FROM (\w+) ?(?:WHERE (.+))? ORDER BY (\w+) ASC, Id ASC", soql)
        assert found, soql
        names, kind, where, stamp = found[1].split(", "), found[2], found[3], found[4]
        for name in names:
            if f"{kind}.{name}" in self.crm.hidden:
                return f"No such column '{name}' on entity '{kind}'"
        rows = [row for row in self.crm.records.get(kind, {}).values() if _passes(row, where)]
        rows.sort(key=lambda row: (_moment(row[stamp]), row["Id"]))
        return [
            {"attributes": {"type": kind, "url": f"/services/data/v59.0/sobjects/{kind}/{row['Id']}"}}
            | {name.partition(".")[0]: row.get(name.partition(".")[0]) for name in names}
            for row in rows
        ]


def _passes(row: dict[str, Any], where: str | None) -> bool:
    if where is None:
        return True
    since = re.fullmatch(r"(\w+) >= (\S+)", where)
    if since:
        return _moment(row[since[1]]) >= _moment(since[2])
    after = re.fullmatch(r"(\w+) > (\S+) OR \(\w+ = \S+ AND Id > '(\w+)'\)", where)
    assert after, where
    stamp, edge = _moment(row[after[1]]), _moment(after[2])
    return stamp > edge or (stamp == edge and row["Id"] > after[3])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class _HubSpot(_Handler):
    def route(self, path: str, query: dict[str, list[str]], body: bytes | None) -> tuple[int, Any, dict[str, str]]:
        crm = self.crm
        if self.headers["Authorization"] != f"Bearer {HUBSPOT_TOKEN}":
            return 401, {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "not valid"}, {}
        crm.used[0] += 1
        left = {
            "X-HubSpot-RateLimit-Daily": str(crm.used[1]),
            "X-HubSpot-RateLimit-Daily-Remaining": str(crm.used[1] - crm.used[0]),
        }
        said = json.loads(body) if body else {}
        crm.asked.append(f"{path} {json.dumps(said) if said else query}")
        fault = self.fault()
        if fault == "daily":
            return 429, {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY"}, {"Retry-After": "0"}
        if fault in NO_ANSWER:
            return 200, NO_ANSWER[fault], left
        if fault == "again" and "after" in query:
            return 200, {"results": [], "paging": {"next": {"after": query["after"][0]}}}, left
        if fault == "again":
            crm.faults.insert(0, fault)
            fault = None
        if fault is not None:
            return int(fault), {"status": "error", "category": "RATE_LIMITS"}, {"Retry-After": "0"}
        kind = next((part for part in path.split("/") if part in crm.records), "")
        if kind in crm.hidden:
            scope = "settings.currencies.read" if kind == "exchange-rates" else f"crm.objects.{kind}.read"
            context = {"requiredGranularScopes": [scope]}
            return 403, {"category": "MISSING_SCOPES", "errors": [{"message": "scopes", "context": context}]}, left
        return 200, self._content(path, kind, query, said), left

    def _content(self, path: str, kind: str, query: dict[str, list[str]], said: dict[str, Any]) -> Any:
        rows = self.crm.records.get(kind, {})
        gone = self.crm.archived.get(kind, set())
        if path.startswith("/crm/v3/properties/"):
            names = dict.fromkeys(name for row in rows.values() for name in row["properties"])
            return {"results": [{"name": name} for name in names]}
        if path.startswith("/crm/v3/pipelines/"):
            return {"results": [{"id": "default", "stages": list(self.crm.records["stages"].values())}]}
        if path.startswith("/crm/v3/owners"):
            archived = query["archived"][0].lower() == "true"
            return self._paged(
                [row for row in self.crm.records["owners"].values() if row["archived"] is archived], query
            )
        if path == "/settings/v3/currencies/company-currency":
            return {"id": self.crm.currency, "createdAt": "2020-01-01T00:00:00Z"}
        if path == "/settings/v3/currencies/exchange-rates":
            return self._paged(list(rows.values()), query)
        if path.endswith("/search"):
            (test,) = said["filterGroups"][0]["filters"]
            since = int(test["value"])
            found = [row for key, row in rows.items() if key not in gone and _changed(row) >= since]
            found.sort(key=_changed)
            after = {"after": [said["after"]]} if "after" in said else {}
            page = self._paged([_shown(row, said["properties"]) for row in found], after)
            return page | {"total": len(found)}
        if path.startswith("/crm/v4/associations/"):
            return {
                "status": "COMPLETE",
                "results": [
                    {"from": {"id": each["id"]}, "to": [{"toObjectId": int(deal), "associationTypes": []}]}
                    for each in said["inputs"]
                    for deal in rows[each["id"]].get("deals", [])
                ],
            }
        if path.endswith("/batch/read"):
            found = [rows[each["id"]] for each in said["inputs"] if each["id"] in rows and each["id"] not in gone]
            return {"results": [_shown(row, said["properties"], said["propertiesWithHistory"]) for row in found]}
        archived = query["archived"][0].lower() == "true"
        found = [rows[key] for key in sorted(rows, key=int) if (key in gone) is archived]
        shown = [
            _shown(row, query.get("properties", []), query.get("propertiesWithHistory", []), query.get("associations"))
            for row in found
        ]
        return self._paged([row | {"archived": archived} for row in shown], query)

    def _paged(self, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
        start = int(query["after"][0]) if "after" in query else 0
        page: dict[str, Any] = {"results": rows[start : start + self.crm.page]}
        if start + self.crm.page < len(rows):
            page["paging"] = {"next": {"after": str(start + self.crm.page), "link": "?"}}
        return page


def _changed(row: dict[str, Any]) -> int:
    return int(_moment(row["properties"]["hs_lastmodifieddate"]).timestamp() * 1000)


def _shown(
    row: dict[str, Any], properties: list[str], history: list[str] | None = None, associations: list[str] | None = None
) -> dict[str, Any]:
    shown = {
        "id": row["id"],
        "archived": False,
        "properties": {name: row["properties"].get(name) for name in properties},
    }
    if history:
        past = row.get("history", {})
        shown["propertiesWithHistory"] = {name: past[name] for name in history if name in past}
    if associations and row.get("deals"):
        shown["associations"] = {"deals": {"results": [{"id": each, "type": "to_deal"} for each in row["deals"]]}}
    return shown


@contextmanager
def _running(crm: Crm, handler: type[_Handler]) -> Iterator[Crm]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"crm": crm}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    crm.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield crm
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def salesforce(crm: Crm) -> Iterator[Crm]:
    """Serves Salesforce's REST interface until the block ends."""
    with _running(crm, _Salesforce):
        yield crm


@contextmanager
def hubspot(crm: Crm) -> Iterator[Crm]:
    """Serves HubSpot's interface until the block ends."""
    with _running(crm, _HubSpot):
        yield crm
