"""A sales organisation with known truth: deals, quotas, programs and data hazards, and the oracle that knows them."""

from spm_ml.simulation.oracle import oracle_forecast
from spm_ml.simulation.simulate import DEFAULT_END, SimulationSummary, simulate

__all__ = ["DEFAULT_END", "SimulationSummary", "oracle_forecast", "simulate"]
