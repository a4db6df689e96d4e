"""Reads of what reps and managers tell each other, and of what everybody said together, all through one scope."""

from typing import Literal

from sqlalchemy import literal, select

from spm_ml.predictions import schema
from spm_ml.predictions.agreements import (
    OPEN,
    Agreement,
    AgreementStatus,
    behaviours_of,
    count_agreements,
    find_agreements,
    with_agreement_status,
)
from spm_ml.predictions.contests import ContestCount, contest_counts
from spm_ml.predictions.notes import Note, count_notes, find_notes
from spm_ml.predictions.pulses import Pulse, PulseCount, count_pulses, find_pulses, may_read, pulse_counts
from spm_ml.predictions.reading_cases import CaseReader
from spm_ml.predictions.selection import Listing

_pulses, _notes, _agreements = schema.pulses.c, schema.notes.c, schema.agreements.c


class TalkReader(CaseReader):
    """Pulses, notes and agreements, as one principal may see them."""

    def pulses(self, *, rep_id: str | None = None, limit: int = 50, offset: int = 0) -> Listing[Pulse]:
        """Answers of reps in scope in every period, the latest first: one's own, and what others share."""
        conditions = [may_read(self.scope, self._tree_batch_id)]
        if rep_id is not None:
            conditions.append(_pulses.rep_id == rep_id)
        found = find_pulses(self._connection, self._tree_batch_id, *conditions, limit=limit, offset=offset)
        return Listing(found, count_pulses(self._connection, *conditions))

    def pulse_counts(self) -> tuple[PulseCount, ...]:
        """What everybody answered in the batch's period; empty for readers who are told no counts."""
        if self.scope.reach("pulse_counts") == "none":
            return ()
        return pulse_counts(self._connection, self.batch.period)

    def notes(self, *, rep_id: str | None = None, limit: int = 50, offset: int = 0) -> Listing[Note]:
        """Notes about reps in scope in every period, the latest first."""
        conditions = [self._may("note", _notes.rep_id)]
        if rep_id is not None:
            conditions.append(_notes.rep_id == rep_id)
        found = find_notes(self._connection, self._tree_batch_id, *conditions, limit=limit, offset=offset)
        return Listing(found, count_notes(self._connection, *conditions))

    def may_note(self, rep_id: str) -> bool:
        """Whether the principal may write about a rep now."""
        asked = select(self._may("write_note", literal(rep_id)).label("may"))
        return self.is_current and bool(self._connection.execute(asked).scalar_one())

    def agreements(
        self,
        *,
        rep_id: str | None = None,
        status: AgreementStatus | Literal["open"] | None = None,
        soonest_first: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Listing[Agreement]:
        """Agreements of reps in scope, of every period.

        Args:
            rep_id: Only of this rep.
            status: Only those that stand so; `open`: on which something is still to be done or said.
            soonest_first: By the day they are due, instead of the latest first.
            limit: At most so many.
            offset: After so many.
        """
        conditions = [self._may("agreement", _agreements.rep_id)]
        if rep_id is not None:
            conditions.append(_agreements.rep_id == rep_id)
        if status is not None:
            conditions.append(with_agreement_status(OPEN if status == "open" else (status,)))
        found = find_agreements(
            self._connection,
            self._tree_batch_id,
            *conditions,
            soonest_first=soonest_first,
            limit=limit,
            offset=offset,
        )
        return Listing(found, count_agreements(self._connection, *conditions))

    def behaviours(self, rep_id: str) -> tuple[str, ...]:
        """What agreements of a rep may work on, beside other things."""
        return behaviours_of(self._connection, self.batch, rep_id)

    def contest_counts(self) -> tuple[ContestCount, ...]:
        """How contests of everybody ended; empty for readers who are told no counts."""
        if self.scope.reach("feedback_counts") == "none":
            return ()
        return contest_counts(self._connection)
