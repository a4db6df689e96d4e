"""The pages: one function with a frozen context a page."""

from typing import Final

from fastapi import APIRouter

from serving import assets
from serving.pages import (
    assessments,
    board,
    cases,
    decisions,
    exports,
    feedback,
    glossary,
    login,
    programs,
    recommendations,
    rep,
    teams,
    value_added,
    what_if,
)

PAGES: Final[tuple[APIRouter, ...]] = (
    board.router,
    rep.router,
    value_added.router,
    recommendations.router,
    programs.router,
    exports.router,
    decisions.router,
    cases.router,
    cases.forms,
    assessments.router,
    feedback.router,
    what_if.router,
    teams.router,
    glossary.router,
    login.router,
    assets.router,
)
"""Every router of the pages."""
