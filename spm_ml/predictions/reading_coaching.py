"""Reads of what coaching published beside a batch, all through one scope."""

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select

from spm_ml.predictions import schema
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.coaching import PlanRules, PlanSummary, ProgramFinding, ProgramOption
from spm_ml.predictions.decisions import Decision, decisions_about
from spm_ml.predictions.diagnosis import Diagnosis
from spm_ml.predictions.encoding import Row, decode
from spm_ml.predictions.fairness import FairnessAudit
from spm_ml.predictions.publishing_coaching import covariance_from
from spm_ml.predictions.scope import Scope, Subject, tree_of


class CoachingReader:
    """Why results are what they are and what programs would do, as one principal may see it.

    Attributes:
        batch: What the numbers were computed from.
        scope: Whose view it is; every method about people applies it.
        as_of: The day whose forecasts are read: the batch's own, or an earlier one of its period.
    """

    def __init__(
        self, connection: Connection, batch: Batch, scope: Scope, tree_batch_id: str, as_of: date | None = None
    ) -> None:
        self.batch = batch
        self.as_of = as_of or batch.as_of
        self.scope = scope
        self._connection = connection
        # Access follows the organisation as it is now, also when an earlier period's batch is read.
        self._tree_batch_id = tree_batch_id

    @property
    def is_current(self) -> bool:
        """Whether it is the published batch: only to its numbers something can be said, decided or asked."""
        return self.batch.batch_id == self._tree_batch_id

    def diagnosis(self, rep_id: str) -> Diagnosis | None:
        """One rep's diagnosis; None if there is none in scope."""
        return next(iter(self.diagnoses(rep_ids=(rep_id,))), None)

    def diagnoses(
        self, *, manager_id: str | None = None, rep_ids: Collection[str] | None = None
    ) -> tuple[Diagnosis, ...]:
        """Diagnoses in the order of rep ids.

        Args:
            manager_id: Only of this manager's tree.
            rep_ids: Only of these reps.
        """
        return self._about_reps(schema.diagnoses, Diagnosis, "figures", manager_id, rep_ids)

    def options(
        self, *, manager_id: str | None = None, rep_ids: Collection[str] | None = None
    ) -> tuple[ProgramOption, ...]:
        """What each program would do for each rep, in the order of rep and program ids.

        Args:
            manager_id: Only for this manager's tree.
            rep_ids: Only for these reps.
        """
        return self._about_reps(schema.options, ProgramOption, "offer", manager_id, rep_ids)

    def covariance(self) -> tuple[tuple[float, ...], ...]:
        """Covariance of the coefficients that options share, (k, k); empty if nothing is published."""
        plans = schema.plans.c
        return covariance_from(
            self._connection.execute(select(plans.covariance).where(plans.batch_id == self.batch.batch_id)).scalar()
        )

    def findings(self) -> tuple[ProgramFinding, ...]:
        """What each program has caused so far; it is about nobody, so everybody may know."""
        found = schema.findings.c
        rows = self._connection.execute(
            select(found.body).where(found.batch_id == self.batch.batch_id).order_by(found.position)
        )
        return tuple(decode(ProgramFinding, body) for body in rows.scalars())

    def plan_summary(self) -> PlanSummary | None:
        """The plan as a whole; None if nothing was planned, or for readers of a part of the organisation."""
        plans = schema.plans.c
        body = self._connection.execute(
            select(plans.body).where(plans.batch_id == self.batch.batch_id, self._may("plan", plans.batch_id))
        ).scalar()
        return None if body is None else decode(PlanSummary, body)

    def plan_rules(self) -> PlanRules:
        """What a plan of the period keeps to, also for readers who may not know the plan as a whole."""
        plans = schema.plans.c
        body = self._connection.execute(select(plans.body).where(plans.batch_id == self.batch.batch_id)).scalar()
        if body is None:
            return PlanRules()
        plan = decode(PlanSummary, body)
        return PlanRules(plan.outcome_sd, plan.min_p_positive, plan.seed)

    def fairness(self) -> FairnessAudit | None:
        """What an audit of the batch and its offers has found, by group; None if there was none, or out of reach."""
        audits = schema.fairness_audits.c
        body = self._connection.execute(
            select(audits.body).where(audits.batch_id == self.batch.batch_id, self._may("fairness", audits.batch_id))
        ).scalar()
        return None if body is None else decode(FairnessAudit, body)

    def others_offered(self, program_id: str, rep_id: str) -> int:
        """To how many reps in scope, without this one, a program is offered."""
        offers = schema.recommendations.c
        query = select(func.count()).where(
            offers.batch_id == self.batch.batch_id,
            offers.program_id == program_id,
            offers.rep_id != rep_id,
            offers.abstained.is_(False),
            self._may("offer", offers.rep_id),
        )
        return self._connection.execute(query).scalar_one()

    def decisions(self, rep_id: str) -> tuple[Decision, ...]:
        """Every decision about one rep's offers of the period, oldest first; empty if none is in scope."""
        return decisions_about(self._connection, self.batch, self.scope, (rep_id,), self._tree_batch_id)

    def _about_reps(
        self,
        table: Table,
        kind: type[Row],
        subject: Subject,
        manager_id: str | None,
        rep_ids: Collection[str] | None,
    ) -> tuple[Row, ...]:
        query = select(table.c.body).where(table.c.batch_id == self.batch.batch_id, self._may(subject, table.c.rep_id))
        if manager_id is not None:
            query = query.where(table.c.rep_id.in_(tree_of(manager_id, self._tree_batch_id, name="team")))
        if rep_ids is not None:
            query = query.where(table.c.rep_id.in_(rep_ids))
        rows = self._connection.execute(query.order_by(*table.primary_key))
        return tuple(decode(kind, body) for body in rows.scalars())

    def _may(self, subject: Subject, column: ColumnElement[Any]) -> ColumnElement[bool]:
        return self.scope.predicate(subject, column, self._tree_batch_id)
