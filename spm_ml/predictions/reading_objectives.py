"""Reads of what is to be reached, from the company to the rep, and of proposed quotas, all through one scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from spm_ml.predictions import schema
from spm_ml.predictions.disclosure import enough_beyond
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.goals import CompanyGoal, goal_of
from spm_ml.predictions.proposed_quota import ProposedQuota
from spm_ml.predictions.quota_fairness import QuotaFairness, fairness_of
from spm_ml.predictions.quota_proposals import ProposalHead, newest_head, proposal_numbers
from spm_ml.predictions.reading_coaching import CoachingReader
from spm_ml.predictions.rows import Prediction, TeamPrediction, sums_alone
from spm_ml.predictions.scope import Subject, tree_of

_team, _rep, _person = schema.teams.c, schema.predictions.c, schema.people.c
_quota = schema.proposed_quotas.c

_PROPOSALS: Final[tuple[Subject, ...]] = ("proposal", "proposal_sums")


@dataclass(frozen=True)
class Below:
    """Who reports to a manager: managers among them by their teams, and whoever is forecast, oneself included."""

    teams: tuple[TeamPrediction, ...]
    reps: tuple[Prediction, ...]


class ObjectiveReader(CoachingReader):
    """What is to be reached, as one principal may see it."""

    def goal(self) -> CompanyGoal | None:
        """The company's goal for the batch's period; None where none was set, or the reader is nobody here."""
        seen = select(_team.key).where(
            _team.batch_id == self.batch.batch_id, _team.level == "company", self._may("objective", _team.manager_id)
        )
        reach = self.scope.reach("objective")
        if reach == "none" or (reach == "above" and self._connection.execute(seen.limit(1)).first() is None):
            return None
        return goal_of(self._connection, self.batch.period, self.batch.currency, self.batch.minor_digits)

    def above(self) -> tuple[TeamPrediction, ...]:
        """The teams that the reader is in and the company, the smallest first: sums over enough people beyond the own.

        Subtracted from each other and from what the reader sees, they are about the minimum group, or about nobody.
        """
        if self.scope.reach("objective") != "above":
            return ()
        own = self.scope.rep_id if self.scope.role == "manager" else ""
        rows = self._connection.scalars(
            select(_team.body).where(
                _team.batch_id == self.batch.batch_id,
                _team.as_of == self.as_of,
                _team.level.in_(("team", "company")),
                _team.key != own,
                self._may("objective", _team.manager_id),
            )
        )
        chain = [sums_alone(decode(TeamPrediction, body)) for body in rows]
        return enough_beyond(chain, self._known())

    def _known(self) -> int:
        """How many reps' figures the reader sees."""
        query = select(func.count()).where(
            _rep.batch_id == self.batch.batch_id, _rep.as_of == self.as_of, self._may("figures", _rep.rep_id)
        )
        return self._connection.execute(query).scalar_one()

    def below(self, manager_id: str) -> Below:
        """Who reports to a manager, of those in scope, by name."""
        reports = select(_person.rep_id).where(
            _person.batch_id == self._tree_batch_id, _person.manager_id == manager_id
        )
        teams = self._connection.scalars(
            select(_team.body)
            .where(
                _team.batch_id == self.batch.batch_id,
                _team.as_of == self.as_of,
                _team.level == "team",
                _team.key.in_(reports),
                self._may("team", _team.manager_id),
            )
            .order_by(_team.label, _team.key)
        )
        reps = self._connection.scalars(
            select(_rep.body)
            .where(
                _rep.batch_id == self.batch.batch_id,
                _rep.as_of == self.as_of,
                _rep.rep_id.in_(reports) | (_rep.rep_id == manager_id),
                self._may("figures", _rep.rep_id),
            )
            .order_by(_rep.name_folded, _rep.rep_id)
        )
        return Below(
            tuple(decode(TeamPrediction, body) for body in teams), tuple(decode(Prediction, body) for body in reps)
        )

    def managers_up_to(self, manager_id: str) -> tuple[tuple[str, str], ...]:
        """`rep_id` and name of the managers above one, from the top of what is in scope down to that one."""
        seen = {
            row.rep_id: row
            for row in self._connection.execute(
                select(_person.rep_id, _person.name, _person.manager_id).where(
                    _person.batch_id == self._tree_batch_id, self._may("person", _person.rep_id)
                )
            )
        }
        chain: list[tuple[str, str]] = []
        person = manager_id
        while (row := seen.get(person)) is not None and all(person != one for one, _ in chain):
            chain.append((row.rep_id, row.name))
            person = row.manager_id
        return tuple(reversed(chain))

    def proposals(self) -> Sequence[tuple[int, str, datetime]]:
        """Number, period and moment of every proposal, the newest first; none for readers who reach none."""
        return proposal_numbers(self._connection) if self._reaches_proposals() else ()

    def proposal(self, proposal_id: int | None = None) -> ProposalHead | None:
        """A proposal, default the newest; None if there is none, or the reader reaches none."""
        return newest_head(self._connection, proposal_id=proposal_id) if self._reaches_proposals() else None

    def proposed_quotas(self, proposal_id: int, manager_id: str | None = None) -> tuple[ProposedQuota, ...]:
        """The proposed quotas in scope, or of one manager's tree, in the order of rep ids."""
        query = select(_quota.body).where(_quota.proposal_id == proposal_id, self._may("proposal", _quota.rep_id))
        if manager_id is not None:
            query = query.where(_quota.rep_id.in_(tree_of(manager_id, self._tree_batch_id, name="team")))
        bodies = self._connection.scalars(query.order_by(_quota.rep_id))
        return tuple(decode(ProposedQuota, body) for body in bodies)

    def every_proposed_quota(self, proposal_id: int) -> tuple[ProposedQuota, ...]:
        """All of them for what is told of many together: whoever gives out one gives out too much."""
        if self.scope.reach("proposal_sums") == "none":
            return ()
        bodies = self._connection.scalars(select(_quota.body).where(_quota.proposal_id == proposal_id))
        return tuple(decode(ProposedQuota, body) for body in bodies)

    def quota_fairness(self, proposal_id: int, manager_id: str | None = None) -> tuple[QuotaFairness, ...]:
        """How hard quotas are by group: of those in scope; for readers who see no rep, of groups of enough people."""
        if self.scope.reach("proposal") != "none":
            return fairness_of(self.proposed_quotas(proposal_id, manager_id), of_enough=False)
        return fairness_of(self.every_proposed_quota(proposal_id), of_enough=True)

    def unforecast(self, head: ProposalHead) -> int:
        """For how many reps in scope nothing was forecast, so that their quotas are set by hand."""
        query = select(func.count()).where(
            _person.batch_id == self._tree_batch_id,
            _person.rep_id.in_(head.terms.unforecast),
            self._may("proposal", _person.rep_id),
        )
        return self._connection.execute(query).scalar_one()

    def _reaches_proposals(self) -> bool:
        return any(self.scope.reach(subject) != "none" for subject in _PROPOSALS)
