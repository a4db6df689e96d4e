"""Whose store it is: a line of the audit names the tenant, and for no other tenant the store is opened.

A wrong address in one tenant's settings would otherwise publish its people on another tenant's pages.
"""

from typing import Final

from sqlalchemy import Connection, Engine, inspect, select

from spm_ml.errors import ConfigurationError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import OPERATOR, record
from spm_ml.predictions.engine import connect, reading, writing

CLAIMED: Final = "store claimed"


def owner(connection: Connection) -> str | None:
    """The tenant that the newest line names; None: nobody claimed the store, or so long ago that the line went."""
    lines = schema.audit.c
    query = select(lines.subject).where(lines.action == CLAIMED).order_by(lines.sequence.desc()).limit(1)
    named: str | None = connection.execute(query).scalar()
    return named


def owner_at(target: str) -> str | None:
    """The same of the store at an address; None also where it holds no tables yet. Nothing is changed.

    Raises:
        ConfigurationError: The address is none.
        StoreUnavailableError: It does not answer.
    """
    engine = connect(target)
    try:
        with reading(engine) as connection:
            return owner(connection) if inspect(connection).has_table(schema.audit.name) else None
    finally:
        engine.dispose()


def claim(target: Engine | Connection, tenant: str) -> None:
    """Makes sure that the store is the tenant's: puts that on record where nobody is.

    Raises:
        ConfigurationError: It is another tenant's.
    """
    with reading(target) as connection:
        known = owner(connection)
    if known is None:
        with writing(target) as connection:  # another process may have been first
            known = owner(connection)
            if known is None:
                put_on_record(connection, tenant)
                return
    if known != tenant:
        raise ConfigurationError(
            f"the prediction store is of tenant {known!r} and this is the workspace of tenant {tenant!r}: nothing was "
            "read or written. Mend 'store' in serving.yaml, or restore the tenant's own backup"
        )


def put_on_record(connection: Connection, tenant: str) -> None:
    """Names the tenant in the audit, whoever was named before."""
    record(connection, actor=OPERATOR, action=CLAIMED, subject=tenant)
