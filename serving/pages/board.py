"""The risk board: every rep of a team, those at the highest risk first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from serving import formats
from serving.access import on_batch, on_store, store_of
from serving.formats import Money
from serving.pages.board_day import DayPicker, day_picker, period_choices
from serving.pages.board_rows import BoardRow, Further, board_row, end_of_charts
from serving.pages.board_team import Fact, facts_of, team_notes
from serving.pages.choices import Choice
from serving.pages.exports import download_href
from serving.pages.frame import PagePrincipal, frame_of, home_of
from serving.pages.groups import GroupDetail, detail_of, group_chart
from serving.pages.news_words import partly_words
from serving.pages.offers import OfferWords, offer_words
from serving.pages.queries import BoardQuery, Pages, pages_of
from serving.pages.words import BANDS, BandWords
from serving.routes.exports import FORECASTS
from spm_ml.predictions import Batch, BatchReader, Principal
from spm_ml.predictions.selection import Sort

router = APIRouter(include_in_schema=False)

_COLUMNS: Final[tuple[tuple[str, Sort | None], ...]] = (
    ("Rep", "name"),
    ("Chance", "risk"),
    ("Forecast P10 – P50 – P90", "forecast"),
    ("Change", None),
    ("Main reason", None),
    ("Quota", "quota"),
    ("Booked", "booked"),
    ("Linear pace", None),
    ("Offered program", None),
)


_RESULT: Final = ("Result", None)
"""Stands in a finished period where the linear pace stood."""


@dataclass(frozen=True)
class Column:
    """A column's head.

    Attributes:
        href: Sorts by it; None: it cannot be sorted.
        order: `ascending`, `descending` or None, as in `aria-sort`.
    """

    label: str
    href: str | None
    order: str | None


@dataclass(frozen=True)
class BandFilter:
    """A link that narrows the board to a band."""

    band: BandWords | None
    count: int
    href: str
    current: bool


@dataclass(frozen=True)
class BoardPage:
    """Everything the board shows.

    Attributes:
        team_chart: The team's distribution against its quotas; None where no team is shown or forecast.
        team_notes: What to know of it: how wide it is and why, and whose bookings have no quota beside them.
        team_detail: What it is made of.
        day: As of which day everything is.
        since: Day that changes are counted from; empty where nothing is compared.
        thresholds: What the bands mean, and who sets them.
        origin: Day, model and batch, for paper: there the page's footer is missing.
        is_hindsight: Whether the model knew what came of the period.
        unfiltered: Whether the board shows every rep in scope.
        download: Address of the file with all these rows.
        finished: Whether the results are known.
    """

    heading: str
    currency: str
    facts: tuple[Fact, ...]
    team_chart: Markup | None
    team_heading: str
    team_notes: tuple[str, ...]
    team_detail: GroupDetail | None
    day: DayPicker
    since: str
    teams: tuple[Choice, ...]
    periods: tuple[Choice, ...]
    bands: tuple[BandFilter, ...]
    search: str
    query: BoardQuery
    columns: tuple[Column, ...]
    rows: tuple[BoardRow, ...]
    pages: Pages
    sorts: tuple[Choice, ...]
    order: str
    thresholds: str
    origin: str
    is_hindsight: bool
    unfiltered: bool
    download: str
    finished: bool


@router.get("/")
async def board(request: Request, principal: PagePrincipal, query: Annotated[BoardQuery, Query()]) -> Response:
    """The board for managers; other roles are sent to their own page."""
    if principal.scope.role != "manager":
        return RedirectResponse(home_of(principal.scope), 303)
    store = store_of(request)
    stored = await on_store(store, store.periods)
    periods = period_choices(stored, query.period)
    size, today = request.app.state.settings.page_size, request.app.state.settings.today()

    def build(published: BatchReader) -> Response:
        asked = query.settled(published.batch.period)
        batch = published.on(asked.as_of)
        page = _page(batch, principal, asked, periods, size, today)
        frame = frame_of(request, page.heading, principal=principal, batch=batch.batch, as_of=batch.as_of)
        response: Response = request.app.state.templates.page("board.html", page, frame)
        return response

    return await on_batch(request, principal, build, period=query.period)


@router.get("/me")
async def me(principal: PagePrincipal) -> Response:
    """Sends everybody to the page that is theirs."""
    return RedirectResponse(home_of(principal.scope), 303)


def _page(
    batch: BatchReader,
    principal: Principal,
    query: BoardQuery,
    periods: tuple[Choice, ...],
    size: int,
    today: date | None,
) -> BoardPage:
    money = Money.of(batch.batch)
    found = batch.board(query.selection(size))
    reps = [row.rep_id for row in found.items]
    offers = _offers(batch, reps, money, today) if batch.as_of == batch.batch.as_of else {}
    outcomes, chances = batch.outcomes(reps), batch.chances(reps)
    end = end_of_charts(found.items)
    limits = (batch.batch.risk_high_below, batch.batch.risk_medium_below)
    teams = batch.groups("team")
    team = next((team for team in teams if team.manager_id == (query.team or principal.scope.rep_id)), None)
    outcome = None if team is None else batch.group_outcome(team)
    bands = _band_filters(batch, query)
    rated = sum(one.count for one in bands if one.band and one.band.slug != "none")
    finished = batch.results_known_on is not None
    columns = [_RESULT if finished and label == "Linear pace" else (label, sort) for label, sort in _COLUMNS]
    return BoardPage(
        heading=f"Risk board {batch.batch.period}",
        currency=batch.batch.currency,
        facts=()
        if team is None
        else facts_of(team, money, rated=rated, outcome=outcome, held=batch.held_ranges(team.manager_id)),
        team_heading="The team against its quotas" if team and (team.quota or team.own_quota) else "The team",
        team_chart=None if team is None else group_chart(team, money, "team", outcome),
        team_notes=() if team is None else team_notes(team, batch.without_quota(team.manager_id), money),
        team_detail=None if team is None else detail_of(team, "team", money),
        day=day_picker(batch, partial(query.href, "/"), known_on=batch.results_known_on),
        since=next((formats.short_day(row.change.since) for row in found.items if row.change), ""),
        teams=tuple(Choice(one.manager_name, one.manager_id, one.manager_id == query.team) for one in teams),
        periods=periods,
        bands=bands,
        search=query.q or "",
        query=query,
        columns=tuple(_column(label, sort, query) for label, sort in columns),
        rows=tuple(
            board_row(
                row,
                end,
                money,
                number,
                limits,
                Further(
                    offer=offers.get(row.rep_id),
                    chances=chances.get(row.rep_id, ()),
                    outcome=outcomes.get(row.rep_id),
                    period=None if batch.is_current else batch.batch.period,
                    as_of=query.as_of,
                    timezone=batch.batch.timezone,
                ),
            )
            for number, row in enumerate(found.items)
        ),
        pages=pages_of(query, "/", total=found.total, page_size=size),
        sorts=tuple(Choice(label.partition(" P10")[0], sort, sort == query.sort) for label, sort in _COLUMNS if sort),
        order=_order_in_words(query),
        thresholds=_thresholds(batch.batch) + partly_words(batch.batch),
        origin=_origin(batch),
        is_hindsight=batch.is_hindsight(),
        unfiltered=query.team is None and query.band is None and query.q is None,
        download=download_href(FORECASTS, query, query.as_of),
        finished=finished,
    )


def _offers(batch: BatchReader, reps: Sequence[str], money: Money, today: date | None) -> dict[str, OfferWords]:
    """The first offer to each rep; those of today are not told beside an earlier day."""
    return {
        offer.rep.rep_id: offer_words(offer, money, expired=offer.status(batch.batch, today) == "expired")
        for offer in reversed(batch.offers(rep_ids=reps).items)
    }


def _band_filters(batch: BatchReader, query: BoardQuery) -> tuple[BandFilter, ...]:
    counts = batch.band_counts(query.team)
    every = BandFilter(None, sum(counts.values()), query.href("/", band=None), query.band is None)
    return (
        every,
        *(
            BandFilter(words, counts.get(slug, 0), query.href("/", band=slug), query.band == slug)
            for slug, words in BANDS.items()
        ),
    )


def _column(label: str, sort: Sort | None, query: BoardQuery) -> Column:
    if sort is None:
        return Column(label, None, None)
    current = query.sort == sort
    order = ("descending" if query.descending else "ascending") if current else None
    return Column(label, query.href("/", sort=sort, reverse=current and not query.reverse), order)


def _order_in_words(query: BoardQuery) -> str:
    label = next(label for label, sort in _COLUMNS if sort == query.sort).partition(" P10")[0].lower()
    ends = ("Z to A", "A to Z") if query.sort == "name" else ("largest first", "smallest first")
    return f"by {label}, {ends[0] if query.descending else ends[1]}"


def _thresholds(batch: Batch) -> str:
    high, medium = formats.percent(batch.risk_high_below), formats.percent(batch.risk_medium_below)
    return (
        f"High risk: chance of reaching the quota below {high}; medium: below {medium}; low: {medium} and above. "
        "The limits are risk_bands in organisation.yaml and hold from the next spm score on."
    )


def _origin(batch: BatchReader) -> str:
    source = batch.batch
    return (
        f"{source.organisation_name}, as of {formats.day(batch.as_of)}; {source.model_name} version "
        f"{source.model_version}; batch {source.batch_id}"
    )
