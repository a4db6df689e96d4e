"""The files behind "Download CSV": those of the API, for whoever is logged in."""

from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from serving.access import require_reach
from serving.pages.frame import PagePrincipal
from serving.pages.queries import RepListQuery
from serving.routes.answers import ForecastFilter, RepFilter
from serving.routes.exports import FORECASTS, SUBMISSIONS, Table, export

router = APIRouter(include_in_schema=False)

WhichForecasts = Annotated[ForecastFilter, Query()]


def download_href(table: Table, query: RepListQuery, as_of: date | None = None) -> str:
    """The address of the file with the rows that a list page shows, on all its pages; `as_of` an earlier day."""
    which = ForecastFilter(
        as_of=as_of,
        period=query.period,
        manager_id=query.team,
        band=query.band,
        search=query.q,
        sort=query.sort,
        descending=query.descending,
    )
    asked = which.model_dump(exclude_defaults=True, mode="json")
    query_string = urlencode({name: "true" if value is True else value for name, value in asked.items()})
    return f"/exports/{table.name}.csv" + (f"?{query_string}" if query_string else "")


@router.get("/exports/forecasts.csv")
async def forecasts(request: Request, principal: PagePrincipal, which: WhichForecasts) -> Response:
    """The rows of the risk board."""
    require_reach(principal, "figures")
    return await export(request, principal, FORECASTS, which)


@router.get("/exports/submissions.csv")
async def submissions(request: Request, principal: PagePrincipal) -> Response:
    """What was entered for reps in scope."""
    require_reach(principal, "figures")
    return await export(request, principal, SUBMISSIONS, RepFilter())
