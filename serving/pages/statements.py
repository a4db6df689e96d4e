"""Pay: one's statements with everything behind them, and for managers what their people are paid and will cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from serving import formats
from serving.access import on_batch, require_reach
from serving.charts.scale import Mark, scale_chart
from serving.formats import Money, counted
from serving.pages.choices import Choice
from serving.pages.frame import PagePrincipal, frame_of, rep_href
from serving.pages.pay import PayRow
from serving.pages.pay_cost_words import CostWords, cost_charts, cost_words
from serving.pages.pay_plan import PlanWords, plan_words
from serving.pages.queries import Pages
from serving.routes.answers import Identifier
from serving.routes.pay import OTHERS, StatementQuery, payout_in_sight, require_payee, statement_file
from spm_ml.compensation import Payout, TraceLine, plans_of_json
from spm_ml.predictions import Batch, BatchReader, LeftPayee, Listing, PaidSoFar, StatementHead

router = APIRouter(include_in_schema=False)

PAGE_SIZE: Final = 50
MOST_LINES: Final = 150
"""Lines of a trace that a page shows; the file has all of them."""

_KINDS: Final = {
    "commission": "Commission",
    "spif": "SPIF",
    "clawback": "Clawback",
    "kept": "Refund, nothing returned",
    "adjustment": "Adjustment",
    "holdback": "Withheld",
    "release": "Released",
    "forfeit": "Forfeited of what is withheld",
}


@dataclass(frozen=True)
class LineRow:
    """A line of the trace."""

    deal: str
    day: str
    what: str
    credit: str
    rate: str
    amount: str


@dataclass(frozen=True)
class StatementPage:
    """One statement.

    Attributes:
        rep_id: Whose.
        own: Whether it is the reader's.
        forecast: Address of the forecast; empty where there is none.
        periods: Those with a statement.
        status: Whether it is closed, and on which data.
        amount: What is paid.
        together: How the sum is called.
        parts: Add up to it.
        lines: Add up, with `rest` and the draw, to it.
        draw: What the draw adds or takes, which no deal does.
        rest: Lines that are left out, added up; None: none is.
        expected: What is expected by the period's end; empty for a closed one.
        plan: None in a settlement, which no tier decides.
        chart: The same as a picture.
        file: Address of the CSV file.
        missing: Why there is no statement; empty if there is one.
    """

    name: str
    rep_id: str
    own: bool
    forecast: str
    currency: str
    periods: tuple[Choice, ...]
    status: str = ""
    amount: str = ""
    together: str = ""
    parts: tuple[PayRow, ...] = ()
    lines: tuple[LineRow, ...] = ()
    draw: tuple[LineRow, ...] = ()
    rest: LineRow | None = None
    expected: str = ""
    chart: str = ""
    plan: PlanWords | None = None
    file: str = ""
    missing: str = ""


@dataclass(frozen=True)
class PayeeRow:
    """A person, what is paid so far, and where the statement stands."""

    name: str
    href: str
    role: str
    plan: str
    amount: str


@dataclass(frozen=True)
class PayPage:
    """What a manager's people are paid so far and will cost.

    Attributes:
        period: The running one.
        charts: Of the costs, which the table beneath lists.
        paid_is_drawn: Whether one of them is of everybody, beside what is paid so far.
        left: Of those who have left, the last statement of each.
        more_left: How many more there are; empty: none.
        own: Address of the reader's own statement.
    """

    period: str
    currency: str
    costs: tuple[CostWords, ...]
    charts: tuple[Markup, ...]
    paid_is_drawn: bool
    rows: tuple[PayeeRow, ...]
    left: tuple[PayeeRow, ...]
    more_left: str
    pages: Pages
    own: str


class PayQuery(BaseModel):
    """Whose statement, of which period; without a person the overview, for those who see several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rep_id: Identifier | None = None
    period: Annotated[Identifier | None, BeforeValidator(lambda value: value or None)] = None
    page: int = Field(default=1, ge=1, le=10_000)


def pay_href(rep_id: str, period: str | None = None) -> str:
    """The address of a statement."""
    return f"/pay?{urlencode({'rep_id': rep_id} | ({} if period is None else {'period': period}))}"


