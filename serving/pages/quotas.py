"""Quotas that were proposed: what they are, how hard they are, what others would mean, and how they are taken over."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from serving import formats
from serving.access import on_batch, require_any_reach
from serving.charts.spread import spread_bar
from serving.formats import Money
from serving.pages.choices import Choice
from serving.pages.frame import PagePrincipal, frame_of, rep_href
from serving.pages.queries import Pages, QuotasQuery
from serving.problem import NotYoursError
from serving.proposals import Proposal, proposal_of
from spm_ml.predictions import BatchReader, ProposalHead, ProposedQuota, QuotaReason
from spm_ml.predictions.quota_fairness import QuotaFairness
from spm_ml.predictions.scope import SMALLEST_GROUP

router = APIRouter(include_in_schema=False)

PAGE_SIZE: Final = 50


@dataclass(frozen=True)
class ReasonRow:
    """What a quota rests on."""

    label: str
    amount: str
    text: str


@dataclass(frozen=True)
class QuotaRow:
    """One rep's proposed quota."""

    name: str
    href: str
    about: str
    before: str
    quota: str
    change: str
    chance_before: str
    chance: str
    note: str
    reasons: tuple[ReasonRow, ...]


@dataclass(frozen=True)
class FairnessRow:
    """How hard quotas are in a group."""

    label: str
    reps: str
    before: str
    after: str
    chart: Markup


@dataclass(frozen=True)
class ScenarioRow:
    """What another share of reps at quota would mean."""

    share: str
    total: str
    change: str
    chance: str


@dataclass(frozen=True)
class SensitivityRow:
    """What it would mean if everybody booked more or less than forecast."""

    bookings: str
    before: str
    after: str


@dataclass(frozen=True)
class QuotasPage:
    """Everything the page shows.

    Attributes:
        lead: What is proposed, in sentences; empty where there is nothing.
        made: What it was made from.
        state: Whether it was taken over.
        command: Takes it over; empty once it was.
        proposals: Those that can be opened.
        smallest: Reps below which a group is left out; None: none is.
    """

    heading: str
    lead: tuple[str, ...]
    made: str
    state: str
    command: str
    currency: str
    rows: tuple[QuotaRow, ...]
    pages: Pages | None
    fairness: tuple[FairnessRow, ...]
    scenarios: tuple[ScenarioRow, ...]
    sensitivity: tuple[SensitivityRow, ...]
    proposals: tuple[Choice, ...]
    smallest: int | None


