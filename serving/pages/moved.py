"""Addresses of earlier pages, which people have in their bookmarks: they lead to the planner."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from serving.access import require_reach
from serving.pages.frame import PagePrincipal, home_of
from serving.pages.planner_query import PLANNER

router = APIRouter(include_in_schema=False)


@router.get("/recommendations")
async def recommendations(principal: PagePrincipal) -> Response:
    """The lines of the plan; a rep's own are on the rep's page."""
    require_reach(principal, "offer")
    return RedirectResponse(home_of(principal.scope) if principal.scope.role == "rep" else f"{PLANNER}#list", 303)


@router.get("/programs")
async def programs(_principal: PagePrincipal) -> Response:
    """What programs have caused."""
    return RedirectResponse(f"{PLANNER}#programs", 303)
