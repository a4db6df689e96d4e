"""Structured logs on stdout: a JSON object a line, or a line for people on a terminal.

A message of a library that is not known to name nothing personal is withheld, and of an exception only the type and
the stack are kept: what it says may be what somebody sent.
"""

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePath
from types import TracebackType
from typing import Final, TextIO

from pythonjsonlogger.json import JsonFormatter
from starlette.types import Scope

from serving.observing.request import Answered
from serving.observing.settings import LogSettings

_TRUSTED: Final = ("serving", "spm_ml", "uvicorn", "alembic", "psycopg", "opentelemetry")
"""Loggers whose messages hold no personal data: our own, and of libraries that know nothing about people."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_encode = json.dumps
_encoded = lru_cache(maxsize=1_024)(_encode)  # of what comes again and again: methods, routes, accounts


class _Safe(logging.Formatter):
    """Formats a record without what may be personal: foreign messages, extras, and what exceptions say."""

    def format(self, record: logging.LogRecord) -> str:
        trusted = record.name.split(".")[0] in _TRUSTED
        safe = logging.LogRecord(
            record.name,
            record.levelno,
            record.pathname,
            record.lineno,
            record.msg if trusted else "(message withheld)",
            record.args if trusted else None,
            record.exc_info,
        )
        safe.created, safe.msecs = record.created, record.msecs
        if trusted and hasattr(record, "request_id"):
            safe.request_id = record.request_id
        return super().format(safe)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802  (overrides)
        error, lines = ei[1], []
        while error is not None:
            lines.append(type(error).__qualname__)
            for frame, line in traceback.walk_tb(error.__traceback__):
                place = "/".join(PurePath(frame.f_code.co_filename).parts[-3:])
                lines.append(f"  {place}:{line} {frame.f_code.co_qualname}")
            error = error.__cause__ or error.__context__
        return "\n".join(lines)


class _SafeJson(_Safe, JsonFormatter):
    """The same as JSON."""


def configure(settings: LogSettings, stream: TextIO | None = None, *, tenant: str | None = None) -> None:
    """Sends every logger's warnings, and what we say about the service, to a stream; default: stdout.

    Args:
        settings: How it is written.
        stream: Where.
        tenant: Stands in every line.
    """
    stream = stream or sys.stdout
    handler = logging.StreamHandler(stream)
    if _is_json(settings, stream):
        renamed = {"levelname": "level", "name": "logger"}
        fields = None if tenant is None else {"tenant": tenant}
        wanted = ["levelname", "name", "message"]
        handler.setFormatter(_SafeJson(wanted, rename_fields=renamed, static_fields=fields, timestamp="time"))
    else:
        whose = "" if tenant is None else f"{tenant} "  # of letters, digits and hyphens alone
        handler.setFormatter(_Safe(f"%(asctime)s {whose}%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("serving").setLevel(logging.INFO)


def _is_json(settings: LogSettings, stream: TextIO) -> bool:
    return settings.format == "json" or (settings.format == "auto" and not stream.isatty())


class RequestLog:
    """Writes a line for every request (an `Observer`).

    It goes past the logging module, which takes ten times as long for a line as the fastest read takes for an answer.
    """

    def __init__(self, settings: LogSettings, stream: TextIO | None = None, *, tenant: str | None = None) -> None:
        self._stream = stream or sys.stdout
        self._tenant_json = "" if tenant is None else f'"tenant":{_encode(tenant)},'
        self._tenant_text = "" if tenant is None else f"{tenant} "
        self._as_json = _is_json(settings, self._stream)
        self._second, self._until_second = -1, ""

    def began(self, scope: Scope) -> None:
        """Nothing to do."""

    def answered(self, began: object, request: Answered) -> None:  # noqa: ARG002  (an Observer)
        """Writes the line."""
        now = self._now()
        level = "ERROR" if request.status >= 500 and request.status != 503 else "INFO"
        ms = round(request.seconds * 1_000, 2)
        if self._as_json:
            # Written out, at a third of what an encoder takes: there are ten fields, and every request waits for them.
            line = (
                f'{{"time":"{now}",{self._tenant_json}"level":"{level}",'
                f'"logger":"serving.requests","message":"request",'
                f'"method":{_encoded(request.method)},"route":{_encoded(request.route)},"status":{request.status},'
                f'"ms":{ms},"account_id":{_encoded(request.account_id)},"request_id":{_encode(request.request_id)}}}'
            )
        else:
            who = request.account_id or "-"
            asked = f"{request.method} {request.route} {request.status} {ms} ms {who} {request.request_id}"
            line = f"{now} {self._tenant_text}{level} {asked}"
        self._stream.write(line + "\n")
        self._stream.flush()

    def _now(self) -> str:
        """The moment to the millisecond."""
        second, ms = divmod(time.time_ns() // 1_000_000, 1_000)
        if second != self._second:
            self._second = second
            self._until_second = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._until_second}.{ms:03}+00:00"