@router.get("/pay")
async def pay(request: Request, principal: PagePrincipal, query: Annotated[PayQuery, Query()]) -> Response:
    """One statement, or what the reader's people are paid."""
    require_reach(principal, "pay")
    me = principal.scope.rep_id
    rep_id = query.rep_id or (me if principal.scope.reach("pay") == "self" else None)

    def build(batch: BatchReader) -> Response:
        templates = request.app.state.templates
        if rep_id is None:
            page = _overview(batch, query.page, me or "")
            frame = frame_of(request, f"Pay {page.period}", principal=principal, batch=batch.batch)
            overview: Response = templates.page("pay.html", page, frame)
            return overview
        statement = _statement_page(batch, rep_id, query.period, own=rep_id == me)
        frame = frame_of(request, f"Pay of {statement.name}", principal=principal, batch=batch.batch)
        response: Response = templates.page("statement.html", statement, frame)
        return response

    return await on_batch(request, principal, build)


@router.get("/exports/statement.csv")
async def statement_csv(
    request: Request, principal: PagePrincipal, query: Annotated[StatementQuery, Query()]
) -> Response:
    """The lines of one statement."""
    require_reach(principal, "pay")
    return await statement_file(request, principal, query)


def _overview(batch: BatchReader, number: int, me: str) -> PayPage:
    money, offset = Money.of(batch.batch), (number - 1) * PAGE_SIZE
    found = batch.paid_so_far(limit=PAGE_SIZE, offset=offset)
    last = min(offset + PAGE_SIZE, found.total)
    names = {person.rep_id: person.name for person in batch.people()}
    left = batch.left_payees(limit=PAGE_SIZE) if number == 1 else Listing((), 0)
    more, costs = left.total - len(left.items), batch.pay_costs()
    return PayPage(
        period=batch.batch.period,
        currency=batch.batch.currency,
        costs=cost_words(costs, names, money),
        charts=cost_charts(costs, names, money),
        paid_is_drawn=any(not cost.manager_id for cost in costs),
        rows=tuple(_payee(one, money) for one in found.items),
        left=tuple(_left(one) for one in left.items),
        more_left=f"{more} more who left earlier are listed by /v1/pay/leavers." if more else "",
        pages=Pages(
            first=min(offset + 1, found.total),
            last=last,
            total=found.total,
            previous=f"/pay?page={number - 1}" if number > 1 else None,
            next=f"/pay?page={number + 1}" if last < found.total else None,
        ),
        own=pay_href(me) if batch.statements(me) else "",
    )


def _payee(one: PaidSoFar, money: Money) -> PayeeRow:
    return PayeeRow(one.name, pay_href(one.rep_id), one.role, one.plan_id, money.exact(one.amount))


def _left(one: LeftPayee) -> PayeeRow:
    amount = Money(one.currency, one.minor_digits).exact(one.amount)
    return PayeeRow(one.name, pay_href(one.rep_id), one.period, one.plan_id, f"{one.currency} {amount}")


def _statement_page(batch: BatchReader, rep_id: str, period: str | None, *, own: bool) -> StatementPage:
    name = require_payee(batch, rep_id)
    heads, stored = batch.statements(rep_id), batch.statement(rep_id, period)
    forecast = rep_href(rep_id) if batch.rep(rep_id) is not None else ""
    if stored is None:
        missing, currency = _missing(heads, batch.batch), batch.batch.currency
        return StatementPage(name, rep_id, own, forecast, currency, _periods(heads, None), missing=missing)
    head, paid = stored.head, payout_in_sight(stored, batch)
    money = Money(head.currency, head.minor_digits)
    plan = next(
        one for one in plans_of_json(stored.plans) if (one.plan_id, one.version) == (head.plan_id, head.plan_version)
    )
    shown, rest = paid.lines[:MOST_LINES], paid.lines[MOST_LINES:]
    expected, chart = ("", "") if head.closed_at or not paid.quota else _expected(batch, rep_id, paid, money)
    return StatementPage(
        name=name,
        rep_id=rep_id,
        own=own,
        forecast=forecast,
        currency=head.currency,
        periods=_periods(heads, head.period),
        status=" ".join(part for part in (_status(head, batch.batch), "" if paid.quota else _SETTLEMENT) if part),
        amount=money.exact(paid.amount),
        together="Paid" if head.closed_at else "So far",
        parts=tuple(_parts(paid, money)),
        lines=tuple(_line(line, money) for line in shown),
        draw=tuple(_draw(paid, money)),
        rest=_rest(rest, money) if rest else None,
        expected=expected,
        chart=chart,
        plan=plan_words(plan, paid, money) if paid.quota else None,
        file=f"/exports/statement.csv?{urlencode({'rep_id': rep_id, 'period': head.period})}",
    )


