"""AuditTrail: the audit of one store, read, checked, and shortened by retention."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select

from spm_ml.predictions import schema
from spm_ml.predictions.audit import AuditEntry, AuditHead, entry_of, head_of
from spm_ml.predictions.audit_check import AuditCheck, check_audit
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.retention import Pruned, prune
from spm_ml.settings import RetentionSettings

_lines = schema.audit.c


class AuditTrail:
    """For admins and the operator of the store."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def page(self, *, limit: int, offset: int = 0) -> tuple[tuple[AuditEntry, ...], int, AuditHead]:
        """Lines, the newest first, how many there are, and where the trail ends."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(schema.audit).order_by(_lines.sequence.desc()).limit(limit).offset(offset))
            count = connection.execute(select(func.count()).select_from(schema.audit)).scalar_one()
            return tuple(entry_of(row) for row in rows), count, head_of(connection)

    def entries(self, *, since: datetime | None = None) -> Iterator[AuditEntry]:
        """Every line, or those since a moment, oldest first, from one snapshot."""
        query = select(schema.audit).order_by(_lines.sequence).execution_options(yield_per=1_000)
        with reading(self._engine) as connection:
            for row in connection.execute(query if since is None else query.where(_lines.at >= since)):
                yield entry_of(row)

    def check(self, *, remembered: AuditHead | None = None) -> AuditCheck:
        """Walks the chain, and compares the rows it vouches for.

        Args:
            remembered: An earlier head: without one, a trail that was cut at its end is not found out for sure.
        """
        with reading(self._engine) as connection:
            return check_audit(connection, remembered=remembered)

    def prune(self, retention: RetentionSettings, *, actor: str, dry_run: bool = False) -> Pruned:
        """Removes what is older than it is kept, and records that.

        Args:
            retention: How long it is kept.
            actor: Who does it, for the audit.
            dry_run: Only count.

        Raises:
            BrokenAuditError: The audit does not verify; nothing is removed.
        """
        if dry_run:
            with reading(self._engine) as connection:
                return prune(connection, retention, actor=actor, dry_run=True)
        with writing(self._engine) as connection:
            return prune(connection, retention, actor=actor, dry_run=False)
