"""PredictionStore: scored batches go in whole, and come out through a scope."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, select
from sqlalchemy.exc import DatabaseError

from spm_ml.errors import ConfigurationError, DataError, NotReadyError
from spm_ml.predictions import decisions, publishing, schema
from spm_ml.predictions.archive import content_of
from spm_ml.predictions.audit import AuditEntry, trail
from spm_ml.predictions.batch import Batch, ModelCard, Person
from spm_ml.predictions.credentials import Credentials, Principal
from spm_ml.predictions.engine import connect, reading, writing
from spm_ml.predictions.migrations import migrate
from spm_ml.predictions.reading import BatchReader
from spm_ml.predictions.rows import Prediction, Recommendation, TeamPrediction
from spm_ml.predictions.scope import Scope

_BATCH_FIELDS: Final = tuple(field.name for field in fields(Batch))


# Built once: every read runs it, and building takes longer than running.
_POINTED: Final = (
    select(schema.batches)
    .join(schema.pointer, schema.pointer.c.batch_id == schema.batches.c.batch_id)
    .where(schema.pointer.c.name == publishing.PUBLISHED)
)


class UnknownPeriodError(DataError):
    """No batch of that period is kept."""


@dataclass(frozen=True)
class StoredPeriod:
    """A period whose last published batch is kept."""

    batch: Batch
    published_at: datetime
    current: bool


class PredictionStore:
    """The operational store of one workspace.

    Attributes:
        credentials: Access tokens and sessions.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.credentials = Credentials(engine)

    @classmethod
    def open(cls, target: Path | str) -> Self:
        """Opens the store at a SQLite path or a database URL; makes it or migrates it first where needed.

        Raises:
            ConfigurationError: It cannot be reached, is no such store, or a newer spm-ml wrote it.
        """
        engine = connect(target)
        try:
            migrate(engine)
        except DatabaseError as error:
            engine.dispose()
            raise ConfigurationError(
                f"the prediction store {target} cannot be used: {error.orig}; check that it is reachable and is a "
                f"database that spm-ml made"
            ) from error
        except ConfigurationError:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_embedded(self) -> bool:
        """Whether the store is a file of this machine, read in microseconds, and not a server."""
        return self._engine.dialect.name == "sqlite"

    def publish(
        self,
        batch: Batch,
        predictions: Sequence[Prediction],
        teams: Sequence[TeamPrediction],
        recommendations: Sequence[Recommendation] | None,
        model_card: ModelCard,
        *,
        people: Sequence[Person],
        actor: str = "scoring",
    ) -> None:
        """Stages a batch and makes it the published one; a reader sees the old batch or the new one, never a mix.

        Args:
            batch: What the rows were computed from; its id must be new.
            predictions: One row a rep and as-of day of the running period.
            teams: One row a team, region or company and as-of day.
            recommendations: In order of preference for each rep; None keeps those now published for the period.
            model_card: The model behind the batch.
            people: The organisation's tree on the as-of day, managers included; it decides who sees whom.
            actor: Who publishes, for the audit.

        Raises:
            DataError: The batch was published before, or names a rep who is not among its people.
        """
        self.stage(batch, publishing.BatchContent(people, predictions, teams, recommendations, model_card))
        self.flip(batch, actor=actor)

    def stage(self, batch: Batch, content: publishing.BatchContent) -> None:
        """Writes a batch's rows where no reader looks.

        Raises:
            DataError: The batch was published before, or names a rep who is not among its people.
        """
        with writing(self._engine) as connection:
            publishing.prune(connection)
            publishing.stage(connection, batch, content)

    def flip(self, batch: Batch, *, actor: str = "scoring") -> None:
        """Makes a staged batch the published one: one pointer and its audit row in one transaction.

        Raises:
            DataError: The batch was never staged.
        """
        with writing(self._engine) as connection:
            publishing.flip(connection, batch, actor)

    def publish_recommendations(self, recommendations: Sequence[Recommendation], *, actor: str = "coaching") -> int:
        """Puts other recommendations in place of the published batch's.

        Returns:
            How many are stored: those for people of the batch.

        Raises:
            NotReadyError: Nothing is published.
            DataError: They are for another period than the published batch.
        """
        with writing(self._engine) as connection:
            batch = _required(_first_batch(connection, _POINTED))
            return publishing.replace_offers(connection, batch, recommendations, actor)

    def published_batch(self) -> Batch | None:
        """The batch that readers see; None before the first one."""
        with reading(self._engine) as connection:
            return _first_batch(connection, _POINTED)

    def published_on(self, as_of: date) -> Batch | None:
        """The newest published batch whose numbers are of that day; None if none is kept.

        The last batch of each period and the newest `KEPT_BATCHES` are kept; of older ones the audit still names the
        model's version, the data's version and hash, and the watermark.
        """
        batches = schema.batches.c
        with reading(self._engine) as connection:
            return _first_batch(connection, _newest(batches.as_of == as_of))

    def content(self, batch: Batch) -> publishing.BatchContent:
        """Every row of a batch, whoever may see it: for the operator of the store, never behind a request.

        Raises:
            DataError: The batch is not kept.
        """
        with reading(self._engine) as connection:
            return content_of(connection, batch)

    def periods(self) -> tuple[StoredPeriod, ...]:
        """Periods that can be read, the published one first, then the latest as-of day."""
        batches = schema.batches
        with reading(self._engine) as connection:
            current = _first_batch(connection, _POINTED)
            rows = connection.execute(
                select(batches).where(batches.c.published_at.is_not(None)).order_by(batches.c.published_at)
            )
            last = {row.period: row for row in rows}
        stored = (
            StoredPeriod(_batch(row), row.published_at, current is not None and row.batch_id == current.batch_id)
            for row in last.values()
        )
        return tuple(sorted(stored, key=lambda one: (one.current, one.batch.as_of), reverse=True))

    @contextmanager
    def read(self, scope: Scope, *, period: str | None = None) -> Iterator[BatchReader]:
        """Opens one snapshot of the published batch for one principal.

        Args:
            scope: What the principal may see; every read inside goes through it.
            period: The last batch of this period instead of the published one.

        Raises:
            NotReadyError: Nothing is published.
            UnknownPeriodError: Nothing is published for that period.
        """
        with reading(self._engine) as connection:
            current = batch = _required(_first_batch(connection, _POINTED))
            if period is not None and period != current.period:
                earlier = _first_batch(connection, _newest(schema.batches.c.period == period))
                if earlier is None:
                    raise UnknownPeriodError(f"nothing is published for period {period!r}; see the periods that are")
                batch = earlier
            yield BatchReader(connection, batch, scope, current.batch_id)

    def decide(
        self, principal: Principal, *, rep_id: str, program_id: str, verdict: decisions.Verdict, reason: str = ""
    ) -> decisions.Decision | None:
        """Records a decision about an offer of the published batch; None if there is none the principal may decide.

        Raises:
            NotReadyError: Nothing is published.
            ValueError: An override without a reason.
        """
        with writing(self._engine) as connection:
            batch = _required(_first_batch(connection, _POINTED))
            return decisions.decide(
                connection,
                batch,
                principal.scope,
                rep_id=rep_id,
                program_id=program_id,
                verdict=verdict,
                reason=reason,
                decided_by=principal.label,
            )

    def audit_trail(self) -> tuple[AuditEntry, ...]:
        """Every line of the audit, oldest first."""
        with reading(self._engine) as connection:
            return trail(connection)


def _newest(condition: ColumnElement[bool]) -> Select[Any]:
    batches = schema.batches
    return (
        select(batches)
        .where(condition, batches.c.published_at.is_not(None))
        .order_by(batches.c.published_at.desc())
        .limit(1)
    )


def _first_batch(connection: Connection, query: Select[Any]) -> Batch | None:
    row = connection.execute(query).first()
    return None if row is None else _batch(row)


def _required(batch: Batch | None) -> Batch:
    if batch is None:
        raise NotReadyError("no forecast is published yet; run 'spm score' in this workspace")
    return batch


def _batch(row: Row[Any]) -> Batch:
    return Batch(**{name: getattr(row, name) for name in _BATCH_FIELDS})
