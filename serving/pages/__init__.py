"""The pages: one function with a frozen context a page."""

from typing import Final

from fastapi import APIRouter

from serving import assets
from serving.pages import (
    acceptance,
    account,
    accounts,
    agreements,
    assessments,
    audit,
    board,
    cases,
    decisions,
    exports,
    feedback,
    glossary,
    login,
    model,
    moved,
    notes,
    planner,
    pulse,
    rep,
    statements,
    submissions,
    teams,
    what_if,
)

PAGES: Final[tuple[APIRouter, ...]] = (
    board.router,
    rep.router,
    *model.ROUTERS,
    planner.router,
    acceptance.router,
    moved.router,
    exports.router,
    decisions.router,
    cases.router,
    cases.forms,
    assessments.router,
    feedback.router,
    pulse.router,
    notes.router,
    agreements.router,
    agreements.forms,
    what_if.router,
    statements.router,
    submissions.router,
    submissions.forms,
    accounts.router,
    account.router,
    account.forms,
    audit.router,
    teams.router,
    glossary.router,
    login.router,
    assets.router,
)
"""Every router of the pages."""
