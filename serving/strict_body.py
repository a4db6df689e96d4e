"""Request bodies, read strictly before any route sees them: one place that no route can forget.

Programs send JSON (RFC 8259) within the limits of I-JSON (RFC 7493): UTF-8, names once, numbers that a double holds, no
half characters. Pages send forms, each field once. What else arrives is refused by the rule it breaks, never repeated.
"""

import json
import math
from collections.abc import Iterable
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from serving.problem import BrokenRule

DEEPEST: Final = 32
"""Arrays and objects within each other."""

MOST_DIGITS: Final = 18
"""Of a whole number: any of them fits into 64 bits."""

MOST_FIELDS: Final = 50
"""Of a form."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


class BrokenBodyError(Exception):
    """The body breaks a rule.

    Attributes:
        status: 400 if it is not what it says it is, 415 if it says that it is something else.
        broken: The rule.
    """

    def __init__(self, rule: str, *, status: int = 400) -> None:
        super().__init__(rule)
        self.status = status
        self.broken = BrokenRule(where="body", rule=rule)


def check_body(body: bytes, headers: Iterable[tuple[bytes, bytes]], *, form: bool) -> None:
    """Lets a body pass, or says which rule it breaks. An empty one passes: whether one is needed is the route's.

    Args:
        body: All of it.
        headers: Of the request, names in lower case.
        form: Whether a form is expected, not JSON.

    Raises:
        BrokenBodyError: It breaks a rule.
    """
    if not body:
        return
    types = [value for name, value in headers if name == b"content-type"]
    if len(types) != 1 or not _is(FORM if form else JSON, types[0].decode("latin-1")):
        raise BrokenBodyError("content_type", status=415)
    if form:
        check_form(body)
    else:
        check_json(body)


def _is(wanted: str, content_type: str) -> bool:
    """Whether a content type is the wanted one, in UTF-8 if it names an encoding."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return kind == wanted and all(one.replace('"', "") in ("", "charset=utf-8") for one in parameters)


def check_form(body: bytes) -> None:
    """The same for a form.

    Raises:
        BrokenBodyError: It breaks a rule.
    """
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise BrokenBodyError("encoding") from None
    except ValueError:
        raise BrokenBodyError("too_many_fields") from None
    if len({name for name, _ in fields}) != len(fields):
        raise BrokenBodyError("repeated_field")


def check_json(body: bytes) -> None:
    """The same for JSON.

    Raises:
        BrokenBodyError: It breaks a rule.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_float,
            parse_int=_int,
        )
    except UnicodeDecodeError:
        raise BrokenBodyError("encoding") from None
    except RecursionError:
        raise BrokenBodyError("too_deep") from None
    except json.JSONDecodeError:
        raise BrokenBodyError("json_invalid") from None
    _check_value(value)


def _check_value(value: Any) -> None:
    level: list[Any] = [value]
    for depth in range(DEEPEST + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict | list):
                if depth == DEEPEST:
                    raise BrokenBodyError("too_deep")
                inner.extend((*one, *one.values()) if isinstance(one, dict) else one)
        level = inner


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BrokenBodyError("lone_surrogate") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BrokenBodyError("repeated_name")
    return made


def _no_number(_name: str) -> NoReturn:
    raise BrokenBodyError("not_finite")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BrokenBodyError("not_finite")
    return value


def _int(text: str) -> int:
    if len(text.lstrip("-")) > MOST_DIGITS:
        raise BrokenBodyError("number_too_long")
    return int(text)
