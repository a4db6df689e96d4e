"""Fetches from systems over their public interfaces into export files; `ingest` is the only way from there on."""

from spm_ml.connectors.fetch import SYSTEMS, System, fetch
from spm_ml.connectors.report import FetchReport, ObjectReport

__all__ = ["SYSTEMS", "FetchReport", "ObjectReport", "System", "fetch"]
