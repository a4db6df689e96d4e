"""Requests that nobody would send, by Schemathesis and by Hypothesis: none ends in a 5xx, no refusal repeats it."""

import json
from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import Any, Final
from urllib.parse import quote

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.authorisation import RULES, Matrix

Statuses = Counter[int]

MARK: Final = "zz-echo-zz"
"""Sent wherever something can be sent; no refusal repeats it."""

ASKERS: Final = ("vp", "hr", "rep", "analyst", "admin", "north")
"""They take turns."""

_text = st.one_of(st.text(max_size=12), st.just(MARK), st.just(f"{MARK}\r\nX-A: b"), st.just("r-101"), st.just(""))
_leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _text)
_json = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)
_NAMES: Final = ("rep_id", "program_id", "verdict", "reason", "label", "role", "seats", "budget", "text", "kind", MARK)
_object = st.dictionaries(st.sampled_from(_NAMES), _json, max_size=6)
_damage = st.sampled_from([b"\xff", b"\x00", b"NaN", b"1e999", b'"\\ud800"', b"}", b"[" * 99, b',"rep_id":1'])
BODIES: Final = st.one_of(
    st.binary(max_size=60),
    _json.map(lambda value: json.dumps(value).encode()),
    _object.map(lambda value: json.dumps(value).encode()),
    st.tuples(_object.map(lambda value: json.dumps(value).encode()), _damage, st.integers(0, 99)).map(
        lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
    ),
)
KINDS: Final = st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", MARK, ""])


def options(examples: int) -> Any:
    """How Hypothesis runs here: as often, and the same each time."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


def writes() -> tuple[tuple[str, str], ...]:
    """Every route that writes."""
    return tuple((method, route) for method, route in RULES if method != "GET")


def fuzz_body(matrix: Matrix, method: str, route: str, examples: int) -> Statuses:
    """Sends bodies that are none to a route.

    Raises:
        AssertionError: An answer is a 5xx, or a refusal repeats the input.
    """
    page = RULES[method, route].page
    statuses: Statuses = Counter()
    turns = count()

    @options(examples)
    @given(body=BODIES, kind=KINDS, thing=st.sampled_from(["r-101", MARK, "a\x00b", "..", "x" * 300]))
    def ask(body: bytes, kind: str, thing: str) -> None:
        parts = route.split("/")
        address = "/".join(quote(thing, safe="") if part.startswith("{") else part for part in parts)
        headers = {"Content-Type": kind, "X-Mark": MARK, "Accept": MARK}
        answer = matrix.send(ASKERS[next(turns) % len(ASKERS)], method, address, page=page, content=body, extra=headers)
        check(answer)
        statuses[answer.status_code] += 1

    ask()
    return statuses


def check(answer: httpx.Response) -> None:
    """Refuses a 5xx and an echo."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert MARK not in answer.text, answer.text
        assert MARK not in str(answer.headers)


def schema_of(matrix: Matrix) -> Any:
    """The application as Schemathesis sees it."""
    return schemathesis.openapi.from_asgi("/v1/openapi.json", matrix.app)


def ask_operation(
    schema: Any, tokens: Mapping[str, str], method: str, path: str, mode: GenerationMode, examples: int
) -> Statuses:
    """Lets Schemathesis ask one operation, as every kind of principal in turn.

    Raises:
        AssertionError: An answer breaks what the description promises.
    """
    operation = schema[path][method]
    statuses: Statuses = Counter()
    turns = count()
    if mode is GenerationMode.NEGATIVE and not operation.body and not any(operation.iter_parameters()):
        return statuses  # nothing can be sent wrongly

    # What a write refuses for what it says together, or for a key used before, is in no schema.
    not_described = [] if method == "get" else [positive_data_acceptance]

    @options(examples)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        asker = ASKERS[next(turns) % len(ASKERS)]
        response = case.call(headers={"Authorization": f"Bearer {tokens[asker]}"})
        case.validate_response(response, excluded_checks=not_described)
        statuses[response.status_code] += 1

    ask()
    return statuses
