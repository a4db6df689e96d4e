"""What-if questions about a published forecast: what changes if a deal, a date, the quota or the training does.

Scoring keeps what the draws of each rep were made of (`what_if_inputs`), so an answer needs neither the data nor the
registry, and starts from the forecast that was published. `python -m spm_ml.scoring.what_if` answers questions from its
standard input.
"""

from spm_ml.scoring.what_if.answer import UnansweredError, answer
from spm_ml.scoring.what_if.inputs import what_if_inputs
from spm_ml.scoring.what_if.rep import StoredRep

__all__ = ["StoredRep", "UnansweredError", "answer", "what_if_inputs"]
