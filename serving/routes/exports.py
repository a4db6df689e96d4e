"""Exports: the lists of the API as files for spreadsheets, through the same scope and with the same fields.

CSV (RFC 4180) in UTF-8 with a byte order mark, without which a common spreadsheet reads another encoding. A cell of
text that a spreadsheet would run as a formula gets an apostrophe; numbers stay numbers.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from serving.access import store_of
from serving.problem import documented
from serving.routes.answers import ForecastFilter, RepFilter, major, major_or_none
from serving.routes.forecasts import SeesFigures
from serving.routes.recommendations import SeesOffers
from serving.routes.reps import SeesPeople
from spm_ml.predictions import (
    Batch,
    BatchReader,
    DecisionRecord,
    Listing,
    Offer,
    OutcomeVersion,
    Prediction,
    Principal,
    RepSummary,
    SubmissionRecord,
)

router = APIRouter(prefix="/v1/exports", tags=["exports"])

MOST_ROWS: Final = 100_000
"""Of one file; a larger organisation exports team by team."""

_PART: Final = 500
_AT_ONCE: Final = 2
"""Exports that are made beside each other; reads go on meanwhile."""

_SHARES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)

# A formula begins a cell, or what a spreadsheet with another separator takes for one; spaces and quotes before it, and
# characters of full width, make no difference.
_FORMULA: Final = re.compile("(^|[;\t\r\n])([\\s\u200b\ufeff\"']*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r])")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_Held = tuple[Prediction, OutcomeVersion | None]
"""A forecast and what came of it."""

Cell = str | float | int | bool | date | datetime | None
Row = Sequence[Cell]


def safe(text: str) -> str:
    """The text so that no spreadsheet runs it.

    >>> safe("=HYPERLINK(1)"), safe(" @x"), safe("North-West")
    ("'=HYPERLINK(1)", " '@x", 'North-West')
    """
    return _FORMULA.sub(r"\1\2'", _CONTROL.sub("", text))


def csv_of(header: Sequence[str], rows: Iterable[Row]) -> bytes:
    """The rows as a file. Text is quoted and made safe; the unknown is empty."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(header)
    for row in rows:
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])
    return target.getvalue().encode("utf-8-sig")


@dataclass(frozen=True)
class Table:
    """A list that can be exported.

    Attributes:
        name: Of the file.
        columns: Its header.
        read: Gives a part of the list, through the reader's scope.
        row: The cells of an item.
    """

    name: str
    columns: tuple[str, ...]
    read: Callable[[BatchReader, RepFilter, int, int], Listing[Any]]
    row: Callable[[Any, Batch], Row]

    def rows(self, batch: BatchReader, which: RepFilter) -> Iterator[Row]:
        """Every row in scope that the filter keeps, up to `MOST_ROWS`."""
        for offset in range(0, MOST_ROWS, _PART):
            found = self.read(batch, which, _PART, offset)
            for item in found.items:
                yield self.row(item, batch.batch)
            if offset + _PART >= found.total:
                return


async def export(request: Request, principal: Principal, table: Table, which: RepFilter) -> Response:
    """The file, made from one snapshot."""
    store = store_of(request)

    def work() -> bytes:
        with store.read(principal.scope, period=which.period) as published:
            batch = published.on(which.as_of) if isinstance(which, ForecastFilter) else published
            return csv_of(table.columns, table.rows(batch, which))

    return await file_in_turn(request, table.name, work)


async def file_in_turn(request: Request, name: str, work: Callable[[], bytes]) -> Response:
    """A file to be kept, made in a thread, few beside each other."""
    state = request.app.state
    if not hasattr(state, "exporting"):
        state.exporting = CapacityLimiter(_AT_ONCE)
    return file_of(name, await to_thread.run_sync(work, limiter=state.exporting))


def file_of(name: str, content: bytes) -> Response:
    """A file to be kept."""
    disposition = f'attachment; filename="spm-{name}.csv"'
    return Response(content, media_type="text/csv", headers={"Content-Disposition": disposition})


_PERSON: Final = ("rep_id", "name", "role", "manager_id", "team", "region", "segment")


def _rep(rep: RepSummary, _batch: Batch) -> Row:
    person = [getattr(rep, name) for name in _PERSON]
    return [*person, rep.risk_band, None if rep.abstention is None else rep.abstention.reason]


def _forecasts(batch: BatchReader, which: RepFilter, limit: int, offset: int) -> Listing[_Held]:
    found = batch.predictions(which.selection(limit, offset))
    results = batch.outcomes([row.rep_id for row in found.items])
    return Listing(tuple((row, results.get(row.rep_id)) for row in found.items), found.total)


def _forecast(held: _Held, batch: Batch) -> Row:
    row, version = held
    result = None if version is None else version.outcome
    return [
        *(getattr(row, name) for name in _PERSON),
        row.as_of,
        batch.currency,
        major_or_none(row.quota, batch),
        major(row.booked, batch),
        *(major_or_none(row.quantile(share), batch) for share in _SHARES),
        row.p_hit,
        row.risk_band,
        row.main_reason,
        " ".join(row.hazards),
        None if row.abstention is None else row.abstention.reason,
        *(
            (None,) * 4
            if result is None
            else (
                major(result.bookings, batch),
                major_or_none(result.quota, batch),
                result.inside(row.quantile(0.1), row.quantile(0.9)),
                result.censored,
            )
        ),
    ]


