"""Writes: in a thread, in one transaction, and once for each idempotency key."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Final

from fastapi import Depends, Form, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from serving.access import store_of
from spm_ml.predictions import Key, KeyReusedError, PredictionStore, Principal, Reply, SecretGivenError
from spm_ml.predictions.idempotency import fingerprint

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"

# A string of structured fields (RFC 9651), or the same without its quotes as long as nothing in it needs them.
_PATTERN: Final = r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-+\--\[\]-~]+)$'

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        max_length=255,
        pattern=_PATTERN,
        description=(
            "Made up by the client, new for each write. Repeating a request with its key does nothing and gives the "
            f"same answer again, with the header {REPLAYED}; another request with the key is refused with 422. "
            "Answers that are errors are not remembered."
        ),
    ),
]
FormKey = Annotated[str, Form(max_length=100, pattern=r"^[A-Za-z0-9_-]*$")]


@dataclass(frozen=True)
class Writer:
    """Does the write of one request of the API."""

    request: Request
    key: str | None

    async def __call__(
        self,
        principal: Principal,
        body: BaseModel | None,
        work: Callable[[PredictionStore], BaseModel | None],
        *,
        status: int = 201,
        secret: bool = False,
    ) -> Response:
        """Does it and gives the answer, or the one that the key got before.

        Args:
            principal: Who writes.
            body: What was sent, as understood.
            work: Writes into the store it is given, all in one transaction, and makes the answer.
            status: Of the answer.
            secret: The answer holds a secret, which is given once.

        Raises:
            RequestValidationError: 422, the key came with another request before.
            HTTPException: 409, the answer before held a secret.
        """
        key = None
        if self.key is not None:
            sent = "" if body is None else body.model_dump_json()
            key = Key(self.key, fingerprint(self.request.method, self.request.scope["path"], sent))

        def reply(store: PredictionStore) -> Reply:
            answer = work(store)
            return Reply(status, "" if answer is None else answer.model_dump_json(), secret=secret)

        done = await _once(self.request, principal, key, reply)
        headers = {REPLAYED: "true"} if done.replayed else {}
        if done.body:
            headers["content-type"] = "application/json"
        return Response(done.body, done.status, headers=headers)


async def writer(request: Request, key: IdempotencyKey = None) -> Writer:
    """Reads the key; in quotes or without them it is the same.

    Raises:
        RequestValidationError: 422, there are several.
    """
    if len(request.headers.getlist(HEADER)) > 1:
        raise _refused("one_key_alone")
    if key is not None and key.startswith('"'):
        key = re.sub(r"\\(.)", r"\1", key[1:-1])
    return Writer(request, key)


Write = Annotated[Writer, Depends(writer)]


async def write_form(
    request: Request, principal: Principal, key: str, fields: tuple[str, ...], work: Callable[[PredictionStore], None]
) -> None:
    """Does what a form says, once for each key a form was shown with: a double click is one click.

    The key stands for the form with these fields, so that somebody who goes back and changes them sends a new one.
    """
    sent = fingerprint(request.method, request.scope["path"], *fields)

    def reply(store: PredictionStore) -> Reply:
        work(store)
        return Reply(303, "")

    await _once(request, principal, Key(fingerprint("form", key, sent), sent) if key else None, reply)


async def write_each(
    request: Request,
    principal: Principal,
    writes: Sequence[tuple[str, tuple[str, ...], Callable[[PredictionStore], None]]],
) -> None:
    """Does several writes of one form in one transaction: all of them or none, each once for its own key.

    Args:
        request: Of the form.
        principal: Who writes.
        writes: Key, fields that it stands for, and what is done.
    """
    kept, path = _kept(request), request.scope["path"]

    def one(store: PredictionStore, work: Callable[[PredictionStore], None]) -> Reply:
        work(store)
        return Reply(303, "")

    def all_of_them(store: PredictionStore) -> Reply:
        for key, fields, work in writes:
            sent = fingerprint(request.method, path, *fields)
            named = Key(fingerprint("form", key, sent), sent)
            store.once(principal, named, partial(one, work=work), kept=kept)
        return Reply(303, "")

    await _once(request, principal, None, all_of_them)


def _kept(request: Request) -> timedelta:
    return timedelta(hours=request.app.state.settings.idempotency_hours)


async def _once(
    request: Request, principal: Principal, key: Key | None, work: Callable[[PredictionStore], Reply]
) -> Reply:
    try:
        return await run_in_threadpool(partial(store_of(request).once, principal, key, work, kept=_kept(request)))
    except KeyReusedError as error:
        raise _refused("used_before") from error
    except SecretGivenError as error:
        raise HTTPException(409) from error


def _refused(rule: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("header", HEADER), "type": rule}])