_SETTLEMENT: Final = (
    "It is a settlement without a quota: nothing new is earned, and what earlier periods left open is paid or taken "
    "back."
)


def _periods(heads: Sequence[StatementHead], chosen: str | None) -> tuple[Choice, ...]:
    return tuple(
        Choice(f"{head.period}, {'closed' if head.closed_at else 'runs'}", head.period, head.period == chosen)
        for head in heads
    )


def _missing(heads: Sequence[StatementHead], batch: Batch) -> str:
    if heads:
        return "There is no statement for this period: choose one of those above."
    return (
        f"No statement is known for {batch.period}: a plan must apply, and a quota above zero must be set. Whoever "
        "loads the data can put plans into comp_plans.yaml and quotas into the table quotas. Statements of finished "
        "periods stand here once they are closed."
    )


def _status(head: StatementHead, batch: Batch) -> str:
    if head.closed_at is None:
        return (
            f"{head.period} still runs. This is what is paid on what was credited by {formats.day(head.as_of)}; it is "
            "settled when the period is closed."
        )
    when = formats.moment(head.closed_at, batch.timezone)
    return (
        f"{head.period} was closed on {when}, on what was known on {formats.day(head.as_of)}. It is settled: what came "
        "to light later is in the next statement."
    )


def _parts(paid: Payout, money: Money) -> Sequence[PayRow]:
    rows = [
        ("Commission", "Of the plan's tiers, after the caps.", paid.commission),
        ("SPIFs", "Bonuses for single deals.", paid.spif),
        ("Clawbacks", "Paid before for deals that were refunded since.", paid.clawback),
        ("Adjustments", "What closed periods paid too little or too much, by what is known now.", paid.adjustment),
        ("Withheld", "Of the commission, until refunds are no longer to be feared.", paid.withheld),
        ("Released", "Withheld before, and due now.", paid.released),
        ("Draw", "Fills up to the least that is paid.", paid.draw_advance),
        ("Draw recovered", "Takes back earlier advances.", -paid.draw_repaid),
    ]
    return [PayRow(label, text, money.exact(amount)) for label, text, amount in rows if amount or label == "Commission"]


def _line(line: TraceLine, money: Money) -> LineRow:
    component = "" if line.component == line.kind else line.component  # a plan's only one, unnamed
    what = " · ".join(part for part in (_KINDS[line.kind], component, line.tier) if part)
    owner = "" if not line.owner else " (others)" if line.owner == OTHERS else f" ({line.owner})"
    return LineRow(
        deal=f"{line.opportunity_id or 'Several deals'}{owner}",
        day=formats.day(line.booked_on),
        what=what,
        credit=money.exact(line.credit) if line.credit else "",
        rate="" if line.rate is None else formats.percent(float(line.rate), digits=_decimals(line.rate)),
        amount=money.exact(line.amount),
    )


def _decimals(rate: Decimal) -> int:
    """So many that the reader can work out the line, from one to four."""
    return min(max(-int((100 * rate).normalize().as_tuple().exponent), 1), 4)


def _draw(paid: Payout, money: Money) -> Sequence[LineRow]:
    rows = (("Draw", paid.draw_advance), ("Draw recovered", -paid.draw_repaid))
    return [LineRow("", "", label, "", "", money.exact(amount)) for label, amount in rows if amount]


def _rest(lines: Sequence[TraceLine], money: Money) -> LineRow:
    total = sum(line.amount for line in lines)
    return LineRow(counted(len(lines), "more line"), "", "All of them are in the file.", "", "", money.exact(total))


def _expected(batch: BatchReader, rep_id: str, paid: Payout, money: Money) -> tuple[str, str]:
    row = batch.prediction(rep_id)
    expected = None if row is None or row.pay is None else row.pay.expected
    if row is None or expected is None:
        return "What comes on top by the period's end is not foreseen for this plan.", ""
    marks = [
        Mark(
            "Expected, P10 – P50 – P90",
            tuple(float(value) for value in expected.quantiles),
            money.amount(expected.p50),
            "range",
        ),
        Mark("So far", (float(paid.amount),), money.amount(paid.amount), "booked"),
    ]
    words = (
        f"By the end of {row.period} half of the outcomes pay more than {money.full(expected.p50)}, and four of five "
        f"lie between {money.amount(expected.p10)} and {money.amount(expected.p90)}."
    )
    title = f"Payout of {row.name} for {row.period}, in {money.currency}"
    return words, scale_chart(marks, title=title, description=words, key="pay-chart")