def _recommendation(offer: Offer, batch: Batch) -> Row:
    row, said = offer.recommendation, offer.decision
    decided: Row = (None,) * 4 if said is None else (said.verdict, said.reason, said.decided_by, said.decided_at)
    return [
        row.rep_id,
        offer.rep.name,
        offer.rep.team,
        offer.rep.risk_band,
        row.program_id,
        row.program_name,
        row.skill,
        row.effect,
        row.effect_low,
        row.effect_high,
        row.p_positive,
        batch.currency,
        major_or_none(row.cost, batch),
        row.evidence,
        row.evidence_level,
        row.reason,
        row.expires_on,
        row.held_out,
        None if row.abstention is None else row.abstention.reason,
        *decided,
    ]


def _decision(record: DecisionRecord, _batch: Batch) -> Row:
    said = record.decision
    return [
        record.period,
        said.rep_id,
        said.program_id,
        said.verdict,
        said.reason,
        said.decided_by,
        record.role,
        said.decided_at,
        record.status,
    ]


def _submission(record: SubmissionRecord, _batch: Batch) -> Row:
    return [
        record.period,
        record.rep_id,
        record.kind,
        record.major,
        record.currency,
        record.note,
        record.submitted_by,
        record.role,
        record.submitted_at,
    ]


REPS: Final = Table(
    "reps",
    (*_PERSON, "risk_band", "abstention"),
    lambda batch, which, limit, offset: batch.reps(which.selection(limit, offset)),
    _rep,
)
FORECASTS: Final = Table(
    "forecasts",
    (
        *_PERSON,
        *("as_of", "currency", "quota", "booked"),
        *(f"bookings_p{share:.0%}".removesuffix("%") for share in _SHARES),
        *("p_hit", "risk_band", "main_reason", "hazards", "abstention"),
        *("final_bookings", "final_quota", "range_held", "left_early"),
    ),
    _forecasts,
    _forecast,
)
RECOMMENDATIONS: Final = Table(
    "recommendations",
    (
        *("rep_id", "name", "team", "risk_band", "program_id", "program_name", "skill"),
        *("effect", "effect_low", "effect_high", "p_positive", "currency", "cost"),
        *("evidence", "evidence_level", "reason", "expires_on", "held_out", "abstention"),
        *("decision", "decision_reason", "decided_by", "decided_at"),
    ),
    lambda batch, which, limit, offset: batch.offers(which.selection(limit, offset)),
    _recommendation,
)
DECISIONS: Final = Table(
    "decisions",
    ("period", "rep_id", "program_id", "verdict", "reason", "decided_by", "role", "decided_at", "status"),
    lambda batch, _which, limit, offset: batch.decision_history(limit=limit, offset=offset),
    _decision,
)
SUBMISSIONS: Final = Table(
    "submissions",
    ("period", "rep_id", "kind", "amount", "currency", "note", "submitted_by", "role", "submitted_at"),
    lambda batch, _which, limit, offset: Listing(*batch.submissions(limit=limit, offset=offset)),
    _submission,
)

FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
"""How an answer with a file is described."""

Which = Annotated[RepFilter, Query()]
WhichForecasts = Annotated[ForecastFilter, Query()]


@router.get("/reps.csv", response_class=Response, responses=FILE | documented(401, 403, 404, 422, 503))
async def export_reps(request: Request, principal: SeesPeople, which: Which) -> Response:
    """Export reps by name, team and risk band."""
    return await export(request, principal, REPS, which)


@router.get("/forecasts.csv", response_class=Response, responses=FILE | documented(401, 403, 404, 422, 503))
async def export_forecasts(request: Request, principal: SeesFigures, which: WhichForecasts) -> Response:
    """Export forecasts: quota, bookings, five quantiles and the chance of reaching the quota, and what came of them."""
    return await export(request, principal, FORECASTS, which)


@router.get("/recommendations.csv", response_class=Response, responses=FILE | documented(401, 403, 404, 422, 503))
async def export_recommendations(request: Request, principal: SeesOffers, which: Which) -> Response:
    """Export recommendations and what was decided about them."""
    return await export(request, principal, RECOMMENDATIONS, which)


@router.get("/decisions.csv", response_class=Response, responses=FILE | documented(401, 403, 422, 503))
async def export_decisions(request: Request, principal: SeesOffers) -> Response:
    """Export what was decided about offers to reps in scope, in every period, the latest first."""
    return await export(request, principal, DECISIONS, RepFilter())


@router.get("/submissions.csv", response_class=Response, responses=FILE | documented(401, 403, 422, 503))
async def export_submissions(request: Request, principal: SeesFigures) -> Response:
    """Export what was entered for reps in scope, in every period, the latest first."""
    return await export(request, principal, SUBMISSIONS, RepFilter())
