"""PredictionStore: scored batches go in whole, and come out through a scope."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, and_, event, func, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import IntegrityError, ProgrammingError

from spm_ml.predictions import idempotency, lookup, publishing, publishing_coaching, schema
from spm_ml.predictions.admission import Door, door_of
from spm_ml.predictions.archive import content_of
from spm_ml.predictions.assessments import contract_rows
from spm_ml.predictions.batch import Batch, ModelCard, Person
from spm_ml.predictions.books import Books
from spm_ml.predictions.coaching import CoachingBatch
from spm_ml.predictions.contests import ContestOutcome, contest_outcomes
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.decisions import Decision, Verdict, decide, every_decision
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.evidence_sections import publish_sections
from spm_ml.predictions.fairness import FairnessAudit
from spm_ml.predictions.idempotency import Key, Reply
from spm_ml.predictions.migrations import HEAD, current_revision
from spm_ml.predictions.model_evidence import ModelEvidence
from spm_ml.predictions.opening import opened
from spm_ml.predictions.outcomes import Outcome, publish_outcomes
from spm_ml.predictions.pay import PublishedPay
from spm_ml.predictions.periods import StoredPeriod, batch_of, stored_periods
from spm_ml.predictions.reading import BatchReader
from spm_ml.predictions.rows import Prediction, Recommendation, TeamPrediction
from spm_ml.predictions.scope import Scope
from spm_ml.predictions.what_if import WhatIfInputs
from spm_ml.settings import Workspace


class PredictionStore(Books):
    """The operational store of one workspace."""

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """Opens the store of a workspace; a tenant's is opened for that tenant alone.

        Raises:
            ConfigurationError: As for `open`, or the settings name a store that is not the tenant's.
        """
        return cls.open(workspace.predictions_store, tenant=workspace.tenant)

    @classmethod
    def open(cls, target: Path | str, *, tenant: str | None = None) -> Self:
        """Opens the store at a SQLite path or a database URL; makes it or migrates it first where needed.

        Args:
            target: Path or URL.
            tenant: Whose store it must be, or becomes while it is nobody's; None: anybody's.

        Raises:
            ConfigurationError: It cannot be reached, is no such store, a newer spm-ml wrote it, or it is of another
                tenant.
        """
        return cls(opened(target, tenant))

    def close(self) -> None:
        """Closes every connection."""
        if isinstance(self._engine, Engine):
            self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_embedded(self) -> bool:
        """Whether the store is a file of this machine, read in microseconds, and not a server."""
        return self._engine.dialect.name == "sqlite"

    def door(self) -> Door:
        """Admits reads that come by the thousand. Close it before the store.

        Raises:
            TypeError: The store lives within a transaction.
        """
        if not isinstance(self._engine, Engine):
            raise TypeError("a store within a transaction has no door; open the store itself")
        return door_of(self._engine)

    def publish(
        self,
        batch: Batch,
        predictions: Sequence[Prediction],
        teams: Sequence[TeamPrediction],
        recommendations: Sequence[Recommendation] | None,
        model_card: ModelCard,
        *,
        people: Sequence[Person],
        what_if: WhatIfInputs = WhatIfInputs(),  # noqa: B008 - frozen
        evidence: ModelEvidence = ModelEvidence(),  # noqa: B008 - frozen
        outcomes: Sequence[Outcome] = (),
        pay: PublishedPay = PublishedPay(),  # noqa: B008 - frozen
        actor: str = "scoring",
    ) -> None:
        """Stages a batch and makes it the published one; a reader sees the old batch or the new one, never a mix.

        Args:
            batch: What the rows were computed from; its id must be new.
            predictions: One row a rep and as-of day of the running period.
            teams: One row a team, region or company and as-of day.
            recommendations: In order of preference for each rep; None keeps what coaching published for the period.
            model_card: The model behind the batch.
            people: The organisation's tree on the as-of day, managers included; it decides who sees whom.
            what_if: What what-if questions start from; nothing: none is answered.
            evidence: What speaks for and against the model.
            outcomes: Results of finished periods that its data tell; see `publish_outcomes`.
            pay: Statements of the running period.
            actor: Who publishes, for the audit.

        Raises:
            DataError: The batch was published before, or names a rep who is not among its people.
        """
        content = publishing.BatchContent(
            people, predictions, teams, recommendations, model_card, what_if, evidence, pay
        )
        self.stage(batch, content)
        self.flip(batch, outcomes, actor=actor)

    def stage(self, batch: Batch, content: publishing.BatchContent) -> None:
        """Writes a batch's rows where no reader looks.

        Raises:
            DataError: The batch was published before, or names a rep who is not among its people.
        """
        with writing(self._engine, alone=False) as connection:
            publishing.prune(connection)
            publishing.stage(connection, batch, content)

    def flip(self, batch: Batch, outcomes: Sequence[Outcome] = (), *, actor: str = "scoring") -> None:
        """Makes a staged batch the published one: one pointer, its outcomes and the audit in one transaction.

        Raises:
            DataError: The batch was never staged.
        """
        with writing(self._engine) as connection:
            publishing.flip(connection, batch, actor)
            publish_outcomes(connection, batch, outcomes, actor)

    def publish_outcomes(self, batch: Batch, outcomes: Sequence[Outcome], *, actor: str = "scoring") -> int:
        """Adds results of finished periods that are new or restated; what was said before stays.

        Args:
            batch: The scoring run whose data say so.
            outcomes: Of any periods; at most one a rep and period.
            actor: Who publishes, for the audit.

        Returns:
            How many rows were added: none where the same was said before, or newer data said otherwise.
        """
        with writing(self._engine) as connection:
            return publish_outcomes(connection, batch, outcomes, actor)

    def publish_coaching(self, coaching: CoachingBatch, *, actor: str = "coaching") -> int:
        """Puts what coaching says in place of what it said beside the published batch, and logs its offers.

        Returns:
            How many recommendations are stored: those for people of the batch.

        Raises:
            NotReadyError: Nothing is published.
            DataError: They are for another period than the published batch.
        """
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            return publishing_coaching.publish_coaching(connection, batch, coaching, actor)

    def publish_fairness(self, batch: Batch, found: FairnessAudit, *, actor: str = "fairness") -> None:
        """Stores what an audit of a batch and its offers has found, in place of what an earlier one did."""
        with writing(self._engine) as connection:
            publishing_coaching.publish_fairness(connection, batch, found, actor)

    def publish_evidence(self, evidence: ModelEvidence, *, actor: str) -> None:
        """Puts sections about the model in place of those of the published batch; the others stay.

        Raises:
            NotReadyError: Nothing is published.
        """
        with writing(self._engine) as connection:
            publish_sections(connection, lookup.required(connection), evidence, actor)

    def published_batch(self) -> Batch | None:
        """The batch that readers see; None before the first one."""
        with reading(self._engine) as connection:
            return lookup.published(connection)

    def published_on(self, as_of: date) -> Batch | None:
        """The newest published batch of that day in which everybody was scored; None if none is kept.

        The last batch of each period and the newest `KEPT_BATCHES` are kept; of older ones the audit still names the
        model's version, the data's version and hash, and the watermark.
        """
        batches = schema.batches.c
        with reading(self._engine) as connection:
            return lookup.newest(connection, and_(batches.as_of == as_of, batches.scored_whole_at.is_(None)))

    def content(self, batch: Batch) -> publishing.BatchContent:
        """Every row that scoring wrote, and the offers: for the operator of the store, never behind a request.

        Raises:
            DataError: The batch is not kept.
        """
        with reading(self._engine) as connection:
            return content_of(connection, batch)

    def coaching(self, batch: Batch) -> CoachingBatch:
        """Everything that coaching published beside a batch: for the operator of the store, never behind a request."""
        with reading(self._engine) as connection:
            return publishing_coaching.coaching_of(connection, batch)

    def what_if_model(self, batch_id: str) -> str:
        """What the futures of all reps of a batch have in common, as scoring wrote it; it is about nobody."""
        models = schema.what_if_models.c
        with reading(self._engine) as connection:
            body: str | None = connection.execute(select(models.body).where(models.batch_id == batch_id)).scalar()
        return WhatIfInputs().model if body is None else body

    def decisions(self) -> tuple[tuple[str, Decision], ...]:
        """Every decision with the label of its period, oldest first: for the operator, never behind a request."""
        with reading(self._engine) as connection:
            return every_decision(connection)

    def contest_outcomes(self, timezone: str) -> tuple[ContestOutcome, ...]:
        """What became of every contest and correction, without words: for the operator, never behind a request.

        Args:
            timezone: IANA name in which days are cut off.
        """
        with reading(self._engine) as connection:
            return contest_outcomes(connection, timezone)

    def assessment_rows(self) -> tuple[dict[str, object], ...]:
        """Ratings that stand, as the data contract's `assessments` holds them: for the operator of the store."""
        with reading(self._engine) as connection:
            return tuple(contract_rows(connection))

    def periods(self) -> tuple[StoredPeriod, ...]:
        """Periods that can be read, the published one first, then the latest as-of day."""
        with reading(self._engine) as connection:
            return stored_periods(connection)

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
            batch, current = batch_of(connection, period)
            yield BatchReader(connection, batch, scope, current.batch_id)

    def decide(
        self,
        principal: Principal,
        *,
        rep_id: str,
        program_id: str,
        verdict: Verdict,
        reason: str = "",
        today: date | None = None,
    ) -> Decision | None:
        """Records a decision about an offer of the published batch; None if there is none the principal may decide.

        Args:
            principal: Who decides.
            rep_id: Whom the offer is for.
            program_id: What is offered.
            verdict: Accepted, overridden, reversed (what was decided before is taken back), or declined by the rep.
            reason: Why; needed to override and to take back.
            today: The day on which it is decided; default: the batch's own day.

        Raises:
            NotReadyError: Nothing is published.
            ValueError: An override or a taking back without a reason.
            ExpiredOfferError: The offer holds no longer.
            NothingToReverseError: There is no decision that the principal may take back.
        """
        with writing(self._engine) as connection:
            return decide(
                connection,
                lookup.required(connection),
                principal,
                rep_id=rep_id,
                program_id=program_id,
                verdict=verdict,
                reason=reason,
                today=today,
            )

    def once(
        self,
        principal: Principal,
        key: Key | None,
        work: Callable[[Self], Reply],
        *,
        kept: timedelta = idempotency.KEPT,
    ) -> Reply:
        """Does all that `work` does with the store it is given in one transaction, and only once for a key.

        Args:
            principal: Whose key it is.
            key: Names the request; None: nothing is remembered.
            work: Writes, and gives the answer. What it raises leaves nothing behind, the key included.
            kept: How long a key is remembered.

        Raises:
            KeyReusedError: The key came with another request before.
            SecretGivenError: The answer before held a secret, which is given once.
        """
        with writing(self._engine) as connection:
            bound = type(self)(connection)
            return idempotency.once(connection, principal, key, lambda: work(bound), kept=kept)

    def is_current(self) -> bool:
        """Whether the tables are still of the version that this program needs: another one may have changed them."""
        with reading(self._engine) as connection:
            return current_revision(connection) == HEAD

    def verdicts(self) -> dict[str, int]:
        """How many decisions of each verdict are on record."""
        verdict = schema.decisions.c.verdict
        with reading(self._engine) as connection:
            rows = connection.execute(select(verdict, func.count().label("decisions")).group_by(verdict))
            return {row.verdict: row.decisions for row in rows}

    def on_error(self, tell: Callable[[], None]) -> None:
        """Has `tell` called for every error of the database itself: unreachable, locked, full, broken."""

        @event.listens_for(self._engine, "handle_error")
        def _on_error(context: ExceptionContext) -> None:
            if not isinstance(context.sqlalchemy_exception, (IntegrityError, ProgrammingError)):
                tell()
