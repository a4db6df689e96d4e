"""The analyst's model room: what the model adds, whether it says what it means, and what it rests on."""

from typing import Final

from fastapi import APIRouter

from serving.pages.model import calibration, data, drift, lineage, overview, voices

ROUTERS: Final[tuple[APIRouter, ...]] = (
    overview.router,
    calibration.router,
    drift.router,
    data.router,
    voices.router,
    lineage.router,
)
"""Every page of the room."""
