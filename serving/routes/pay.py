"""Pay: statements with the trace deal → credit → component and tier → amount, and what incentives will cost."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, major, source
from serving.routes.exports import FILE, Row, csv_of, file_of
from spm_ml.compensation import Payout, TraceLine, payout_of_text
from spm_ml.predictions import BatchReader, LeftPayee, PayCost, Principal, StatementHead, StoredStatement

router = APIRouter(prefix="/v1/pay", tags=["pay"])
files = APIRouter(prefix="/v1/exports", tags=["exports"])

SeesPay = Annotated[Principal, Depends(reaching("pay"))]
LineKind = Literal["commission", "spif", "clawback", "kept", "adjustment", "holdback", "release", "forfeit"]


class StatementOut(Model):
    """A statement without its trace."""

    period: str
    plan_id: str
    plan_version: str
    amount: float = Field(description="What is paid; of the running period, so far.")
    currency: str
    as_of: date = Field(description="What was known at the end of this day is paid.")
    data_version: int
    closed_at: datetime | None = Field(description="When the period was settled for good; null: it runs.")

    @classmethod
    def of(cls, head: StatementHead) -> "StatementOut":
        """The same for the API."""
        return cls(
            period=head.period,
            plan_id=head.plan_id,
            plan_version=head.plan_version,
            amount=_units(head.amount, head),
            currency=head.currency,
            as_of=head.as_of,
            data_version=head.data_version,
            closed_at=head.closed_at,
        )


class LineOut(Model):
    """One step from a deal to money."""

    kind: LineKind
    opportunity_id: str = Field(description="Empty where the lines of others' deals are added up.")
    booked_on: date
    component: str = Field(description="Of the plan; empty where the line concerns none alone.")
    owner: str = Field(description="Whose credit it is where one is paid for others; empty: one's own.")
    credit: float
    tier: str = Field(description="Tier, SPIF or rule, in words.")
    rate: float | None
    amount: float = Field(description="The lines add up to what is payable before the draw.")
    withheld: float = Field(description="Change of what is withheld of the deal.")
    of_period: str = Field(description="The closed period that an adjustment mends; else empty.")


class PartsOut(Model):
    """Parts of a payout; all but `draw_repaid`, which is taken off, add up to the amount."""

    commission: float
    spif: float
    clawback: float
    adjustment: float
    withheld: float
    released: float
    draw_advance: float
    draw_repaid: float


class StatementWhole(StatementOut):
    """A statement with its trace."""

    quota: float
    credited: float
    parts: PartsOut
    lines: tuple[LineOut, ...]

    @classmethod
    def read(cls, stored: StoredStatement, batch: BatchReader) -> "StatementWhole":
        """The same for the API, as the reader of the batch may see it."""
        paid = payout_in_sight(stored, batch)
        units = partial(_units, head=stored.head)
        return cls(
            **dict(StatementOut.of(stored.head)),
            quota=units(paid.quota),
            credited=units(paid.credited),
            parts=PartsOut(**{name: units(getattr(paid, name)) for name in PartsOut.model_fields}),
            lines=tuple(_line(line, units) for line in paid.lines),
        )


def _line(line: TraceLine, units: Callable[[int], float]) -> LineOut:
    return LineOut(
        kind=line.kind,
        opportunity_id=line.opportunity_id,
        booked_on=line.booked_on,
        component=line.component,
        owner=line.owner,
        credit=units(line.credit),
        tier=line.tier,
        rate=None if line.rate is None else float(line.rate),
        amount=units(line.amount),
        withheld=units(line.withheld),
        of_period=line.of_period,
    )


class StatementsAnswer(Answer):
    """A person's statements."""

    rep_id: str
    statements: tuple[StatementOut, ...] = Field(description="The running period's first, then the latest.")


class StatementAnswer(Answer):
    """One statement."""

    rep_id: str
    statement: StatementWhole | None = Field(
        description="Null: the person is on no plan, has no quota, or the period was not closed."
    )


