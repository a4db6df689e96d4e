"""Application that makes models: plan a run, fit, backtest, judge, describe, register and promote.

It runs from a checkout or an image; the library `spm_ml` does not need it to score with a model that is there.
"""

from training.due import training_due
from training.gate import judge
from training.promote import Promotion, promote
from training.train import TrainedModel, train
from training.verdict import GateTest, GateVerdict

__all__ = ["GateTest", "GateVerdict", "Promotion", "TrainedModel", "judge", "promote", "train", "training_due"]
