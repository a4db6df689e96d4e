"""Recommendations: which program is offered to whom and why, for HR and managers."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from serving.access import on_batch, require_reach
from serving.formats import Money
from serving.pages.exports import download_href
from serving.pages.frame import PagePrincipal, frame_of, home_of, rep_href
from serving.pages.offers import OfferWords, offer_words
from serving.pages.plan import PlanWords, plan_words
from serving.pages.queries import Pages, RepListQuery, pages_of
from serving.pages.words import BANDS, BandWords, band_words
from serving.routes.exports import RECOMMENDATIONS
from spm_ml.predictions import BatchReader, Offer, Principal
from spm_ml.predictions.reading import OfferStatus

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class OfferRow:
    """A rep and what is offered.

    Attributes:
        href: The rep's page; None for readers who see no figures.
        may_decide: Whether the reader may accept or override it.
    """

    rep_id: str
    name: str
    href: str | None
    about: str
    band: BandWords
    offer: OfferWords
    may_decide: bool


@dataclass(frozen=True)
class RecommendationsPage:
    """Everything the page shows.

    Attributes:
        plan: The plan as a whole; None for readers who see a part of it only, and where nothing was planned.
        download: Address of the file with all these rows.
    """

    heading: str
    currency: str
    plan: PlanWords | None
    search: str
    query: RepListQuery
    bands: tuple[BandWords, ...]
    rows: tuple[OfferRow, ...]
    pages: Pages
    download: str


@router.get("/recommendations")
async def recommendations(
    request: Request, principal: PagePrincipal, query: Annotated[RepListQuery, Query()]
) -> Response:
    """Offers before abstentions; a rep's own are on the rep's page."""
    require_reach(principal, "offer")
    if principal.scope.role == "rep":
        return RedirectResponse(home_of(principal.scope), 303)
    size, today = request.app.state.settings.page_size, request.app.state.settings.today()

    def build(batch: BatchReader) -> Response:
        found = batch.offers(query.selection(size))
        money = Money.of(batch.batch)
        summary = batch.plan_summary()
        page = RecommendationsPage(
            heading=f"Recommendations {batch.batch.period}",
            currency=money.currency,
            plan=None if summary is None else plan_words(summary, batch.findings(), money),
            search=query.q or "",
            query=query,
            bands=tuple(BANDS.values()),
            rows=tuple(_row(offer, principal, money, offer.status(batch.batch, today)) for offer in found.items),
            pages=pages_of(query, "/recommendations", total=found.total, page_size=size),
            download=download_href(RECOMMENDATIONS, query),
        )
        frame = frame_of(request, page.heading, principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("recommendations.html", page, frame)
        return response

    return await on_batch(request, principal, build, period=query.period)


def _row(offer: Offer, principal: Principal, money: Money, status: OfferStatus | None) -> OfferRow:
    rep = offer.rep
    sees_figures = principal.scope.reach("figures") != "none"
    return OfferRow(
        rep_id=rep.rep_id,
        name=rep.name,
        href=rep_href(rep.rep_id) if sees_figures else None,
        about=rep.team,
        band=band_words(rep.risk_band),
        offer=offer_words(offer, money, expired=status == "expired"),
        may_decide=status not in (None, "expired") and principal.scope.rep_id != rep.rep_id,
    )