class CostOut(Model):
    """What the running period's incentives will cost: futures of all reps, each through the plan, added up."""

    manager_id: str | None = Field(description="Of whose people; null: of everybody.")
    reps: int
    so_far: float
    p10: float
    p50: float
    p90: float
    mean: float
    of_mean_bookings: float = Field(description="What the average bookings would be paid, for comparison.")
    not_foreseen: int = Field(description="People who are in with what is paid so far.")
    p25: float | None = Field(description="Null in batches of before this was kept; as is `p75`.")
    p75: float | None

    @classmethod
    def of(cls, cost: PayCost, batch: BatchReader) -> "CostOut":
        """The same for the API."""
        amounts = ("so_far", "p10", "p50", "p90", "mean", "of_mean_bookings")
        return cls(
            manager_id=cost.manager_id or None,
            reps=cost.reps,
            not_foreseen=cost.not_foreseen,
            p25=None if cost.p25 is None else major(cost.p25, batch.batch),
            p75=None if cost.p75 is None else major(cost.p75, batch.batch),
            **{name: major(getattr(cost, name), batch.batch) for name in amounts},
        )


class CostsAnswer(Answer):
    """The costs of the groups in scope."""

    items: tuple[CostOut, ...]


class LeaverOut(Model):
    """Somebody who has left, with the last statement."""

    rep_id: str
    name: str
    period: str
    plan_id: str
    amount: float = Field(description="Negative: owed by the person.")
    currency: str


class LeaversAnswer(Answer):
    """People in scope who have left."""

    items: tuple[LeaverOut, ...]
    total: int


class LeaversQuery(Model):
    """How many."""

    limit: int = Field(default=50, ge=1, le=500)


class PayeeQuery(Model):
    """Whose pay."""

    rep_id: Identifier


class StatementQuery(PayeeQuery):
    """Whose statement, of which period."""

    period: Identifier | None = Field(default=None, description="Default: the newest that there is.")


@router.get("/statements", responses=documented(401, 403, 404, 422, 503))
async def list_statements(
    request: Request, principal: SeesPay, query: Annotated[PayeeQuery, Query()]
) -> StatementsAnswer:
    """List a person's statements: your own, or those of your tree."""

    def build(batch: BatchReader) -> StatementsAnswer:
        require_payee(batch, query.rep_id)
        found = tuple(StatementOut.of(head) for head in batch.statements(query.rep_id))
        return StatementsAnswer(**source(batch.batch), rep_id=query.rep_id, statements=found)

    return await on_batch(request, principal, build)


@router.get("/statement", responses=documented(401, 403, 404, 422, 503))
async def get_statement(
    request: Request, principal: SeesPay, query: Annotated[StatementQuery, Query()]
) -> StatementAnswer:
    """Get one statement with its trace. A closed period stands as it was closed."""

    def build(batch: BatchReader) -> StatementAnswer:
        require_payee(batch, query.rep_id)
        stored = batch.statement(query.rep_id, query.period)
        whole = None if stored is None else StatementWhole.read(stored, batch)
        return StatementAnswer(**source(batch.batch), rep_id=query.rep_id, statement=whole)

    return await on_batch(request, principal, build)


@router.get("/costs", responses=documented(401, 403, 422, 503))
async def list_costs(request: Request, principal: SeesPay) -> CostsAnswer:
    """List what the running period's incentives will cost, for each manager in scope and for everybody."""

    def build(batch: BatchReader) -> CostsAnswer:
        return CostsAnswer(**source(batch.batch), items=tuple(CostOut.of(cost, batch) for cost in batch.pay_costs()))

    return await on_batch(request, principal, build)


