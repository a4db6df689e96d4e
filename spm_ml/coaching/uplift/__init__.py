"""What each program would do for each rep: a hierarchical empirical-Bayes R-learner with a gap prior.

`episodes` lays out who started what and what came of it, `nuisances` predicts both without looking at the effect,
`hierarchy` learns effects from what is left over, with partial pooling, and `estimate` says them for each rep.
"""

from spm_ml.coaching.uplift.estimate import MIN_EPISODES, MIN_PROGRAM_EPISODES, Uplift, estimate_uplift

__all__ = ["MIN_EPISODES", "MIN_PROGRAM_EPISODES", "Uplift", "estimate_uplift"]
