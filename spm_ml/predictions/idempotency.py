"""Writes that are safe to repeat: a client's key is remembered with the answer, in the transaction of the write.

After the IETF draft `draft-ietf-httpapi-idempotency-key-header`. Writing transactions run one after the other, so of
two requests with one key the second finds the answer of the first. What failed is not remembered and may be repeated.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from sqlalchemy import Connection, delete, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.credentials import Principal

KEPT: Final = timedelta(hours=24)
"""How long a key is remembered unless the operator says otherwise."""

_GIVEN: Final = HTTPStatus.CONFLICT


class KeyReusedError(DataError):
    """The key came with another request before."""


class SecretGivenError(DataError):
    """The answer before held a secret, which is stored nowhere and given once."""


@dataclass(frozen=True)
class Key:
    """What names a request.

    Attributes:
        text: As the client made it up; only its hash is stored.
        fingerprint: Of everything that the request says, by `fingerprint`.
    """

    text: str
    fingerprint: str


@dataclass(frozen=True)
class Reply:
    """The answer to a write.

    Attributes:
        status: HTTP status.
        body: The whole body.
        secret: The body holds a secret: it is not stored.
        replayed: It was given before, and nothing was done now.
    """

    status: int
    body: str
    secret: bool = False
    replayed: bool = False


def fingerprint(*parts: str) -> str:
    """SHA-256 over texts, so that no two lists of them look alike."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def once(
    connection: Connection, principal: Principal, key: Key | None, work: Callable[[], Reply], *, kept: timedelta = KEPT
) -> Reply:
    """Does the work, or gives the answer that the key got before; that transaction must write alone.

    Raises:
        KeyReusedError: The key came with another request before.
        SecretGivenError: The answer before held a secret.
    """
    if key is None:
        return work()
    rows, now = schema.idempotency.c, datetime.now(UTC)
    connection.execute(delete(schema.idempotency).where(rows.created_at < now - kept))
    name = {"account_id": principal.account_id, "key_hash": fingerprint(key.text)}
    found = connection.execute(
        select(rows.fingerprint, rows.status, rows.body).where(
            rows.account_id == name["account_id"], rows.key_hash == name["key_hash"]
        )
    ).first()
    if found is None:
        reply = work()
        connection.execute(
            schema.idempotency.insert().values(
                **name,
                fingerprint=key.fingerprint,
                status=_GIVEN if reply.secret else reply.status,
                body="" if reply.secret else reply.body,
                created_at=now,
            )
        )
        return replace(reply, replayed=False)
    if found.fingerprint != key.fingerprint:
        raise KeyReusedError("the key was sent with another request before: use a new one for each")
    if found.status == _GIVEN:
        raise SecretGivenError("this request was answered before with a secret, which is given once")
    return Reply(found.status, found.body, replayed=True)
