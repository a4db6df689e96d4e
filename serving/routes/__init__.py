"""The API under /v1, one noun a file, and the health of the service."""

from typing import Final

from fastapi import APIRouter

from serving.routes import (
    accounts,
    assessments,
    audit,
    cases,
    decisions,
    diagnoses,
    effects,
    exports,
    fairness,
    feedback,
    forecasts,
    groups,
    health,
    metrics,
    model,
    model_evidence,
    periods,
    plans,
    recommendations,
    reps,
    submissions,
    teams,
    what_if,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    periods.router,
    reps.router,
    teams.router,
    groups.router,
    forecasts.router,
    what_if.router,
    diagnoses.router,
    effects.router,
    fairness.router,
    recommendations.router,
    exports.router,
    plans.router,
    decisions.router,
    submissions.router,
    cases.router,
    assessments.router,
    feedback.router,
    audit.router,
    metrics.router,
    model.router,
    model_evidence.router,
    accounts.router,
    health.router,
)
