"""Which model version was made champion, by whom and why: on record before the registry's alias moves."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine, select

from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.engine import reading, writing


@dataclass(frozen=True)
class Champion:
    """A model version that was made champion.

    Attributes:
        registry: Where the version is registered.
        actor: Who made it champion, for the audit.
        reason: Why.
    """

    model_name: str
    model_version: str
    registry: str
    actor: str
    reason: str

    @property
    def label(self) -> str:
        """How people name the version."""
        return f"{self.model_name} version {self.model_version}"


_FIELDS: Final = tuple(field.name for field in fields(Champion))


def champion_history(connection: Connection) -> tuple[tuple[datetime, Champion], ...]:
    """Every champion with the moment (UTC) it was named, the latest first."""
    rows = schema.champions.c
    query = select(rows.at, *(rows[name] for name in _FIELDS)).order_by(rows.champion_id.desc())
    return tuple((row[0], Champion(*row[1:])) for row in connection.execute(query))


class Champions:
    """Each call is a transaction of its own, or a part of the one whose connection is given."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def name(self, champion: Champion) -> None:
        """Puts a model version on record as champion, with its audit line."""
        values = {name: getattr(champion, name) for name in _FIELDS}
        with writing(self._engine) as connection:
            connection.execute(schema.champions.insert().values(**values, at=datetime.now(UTC)))
            record(
                connection,
                actor=champion.actor,
                action="champion named",
                subject=champion.label,
                detail={"registry": champion.registry, "reason": champion.reason},
            )

    def last(self, registry: str | None = None) -> Champion | None:
        """The champion named last, of any registry or of that one; None if there is none."""
        rows = schema.champions.c
        query = select(*(rows[name] for name in _FIELDS)).order_by(rows.champion_id.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query if registry is None else query.where(rows.registry == registry)).first()
        return None if row is None else Champion(*row)

    def alias_repaired(self, champion: Champion, *, before: str | None) -> None:
        """Says in the audit that the registry's alias named another version and was set to the champion on record."""
        detail = {"registry": champion.registry, "before": before}
        with writing(self._engine) as connection:
            record(connection, actor="reconciler", action="alias repaired", subject=champion.label, detail=detail)