@router.get("/quotas")
async def quotas(request: Request, principal: PagePrincipal, query: Annotated[QuotasQuery, Query()]) -> Response:
    """A quota proposal, as far as it is in scope."""
    require_any_reach(principal, "proposal", "proposal_sums")

    def build(batch: BatchReader) -> Response:
        choices = tuple(
            Choice(f"{number}: {period}, {formats.short_day(at.date())}", str(number), number == query.proposal)
            for number, period, at in batch.proposals()
        )
        found = proposal_of(batch, query.proposal)
        if found is None and query.proposal is not None:
            raise NotYoursError
        page = _nothing(choices) if found is None else _page(found, query, choices, batch)
        frame = frame_of(request, page.heading, principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("quotas.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def _nothing(choices: tuple[Choice, ...]) -> QuotasPage:
    return QuotasPage("Quotas", (), "", "", "", "", (), None, (), (), (), choices, None)


def _page(found: Proposal, query: QuotasQuery, choices: tuple[Choice, ...], batch: BatchReader) -> QuotasPage:
    head = found.head
    money = Money(head.currency, head.minor_digits)
    first = (query.page - 1) * PAGE_SIZE
    shown = found.quotas[first : first + PAGE_SIZE]
    return QuotasPage(
        heading=f"Quotas proposed for {head.period}",
        lead=_lead(found, money),
        made=_made(head, money),
        state="not taken over"
        if head.accepted_at is None
        else f"taken over on {formats.day(head.accepted_at.date())} by {head.accepted_by}",
        command="" if head.accepted_at else f"spm quotas --proposal {head.proposal_id} --accept",
        currency=head.currency,
        rows=tuple(_row(one, money) for one in shown),
        pages=_pages(query, len(found.quotas)) if found.quotas else None,
        fairness=tuple(_fairness(one, f"fair{at}") for at, one in enumerate(found.fairness)),
        scenarios=tuple(
            ScenarioRow(
                formats.percent(one.share),
                money.amount(one.total),
                formats.percent(one.change, digits=1, sign=True),
                formats.chance(one.chance),
            )
            for one in found.scenarios
        ),
        sensitivity=tuple(
            SensitivityRow(
                formats.percent(one.bookings - 1, sign=True),
                formats.percent(one.share_before),
                formats.percent(one.share),
            )
            for one in found.sensitivity
        ),
        proposals=choices,
        smallest=SMALLEST_GROUP if batch.scope.reach("proposal_sums") != "none" else None,
    )


def _lead(found: Proposal, money: Money) -> tuple[str, ...]:
    said = [formats.counted(found.reps, "quota")]
    if found.total is not None:
        said[0] += f" of {money.full(found.total)} together"
        if found.before is not None:
            said[0] += f"; those before add up to {money.full(found.before)}"
    said[0] += "."
    if found.share is not None:
        said.append(f"{formats.percent(found.share)} of the reps are expected to reach theirs.")
    if found.group is not None:
        said.append(f"All of them together book that much with a chance of {formats.chance(found.group.chance)}.")
    if found.unforecast:
        more = "1 person: that quota is" if found.unforecast == 1 else f"{found.unforecast} people: their quotas are"
        said.append(f"Nothing is forecast for {more} set by hand.")
    return tuple(said)


def _made(head: ProposalHead, money: Money) -> str:
    terms = head.terms
    wanted = (
        f"{formats.percent(terms.share)} of the reps at quota"
        if terms.goal is None
        else f"the goal of {money.full(terms.goal)}"
    )
    bound = "" if terms.most_change is None else f", changes of at most {formats.percent(terms.most_change)}"
    return (
        f"Proposal {head.proposal_id} for {wanted}{bound}, in steps of {money.full(terms.step)}; as known on "
        f"{formats.day(head.as_of)}, by {head.model_name} version {head.model_version}, on version {head.data_version} "
        "of the data"
    )


def _row(one: ProposedQuota, money: Money) -> QuotaRow:
    change = "" if one.before is None else formats.percent(one.quota / one.before - 1, digits=1, sign=True)
    return QuotaRow(
        name=one.name,
        href=rep_href(one.rep_id),
        about=", ".join(filter(None, (one.role, one.tenure))),
        before=money.amount(one.before),
        quota=money.amount(one.quota),
        change=change,
        chance_before=formats.chance(one.chance_before),
        chance=formats.chance(one.chance),
        note="held by the largest change that is allowed" if one.bounded else "",
        reasons=tuple(_reason(reason, money) for reason in one.reasons),
    )


def _reason(reason: QuotaReason, money: Money) -> ReasonRow:
    amount = "" if reason.amount is None else formats.signed(money.units(reason.amount))
    return ReasonRow(reason.label, amount, formats.stored(reason.text))


def _pages(query: QuotasQuery, total: int) -> Pages:
    last = min(query.page * PAGE_SIZE, total)
    return Pages(
        first=min((query.page - 1) * PAGE_SIZE + 1, total),
        last=last,
        total=total,
        previous=query.href(query.page - 1) if query.page > 1 else None,
        next=query.href(query.page + 1) if last < total else None,
    )


def _fairness(one: QuotaFairness, key: str) -> FairnessRow:
    label = "Everybody" if one.kind == "everybody" else f"{one.kind.capitalize()}: {one.name}"
    before = None if one.chance_before is None or one.spread_before is None else (one.chance_before, one.spread_before)
    words = [_dot(*before) if before else formats.NOTHING, _dot(one.chance, one.spread)]
    return FairnessRow(
        label=label,
        reps=str(one.reps),
        before=words[0],
        after=words[1],
        chart=spread_bar(
            before,
            (one.chance, one.spread),
            title=f"Chance to reach the quota: {label}",
            description=f"Before {words[0]}, proposed {words[1]}.",
            key=key,
        ),
    )


def _dot(mean: float, spread: float) -> str:
    return f"{formats.percent(mean)} ± {formats.percent(spread)}"
