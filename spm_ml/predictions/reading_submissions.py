"""Reads of what people entered for the period, all through one scope."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, literal, select

from spm_ml.predictions import schema
from spm_ml.predictions.outlook import SubmissionKind
from spm_ml.predictions.reading_coaching import CoachingReader
from spm_ml.predictions.submissions import MAY_ENTER, SubmissionRecord, entries, newest_entries

_said = schema.submissions.c


class SubmissionReader(CoachingReader):
    """What people entered, as one principal may see it; whoever sees a rep's figures sees these."""

    def submissions(
        self, *, rep_id: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[tuple[SubmissionRecord, ...], int]:
        """Entries of every period for reps in scope, newest first, and how many there are in all."""
        conditions: list[ColumnElement[bool]] = [self._may("figures", _said.rep_id)]
        if rep_id is not None:
            conditions.append(_said.rep_id == rep_id)
        return entries(self._connection, *conditions, limit=limit, offset=offset)

    def newest_submissions(self, rep_ids: Collection[str]) -> dict[str, tuple[SubmissionRecord, ...]]:
        """The newest entry of each kind for the batch's period, by rep, for reps in scope."""
        found: dict[str, tuple[SubmissionRecord, ...]] = {}
        for entry in newest_entries(self._connection, self.batch, rep_ids, self._may("figures", _said.rep_id)):
            found[entry.rep_id] = (*found.get(entry.rep_id, ()), entry)
        return found

    def may_submit(self, rep_id: str) -> tuple[SubmissionKind, ...]:
        """The kinds of numbers that the principal may enter for a rep now; none for a period that is not published."""
        if not self.is_current:
            return ()
        person = literal(rep_id)
        asked = select(self._may("number", person).label("number"), self._may("own_number", person).label("own_number"))
        allowed = self._connection.execute(asked).one()._mapping
        return tuple(kind for kind, subjects in MAY_ENTER.items() if any(allowed[subject] for subject in subjects))
