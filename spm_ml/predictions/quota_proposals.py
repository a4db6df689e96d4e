"""Proposed quotas as they were published: with their inputs, never changed; what became of them stands in the goals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, Engine, Row, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.encoding import decode, encode
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.proposed_quota import ProposalTerms, ProposedQuota
from spm_ml.predictions.publishing_coaching import insert

_proposal, _quota = schema.quota_proposals.c, schema.proposed_quotas.c


class UnknownProposalError(DataError):
    """No quota proposal has that number."""


@dataclass(frozen=True)
class NewProposal:
    """A proposal with the model version and the data that it was made from."""

    period: str
    as_of: date
    currency: str
    minor_digits: int
    model_name: str
    model_version: str
    data_version: int
    data_hash: str
    actor: str
    terms: ProposalTerms
    quotas: Sequence[ProposedQuota]


@dataclass(frozen=True)
class ProposalHead:
    """What stands above a published proposal's quotas.

    Attributes:
        accepted_at: When its quotas were taken over (UTC); None: they were not.
        accepted_by: Who took them over.
        data_version: Version of the tables that it was made from.
    """

    proposal_id: int
    proposed_at: datetime
    period: str
    as_of: date
    currency: str
    minor_digits: int
    model_name: str
    model_version: str
    data_version: int
    data_hash: str
    actor: str
    terms: ProposalTerms
    accepted_at: datetime | None
    accepted_by: str | None


class QuotaProposals:
    """Each call is a transaction of its own, or a part of the one whose connection is given; for the operator."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def publish(self, new: NewProposal) -> int:
        """Stores a proposal with its audit line; gives its number."""
        with writing(self._engine) as connection:
            copied = ("period", "as_of", "currency", "minor_digits", "model_name", "model_version", "data_version")
            values = {name: getattr(new, name) for name in (*copied, "data_hash", "actor")}
            inserted = connection.execute(
                schema.quota_proposals.insert().values(**values, proposed_at=datetime.now(UTC), body=encode(new.terms))
            ).inserted_primary_key
            assert inserted is not None  # noqa: S101  (one row was inserted)
            proposal_id = int(inserted[0])
            insert(
                connection,
                schema.proposed_quotas,
                [
                    {"proposal_id": proposal_id, "rep_id": one.rep_id, "quota": one.quota, "body": encode(one)}
                    for one in new.quotas
                ],
            )
            record(
                connection,
                actor=new.actor,
                action="quotas proposed",
                subject=new.period,
                detail={
                    "proposal": proposal_id,
                    "quotas": len(new.quotas),
                    "total": sum(one.quota for one in new.quotas),
                    "goal": new.terms.goal,
                    "model": f"{new.model_name} version {new.model_version}",
                    "data_version": new.data_version,
                    "data_hash": new.data_hash,
                },
            )
        return proposal_id

    def read(self, proposal_id: int) -> tuple[ProposalHead, tuple[ProposedQuota, ...]]:
        """A proposal with every quota, in the order of rep ids.

        Raises:
            UnknownProposalError: There is none of that number.
        """
        with reading(self._engine) as connection:
            head = newest_head(connection, proposal_id=proposal_id)
            if head is None:
                raise UnknownProposalError(f"no quota proposal has the number {proposal_id}: see the page 'Quotas'")
            rows = connection.execute(
                select(_quota.body).where(_quota.proposal_id == proposal_id).order_by(_quota.rep_id)
            )
            return head, tuple(decode(ProposedQuota, body) for body in rows.scalars())


def newest_head(connection: Connection, *, proposal_id: int | None = None) -> ProposalHead | None:
    """The head of a proposal, or of the one published last; None if there is none."""
    query = select(schema.quota_proposals).order_by(_proposal.proposal_id.desc()).limit(1)
    if proposal_id is not None:
        query = query.where(_proposal.proposal_id == proposal_id)
    row = connection.execute(query).first()
    return None if row is None else _head(connection, row)


def proposal_numbers(connection: Connection) -> tuple[tuple[int, str, datetime], ...]:
    """Number, period and moment of every proposal, the newest first."""
    query = select(_proposal.proposal_id, _proposal.period, _proposal.proposed_at)
    rows = connection.execute(query.order_by(_proposal.proposal_id.desc()))
    return tuple((row.proposal_id, row.period, row.proposed_at) for row in rows)


def _head(connection: Connection, row: Row[tuple[object, ...]]) -> ProposalHead:
    goals = schema.company_goals.c
    accepted = connection.execute(
        select(goals.set_at, goals.actor).where(goals.proposal_id == row.proposal_id).order_by(goals.goal_id).limit(1)
    ).first()
    values = {column.name: getattr(row, column.name) for column in schema.quota_proposals.columns}
    body = values.pop("body")
    return ProposalHead(
        **values,
        terms=decode(ProposalTerms, body),
        accepted_at=accepted and accepted.set_at,
        accepted_by=accepted and accepted.actor,
    )
