"""A second simulated sales organisation, used for REPORTING ONLY: never to choose, tune or debug a model.

Its structure differs from that of `spm_ml.simulation` on purpose, so that a model which shares the structure of the
first world gains nothing by it here. There, deals move by weekly competing hazards of their stage. Here, a buying round
of one or more deals of one account gets its outcome and its decision day when it opens (lognormal if it ends with a
purchase, Weibull if not, tilted by the calendar); all its deals close on that one day, and stages are a noisy read-out
of the share of the time that has passed. Amounts have Pareto tails, reps' win rates drift as random walks, months have
seasons, a market moves everybody, half-way through the history the organisation breaks, some close dates are never
mended, and reps come, ramp up and go.

`simulate_holdout` writes the tables of the data contract and `truth.npz`; `sample_bookings` draws from the true
predictive distribution.
"""

from benchmarks.holdout_world.oracle import sample_bookings
from benchmarks.holdout_world.simulate import simulate_holdout
from benchmarks.holdout_world.truth import Truth, read_truth

__all__ = ["Truth", "read_truth", "sample_bookings", "simulate_holdout"]
