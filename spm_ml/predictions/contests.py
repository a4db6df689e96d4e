"""How contests and corrections ended: data for whoever runs the jobs, and counts that say nothing about anybody."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Table, func, select, true

from spm_ml.predictions import lookup, schema
from spm_ml.predictions.cases import CaseKind, CaseStatus, CaseSubject
from spm_ml.predictions.telling import told_through

ContestVerdict = Literal["upheld", "partly_upheld", "rejected", "withdrawn"]

VERDICTS: Final[tuple[ContestVerdict, ...]] = ("upheld", "partly_upheld", "rejected", "withdrawn")
"""How a contest or a correction can end; a correction that is upheld means that the data were wrong."""

SUBJECTS: Final[tuple[CaseSubject, ...]] = ("forecast", "recommendation", "diagnosis", "data")

_cases, _events = schema.cases.c, schema.case_events.c
_CONTESTED: Final = _cases.kind.in_(("contest", "correction"))


@dataclass(frozen=True)
class ContestOutcome:
    """What became of one contest or correction, without its words.

    Attributes:
        about: What was contested; `data`: a correction.
        program_id: The program of the offer, if it was about one.
        status: Where it stands.
        closed_on: Local day of the last step; None while it waits.
        answered_by: Role of who closed it; None while it waits.
    """

    case_id: int
    rep_id: str
    period: str
    kind: CaseKind
    about: CaseSubject
    program_id: str | None
    opened_on: date
    status: CaseStatus
    closed_on: date | None
    answered_by: str | None


@dataclass(frozen=True)
class ContestCount:
    """How contests about one thing ended, over everybody, when it was last told.

    Attributes:
        people: How many contested; None: too few to tell, and then so is the rest.
        verdicts: How their contests ended.
        contested: Reps and periods, of those whose batch is kept, about which somebody contested.
        shown: Reps and periods, of the same, that had something to contest.
    """

    about: CaseSubject
    people: int | None
    verdicts: dict[ContestVerdict, int] | None
    contested: int | None
    shown: int | None


def contest_outcomes(connection: Connection, timezone: str) -> tuple[ContestOutcome, ...]:
    """Every contest and correction, oldest first: for the operator of the store, never behind a request."""

    def day(moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(timezone)).date()

    columns = tuple(_cases[name] for name in ("case_id", "rep_id", "period", "kind", "about", "program_id"))
    rows = connection.execute(
        select(*columns, _cases.opened_at, _events.status, _events.at, _events.role)
        .select_from(schema.cases)
        .outerjoin(schema.case_events, _events.event_id == _last_event())
        .where(_CONTESTED)
        .order_by(_cases.case_id)
    )
    found = []
    for row in rows:
        closed = row.status in VERDICTS
        found.append(
            ContestOutcome(
                **{column.name: getattr(row, column.name) for column in columns},
                opened_on=day(row.opened_at),
                status=row.status or "open",
                closed_on=day(row.at) if closed else None,
                answered_by=row.role if closed else None,
            )
        )
    return tuple(found)


def contest_counts(connection: Connection) -> tuple[ContestCount, ...]:
    """How contests ended, by what they were about, as far as `told_through` lets tell.

    Only what has ended counts, in the order in which it ended, so that no answer changes what was told before.
    """
    rows = connection.execute(
        select(_cases.about, _cases.account_id, _cases.rep_id, _cases.period, _events.status)
        .select_from(schema.cases)
        .join(schema.case_events, _events.event_id == _last_event())
        .where(_CONTESTED, _events.status.in_(VERDICTS))
        .order_by(_events.event_id)
    ).all()
    shown: Mapping[CaseSubject, set[tuple[str, str]]] = _shown(connection) if rows else {}
    counts = []
    for about in SUBJECTS:
        ended = [row for row in rows if row.about == about]
        told = ended[: told_through(row.account_id for row in ended)]
        if not told:
            counts.append(ContestCount(about, None, None, None, None))
            continue
        times = Counter(row.status for row in told)
        counts.append(
            ContestCount(
                about,
                len({row.account_id for row in told}),
                {verdict: times[verdict] for verdict in VERDICTS},
                len({(row.rep_id, row.period) for row in told} & shown[about]),
                len(shown[about]),
            )
        )
    return tuple(counts)


def _last_event() -> ColumnElement[int]:
    events = schema.case_events.alias("steps")
    return select(func.max(events.c.event_id)).where(events.c.case_id == _cases.case_id).scalar_subquery()


def _shown(connection: Connection) -> dict[CaseSubject, set[tuple[str, str]]]:
    """Reps and periods of the last batches that are kept, by what they were shown."""
    periods = {row.batch_id: row.period for row in lookup.last_of_periods(connection).values()}
    offers = schema.recommendations
    tables: dict[CaseSubject, tuple[Table, ColumnElement[bool]]] = {
        "forecast": (schema.predictions, true()),
        "recommendation": (offers, offers.c.program_id != ""),
        "diagnosis": (schema.diagnoses, true()),
    }
    shown: dict[CaseSubject, set[tuple[str, str]]] = {}
    for about, (table, condition) in tables.items():
        query = select(table.c.rep_id, table.c.batch_id).where(table.c.batch_id.in_(periods), condition).distinct()
        shown[about] = {(row.rep_id, periods[row.batch_id]) for row in connection.execute(query)}
    return shown | {"data": shown["forecast"]}
