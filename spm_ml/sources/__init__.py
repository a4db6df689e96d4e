"""Where tables come from: files of the data contract and foreign exports, validated on their way in."""

from spm_ml.sources.catalogue import SOURCES, Source, load_mapping
from spm_ml.sources.declared import declared_sources
from spm_ml.sources.ingestion import ingest
from spm_ml.sources.mapping import Mapping
from spm_ml.sources.pulling import Pulled, pull
from spm_ml.sources.report import Assumption, Finding, IngestReport, TableReport

__all__ = [
    "SOURCES",
    "Assumption",
    "Finding",
    "IngestReport",
    "Mapping",
    "Pulled",
    "Source",
    "TableReport",
    "declared_sources",
    "ingest",
    "load_mapping",
    "pull",
]
