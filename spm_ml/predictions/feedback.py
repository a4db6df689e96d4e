"""What people say about a forecast, a diagnosis or an offer: useful, of no use, or wrong, and what is missing.

It changes nothing by itself. Words identify people, so they are for the rep, the managers above and HR; how many said
what is counted over everybody, and told only where enough people spoke.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, exists, func, select

from spm_ml.predictions import lookup, schema
from spm_ml.predictions.audit import append, record
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.engine import writing
from spm_ml.predictions.telling import told_through

FeedbackSubject = Literal["forecast", "diagnosis", "offer"]
FeedbackVerdict = Literal["useful", "no_use", "wrong"]

SUBJECTS: Final[tuple[FeedbackSubject, ...]] = ("forecast", "diagnosis", "offer")
VERDICTS: Final[tuple[FeedbackVerdict, ...]] = ("useful", "no_use", "wrong")

_rows, _people = schema.feedback.c, schema.people.c
_later = schema.feedback.alias("later")
_STANDS: Final = ~exists().where(
    _later.c.account_id == _rows.account_id,
    _later.c.rep_id == _rows.rep_id,
    _later.c.period == _rows.period,
    _later.c.about == _rows.about,
    _later.c.feedback_id > _rows.feedback_id,
)
_COLUMNS: Final = (
    *(_rows[name] for name in ("feedback_id", "at", "batch_id", "period", "rep_id")),
    _people.name,
    *(_rows[name] for name in ("about", "verdict", "text", "given_by", "role")),
    _STANDS.label("stands"),
)


@dataclass(frozen=True)
class Feedback:
    """What somebody said.

    Attributes:
        batch_id: The batch that was published when it was said.
        name: Of the rep it is about; None if the rep is no longer in the organisation.
        text: In their own words; may be empty.
        given_by: Who, as the account names them.
        stands: Whether they said nothing later about the same thing and period.
    """

    feedback_id: int
    at: datetime
    batch_id: str
    period: str
    rep_id: str
    name: str | None
    about: FeedbackSubject
    verdict: FeedbackVerdict
    text: str
    given_by: str
    role: str
    stands: bool


@dataclass(frozen=True)
class FeedbackCount:
    """How many people said what about one thing in a period.

    Attributes:
        people: How many had spoken when it was last told; None: too few to tell.
        verdicts: What stood then, by verdict; None where `people` is.
    """

    about: FeedbackSubject
    people: int | None
    verdicts: dict[FeedbackVerdict, int] | None


class FeedbackBook:
    """Records feedback in one transaction with its line of the audit."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def give(
        self, principal: Principal, rep_id: str, about: FeedbackSubject, verdict: FeedbackVerdict, text: str = ""
    ) -> Feedback | None:
        """Says something about a rep's forecast, diagnosis or offer; None if there is no such rep in scope.

        Raises:
            NotReadyError: Nothing is published.
        """
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            if not lookup.has_forecast(connection, batch, principal.scope, "give_feedback", rep_id):
                return None
            row = {
                "at": datetime.now(UTC),
                "batch_id": batch.batch_id,
                "period": batch.period,
                "rep_id": rep_id,
                "about": about,
                "verdict": verdict,
                "text": text.strip(),
                "account_id": principal.account_id,
                "given_by": principal.label,
                "role": principal.scope.role,
            }
            feedback_id, named = append(connection, "feedback", row)
            record(
                connection,
                actor=principal.label,
                account_id=principal.account_id,
                action="feedback given",
                subject=rep_id,
                batch=batch,
                detail={"about": about} | named,
            )
            (given,) = find_feedback(connection, batch.batch_id, _rows.feedback_id == feedback_id, limit=1)
            return given


def find_feedback(
    connection: Connection,
    tree_batch_id: str,
    *conditions: ColumnElement[bool],
    limit: int,
    offset: int = 0,
) -> tuple[Feedback, ...]:
    """Feedback that meets every condition, the latest first; one of them must be the scope's."""
    rows = connection.execute(
        select(*_COLUMNS)
        .select_from(schema.feedback)
        .outerjoin(schema.people, and_(_people.batch_id == tree_batch_id, _people.rep_id == _rows.rep_id))
        .where(*conditions)
        .order_by(_rows.feedback_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return tuple(Feedback(**dict(row._mapping)) for row in rows)


def count_feedback(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """How many entries meet every condition; one of them must be the scope's."""
    return connection.execute(select(func.count()).select_from(schema.feedback).where(*conditions)).scalar_one()


def feedback_counts(connection: Connection, period: str) -> tuple[FeedbackCount, ...]:
    """What stood of a period, by subject, when it was last told: the last word of each account about each rep.

    A subject is told of when `SMALLEST_GROUP` accounts have spoken about it, and moves on as `told_through` says.
    """
    rows = connection.execute(
        select(_rows.about, _rows.account_id, _rows.rep_id, _rows.verdict)
        .where(_rows.period == period)
        .order_by(_rows.feedback_id)
    )
    words: dict[str, list[tuple[str, str, FeedbackVerdict]]] = {}
    for about, account_id, rep_id, verdict in rows:
        words.setdefault(about, []).append((account_id, rep_id, verdict))
    return tuple(_told(about, words.get(about, ())) for about in SUBJECTS)


def _told(about: FeedbackSubject, words: Sequence[tuple[str, str, FeedbackVerdict]]) -> FeedbackCount:
    """The count of the words, oldest first, up to the last one that made a group large enough since the one before."""
    told = told_through(account_id for account_id, _, _ in words)
    if not told:
        return FeedbackCount(about, None, None)
    last = {(account_id, rep_id): verdict for account_id, rep_id, verdict in words[:told]}
    said = Counter(last.values())
    return FeedbackCount(about, len({account for account, _ in last}), {verdict: said[verdict] for verdict in VERDICTS})
