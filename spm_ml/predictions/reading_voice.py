"""Reads of what people say beside a batch: ratings of skills and feedback, all through one scope."""

from spm_ml.predictions import schema
from spm_ml.predictions.assessments import Assessment, count_assessments, find_assessments, taught_skills
from spm_ml.predictions.feedback import (
    Feedback,
    FeedbackCount,
    FeedbackSubject,
    count_feedback,
    feedback_counts,
    find_feedback,
)
from spm_ml.predictions.reading_submissions import SubmissionReader

_assessed, _said = schema.assessments.c, schema.feedback.c

_MOST_STANDING = 1_000
"""Ratings that stand of one rep and period: two kinds of assessor for each skill."""


class VoiceReader(SubmissionReader):
    """What people said, as one principal may see it."""

    def skills(self) -> tuple[str, ...]:
        """The skills that programs teach, about which people may be rated; empty before coaching is published."""
        return taught_skills(self._connection, self.batch)

    def assessments(
        self, *, rep_id: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[tuple[Assessment, ...], int]:
        """Ratings of reps in scope, in every period, the latest first; and how many there are."""
        conditions = [self._may("assessment", _assessed.rep_id)]
        if rep_id is not None:
            conditions.append(_assessed.rep_id == rep_id)
        found = find_assessments(self._connection, self._tree_batch_id, *conditions, limit=limit, offset=offset)
        return found, count_assessments(self._connection, *conditions)

    def standing_assessments(self, rep_id: str) -> tuple[Assessment, ...]:
        """The ratings of one rep that stand in the batch's period; empty if none is in scope."""
        return find_assessments(
            self._connection,
            self._tree_batch_id,
            self._may("assessment", _assessed.rep_id),
            _assessed.rep_id == rep_id,
            _assessed.period == self.batch.period,
            standing=True,
            limit=_MOST_STANDING,
        )

    def feedback(
        self,
        *,
        rep_id: str | None = None,
        about: FeedbackSubject | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[tuple[Feedback, ...], int]:
        """What was said about reps in scope, in every period, the latest first; and how much there is."""
        conditions = [self._may("feedback", _said.rep_id)]
        if rep_id is not None:
            conditions.append(_said.rep_id == rep_id)
        if about is not None:
            conditions.append(_said.about == about)
        found = find_feedback(self._connection, self._tree_batch_id, *conditions, limit=limit, offset=offset)
        return found, count_feedback(self._connection, *conditions)

    def feedback_counts(self) -> tuple[FeedbackCount, ...]:
        """How many people said what in the batch's period; empty for readers who are told no counts."""
        if self.scope.reach("feedback_counts") == "none":
            return ()
        return feedback_counts(self._connection, self.batch.period)