@router.get("/leavers", responses=documented(401, 403, 422, 503))
async def list_leavers(request: Request, principal: SeesPay, query: Annotated[LeaversQuery, Query()]) -> LeaversAnswer:
    """List people in scope who have left and have statements: of your tree, or without a manager if you see all."""

    def build(batch: BatchReader) -> LeaversAnswer:
        found = batch.left_payees(limit=query.limit)
        items = tuple(
            LeaverOut(
                rep_id=one.rep_id,
                name=one.name,
                period=one.period,
                plan_id=one.plan_id,
                amount=_units(one.amount, one),
                currency=one.currency,
            )
            for one in found.items
        )
        return LeaversAnswer(**source(batch.batch), items=items, total=found.total)

    return await on_batch(request, principal, build)


@files.get("/statement.csv", response_class=Response, responses=FILE | documented(401, 403, 404, 422, 503))
async def export_statement(request: Request, principal: SeesPay, query: Annotated[StatementQuery, Query()]) -> Response:
    """Export the lines of one statement; they add up to what is paid."""
    return await statement_file(request, principal, query)


async def statement_file(request: Request, principal: Principal, query: StatementQuery) -> Response:
    """The lines of one statement as a file.

    Raises:
        NotYoursError: 404, there is none in scope.
    """

    def build(batch: BatchReader) -> bytes:
        stored = batch.statement(query.rep_id, query.period)
        if stored is None:
            raise NotYoursError
        return csv_of(_COLUMNS, _rows(stored, payout_in_sight(stored, batch)))

    return file_of("statement", await on_batch(request, principal, build))


def require_payee(batch: BatchReader, rep_id: str) -> str:
    """The name of whose pay is asked for.

    Raises:
        NotYoursError: 404, there is none in scope.
    """
    name = batch.payee(rep_id)
    if name is None:
        raise NotYoursError
    return name


def payout_in_sight(stored: StoredStatement, batch: BatchReader) -> Payout:
    """The payout; lines on the credit of people whose figures the reader may not see are added up without a deal."""
    paid = payout_of_text(stored.body)
    seen = batch.in_sight({line.owner for line in paid.lines if line.owner})
    return replace(paid, lines=_without_others(paid.lines, seen))


def _without_others(lines: tuple[TraceLine, ...], seen: Collection[str]) -> tuple[TraceLine, ...]:
    shown: dict[object, TraceLine] = {}
    for number, line in enumerate(lines):
        if not line.owner or line.owner in seen:
            shown[number] = line
            continue
        key = (line.kind, line.component, line.tier, line.rate, line.of_period)
        before = shown.get(key)
        shown[key] = replace(
            line,
            opportunity_id="",
            entry="",
            owner=OTHERS,
            credit=line.credit + (before.credit if before else 0),
            amount=line.amount + (before.amount if before else 0),
            withheld=line.withheld + (before.withheld if before else 0),
            booked_on=max(line.booked_on, before.booked_on) if before else line.booked_on,
        )
    return tuple(shown.values())


OTHERS: Final = "others"
"""Whose credit it is where the reader may not know."""

_COLUMNS: Final = (
    *("period", "rep_id", "kind", "opportunity_id", "booked_on", "component", "owner", "credit", "tier", "rate"),
    *("amount", "withheld", "adjusts", "currency"),
)


def _rows(stored: StoredStatement, paid: Payout) -> list[Row]:
    head, units = stored.head, partial(_units, head=stored.head)
    own = (head.period, stored.rep_id)
    rows: list[Row] = [
        (
            *own,
            *(line.kind, line.opportunity_id, line.booked_on, line.component, line.owner, units(line.credit)),
            *(line.tier, None if line.rate is None else float(line.rate), units(line.amount), units(line.withheld)),
            *(line.of_period, head.currency),
        )
        for line in paid.lines
    ]
    for kind, amount in (("draw advance", paid.draw_advance), ("draw repaid", -paid.draw_repaid)):
        if amount:
            rows.append((*own, kind, *(None,) * 7, units(amount), None, None, head.currency))
    return rows


def _units(minor: int, head: StatementHead | LeftPayee) -> float:
    """An amount in units of the statement's currency."""
    return round(minor / 10.0**head.minor_digits, head.minor_digits)
