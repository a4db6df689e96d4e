"""Reads of decisions and of cases, all through one scope."""

from typing import Literal

from spm_ml.predictions import schema
from spm_ml.predictions.cases import WAITING, Case, CaseStatus, count_cases, find_cases, with_status
from spm_ml.predictions.decisions import DecisionRecord, decision_records
from spm_ml.predictions.reading_voice import VoiceReader
from spm_ml.predictions.selection import Listing


class CaseReader(VoiceReader):
    """What was decided about offers, and what reps contest, as one principal may see it."""

    def decision_history(
        self, *, rep_id: str | None = None, limit: int = 50, offset: int = 0
    ) -> Listing[DecisionRecord]:
        """Decisions of every period about offers to reps in scope, the latest first, and whether they still count."""
        rows = schema.decisions.c
        seen = self._may("offer", rows.rep_id)
        if rep_id is not None:
            seen = seen & (rows.rep_id == rep_id)
        return Listing(*decision_records(self._connection, seen, limit=limit, offset=offset))

    def cases(
        self,
        *,
        subject: Literal["case", "answer"] = "case",
        rep_id: str | None = None,
        status: CaseStatus | Literal["waiting"] | None = None,
        oldest_first: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Listing[Case]:
        """Cases of reps in scope.

        Args:
            subject: Those the principal sees, or those it may answer.
            rep_id: Only this rep's.
            status: Only those that stand so; `waiting`: that somebody has still to answer.
            oldest_first: Instead of the latest.
            limit: At most so many.
            offset: After so many.
        """
        rows = schema.cases.c
        conditions = [self._may(subject, rows.rep_id)]
        if rep_id is not None:
            conditions.append(rows.rep_id == rep_id)
        if status is not None:
            conditions.append(with_status(WAITING if status == "waiting" else (status,)))
        found = find_cases(
            self._connection,
            self._tree_batch_id,
            *conditions,
            oldest_first=oldest_first,
            limit=limit,
            offset=offset,
        )
        return Listing(found, count_cases(self._connection, *conditions))

    def case(self, case_id: int) -> Case | None:
        """One case; None if there is none in scope."""
        rows = schema.cases.c
        conditions = (rows.case_id == case_id, self._may("case", rows.rep_id))
        return next(iter(find_cases(self._connection, self._tree_batch_id, *conditions)), None)

    def may_answer(self, case: Case) -> bool:
        """Whether the principal may answer a case."""
        rows = schema.cases.c
        return count_cases(self._connection, rows.case_id == case.case_id, self._may("answer", rows.rep_id)) == 1
