"""Fresh data: what arrives between two full exports, on its way into the tables and onto the board."""

from spm_ml.intake.freshen import Round, freshen
from spm_ml.intake.micro_batch import MicroBatch, ingest_waiting

__all__ = ["MicroBatch", "Round", "freshen", "ingest_waiting"]
