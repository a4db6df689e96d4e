"""Served numbers rebuilt from the ledger, bit for bit; what was restated since, and what came of it."""

from spm_ml.replay.result import Replay
from spm_ml.replay.run import replay
from spm_ml.replay.text import report

__all__ = ["Replay", "replay", "report"]
