"""What no honest client sends gets a 4xx in the form of a problem document that repeats nothing of it."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from serving.middleware import MOST_ADDRESS_BYTES, MOST_HEADER_BYTES, MOST_HEADERS
from serving.strict_body import DEEPEST, MOST_DIGITS, BrokenBodyError, check_form, check_json
from tests.web import log_in, send_form, served

MARK = "zz-echo-zz"
"""Sent wherever something can be sent; it must never come back."""
WRITES = ("/v1/decisions", "/v1/plans")


@pytest.fixture(scope="module")
def client(
    harbour_file: Path, harbour_tokens: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    own = tmp_path_factory.mktemp("bad") / "predictions.db"
    shutil.copy(harbour_file, own)
    with served(own) as opened:
        opened.headers["Authorization"] = f"Bearer {harbour_tokens['vp']}"
        yield opened


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert MARK not in answer.text + str(answer.headers)


OFFER = '"rep_id":"r-101","program_id":"p-disco"'
BROKEN = {
    "not json": (b"{" + MARK.encode(), "json_invalid"),
    "nan": (b'{"budget":NaN}', "not_finite"),
    "infinity": (b'{"budget":-Infinity}', "not_finite"),
    "1e999": (b'{"budget":1e999}', "not_finite"),
    "a name twice": (f'{{"verdict":"{MARK}","verdict":"accepted",{OFFER}}}'.encode(), "repeated_name"),
    "a name twice below": (b'{"seats":[{"seats":1,"seats":2}]}', "repeated_name"),
    "half a character": (f'{{"verdict":"accepted",{OFFER},"reason":"{MARK}\\ud83d"}}'.encode(), "lone_surrogate"),
    "half a character as a name": (b'{"\\udc00":1}', "lone_surrogate"),
    "not utf-8": (b'{"reason":"\xff\xfe"}', "encoding"),
    "half a character in utf-8": (b'{"reason":"\xed\xa0\xbd"}', "encoding"),
    "utf-16": ('{"reason":""}'.encode("utf-16"), "encoding"),
    "byte order mark": (b'\xef\xbb\xbf{"reason":""}', "json_invalid"),
    "deep": (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "too_deep"),
    "very deep": (b"[" * 30_000 + b"]" * 30_000, "too_deep"),
    "a long number": (b'{"people":' + b"9" * (MOST_DIGITS + 1) + b"}", "number_too_long"),
    "an endless number": (b'{"people":' + b"9" * 60_000 + b"}", "number_too_long"),
    "two documents": (b"{}{}", "json_invalid"),
}


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("name", BROKEN)
def test_a_body_that_is_no_plain_json_is_refused_by_name_of_the_rule(
    client: httpx.Client, path: str, name: str
) -> None:
    body, rule = BROKEN[name]
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400)
    assert answer.json()["errors"] == [{"where": "body", "rule": rule}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"0",
        b'"x"',
        f'{{"{MARK}":1}}'.encode(),
        b"[" + b"0," * 30_000 + b"0]",
        b'{"verdict":[[[]]]}',
    ],
    ids=["empty", "list", "null", "number", "text", "unknown field", "long list", "nested"],
)
def test_json_of_another_shape_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/v1/decisions", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422)
    assert len(answer.content) < 5_000, "an answer must not outgrow the request"


def test_a_list_of_many_wrong_parts_gets_a_short_answer(client: httpx.Client) -> None:
    answer = client.post("/v1/plans", json={"seats": [MARK] * 900})
    assert_problem(answer, 422)
    assert len(answer.json()["errors"]) == 20


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json;charset=utf-16",
        f"application/{MARK}",
        "application/merge-patch+json",
    ],
)
def test_programs_send_json_and_say_so(client: httpx.Client, kind: str) -> None:
    assert_problem(client.post("/v1/plans", content=b"{}", headers={"Content-Type": kind}), 415)
    assert client.post(
        "/v1/plans", content=b"{}", headers={"Content-Type": 'application/json; charset="UTF-8"'}
    ).is_success


def test_forms_send_each_field_once(client: httpx.Client, harbour_tokens: dict[str, str]) -> None:
    log_in(client, harbour_tokens["vp"])
    same = {"Sec-Fetch-Site": "same-origin"}
    for body, kind, status in (
        (b'{"rep_id":"r-101"}', "application/json", 415),
        (b"x", "multipart/form-data; boundary=x", 415),
        (b"rep_id=r-101&rep_id=r-102", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % number for number in range(60)), "application/x-www-form-urlencoded", 400),
        ("rep_id=ä".encode(), "application/x-www-form-urlencoded", 400),
    ):
        answer = client.post("/decisions", content=body, headers={"Content-Type": kind, **same})
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
    client.cookies.clear()


def test_heads_are_limited(client: httpx.Client) -> None:
    assert_problem(client.get("/v1/reps?search=" + MARK * (MOST_ADDRESS_BYTES // 8)), 414)
    assert_problem(client.get("/v1/reps", headers=[(f"X-{n}", MARK) for n in range(MOST_HEADERS)]), 431)
    assert_problem(client.get("/v1/reps", headers={"X-Large": "x" * MOST_HEADER_BYTES}), 431)
    assert_problem(client.get("/v1/reps", headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")]), 400)


def test_a_read_has_no_body(client: httpx.Client) -> None:
    for path in ("/v1/reps", "/v1/metrics"):
        assert client.get(path).is_success
        assert_problem(client.request("GET", path, content=MARK), 400)
        assert_problem(client.request("GET", path, content=iter([MARK.encode()] * 9)), 400)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v1/reps/%00{MARK}", 422),
        ("GET", f"/v1/reps/..%2f..%2f{MARK}", 404),
        ("GET", f"/v1/reps/..%5c{MARK}", 404),
        ("GET", f"/v1/%2e%2e/{MARK}", 404),
        ("GET", f"/v1//reps/{MARK}", 404),
        ("GET", f"/v1/reps/%ff%fe{MARK}", 404),
        ("GET", f"/v1/reps/%ed%a0%80{MARK}", 404),
        ("GET", f"/v1/reps/{MARK}%0d%0aX-Injected:%20{MARK}", 404),
        ("GET", "/v1/effects/", 404),
        ("GET", f"/v1/reps?{MARK}=1", 422),
        ("GET", "/v1/reps?limit=1&limit=2", 422),
        ("TRACE", "/v1/reps", 405),
        ("PROPFIND", "/v1/reps", 405),
        ("get", "/v1/reps", 405),
    ],
)  # fmt: skip
def test_addresses_and_methods(client: httpx.Client, method: str, path: str, status: int) -> None:
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        token = client.headers["Authorization"]
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {MARK}\r\nAuthorization: {token}\r\nX-HTTP-Method-Override: DELETE\r\n"
        )
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    # A method that HTTP does not know is refused before the application sees it.
    assert int(answer.split(b" ", 2)[1]) in ((status, 400) if method in ("get", "PROPFIND") else (status,)), answer[
        :200
    ]
    assert MARK.encode() not in answer
    assert b"X-Injected" not in answer


def test_no_redirect_goes_where_the_client_says(client: httpx.Client, harbour_tokens: dict[str, str]) -> None:
    elsewhere = {"Host": MARK, "X-Forwarded-Host": MARK, "Referer": f"http://{MARK}/"}
    for path in ("/", "/glossary/", f"/?next=//{MARK}", "/me"):
        answer = client.get(path, headers=elsewhere)
        assert MARK not in str(answer.headers) + answer.text
    log_in(client, harbour_tokens["vp"])
    answer = send_form(client, "/decisions", rep_id=f"r-101\r\nX-A: {MARK}", program_id="p-disco", verdict="accepted")
    assert answer.status_code == 422
    assert MARK not in str(answer.headers) + answer.text
    client.cookies.clear()


def test_plain_json_passes() -> None:
    deepest = "[" * DEEPEST + "]" * DEEPEST
    for text in ('{"a":1.5,"b":[true,null,"ä😀"],"c":-0}', "9" * MOST_DIGITS, "1e308", '"\\ud83d\\ude00"', deepest):
        check_json(text.encode())
        assert json.loads(text) is not None
    check_form(b"a=%F0%9F%98%80&b=")
    with pytest.raises(BrokenBodyError):
        check_json(f"[{deepest}]".encode())
