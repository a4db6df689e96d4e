"""Ratings of skills: reps rate themselves, managers rate their people. They leave as data and come back as data.

A rating changes no forecast by itself: it goes into the `assessments` table of the data contract, from where the next
ingest reads it like a rating of any other source.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, exists, func, select

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, schema
from spm_ml.predictions.audit import append, record
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.coaching import ProgramFinding
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.engine import writing

Assessor = Literal["self", "manager"]

LOWEST: Final = 1
HIGHEST: Final = 5
"""The scale: whole numbers from the first to the last."""

_rows, _people = schema.assessments.c, schema.people.c
_later = schema.assessments.alias("later")
_STANDS: Final = ~exists().where(
    _later.c.rep_id == _rows.rep_id,
    _later.c.period == _rows.period,
    _later.c.skill == _rows.skill,
    _later.c.assessor == _rows.assessor,
    _later.c.assessment_id > _rows.assessment_id,
)
_COLUMNS: Final = (
    *(_rows[name] for name in ("assessment_id", "at", "assessed_on", "batch_id", "period", "rep_id")),
    _people.name,
    *(_rows[name] for name in ("skill", "score", "assessor", "assessed_by")),
    _STANDS.label("stands"),
)


class UnknownSkillError(DataError):
    """No program on record teaches the skill."""


@dataclass(frozen=True)
class Assessment:
    """One rating.

    Attributes:
        assessed_on: The day it counts from.
        batch_id: The batch that was published when it was given.
        name: Of the rep; None if the rep is no longer in the organisation.
        score: 1 to 5; None: not sure.
        assessor: The rep, or somebody above.
        assessed_by: Who, as the account names them.
        stands: Whether no later rating of the same skill, period and kind of assessor takes its place.
    """

    assessment_id: int
    at: datetime
    assessed_on: date
    batch_id: str
    period: str
    rep_id: str
    name: str | None
    skill: str
    score: int | None
    assessor: Assessor
    assessed_by: str
    stands: bool


class Assessments:
    """Records ratings, all of one request in one transaction with their lines of the audit."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def rate(
        self, principal: Principal, rep_id: str, ratings: Mapping[str, int | None], *, today: date | None = None
    ) -> tuple[Assessment, ...] | None:
        """Rates skills of a rep; None if there is no such rep whom the principal may rate.

        Args:
            principal: Who rates: the rep, or a manager above.
            rep_id: Whose skills.
            ratings: Score by skill, 1 to 5; None: not sure.
            today: The day the ratings count from; default: the batch's own day.

        Raises:
            NotReadyError: Nothing is published.
            UnknownSkillError: No program teaches one of the skills.
            ValueError: Nothing is rated, or a score is not on the scale.
        """
        if not ratings or any(score is not None and not LOWEST <= score <= HIGHEST for score in ratings.values()):
            raise ValueError(f"rate at least one skill, from {LOWEST} to {HIGHEST} or not sure")
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            if not lookup.has_forecast(connection, batch, principal.scope, "assess", rep_id):
                return None
            if unknown := set(ratings) - set(taught_skills(connection, batch)):
                raise UnknownSkillError(f"no program teaches {', '.join(sorted(unknown))}")
            assessor: Assessor = "self" if principal.scope.rep_id == rep_id else "manager"
            given = [
                _record(connection, batch, principal, rep_id, skill, score, assessor, today or batch.as_of)
                for skill, score in ratings.items()
            ]
            return find_assessments(connection, batch.batch_id, _rows.assessment_id.in_(given), limit=len(given))


def taught_skills(connection: Connection, batch: Batch) -> tuple[str, ...]:
    """The skills that programs on record teach, in alphabetical order; empty before coaching is published."""
    found = schema.findings.c
    bodies = connection.execute(select(found.body).where(found.batch_id == batch.batch_id)).scalars()
    return tuple(sorted({skill for body in bodies for skill in decode(ProgramFinding, body).skills}))


def find_assessments(
    connection: Connection,
    tree_batch_id: str,
    *conditions: ColumnElement[bool],
    standing: bool = False,
    limit: int,
    offset: int = 0,
) -> tuple[Assessment, ...]:
    """Ratings that meet every condition, the latest first; one of them must be the scope's."""
    rows = connection.execute(
        select(*_COLUMNS)
        .select_from(schema.assessments)
        .outerjoin(schema.people, and_(_people.batch_id == tree_batch_id, _people.rep_id == _rows.rep_id))
        .where(*conditions, *((_STANDS,) if standing else ()))
        .order_by(_rows.assessment_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return tuple(Assessment(**dict(row._mapping)) for row in rows)


def count_assessments(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """How many ratings meet every condition; one of them must be the scope's."""
    return connection.execute(select(func.count()).select_from(schema.assessments).where(*conditions)).scalar_one()


def contract_rows(connection: Connection) -> Iterable[dict[str, object]]:
    """Ratings that stand, as the data contract's `assessments` names them; who is not sure gave no rating."""
    rows = connection.execute(
        select(_rows.rep_id, _rows.skill, _rows.assessed_on, _rows.score, _rows.assessor)
        .where(_STANDS, _rows.score.is_not(None))
        .order_by(_rows.assessment_id)
    )
    # The contract's key holds the day and not the period: of two ratings of one day the later one counts.
    last = {(row.rep_id, row.skill, row.assessed_on, row.assessor): dict(row._mapping) for row in rows}
    return last.values()


def _record(
    connection: Connection,
    batch: Batch,
    principal: Principal,
    rep_id: str,
    skill: str,
    score: int | None,
    assessor: Assessor,
    day: date,
) -> int:
    row: dict[str, Any] = {
        "at": datetime.now(UTC),
        "assessed_on": day,
        "batch_id": batch.batch_id,
        "period": batch.period,
        "rep_id": rep_id,
        "skill": skill,
        "score": score,
        "assessor": assessor,
        "account_id": principal.account_id,
        "assessed_by": principal.label,
    }
    assessment_id, named = append(connection, "assessments", row)
    record(
        connection,
        actor=principal.label,
        account_id=principal.account_id,
        action="skill rated",
        subject=rep_id,
        batch=batch,
        detail={"skill": skill, "assessor": assessor} | named,
    )
    return assessment_id
